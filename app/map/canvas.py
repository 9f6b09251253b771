"""The graphics view that stacks the map's rows and hands mouse events to the map widget."""

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsLinearLayout,
    QGraphicsScene,
    QGraphicsView,
    QGraphicsWidget,
    QWidget,
)

from app.map.row import Row


class Canvas(QGraphicsView):
    """Rows in one column, as wide and together as high as the view."""

    pressed = Signal(object)
    moved = Signal(object)
    released = Signal(object)
    double_clicked = Signal(object)
    wheeled = Signal(object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setScene(QGraphicsScene(self))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        for bars_off in (self.setHorizontalScrollBarPolicy, self.setVerticalScrollBarPolicy):
            bars_off(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Each item sets all that it paints with.
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.column = QGraphicsWidget()
        self._layout = QGraphicsLinearLayout(Qt.Orientation.Vertical)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self.column.setLayout(self._layout)
        self.scene().addItem(self.column)
        self.rows: list[Row] = []
        self.picture_ratio = 0.0
        """Pixels of a picture for each of ours while one is drawn; 0: as on the screen."""

    @property
    def pixel_ratio(self) -> float:
        """Device pixels of one pixel."""
        return self.picture_ratio or float(self.devicePixelRatioF())

    def add_row(self, row: Row, gap: float = 0.0) -> None:
        """Put a row at the bottom, ``gap`` pixels under the one before."""
        if self.rows:
            self._layout.setItemSpacing(len(self.rows) - 1, gap)
        self._layout.addItem(row)
        self.rows.append(row)

    def show_row(self, row: Row, visible: bool, gap: float) -> None:
        """Show or hide a row; ``gap`` is the space under it when it is there."""
        if row.shown != visible:
            row.shown = visible
            row.setVisible(visible)
            self._layout.setItemSpacing(self.rows.index(row), gap if visible else 0)
            row.apply_height()

    def row_at(self, position: QPointF) -> Row | None:
        """The visible row at a position."""
        for row in self.rows:
            if row.shown and row.geometry().contains(position):
                return row
        return None

    def settle(self) -> None:
        """Lay out at once."""
        self._layout.activate()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        whole = QRectF(self.viewport().rect())
        self.setSceneRect(whole)
        self.column.setGeometry(whole)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.pressed.emit(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.moved.emit(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.released.emit(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.double_clicked.emit(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        self.wheeled.emit(event)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self.left.emit()
