"""The head of a map picture: title, headline figures, and the legend with bytes at the peak."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.facts.plan import GROUPS, Group
from app.map.plan_scene import PlanScene
from app.map.row import WEIGHT, label_font, text_width
from app.numbers import human
from app.picture.figures import figures
from app.theme import Theme
from solver.step import Category

SWATCH = {group.label: next(c for c in Category if c in group.categories) for group in GROUPS}


class PictureHeader(QWidget):
    """Painted rather than built from widgets: it is only ever looked at."""

    def __init__(self, scene: PlanScene, theme: Theme, title: str) -> None:
        super().__init__()
        self._scene, self._theme, self._title = scene, theme, title
        self.setFixedHeight(72)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        self.paint_on(painter)
        painter.end()

    def paint_on(self, painter: QPainter) -> None:
        """Paint with any painter, from its origin."""
        theme = self._theme
        painter.fillRect(self.rect(), QColor(theme.panel))
        for y in (39, self.height() - 1):
            painter.fillRect(QRectF(0, y, self.width(), 1), QColor(theme.line))
        x = self._text(painter, 16, self._title, label_font(14, WEIGHT.DemiBold), theme.text, 0)
        for name, value, tone in figures(self._scene):
            x = self._text(painter, x + 24, name, label_font(12), theme.text2, 0)
            strong = label_font(12, WEIGHT.DemiBold)
            x = self._text(painter, x + 6, value, strong, str(getattr(theme, tone)), 0)
        self._paint_legend(painter)

    def _paint_legend(self, painter: QPainter) -> None:
        scene, theme = self._scene, self._theme
        x = self._text(painter, 16, "At the peak", label_font(), theme.text3, 40)
        at_peak = scene.facts.peak_group_bytes
        for group in GROUPS:
            if not self._present(group):
                continue
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.fill[SWATCH[group.label]]))
            painter.drawRoundedRect(QRectF(x + 18, 50, 11, 11), 3, 3)
            x = self._text(painter, x + 35, group.label, label_font(12), theme.text, 40)
            x = self._text(painter, x + 6, human(at_peak[group.label]), label_font(12), theme.text3, 40)

    def _present(self, group: Group) -> bool:
        """Whether any storage of the step with bytes belongs to the group."""
        return any(s.category in group.categories and s.size for s in self._scene.step.storages)

    def _text(
        self, painter: QPainter, x: float, text: str, font: QFont, colour: str, top: int
    ) -> float:
        """Write text at ``x``; returns where it ends."""
        width = text_width(text, font)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        height = 39 if top == 0 else self.height() - top - 1
        painter.drawText(QRectF(x, top, width + 2, height), Qt.AlignmentFlag.AlignVCenter, text)
        return x + width
