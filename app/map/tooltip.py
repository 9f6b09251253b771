"""The map's tooltip: a frame beside the hovered rectangle, never over it."""

from html import escape

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFrame, QGraphicsDropShadowEffect, QLabel, QVBoxLayout, QWidget

from app.map.describe import Description
from app.theme import Theme

GAP = 14
WIDEST = 340


class MapTooltip(QFrame):
    """Shows one description."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("mapTooltip")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title, self._table, self._note = QLabel(self), QLabel(self), QLabel(self)
        self._rule = QFrame(self)
        self._rule.setObjectName("rule")
        self._rule.setFixedHeight(1)
        for label in (self._title, self._table):
            label.setTextFormat(Qt.TextFormat.RichText)
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setObjectName("note")
        self._note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 9, 12, 10)
        layout.setSpacing(6)
        for part in (self._title, self._table, self._rule, self._note):
            layout.addWidget(part)
        self._shadow = QGraphicsDropShadowEffect(self)
        self._shadow.setBlurRadius(18)
        self._shadow.setOffset(0, 4)
        self.setGraphicsEffect(self._shadow)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours; what is shown is hidden."""
        self.hide()
        self.setStyleSheet(
            f"#mapTooltip {{ background: {theme.raised if theme.dark else theme.panel};"
            f" border: 1px solid {theme.line2}; border-radius: 7px; }}"
            f"#rule {{ background: {theme.line2}; border: none; }}"
            f"QLabel {{ color: {theme.text}; background: transparent; border: none;"
            " font-family: Inter; font-size: 12px; }"
            f"QLabel#note {{ color: {theme.text2}; font-size: 11px; }}"
        )
        self._shadow.setColor(QColor(0, 0, 0, 150 if theme.dark else 60))

    def show_beside(
        self, description: Description, theme: Theme, fill: str, box: QRectF, area: QRect
    ) -> None:
        """Show it next to ``box`` inside ``area``, both in the parent's coordinates."""
        rows = "".join(
            f"<tr><td style='color:{theme.text2}; padding-right:18px'>{escape(name)}</td>"
            f"<td>{escape(value)}</td></tr>"
            for name, value in description.rows
        )
        self._title.setText(
            f"<span style='color:{fill}'>■</span>&nbsp; "
            f"<span style='font-weight:600'>{escape(description.title)}</span>"
        )
        self._table.setText(f"<table cellspacing='0' cellpadding='0'>{rows}</table>")
        self._note.setText(description.note)
        self._rule.setVisible(bool(description.note))
        self._note.setVisible(bool(description.note))
        widest = max(self._title.sizeHint().width(), self._table.sizeHint().width(), 200)
        self._title.setWordWrap(widest > WIDEST)
        self._table.setWordWrap(widest > WIDEST)
        self.setFixedWidth(min(widest, WIDEST) + 26)
        self.setFixedHeight(max(self.heightForWidth(self.width()), self.minimumSizeHint().height()))
        self.move(place_beside(box.toRect(), self.width(), self.height(), area))
        self.show()
        self.raise_()


def place_beside(box: QRect, width: int, height: int, area: QRect) -> QPoint:
    """The corner of a frame inside ``area`` that does not cover ``box``, if there is such a place.

    Tried in turn: above, below, right, left; a box that fills the area gets the frame's corner at
    the area's upper right.
    """
    visible = box.intersected(area)
    x = min(max(visible.center().x() - width // 3, area.left()), area.right() - width)
    y = min(max(visible.center().y() - height // 3, area.top()), area.bottom() - height)
    if visible.top() - GAP - height >= area.top():
        return QPoint(x, visible.top() - GAP - height)
    if visible.bottom() + GAP + height <= area.bottom():
        return QPoint(x, visible.bottom() + GAP)
    if visible.right() + GAP + width <= area.right():
        return QPoint(visible.right() + GAP, y)
    if visible.left() - GAP - width >= area.left():
        return QPoint(visible.left() - GAP - width, y)
    return QPoint(area.right() - width, area.top())
