"""Which commands make sense now: a table from what is open, shown, selected and running. No widgets."""

from dataclasses import dataclass

from app.document import Document
from app.pin_selection import selected_pins
from solver.plan import Status

EXPLORING = ("find_next", "find_previous", "select_op", "play", "step_on", "step_back", "hold")
COLOURS = ("colour_category", "colour_dtype", "colour_module", "colour_age")


@dataclass(frozen=True, slots=True)
class RecordingState:
    """What recorded lifetimes are in sight, as far as commands care."""

    picked: bool
    """Something is selected."""
    timed: bool
    """It is known when things happened."""


def enabled_commands(
    document: Document,
    *,
    view: str,
    busy: bool,
    stoppable: bool,
    stale: bool,
    recording: RecordingState | None = None,
) -> dict[str, bool]:
    """For every command that is not always there, whether it can be used.

    ``view``: ``start``, ``map``, ``compare``, ``budget`` or ``recorded``; ``busy``: work that the user
    asked for is running; ``stale``: the step's file holds another step by now; ``recording``: what is
    in sight in place of a step.
    """
    step, shown = document.step, document.shown
    opened, selected, on_map = step is not None, bool(document.selection), view == "map"
    map_there = on_map or view == "budget"
    on_maps = map_there or view == "compare"
    recorded = view == "recorded"
    program = step is not None and step.program is not None
    plan = shown is not None and shown.plan.status is not Status.BASELINE
    right = plan and shown is not None and shown.right
    edited = shown is not None and shown.draft is not None
    several = len(document.entries) > 1
    result = {
        "save_plan": right,
        "save_step": program,
        "store": right and not busy,
        "close_step": opened or recorded,
        "undo": bool(document.history.undo_text),
        "redo": bool(document.history.redo_text),
        "edit": on_map and plan,
        "solve_rest": on_map and edited and not busy,
        "copy": selected,
        "clear_selection": selected,
        "find": opened or recorded,
        "map": opened,
        "compare": document.baseline is not None and document.best is not None,
        "budget": opened,
        "tensors": shown is not None,
        "previous_plan": several,
        "next_plan": several,
        "solve": (opened or recorded) and not busy,
        "solve_curve": opened and not busy,
        "add_budget": opened and not busy,
        "stop": busy and stoppable,
        "export": right and program and not stale and not busy,
        "verify": not busy,
        "picture": shown is not None or recorded,
        "page": shown is not None and not busy,
        "peak": recorded or (map_there and shown is not None),
        "budget_panel": view == "budget",
    }
    return (
        result
        | dict.fromkeys(("inspector", "solve_panel", "alive_panel", "peak_panel"), on_map)
        | dict.fromkeys(EXPLORING, on_map and shown is not None)
        | dict.fromkeys((*COLOURS, "time_axis"), on_maps and shown is not None)
        | {"ruler": recorded or (map_there and shown is not None)}
        | {"colour_difference": on_maps and several}
        | dict.fromkeys(("fit_all", "zoom_in", "zoom_out"), map_there or recorded)
        | {"library": map_there}
        | _for_pins(document, on_map)
        | dict.fromkeys(("fit_selection", "producer", "next_stay"), map_there and selected)
        | (_for_recording(recording, busy) if recorded and recording is not None else {})
    )


def _for_pins(document: Document, on_map: bool) -> dict[str, bool]:
    shown, pins = document.shown, document.pinned.pins
    there = on_map and shown is not None
    planned = document.planned
    storages = planned.storages if there and planned is not None and document.op_slot < 0 else ()
    tensors = bool(storages) and any(storages[s].planned for s in document.selection)
    op = there and document.op_slot >= 0
    plan = shown is not None and shown.baseline is None
    return (
        {
            "pin_here": tensors and plan,
            "pin_at": tensors,
            "unpin": there and bool(selected_pins(document)),
        }
        | dict.fromkeys(("run_first", "run_last", "run_before", "keep_module"), op)
        | {"use_pins": shown is not None and shown.plan.pins not in ((), pins)}
        | {"clear_pins": bool(pins), "write_pin": document.step is not None}
    )


def _for_recording(recording: RecordingState, busy: bool) -> dict[str, bool]:
    return (
        dict.fromkeys(("find_next", "find_previous", "hold"), True)
        | dict.fromkeys(("copy", "clear_selection", "fit_selection"), recording.picked)
        | {"time_axis": recording.timed, "page": not busy}
    )
