"""Connects the pages and panels of an open step with the window around them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from app.explore.exploring import Exploring
    from app.window.central import Central
    from app.window.main_window import MainWindow


def connect_central(window: MainWindow, central: Central) -> None:
    """Once, when the first step is opened."""
    window.budgeting.adopt(central.budgets)
    window.editing.adopt(central.map_page, window.menu)
    window.texts.adopt(central.budgets)
    window.pinning.adopt(central)
    central.plan_used.connect(partial(window.show_view, "map"))
    central.budget_asked.connect(window.budgeting.ask_budget)
    central.look.changed.connect(lambda: window.menu["time_axis"].setChecked(central.look.timed))
    central.device_asked.connect(window.budgeting.ask_device)
    window.docks.library.replace(central.library)
    window.docks.inspector.replace(central.inspector)
    window.docks.solve.replace(central.solve)
    central.library.open_step.connect(window.work.open_stored)
    central.library.open_plan.connect(window.work.open_stored_plan)
    central.map_page.pointer_moved.connect(window.texts.point)
    central.solve.continue_requested.connect(window.budgeting.go_on)
    central.solve.proof_requested.connect(window.work.prove)
    window.work.proved.connect(central.inspector.show_proof)
    central.solve.caption_changed.connect(window.docks.solve.line.remark.setText)
    window.docks.solve.line.remark.setText(central.solve.caption)
    window.work.stored.connect(central.library.reload)
    connect_exploring(window, central.exploring)


def connect_exploring(window: MainWindow, exploring: Exploring) -> None:
    """Search field, docks and keys."""
    # The map page takes the key itself; here it would be taken from every button and box.
    window.menu["play"].setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
    for dock, panel in ((window.docks.alive, exploring.alive), (window.docks.peak, exploring.peak)):
        dock.replace(panel)
        panel.caption_changed.connect(dock.line.remark.setText)
    search, finder = window.search, exploring.finder
    search.searched.connect(finder.search)
    search.stepped.connect(finder.step)

    def said() -> None:
        # What was recorded has a finder of its own, which speaks while no step is open.
        if window.importing.shown is None:
            search.show_matches(finder.matches)

    finder.changed.connect(said)
