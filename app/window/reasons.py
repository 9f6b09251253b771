"""Why a command cannot be used now, in a few words that say what to do first. No widgets."""

from app.document import Document
from app.translation import mark, tr
from app.window.enabled import RecordingState
from solver.plan import Status

NEEDS_PLAN = frozenset({"save_plan", "store", "export", "edit", "solve_rest", "compare", "pin_here"})
NEEDS_RIGHT = frozenset({"save_plan", "store", "export"})
NEEDS_SELECTION = frozenset(
    {"copy", "clear_selection", "fit_selection", "producer", "next_stay", "pin_here", "pin_at"}
)
WAITS = frozenset(
    {
        "store",
        "solve",
        "solve_curve",
        "add_budget",
        "export",
        "verify",
        "solve_rest",
        "save_step",
        "page",
    }
)
NEEDS_PROGRAM = frozenset({"save_step", "export"})
NEEDS_OP = frozenset({"run_first", "run_last", "run_before", "keep_module"})
OTHERWISE = {
    "use_pins": mark("the plan has no other pins"),
    "clear_pins": mark("nothing is pinned"),
    "unpin": mark("nothing that is selected is pinned"),
    "stop": mark("nothing is running that can be stopped"),
    "undo": mark("nothing to undo"),
    "redo": mark("nothing to redo"),
    "previous_plan": mark("there is only one plan"),
    "next_plan": mark("there is only one plan"),
    "verify": mark("something is running"),
    "compare": mark("solve the step first"),
    "budget_panel": mark("only beside the budgets"),
    "solve_rest": mark("move something by hand first"),
}
"""What is said where none of the usual reasons applies."""


def why_not(
    key: str,
    document: Document,
    *,
    busy: bool,
    stale: bool,
    recording: RecordingState | None = None,
) -> str:
    """The reason why the command ``key`` is disabled; see ``enabled_commands`` for the arguments."""
    step, shown = document.step, document.shown
    if key in ("stop", "verify", "budget_panel"):
        return tr(OTHERWISE[key])
    if step is None:
        return tr("open a step first") if recording is None else _not_for_recording(key, busy)
    plan = shown is not None and shown.plan.status is not Status.BASELINE
    if busy and key in WAITS:
        return tr("something is running")
    if key in NEEDS_PLAN and not plan:
        return tr("solve the step first")
    if key in NEEDS_PROGRAM and step.program is None:
        return tr("this step is for planning only: capture its model")
    if key == "export" and stale:
        return tr("the step changed on disk: solve again")
    if key in NEEDS_RIGHT and shown is not None and shown.judging:
        return tr("the validator is still judging this edit")
    if key in NEEDS_PLAN and shown is not None and shown.conflicts:
        return tr("the plan has conflicts: resolve them first")
    if key in OTHERWISE:
        return tr(OTHERWISE[key])
    if key in NEEDS_SELECTION and not document.selection:
        return tr("select a tensor first")
    if key in ("pin_here", "pin_at") and document.op_slot >= 0:
        return tr("an op is selected: select a tensor alone")
    if key in ("pin_here", "pin_at"):
        return tr("it stays in memory all the time and has no address to choose")
    if key in NEEDS_OP and document.op_slot < 0:
        return tr("select an op first: O at the cursor, or a click on the axis")
    return tr("not in this view: go to the map")


def _not_for_recording(key: str, busy: bool) -> str:
    if key in ("copy", "clear_selection", "fit_selection"):
        return tr("select an allocation first")
    if key == "time_axis":
        return tr("the file does not say when things happened")
    if busy and key in ("solve", "page"):
        return tr("something is running")
    return tr("for steps only, and this is a recording")
