"""Phases, modules and blocks of an order as bands over the slots; no Qt.

::

    slot      0 1 2 3 4 5 6 7 8 9
    phases    [ Forward ][Backward, updates interleaved]
    updates             -   - -
    added                  -
    modules   [stem][layer1][ layer1 ][stem]
    blocks    [    ][0 ][1 ][ 1 ][ 0 ][    ]
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from app.facts.stays import repetitions
from app.translation import mark, tr
from solver.step import Category, Phase, Step

DOMINANT = 0.6
"""A module that holds more than this share of the ops says little as a band; its children do."""

FORWARD, BACKWARD, UPDATE = mark("Forward"), mark("Backward"), mark("Update")
INTERLEAVED = mark("Backward, updates interleaved")


@dataclass(frozen=True, slots=True)
class Band:
    """Slots ``[start, end)`` under one name, which may be empty."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Bands:
    """All bands of one order. Phases, modules and blocks each partition the slots."""

    phases: tuple[Band, ...]
    updates: tuple[Band, ...]
    """Runs of update ops, wherever they are."""
    modules: tuple[Band, ...]
    blocks: tuple[Band, ...]
    added: tuple[Band, ...] = ()
    """Runs of repetitions: ops that ran before."""


NO_BANDS = Bands((), (), (), ())
"""Of what has no ops."""


def make_bands(step: Step, order: Sequence[int]) -> Bands:
    """The bands of the step's ops run in ``order``."""
    phase_of = [step.ops[op].phase for op in order]
    updates = _runs(["u" if phase is Phase.UPDATE else "" for phase in phase_of])
    phases = _phases(phase_of)
    levels = module_levels(step)
    tail = phases[-1].start if phases and phases[-1].name == UPDATE else len(phase_of)
    paths: list[tuple[str, str]] = []
    last = ("", "")
    for slot, op in enumerate(order[:tail]):
        if phase_of[slot] is not Phase.UPDATE:
            last = levels(step.ops[op].module)
        paths.append(last)
    modules = list(_runs([module for module, _ in paths]))
    blocks = [
        Band(b.start, b.end, b.name.partition("\n")[2]) for b in _runs(["\n".join(p) for p in paths])
    ]
    if tail < len(phase_of):
        written = {s for op in order[tail:] for s in step.ops[op].writes}
        count = sum(step.storages[s].category is Category.PARAMETER for s in written)
        modules.append(Band(tail, len(phase_of), tr("{} parameters").format(count) if count else ""))
        blocks.append(Band(tail, len(phase_of), ""))
    return Bands(
        phases=phases,
        updates=tuple(band for band in updates if band.name),
        modules=tuple(modules),
        blocks=tuple(blocks),
        added=_neighbours(repetitions(order)),
    )


def _runs(names: Sequence[str]) -> tuple[Band, ...]:
    """Bands of equal neighbours."""
    result: list[Band] = []
    start = 0
    for slot in range(1, len(names) + 1):
        if slot == len(names) or names[slot] != names[start]:
            result.append(Band(start, slot, names[start]))
            start = slot
    return tuple(result)


def _neighbours(slots: Sequence[int]) -> tuple[Band, ...]:
    """Bands of ascending slots that follow one another."""
    result: list[Band] = []
    for slot in slots:
        start = result.pop().start if result and result[-1].end == slot else slot
        result.append(Band(start, slot + 1, ""))
    return tuple(result)


def _phases(phase_of: Sequence[Phase]) -> tuple[Band, ...]:
    """Forward up to the first backward op, backward up to the last, updates after it.

    Updates that run before the last backward op are interleaved; the few that then remain at the
    end are no phase of their own.
    """
    count = len(phase_of)
    backward = [slot for slot, phase in enumerate(phase_of) if phase is Phase.BACKWARD]
    if not backward:
        update = next((s for s, phase in enumerate(phase_of) if phase is Phase.UPDATE), count)
        edges = [(0, update, FORWARD), (update, count, UPDATE)]
    else:
        first, last = backward[0], backward[-1] + 1
        updates = [slot for slot, phase in enumerate(phase_of) if phase is Phase.UPDATE]
        interleaved = sum(slot < last for slot in updates)
        if interleaved and 2 * interleaved >= len(updates):
            last = count
        name = INTERLEAVED if interleaved else BACKWARD
        edges = [(0, first, FORWARD), (first, last, name), (last, count, UPDATE)]
    return tuple(Band(start, end, name) for start, end, name in edges if end > start)


def module_levels(step: Step) -> Callable[[str], tuple[str, str]]:
    """A function from a module path to the names of its module and block bands.

    Usually these are the first two names of the path. A prefix under which most of the step lies
    (``bert.encoder.layer``) is opened: its children become the modules, called ``layer.0``.
    """
    total = max(len(step.ops), 1)
    shares: Counter[str] = Counter()
    for path, ops in Counter(op.module for op in step.ops).items():
        parts = path.split(".") if path else []
        for length in range(1, len(parts) + 1):
            shares[".".join(parts[:length])] += ops
    opened = {prefix for prefix, count in shares.items() if count > DOMINANT * total}

    @cache
    def levels(path: str) -> tuple[str, str]:
        parts = path.split(".") if path else []
        depth = 0
        while depth < len(parts) - 1 and ".".join(parts[: depth + 1]) in opened:
            depth += 1
        name = parts[depth] if depth < len(parts) else ""
        if name.isdigit() and depth:
            name = f"{parts[depth - 1]}.{name}"
        return name, parts[depth + 1] if depth + 1 < len(parts) else ""

    return levels


def block_tints(step: Step) -> list[int]:
    """0 or 1 for every op: neighbouring blocks of the model take turns.

    A block is the path up to its first number (``layer1.0``, ``transformer.h.3``), else the path
    to its second name; blocks are numbered in program order of their first op.
    """
    numbers: dict[str, int] = {}
    tints: dict[str, int] = {}
    for path in dict.fromkeys(op.module for op in step.ops):
        parts = path.split(".")
        length = next((i + 1 for i, part in enumerate(parts) if part.isdigit()), 2)
        block = ".".join(parts[:length])
        tints[path] = numbers.setdefault(block, len(numbers)) % 2
    return [tints[op.module] for op in step.ops]
