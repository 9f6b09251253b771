"""Small parts that several panels are made of: labels that elide, figures, rules, swatches."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QSizePolicy, QWidget

from app.facts.words import category_name
from app.plain_text import tip
from app.style import set_property
from app.theme import DARK, Theme
from solver.step import Category


def label(text: str = "", face: str = "body", tone: str = "text") -> QLabel:
    """A label of the panels' style sheet; see ``app.panels.sheet``."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setProperty("face", face)
    result.setProperty("tone", tone)
    return result


def rule(down: bool = False) -> QFrame:
    """A line of one pixel between two parts."""
    result = QFrame()
    result.setProperty("rule", "down" if down else "across")
    if down:
        result.setFixedWidth(1)
    else:
        result.setFixedHeight(1)
    return result


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear(inner)


class ElidedLabel(QLabel):
    """A label on one line that ends in an ellipsis where it does not fit, and then has a tooltip."""

    def __init__(self, text: str = "", face: str = "body", tone: str = "text") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("face", face)
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.mode = Qt.TextElideMode.ElideRight
        self.least = 24
        """Pixels that it is to have at least, where its text needs as much."""
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802
        super().setText(text)
        self._update_tip()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        needed = QFontMetrics(self.font()).horizontalAdvance(self.text()) + 2
        return QSize(min(self.least, needed), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802
        width = QFontMetrics(self.font()).horizontalAdvance(self.text()) + 2
        return QSize(width, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._update_tip()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._update_tip()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.contentsRect(), int(self.alignment()), self.shown_text())

    def shown_text(self) -> str:
        """What is painted at the current width."""
        return self.fontMetrics().elidedText(self.text(), self.mode, self.contentsRect().width())

    def _update_tip(self) -> None:
        self.setToolTip(tip(self.text()) if self.shown_text() != self.text() else "")


class FigureLabel(QWidget):
    """A name and a figure beside it: ``Height 2.680 GiB``."""

    def __init__(self, name: str, tone: str = "text", face: str = "strong") -> None:
        super().__init__()
        self.name = label(name, "body", "text2")
        self.value = label("", face, tone)
        self._row = row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.name)
        row.addWidget(self.value)

    def set_figure(self, value: str, *, name: str = "", tone: str = "", exact: str = "") -> None:
        """Show another figure; ``exact`` is the tooltip."""
        self.value.setText(value)
        if name:
            self.name.setText(name)
        if tone:
            set_property(self.value, "tone", tone)
        self.setToolTip(exact)
        self.set_name(self.name.text())

    def set_name(self, name: str) -> None:
        """Call the figure something else."""
        self.name.setText(name)
        self.setAccessibleName(f"{name} {self.value.text()}")
        self._row.invalidate()
        self.updateGeometry()  # at once: a strip measures its parts right after this


class Swatch(QWidget):
    """A small square in a category's colour, edged where the fill is faint on the background."""

    def __init__(self, theme: Theme, category: Category | None = None, side: int = 12) -> None:
        super().__init__()
        self._theme, self._category = theme, category
        self.setFixedSize(side, side)

    def set_category(self, category: Category | None) -> None:
        self._category = category
        self.setAccessibleName(category_name(category) if category is not None else "")
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._category is not None:
            painter = QPainter(self)
            paint_swatch(painter, QRectF(self.rect()), self._theme, self._category)


def paint_swatch(painter: QPainter, box: QRectF, theme: Theme, category: Category) -> None:
    """A rounded square in the category's colour."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.fill[category]))
    painter.drawRoundedRect(box, 3, 3)
    painter.restore()


class Strip(QWidget):
    """A row of fixed height that hides its least important parts, in order, when it gets narrow."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.setFixedHeight(height)
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(16, 0, 16, 0)
        self.row.setSpacing(16)
        # Its parts give way to the width, so they must not ask for one.
        self.row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.expendable: Sequence[QWidget] = ()
        """Parts that may go, the first to go first."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, self.height())

    def wanted(self, part: QWidget) -> bool:
        """Whether an expendable part has anything to show now; subclasses say so."""
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Show as much as there is room for."""
        for part in self.expendable:
            part.setVisible(self.wanted(part))
        for part in self.expendable:
            self.row.invalidate()
            if self.row.minimumSize().width() <= self.width():
                return
            part.hide()


class HatchKey(QWidget):
    """A legend key for space that is held but not used; its words shorten where it is narrow."""

    def __init__(self, text: str, short: str, *, hatched: bool = True) -> None:
        super().__init__()
        self._theme = DARK
        self._box = _Hatch(hatched)
        self._words = label(text, "caption", "text2")
        self._words.setToolTip(text)
        self.text, self.short = text, short
        self.wanted = True
        """Whether there is such space; the legend shows the key then, where it has room."""
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._box)
        row.addWidget(self._words)

    def set_short(self, short: bool) -> None:
        """Use the short words or the long ones."""
        self._words.setText(self.short if short else self.text)
        self.updateGeometry()  # at once: a strip measures its parts right after this

    def set_theme(self, theme: Theme) -> None:
        self._box.theme = theme
        self._box.update()


class _Hatch(QWidget):
    def __init__(self, hatched: bool) -> None:
        super().__init__()
        self.theme = DARK
        self._hatched = hatched
        self.setFixedSize(13, 13)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.raised))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self.theme.warn), 1))
        for x in range(-13, 14, 5) if self._hatched else ():
            # A picture of shapes cuts nothing off.
            left, right = max(x, 0), min(x + 13, 13)
            painter.drawLine(left, 13 - left + x, right, 13 - right + x)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(QColor(self.theme.line2), 1))
        painter.drawRect(0, 0, 12, 12)
