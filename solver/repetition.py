"""What an op may do when it runs again: which may, from which statistics, in one pass with which.

These are facts of a step that follow from its program, for those who search for plans and for the
validator alike; ``solver.plan`` says what a repetition is.

A repetition has no effects, so an op that has any cannot be repeated: one that writes a resident,
makes what leaves the step, or talks to other processes. Batch norm in training is the exception: its
running statistics are written beside its result, which does not depend on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solver.pointwise import ELEMENTWISE, OWN_BY_ROWS
from solver.reuse import argument_values, covers, geometry
from solver.step import Instruction, Step, Value


@dataclass(frozen=True, slots=True)
class _BatchNorm:
    """Where a batch norm has what matters here, among its arguments; -1: it has it not."""

    training: int = 5
    """Whether it normalises with the statistics of its input; -1: it always does."""
    running: tuple[int, ...] = (3, 4)
    """The running mean and variance, which it writes in training."""


_BATCH_NORMS = {
    "native_batch_norm.default": _BatchNorm(),
    "cudnn_batch_norm.default": _BatchNorm(),
    "miopen_batch_norm.default": _BatchNorm(),
    "_native_batch_norm_legit.default": _BatchNorm(),
    "_native_batch_norm_legit.no_stats": _BatchNorm(training=3, running=()),
    "_batch_norm_with_update.default": _BatchNorm(training=-1),
}
"""By target; each returns its result, then mean and inverse standard deviation."""
_NORMS = frozenset(
    {"native_layer_norm.default", "native_group_norm.default", "_fused_rms_norm.default"}
)
"""Other normalisations: elementwise once the statistics of their input are known."""
_COLLECTIVES = "_c10d_functional."


@dataclass(frozen=True, slots=True)
class SavedStatistics:
    """Of a batch norm in training: storages of its result, and of the statistics that it saved."""

    result: int
    statistics: tuple[int, int]
    """Mean and inverse standard deviation."""


@dataclass(frozen=True)
class Repetitions:
    """What may be repeated in a step, and how."""

    hindered: dict[int, str]
    """By op that cannot run again, why: ``it writes conv1.weight``."""
    uncounted: dict[int, frozenset[int]]
    """By batch norm the residents (running statistics) that its repetition neither reads nor writes."""
    saved: dict[int, SavedStatistics]
    """By batch norm that may be repeated from its saved statistics."""
    begins: frozenset[int]
    """Ops that others may be fused to: elementwise ones and normalisations."""
    joins: dict[int, frozenset[int]]
    """By elementwise op the storages that may come from the run before it in the same pass: operands
    whose bytes its result can have, or what it writes in place."""

    def may_repeat(self, op: int) -> bool:
        """Whether the op can run a second time."""
        return op not in self.hindered


def find_repetitions(step: Step) -> Repetitions:
    """What the step's program allows; of a planning-only step what the targets' names tell."""
    calls: dict[int, Instruction] = {}
    values: Sequence[Value] = ()
    if step.program is not None:
        calls = {call.op: call for call in step.program.instructions if call.op >= 0}
        values = step.program.values
    found = Repetitions({}, {}, {}, frozenset(_begins(step, calls)), _joins(step, values, calls))
    for index, op in enumerate(step.ops):
        call = calls.get(index)
        norm = _BATCH_NORMS.get(op.target) if call is None or _is_aten(call) else None
        trains = norm is not None and _trains(step, index, norm, call)
        if norm is not None and trains:
            running = _running(step, index, norm, values, call)
            found.uncounted[index] = running
            if (saved := _saved(step, index, values, call)) is not None:
                found.saved[index] = saved
        why = _hindrance(step, index, found.uncounted.get(index, frozenset()), call)
        if why:
            found.hindered[index] = why
    return found


def _is_aten(call: Instruction) -> bool:
    return call.target.startswith("aten.")


def _hindrance(step: Step, index: int, uncounted: frozenset[int], call: Instruction | None) -> str:
    """Why an op cannot run again; empty: it can."""
    op = step.ops[index]
    if call is not None and call.target.startswith(_COLLECTIVES):
        return "other processes take part in it"
    for storage in op.writes:
        if step.storages[storage].resident and storage not in uncounted:
            return f"it writes {step.storages[storage].name}"
    for storage in op.creates:
        if step.storages[storage].resident:
            return f"it makes {step.storages[storage].name}, which leaves the step"
    return ""


def _trains(step: Step, index: int, norm: _BatchNorm, call: Instruction | None) -> bool:
    if call is None:
        # Without arguments: in training it saves statistics, which have bytes.
        made = step.ops[index].creates
        return len(made) >= 3 and all(step.storages[s].planned for s in made[:3])
    return norm.training < 0 or (len(call.args) > norm.training and call.args[norm.training] is True)


def _running(
    step: Step, index: int, norm: _BatchNorm, values: Sequence[Value], call: Instruction | None
) -> frozenset[int]:
    written = {s for s in step.ops[index].writes if step.storages[s].resident}
    if call is not None:
        named = argument_values([call.args[at] for at in norm.running if at < len(call.args)])
        written &= {values[value].storage for value in named}
    return frozenset(written)


def _saved(
    step: Step, index: int, values: Sequence[Value], call: Instruction | None
) -> SavedStatistics | None:
    made = step.ops[index].creates
    if call is not None:
        if len(call.outputs) < 3 or None in call.outputs[:3]:
            return None
        made = tuple(values[value].storage for value in call.outputs[:3] if value is not None)
    result, mean, deviation = made[:3]
    created = step.ops[index].creates
    if len({*made[:3]}) < 3 or any(s not in created or not step.storages[s].planned for s in made[:3]):
        return None
    return SavedStatistics(result, (mean, deviation))


def _begins(step: Step, calls: dict[int, Instruction]) -> set[int]:
    firsts = ELEMENTWISE | _NORMS | _BATCH_NORMS.keys()
    return {
        index
        for index, call in calls.items()
        if _is_aten(call) and (call.target[5:] in firsts or _in_place(call) in ELEMENTWISE)
    }


def _joins(
    step: Step, values: Sequence[Value], calls: dict[int, Instruction]
) -> dict[int, frozenset[int]]:
    found = {
        op: frozenset(reuse.operands)
        for op, reuse in step.reusable.items()
        if step.ops[op].target not in OWN_BY_ROWS
    }
    for index, call in calls.items():
        op = step.ops[index]
        if (
            not _is_aten(call)
            or _in_place(call) not in ELEMENTWISE
            or op.creates
            or len(op.writes) != 1
        ):
            continue
        (target,) = op.writes
        views = [values[v] for v in argument_values([*call.args, *call.kwargs.values()])]
        same = {geometry(view) for view in views if view.storage == target}
        if len(same) == 1 and all(covers(step, view) for view in views if view.storage == target):
            found[index] = frozenset({target})
    return found


def _in_place(call: Instruction) -> str:
    """The overload without the underscore of one that writes in place, else empty."""
    name, _, overload = call.target.removeprefix("aten.").partition(".")
    return f"{name[:-1]}.{overload}" if name.endswith("_") else ""
