"""What the budget view asks of the window: budgets solved, a device from a file, one more budget."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.dialogs.budget import BudgetDialog
from app.document import Document
from app.jobs.job import failure_of
from app.settings import Settings
from app.translation import tr
from app.window.work import Work
from solver.errors import BayplanError

if TYPE_CHECKING:
    from app.panels.budget_model import BudgetModel


class Budgeting(QObject):
    """Stands between a budget model and the window's work."""

    def __init__(self, window: QWidget, document: Document, work: Work, settings: Settings) -> None:
        super().__init__(window)
        self._window, self._document, self._work, self._settings = window, document, work, settings
        self.model: BudgetModel | None = None
        """There while a step is, or was, open."""

    def adopt(self, model: "BudgetModel") -> None:
        """Follow a model from now on."""
        self.model = model
        model.solve_asked.connect(self._solve)
        self._work.changed.connect(self._follow)
        self._work.infeasible.connect(model.add_failure)

    def solve(self) -> None:
        """The budget at the line where it is not solved, else the whole curve."""
        if self.model is None:
            return
        if self.model.budget is not None and self.model.points and self.model.point is None:
            self.model.solve_here()
        else:
            self.model.solve_curve()

    def go_on(self) -> None:
        """Go on with the solve of what is shown: its budget, or the step."""
        shown = self._document.shown
        terms = shown.plan.terms if shown is not None else None
        if terms is not None and self.model is not None:
            self.model.solve_asked.emit((terms.budget_bytes,))
        elif shown is not None:
            pins = shown.plan.pins
            self._work.solve(pins, shown.name if pins else "")

    def solve_curve(self) -> None:
        """Solve the whole curve."""
        if self.model is not None:
            self.model.solve_curve()

    def ask_budget(self) -> None:
        """Ask for one more budget and solve it."""
        from app.curve.budgets import suggested

        model = self.model
        if model is None:
            return
        proposed = suggested(model.points) if model.point is not None else model.budget
        unit = model.unit
        text = f"{proposed / unit.size:.2f}{unit.name}" if proposed is not None else ""
        dialog = BudgetDialog(text, self._window)
        dialog.chosen.connect(model.add)
        dialog.open()

    def ask_device(self) -> None:
        """Ask for a file with a device model."""
        from solver.budget.devices import find_device

        name, _ = QFileDialog.getOpenFileName(
            self._window, tr("Open a Device"), self._settings.folder("device"), tr("Devices (*.json)")
        )
        if not name or self.model is None:
            return
        try:
            self.model.set_device(find_device(name))
        except BayplanError as error:
            self._work.problem.emit("device", failure_of(error))

    @Slot(object)
    def _solve(self, budgets: tuple[int, ...]) -> None:
        if self.model is not None:
            self.model.asked = self.model.wanted
            self._work.solve_budgets(self.model.wanted, budgets, self.model.unit)

    @Slot()
    def _follow(self) -> None:
        if self.model is not None:
            self.model.set_running(self._work.solving_budgets)
