"""The trade-off curve with its budget line, which the mouse drags and the arrow keys move.

::

    added time │▨▨●                      ● best plan found, joined by a line
               │▨▨○╲__●___               ○ what is proven, dashed; the gap between is filled
               │▨▨   ○    ╲____●         ▨ below the lowest solved budget
               └──────────┬───────────
                          the line: what is left of it is more memory than it stands for
"""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QWidget

from app.curve.budgets import budget_facts, infeasible_text, snapped
from app.panels.budget_axes import Axes, axes_of
from app.panels.budget_model import BudgetModel
from app.panels.budget_painter import CurvePainter, callout_box, callout_size
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr

LEFT, RIGHT, TOP, BOTTOM = 56.0, 24.0, 34.0, 46.0
"""Margins of the plot; the left one is the map's."""
SNAP = 6.0
GRAB = 9.0
"""Pixels within which the line snaps to a solved budget, and is grabbed."""


class BudgetPlot(QWidget):
    """Shows a budget model."""

    released = Signal()
    """The line was let go."""

    def __init__(self, model: BudgetModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("budgetPlot")
        self.setAccessibleName(tr("Added time against memory budget"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._model = model
        self._theme = DARK
        self._axes: Axes | None = None
        self._dragging = False
        self._ring = False
        self.solve_here = QPushButton(tr("Solve here"), self)
        self.solve_here.setObjectName("solveHere")
        set_property(self.solve_here, "kind", "primary")
        self.solve_here.clicked.connect(self._pressed)
        self.solve_curve = QPushButton(tr("Solve the curve"), self)
        self.solve_curve.setObjectName("solveCurve")
        set_property(self.solve_curve, "kind", "primary")
        self.solve_curve.setToolTip(tr("Find plans within a dozen budgets"))
        self.solve_curve.clicked.connect(model.solve_curve)
        model.changed.connect(self.refresh)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(860, 346)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, 180)

    @property
    def axes(self) -> Axes:
        """Where things lie now. While the line is dragged the axes stay."""
        if self._axes is None:
            model = self._model
            others = [one.budget_bytes for one in model.failures]
            if model.budget is not None and model.points:
                others.append(model.budget)
            area = QRectF(LEFT, TOP, self.width() - LEFT - RIGHT, self.height() - TOP - BOTTOM)
            self._axes = axes_of(model.points, others, area)
        return self._axes

    def refresh(self) -> None:
        """Follow the model."""
        if not self._dragging:
            self._axes = None
        self._place_button()
        self._place_invitation()
        self._place_invitation()
        self._tell()
        self.update()

    # What the line says

    def texts(self) -> tuple[str, str, str]:
        """The callout: its first line, its second one, and the tone of that."""
        model = self._model
        if model.budget is None:
            return "", "", "text2"
        failed = model.infeasible
        if failed is not None:
            found = failed.found_bytes
            least = (
                tr("least found {} {}").format(model.unit.text(found), model.unit.name) if found else ""
            )
            return infeasible_text(failed, model.unit), least, "text2"
        facts = budget_facts(model.points, model.budget, model.unit, None)
        point = model.point
        if point is None:
            return facts.callout, "", "text2"
        said = budget_facts(model.points, model.budget, model.unit, model.facts)
        return said.callout, said.callout_bound, "ok"

    def _place_button(self) -> None:
        """Beside the line where its budget is not solved; on a failure the way to what was found."""
        model = self._model
        failed = model.infeasible
        unsolved = model.budget is not None and model.point is None and failed is None
        found = failed.found_bytes if failed is not None else None
        self.solve_here.setVisible(unsolved or found is not None)
        self.solve_here.setEnabled(found is not None or not model.running)
        if found is not None:
            self.solve_here.setText(tr("Go to {} {}").format(model.unit.text(found), model.unit.name))
        else:
            self.solve_here.setText(tr("Solving") if model.running else tr("Solve here"))
        self.solve_here.adjustSize()
        if self.solve_here.isVisibleTo(self) and model.budget is not None:
            box = self._callout()
            self.solve_here.move(
                round(box.left() + 12), round(box.bottom() - 9 - self.solve_here.height())
            )

    def _place_invitation(self) -> None:
        """In the middle of a plot without a curve: the way to one."""
        model = self._model
        self.solve_curve.setVisible(model.opened and all(p.free for p in model.points))
        self.solve_curve.setEnabled(not model.running)
        self.solve_curve.setText(tr("Solving the curve") if model.running else tr("Solve the curve"))
        self.solve_curve.adjustSize()
        middle = self.axes.plot.center()
        self.solve_curve.move(round(middle.x() - self.solve_curve.width() / 2), round(middle.y()))

    def _callout(self) -> QRectF:
        """Where the line's callout stands."""
        model, (first, second, _) = self._model, self.texts()
        button = self.solve_here.size() if self.solve_here.isVisibleTo(self) else None
        size = callout_size((first, second), button)
        return callout_box(self.axes, model.budget or 0, model.points, size)

    def _pressed(self) -> None:
        failed = self._model.infeasible
        if failed is not None and failed.found_bytes is not None:
            self._model.move(failed.found_bytes)
        else:
            self._model.solve_here()
        self.setFocus()

    def _tell(self) -> None:
        first, second, _ = self.texts()
        self.setAccessibleDescription(f"{first}. {second}".strip(". "))

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._model.points:
            self._dragging = True
            self._drag(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._dragging:
            self._drag(event.position())
            return
        budget = self._model.budget
        near = budget is not None and abs(self.axes.x_of(budget) - event.position().x()) <= GRAB
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._dragging and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            self.refresh()
            self.released.emit()

    def _drag(self, position: QPointF) -> None:
        axes = self.axes
        budget = axes.budget_at(position.x(), self._model.unit)
        within = SNAP * axes.bytes_a_pixel
        self._model.move(snapped(self._model.points, budget, within), show=False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key, model = event.key(), self._model
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            model.step(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End) and model.points:
            model.move(model.points[0 if key == Qt.Key.Key_Home else -1].budget_bytes)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.solve_here.isVisibleTo(self):
            self.solve_here.click()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        tab = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._ring = event.reason() in tab
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self._ring = False
        self.update()

    # Painting

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._axes = None
        self._place_button()
        self._place_invitation()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        model = self._model
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        curve = CurvePainter(painter, self.axes, self._theme, model.unit)
        enough = model.budget if model.point is not None else None
        curve.paint_ground(QRectF(self.rect()), model.points, model.failures, enough)
        curve.paint_curves(model.points, model.budget)
        if model.budget is not None and model.points:
            first, second, tone = self.texts()
            error = model.infeasible is not None
            curve.paint_line(model.budget, model.point)
            if not self.solve_curve.isVisibleTo(self):
                curve.paint_legend(model.budget)
            curve.paint_callout(self._callout(), first, second, "error" if error else "text", tone)
        if self.solve_curve.isVisibleTo(self):
            curve.paint_invitation(self.solve_curve.geometry())
        if self._ring:
            curve.paint_ring()
        painter.end()
