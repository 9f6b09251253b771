"""What every command of the main window does, by its key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from app.map.view import MapView
    from app.window.main_window import MainWindow

ZOOM = 0.7
"""What one press of + leaves of the visible ops."""


def handlers(window: MainWindow) -> dict[str, partial[None]]:
    """A handler for each key of ``app.window.actions``."""
    commands, document = window.commands, window.document
    work = window.work
    simple: dict[str, Callable[[], object]] = {
        "open": commands.open,
        "sample": commands.open_sample,
        "capture": commands.capture,
        "save_plan": commands.save_plan,
        "save_step": commands.save_step,
        "store": work.store,
        "settings": window.preferences.ask,
        "close_step": commands.close_step,
        "quit": window.close,
        "undo": document.history.undo,
        "redo": document.history.redo,
        "edit": window.editing.toggle,
        "solve_rest": window.editing.solve_rest,
        "copy": partial(copy, window),
        "find": window.go_to_search,
        "find_next": partial(step_found, window, 1),
        "find_previous": partial(step_found, window, -1),
        "select_op": partial(window.if_open, lambda c: c.exploring.select_op()),
        "play": partial(window.if_open, lambda c: c.exploring.play()),
        "step_on": partial(window.if_open, lambda c: c.exploring.step(1)),
        "step_back": partial(window.if_open, lambda c: c.exploring.step(-1)),
        "hold": partial(hold, window),
        "clear_selection": partial(clear_selection, window),
        "map": partial(window.show_view, "map"),
        "compare": partial(window.show_view, "compare"),
        "budget": partial(window.show_view, "budget"),
        "fit_selection": partial(on_map, window, lambda m: m.fit_selection()),
        "fit_all": partial(on_map, window, lambda m: m.fit()),
        "zoom_in": partial(on_map, window, lambda m: m.state.zoom_slots(ZOOM)),
        "zoom_out": partial(on_map, window, lambda m: m.state.zoom_slots(1 / ZOOM)),
        "peak": partial(on_map, window, lambda m: m.go_to_peak()),
        "tensors": partial(window.if_open, lambda c: c.inspector.show_tensors()),
        "time_axis": partial(set_time_axis, window),
        "ruler": partial(on_map, window, lambda m: m.ruler.toggle()),
        "colour_category": partial(window.if_open, lambda c: c.colour_map("Category")),
        "colour_dtype": partial(window.if_open, lambda c: c.colour_map("Dtype")),
        "colour_module": partial(window.if_open, lambda c: c.colour_map("Module")),
        "colour_age": partial(window.if_open, lambda c: c.colour_map("Age")),
        "colour_difference": partial(window.if_open, lambda c: c.colour_map("Plan difference")),
        "library": partial(window.toggle, "library"),
        "inspector": partial(window.toggle, "inspector"),
        "solve_panel": partial(window.toggle, "solve"),
        "budget_panel": partial(window.toggle, "budget"),
        "alive_panel": partial(window.toggle, "alive"),
        "peak_panel": partial(window.toggle, "peak"),
        "theme_system": partial(window.choose_theme, "system"),
        "theme_dark": partial(window.choose_theme, "dark"),
        "theme_light": partial(window.choose_theme, "light"),
        "previous_plan": partial(commands.step_through, -1),
        "producer": partial(window.if_open, lambda c: c.map.go_to_use("P")),
        "next_stay": partial(window.if_open, lambda c: c.map.next_stay()),
        "next_plan": partial(commands.step_through, 1),
        "solve": window.solve,
        "solve_curve": window.budgeting.solve_curve,
        "add_budget": window.budgeting.ask_budget,
        "stop": work.stop,
        "pin_here": window.pinning.pin_here,
        "pin_at": window.pinning.ask_address,
        "run_before": window.pinning.ask_before,
        "write_pin": window.pinning.ask_text,
        "run_first": window.pinning.run_first,
        "run_last": window.pinning.run_last,
        "keep_module": window.pinning.keep_module,
        "use_pins": window.pinning.use_plans,
        "unpin": window.pinning.unpin,
        "clear_pins": window.pinning.clear,
        "limits": commands.limits,
        "export": commands.export,
        "verify": commands.verify,
        "picture": commands.picture_asked.emit,
        "page": commands.page_asked.emit,
        "palette": window.command_palette.open,
        "lessons": window.learning.toggle,
        "keys": commands.keys,
        "about": commands.about,
    }
    # QAction.triggered brings a bool; partial with an empty signature would pass it on.
    return {key: partial(call, handler) for key, handler in simple.items()}


def on_map(window: MainWindow, act: Callable[[MapView], object]) -> None:
    """Do something with the map in sight: of what was recorded, or of the open step."""
    page = window.importing.shown
    if page is not None:
        act(page.map)
    else:
        window.if_open(lambda central: act(central.map))


def copy(window: MainWindow) -> None:
    """Put what is selected on the clipboard."""
    page = window.importing.shown
    if page is None:
        window.commands.copy()
    elif page.selection:
        QGuiApplication.clipboard().setText(page.selected_text())


def clear_selection(window: MainWindow) -> None:
    """Select nothing."""
    page = window.importing.shown
    if page is not None:
        page.select(())
    else:
        window.document.select(())


def set_time_axis(window: MainWindow) -> None:
    """Make slots as wide as their seconds, or all as wide as one another."""
    timed, page = window.menu["time_axis"].isChecked(), window.importing.shown
    if page is not None:
        page.time.setCurrentIndex(int(timed))
    else:
        window.if_open(lambda central: central.set_time_axis(timed))


def step_found(window: MainWindow, by: int) -> None:
    """Go to the next of what was found, or to the one before (-1)."""
    window.search.stepped.emit(by)


def hold(window: MainWindow) -> None:
    """Hold the moment that lists are of, or follow the pointer again."""
    page = window.importing.shown
    if page is not None:
        page.exploring.hold()
    else:
        window.if_open(lambda central: central.exploring.hold())


def call(handler: Callable[[], object], *_: object) -> None:
    """Call a handler without what a signal brings along."""
    handler()
