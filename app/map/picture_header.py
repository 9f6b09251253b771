"""The head of a map picture: title, headline figures, a sentence, and the legend with bytes."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.facts.plan import GROUPS
from app.map.plan_scene import PlanScene
from app.map.row import WEIGHT, label_font, text_width
from app.numbers import human
from app.picture.figures import figures
from app.theme import Theme
from app.translation import tr
from solver.step import Category

SWATCH = {group.label: next(c for c in Category if c in group.categories) for group in GROUPS}
FIGURES, LEGEND = 40, 32
"""Heights of the lines."""
MARGIN = 16
BOX = 11
"""Of a key, pixels."""
PITCH = 5
"""Of a hatched key's lines, pixels."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the legend; hatched where it has no category."""

    words: str
    category: Category | None = None
    size: int = 0
    """Bytes at the peak."""


def plan_header(scene: PlanScene, theme: Theme, title: str) -> "PictureHeader":
    """The head of a plan's picture."""
    at_peak = scene.facts.peak_group_bytes
    keys = [
        Key(group.label, SWATCH[group.label], at_peak[group.label])
        for group in GROUPS
        if any(s.category in group.categories and s.size for s in scene.step.storages)
    ]
    return PictureHeader(theme, title, figures(scene), keys)


class PictureHeader(QWidget):
    """Painted rather than built from widgets: any thread can do it, and it is only ever looked at.

    ``figures``: name, value and the theme's token of its colour. The sentence takes as many lines as
    it needs at a width of ``width`` pixels.
    """

    def __init__(
        self,
        theme: Theme,
        title: str,
        figures: Sequence[tuple[str, str, str]],
        keys: Sequence[Key],
        *,
        sentence: str = "",
        width: int = 0,
    ) -> None:
        super().__init__()
        self._theme, self._title, self._figures, self._keys = theme, title, figures, keys
        self._sentence = sentence
        self._sentence_font = label_font(12, WEIGHT.DemiBold)
        self._sentence_height = self._height_of_sentence(width - 2 * MARGIN) if sentence else 0
        self.setFixedHeight(FIGURES + self._sentence_height + (LEGEND if keys else 0))

    def _height_of_sentence(self, width: int) -> int:
        room = QRect(0, 0, width, 10_000)
        wrap = int(Qt.TextFlag.TextWordWrap)
        return QFontMetrics(self._sentence_font).boundingRect(room, wrap, self._sentence).height() + 12

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        self.paint_on(painter)
        painter.end()

    def paint_on(self, painter: QPainter) -> None:
        """Paint with any painter, from its origin."""
        theme = self._theme
        painter.fillRect(self.rect(), QColor(theme.panel))
        for y in (FIGURES - 1, self.height() - 1):
            painter.fillRect(QRectF(0, y, self.width(), 1), QColor(theme.line))
        height = FIGURES - 1
        x = _text(painter, MARGIN, 0, height, self._title, label_font(14, WEIGHT.DemiBold), theme.text)
        for name, value, tone in self._figures:
            x = _text(painter, x + 24, 0, height, name, label_font(12), theme.text2)
            strong = label_font(12, WEIGHT.DemiBold)
            x = _text(painter, x + 6, 0, height, value, strong, str(getattr(theme, tone)))
        if self._sentence:
            self._paint_sentence(painter)
        if self._keys:
            self._paint_legend(painter, FIGURES + self._sentence_height)

    def _paint_sentence(self, painter: QPainter) -> None:
        painter.setFont(self._sentence_font)
        painter.setPen(QColor(self._theme.ok))
        room = QRectF(MARGIN, FIGURES, self.width() - 2 * MARGIN, self._sentence_height)
        flags = Qt.AlignmentFlag.AlignVCenter.value | Qt.TextFlag.TextWordWrap.value
        painter.drawText(room, flags, self._sentence)

    def _paint_legend(self, painter: QPainter, top: int) -> None:
        theme, height = self._theme, LEGEND - 1
        x = _text(painter, MARGIN, top, height, tr("At the peak"), label_font(), theme.text3)
        for key in self._keys:
            box = QRectF(x + 18, top + 10, BOX, BOX)
            if key.category is None:
                self._paint_hatch(painter, box)
            else:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(theme.fill[key.category]))
                painter.drawRoundedRect(box, 3, 3)
            x = _text(painter, x + 35, top, height, key.words, label_font(12), theme.text)
            if key.category is not None:
                size = human(key.size)
                x = _text(painter, x + 6, top, height, size, label_font(12), theme.text3)

    def _paint_hatch(self, painter: QPainter, box: QRectF) -> None:
        painter.fillRect(box, QColor(self._theme.raised))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self._theme.warn), 1))
        for shift in range(PITCH - BOX, BOX, PITCH):
            # A picture of shapes cuts nothing off.
            left, right = max(shift, 0), min(shift + BOX, BOX)
            painter.drawLine(
                box.bottomLeft() + QPointF(left, shift - left),
                box.bottomLeft() + QPointF(right, shift - right),
            )


def _text(
    painter: QPainter, x: float, top: float, height: float, text: str, font: QFont, colour: str
) -> float:
    """Write text at ``x``, in the middle of the height; returns where it ends."""
    width = text_width(text, font)
    painter.setFont(font)
    painter.setPen(QColor(colour))
    painter.drawText(QRectF(x, top, width + 2, height), Qt.AlignmentFlag.AlignVCenter, text)
    return x + width
