"""Why a command cannot be used now, in a few words that say what to do first. No widgets."""

from app.document import Document
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
    "use_pins": "the plan has no other pins",
    "clear_pins": "nothing is pinned",
    "unpin": "nothing that is selected is pinned",
    "stop": "nothing is running that can be stopped",
    "undo": "nothing to undo",
    "redo": "nothing to redo",
    "previous_plan": "there is only one plan",
    "next_plan": "there is only one plan",
    "verify": "something is running",
    "compare": "solve the step first",
    "budget_panel": "only beside the budgets",
    "solve_rest": "move something by hand first",
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
        return OTHERWISE[key]
    if step is None:
        return "open a step first" if recording is None else _not_for_recording(key, busy)
    plan = shown is not None and shown.plan.status is not Status.BASELINE
    if busy and key in WAITS:
        return "something is running"
    if key in NEEDS_PLAN and not plan:
        return "solve the step first"
    if key in NEEDS_PROGRAM and step.program is None:
        return "this step is for planning only: capture its model"
    if key == "export" and stale:
        return "the step changed on disk: solve again"
    if key in NEEDS_RIGHT and shown is not None and shown.judging:
        return "the validator is still judging this edit"
    if key in NEEDS_PLAN and shown is not None and shown.conflicts:
        return "the plan has conflicts: resolve them first"
    if key in OTHERWISE:
        return OTHERWISE[key]
    if key in NEEDS_SELECTION and not document.selection:
        return "select a tensor first"
    if key in ("pin_here", "pin_at") and document.op_slot >= 0:
        return "an op is selected: select a tensor alone"
    if key in ("pin_here", "pin_at"):
        return "it stays in memory all the time and has no address to choose"
    if key in NEEDS_OP and document.op_slot < 0:
        return "select an op first: O at the cursor, or a click on the axis"
    return "not in this view: go to the map"


def _not_for_recording(key: str, busy: bool) -> str:
    if key in ("copy", "clear_selection", "fit_selection"):
        return "select an allocation first"
    if key == "time_axis":
        return "the file does not say when things happened"
    if busy and key in ("solve", "page"):
        return "something is running"
    return "for steps only, and this is a recording"
