"""Planning-only steps: gzip JSON graphs of storages and ops without a program.

The format is that of MODeL-style traces: ``bufs`` (``size``, ``kind``: temp, resident or const,
``name``), ``ops`` (``name``, ``op``, ``reads``, ``mut``, ``new``, ``view``, ``rng``, ``flops``) and
``outputs``. Views are dropped. What the format does not say is inferred: the phase from the first
backward op and from updates, the module from the parameters that an op reads.
"""

from pathlib import Path
from typing import Any

import msgspec

from solver.errors import BayplanError
from solver.files import decode_step_object, read_bytes, read_json
from solver.records import RecordError, read_record
from solver.step import Category, Op, Origin, Phase, Step, Storage
from solver.validate import validate_step

_RESIDENT = {
    "param": Category.PARAMETER,
    "buffer": Category.BUFFER,
    "opt": Category.OPTIMIZER_STATE,
}


class _Buffer(msgspec.Struct):
    size: int
    kind: str
    name: str


class _Call(msgspec.Struct):
    name: str
    op: str
    reads: list[int]
    mut: list[int]
    new: list[int]
    view: bool
    rng: bool
    flops: int = -1


class _Trace(msgspec.Struct):
    model: str
    batch: int
    opt: str
    bufs: list[_Buffer]
    ops: list[_Call]
    outputs: list[int]
    device: str = "cpu"
    trace_s: float = 0.0


def load_any_step(path: Path) -> Step:
    """Read a step file or a planning-only step, whichever ``path`` holds. Raises BayplanError."""
    return decode_any_step(read_json(read_bytes(path), path.name), path.name)


def decode_any_step(content: Any, name: str) -> Step:
    """The step in the JSON of a step file or a planning-only step; ``name`` is for messages.

    Raises BayplanError.
    """
    if isinstance(content, dict) and "bufs" in content and "format" not in content:
        return read_planning_step(content, name)
    return decode_step_object(content, name)


def read_planning_step(content: Any, name: str) -> Step:
    """The step in a planning-only file's JSON; ``name`` is for messages. Raises BayplanError."""
    try:
        trace = read_record(content, _Trace)
    except RecordError as error:
        raise BayplanError(f"{name} is not a planning-only step: {error}.") from None
    count = len(trace.bufs)
    for call in trace.ops:
        for storage in (*call.reads, *call.mut, *call.new):
            if not 0 <= storage < count:
                raise BayplanError(f"{name} is damaged: {call.name} names storage {storage}.")
    calls = [call for call in trace.ops if not call.view]
    phases = _phases(trace, calls)
    modules = _modules(trace, calls, phases)
    step = Step(
        origin=Origin(
            model=trace.model,
            source=name,
            batch=trace.batch,
            optimizer=trace.opt,
            training=Phase.BACKWARD in phases,
            target=trace.device,
            dtype="float32",
            seconds=trace.trace_s,
        ),
        storages=_storages(trace, calls, phases, modules),
        ops=tuple(
            Op(
                name=call.name,
                target=call.op,
                reads=tuple(sorted(set(call.reads))),
                writes=tuple(sorted(set(call.mut))),
                creates=tuple(sorted(set(call.new))),
                random=call.rng,
                phase=phase,
                module=module,
                flops=call.flops,
            )
            for call, phase, module in zip(calls, phases, modules, strict=True)
        ),
    )
    validate_step(step, name)
    return step


def _phases(trace: _Trace, calls: list[_Call]) -> list[Phase]:
    """Backward starts before the first backward op; an update writes parameters or their state."""
    start = next((i for i, call in enumerate(calls) if "backward" in call.op), len(calls))
    while 0 < start < len(calls) and calls[start - 1].op.split(".")[0] in ("ones_like", "full_like"):
        start -= 1
    resident = {
        i
        for i, b in enumerate(trace.bufs)
        if b.kind == "resident" and b.name.startswith(("param:", "opt:"))
    }
    result = [Phase.FORWARD if i < start else Phase.BACKWARD for i in range(len(calls))]
    feeds_update: set[int] = set()
    for index in range(len(calls) - 1, -1, -1):
        call = calls[index]
        only_for_update = (
            bool(call.new) and feeds_update.issuperset(call.new) and resident & {*call.reads}
        )
        if resident & {*call.mut} or (only_for_update and call.op.split(".")[0] in ("sqrt", "div")):
            result[index] = Phase.UPDATE
            feeds_update.update(s for s in call.reads if s not in resident)
        elif call.mut and feeds_update.issuperset(call.mut) and call.op.startswith(("add_", "div_")):
            result[index] = Phase.UPDATE
    # What is computed from optimizer state alone, such as Adam's denominator, is for the update.
    from_state = {i for i in resident if trace.bufs[i].name.startswith("opt:")}
    for index in range(start, len(calls)):
        reads = {*calls[index].reads}
        # Not "reads <= resident | from_state", which would make that set anew for every op.
        if not reads.isdisjoint(from_state) and (reads - from_state) <= resident:
            result[index] = Phase.UPDATE
            from_state.update(calls[index].new)
    return result


def _modules(trace: _Trace, calls: list[_Call], phases: list[Phase]) -> list[str]:
    """The module whose parameters an op reads or updates; else that of the op before it."""
    result: list[str] = []
    of_storage: dict[int, str] = {}
    current = ""
    for call, phase in zip(calls, phases, strict=True):
        names = [trace.bufs[s].name for s in (*call.reads, *call.mut)]
        own = next((n.removeprefix("param:") for n in names if n.startswith("param:")), "")
        if own:
            current = own.rpartition(".")[0]
        elif phase is Phase.BACKWARD:
            current = next((of_storage[s] for s in call.reads if s in of_storage), current)
        result.append(current)
        if phase is Phase.FORWARD:
            of_storage.update((s, current) for s in call.new)
    return result


def _storages(
    trace: _Trace, calls: list[_Call], phases: list[Phase], modules: list[str]
) -> tuple[Storage, ...]:
    creator: dict[int, int] = {}
    last_phase: dict[int, Phase] = {}
    for index, call in enumerate(calls):
        for storage in call.new:
            creator.setdefault(storage, index)
        for storage in (*call.reads, *call.mut, *call.new):
            last_phase[storage] = phases[index]
    outputs = set(trace.outputs)
    result: list[Storage] = []
    for index, buffer in enumerate(trace.bufs):
        kind, _, rest = buffer.name.partition(":")
        if buffer.kind == "const":
            category, label = Category.CONSTANT, buffer.name
        elif buffer.kind == "resident":
            category, label = _RESIDENT.get(kind, Category.INPUT), rest or buffer.name
        elif index not in creator:
            category, label = Category.TEMPORARY, buffer.name
        else:
            made = creator[index]
            category = storage_category(phases[made], last_phase[index])
            label = storage_label(modules[made], calls[made].op, category)
        result.append(Storage(buffer.size, category, label, output=index in outputs))
    return tuple(result)


def storage_category(made: Phase, last_used: Phase) -> Category:
    """What a storage of the arena is for, from the phases of its creator and its last user."""
    if made is Phase.FORWARD and last_used is not Phase.FORWARD:
        return Category.ACTIVATION
    return Category.GRADIENT if made is Phase.BACKWARD else Category.TEMPORARY


def storage_label(module: str, target: str, category: Category) -> str:
    """For people: ``layer1.0.bn1 · native_batch_norm``, with ∂ before a gradient's module."""
    op = target.split(".")[0].strip("_")
    label = f"{module} · {op}" if module else op
    return f"∂ {label}" if category is Category.GRADIENT else label
