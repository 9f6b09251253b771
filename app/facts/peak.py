"""The peak: what each module contributes, and what would lower it most. No Qt.

What lowers the peak is reckoned from the plan's live bytes alone: a tensor that no op uses for some
slots around the peak could be away just then, if it were made again or parked. ::

    live   ____/‾‾‾peak‾‾‾\\____          the peak without it is the higher of what remains
    used   o------ idle ------o          of the hump and the highest slot outside
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.facts.modules import storage_modules
from app.facts.plan import PlanFacts, op_place
from app.numbers import human
from app.translation import mark, plural, tr
from solver.plan import IntArray
from solver.step import Category, Phase

CANDIDATES = 64
"""Largest tensors at the peak that are tried."""
SHOWN = 6
"""Tensors that are worth a line."""
UNKNOWN = mark("No module")
ITSELF = mark("itself")


@dataclass(frozen=True, slots=True)
class Share:
    """What a module has in memory at a slot, its children included."""

    path: str
    """Qualified; empty: what belongs to no module."""
    label: str
    size: int
    """Bytes, rounded up to the granule."""
    storages: tuple[int, ...]
    """The largest first."""
    children: tuple["Share", ...]


@dataclass(frozen=True, slots=True)
class Lever:
    """Something that would lower the peak."""

    title: str
    detail: str
    saved: int
    """Bytes that the peak would be lower by; 0: it cannot."""
    storages: tuple[int, ...] = ()
    sure: bool = False
    """Known, not reckoned from live bytes alone."""


def resident_at(facts: PlanFacts, storage: int) -> bool:
    """Whether a storage is on the device over all slots."""
    return facts.step.storages[storage].resident and storage not in facts.plan.homes


def alive_storages(facts: PlanFacts, slot: int) -> list[int]:
    """Everything on the device at ``slot``, residents included, the largest first."""
    residents = [
        index
        for index, storage in enumerate(facts.step.storages)
        if storage.size and resident_at(facts, index)
    ]
    sizes = facts.sizes
    return sorted((*facts.alive_at(slot), *residents), key=lambda s: (-int(sizes[s]), s))


def module_shares(facts: PlanFacts, slot: int) -> tuple[Share, ...]:
    """What the modules have in memory at ``slot``, the most first; they add up to the live bytes."""
    return _shares(facts, alive_storages(facts, slot))


def _shares(facts: PlanFacts, storages: Sequence[int]) -> tuple[Share, ...]:
    modules = storage_modules(facts.step)
    of_path: dict[tuple[str, ...], list[int]] = {}
    for storage in storages:
        path = tuple(modules[storage].split(".")) if modules[storage] else ()
        of_path.setdefault(path, []).append(storage)
    return _below(facts, of_path, ())


def _below(
    facts: PlanFacts, of_path: dict[tuple[str, ...], list[int]], path: tuple[str, ...]
) -> tuple[Share, ...]:
    depth = len(path)
    groups: dict[str, dict[tuple[str, ...], list[int]]] = {}
    for own, storages in of_path.items():
        name = own[depth] if len(own) > depth else ""
        groups.setdefault(name, {})[own] = storages
    result = []
    for name, group in groups.items():
        inner = (*path, name) if name else path
        deeper = any(len(own) > len(inner) for own in group) and bool(name)
        children = _below(facts, group, inner) if deeper else ()
        all_of = [storage for storages in group.values() for storage in storages]
        all_of.sort(key=lambda s: (-int(facts.sizes[s]), s))
        size = int(facts.sizes[all_of].sum())
        label = name or tr(ITSELF if path else UNKNOWN)
        if len(children) == 1 and children[0].path != ".".join(inner):
            # A chain of modules with one child each is one line.
            only = children[0]
            result.append(Share(only.path, f"{label}.{only.label}", size, only.storages, only.children))
            continue
        result.append(Share(".".join(inner), label, size, tuple(all_of), children))
    return tuple(sorted(result, key=lambda share: (-share.size, share.label)))


def levers(facts: PlanFacts) -> tuple[Lever, ...]:
    """What would lower the peak, by what it saves; then what is proven not to lower it."""
    if not facts.slots:
        return ()
    result = [*_addresses(facts), *_order(facts), *_states(facts)]
    idle = _idle(facts)
    modules = [_module_lever(facts, share, idle) for share in _shares(facts, list(idle))]
    tensors = [_tensor_lever(facts, storage, idle[storage]) for storage in list(idle)[:CANDIDATES]]
    by_saved = sorted([m for m in modules if m is not None], key=lambda one: -one.saved)[:SHOWN]
    single = sorted(tensors, key=lambda one: -one.saved)[:SHOWN]
    useful = [one for one in (*result, *by_saved, *single) if one.saved > 0]
    useful.sort(key=lambda one: -one.saved)
    return (*useful, *(one for one in result if not one.saved))


def _addresses(facts: PlanFacts) -> list[Lever]:
    lost = facts.total_bytes - facts.live_peak
    if facts.baseline is not None:
        text = tr("The allocator reserves more than is ever alive at once.")
        return [Lever(tr("Place the tensors by a plan"), text, lost, sure=True)] if lost > 0 else []
    if lost > 0:
        return [
            Lever(
                tr("Better addresses"),
                tr("So much lies unused when the most is alive."),
                lost,
                sure=True,
            )
        ]
    return [
        Lever(
            tr("Better addresses"),
            tr("None: the height is the peak, nothing is lost between."),
            0,
            sure=True,
        )
    ]


def _order(facts: PlanFacts) -> list[Lever]:
    bound, peak = facts.plan.certificate.peak_bound_bytes, facts.plan.peak_bytes
    if facts.baseline is not None or facts.plan.terms is not None or bound <= 0:
        return []
    if bound >= peak:
        return [
            Lever(
                tr("Another order of the ops"),
                tr("None: this peak is proven to be the least."),
                0,
                sure=True,
            )
        ]
    return [
        Lever(
            tr("Another order of the ops"),
            tr("At most, by the bound {}.").format(human(bound)),
            peak - bound,
        )
    ]


def _states(facts: PlanFacts) -> list[Lever]:
    """Optimizer states that no op touches at the peak could wait in host memory."""
    states = [
        index
        for index, storage in enumerate(facts.step.storages)
        if storage.category is Category.OPTIMIZER_STATE and index not in facts.plan.homes
    ]
    busy = set(facts.op_at(facts.peak_slot).touches)
    size = int(facts.sizes[states].sum()) if states else 0
    if not size or busy & set(states):
        return []
    text = tr("Parked, it is on the device only while the update uses it.")
    return [Lever(tr("Optimizer state in host memory"), text, size, tuple(states))]


def _idle(facts: PlanFacts) -> dict[int, tuple[int, int]]:
    """By storage that no op uses at the peak the slots ``[first, last)`` it could be away, the largest
    storage first."""
    peak, result = facts.peak_slot, {}
    for storage in facts.alive_at(peak):
        span = next(s for s in facts.spans(storage) if s.start <= peak < s.end)
        uses = [use.slot for use in (*facts.producers(storage), *facts.consumers(storage))]
        before = [slot for slot in uses if span.start <= slot <= peak]
        first = max(before, default=span.start)
        if first < peak and peak not in before:
            after = [slot for slot in uses if peak < slot < span.end]
            result[storage] = (first + 1, min(after, default=span.end))
    return result


def _saved(facts: PlanFacts, away: Iterable[tuple[int, int, int]]) -> int:
    """How much lower the peak is without ``(first, last, bytes)``."""
    less: IntArray = np.zeros(facts.slots + 1, np.int64)
    for first, last, size in away:
        less[first] += size
        less[last] -= size
    return max(facts.live_peak - int((facts.profile - np.cumsum(less)[:-1]).max()), 0)


def _module_lever(facts: PlanFacts, share: Share, idle: dict[int, tuple[int, int]]) -> Lever | None:
    if not share.path or len(share.storages) < 2:
        return None
    saved = _saved(facts, [(*idle[s], int(facts.sizes[s])) for s in share.storages])
    count = plural("{} tensor", "{} tensors", len(share.storages))
    return Lever(
        tr("Recompute or park {}").format(share.path),
        tr("{} that no op uses then, {}.").format(count, human(share.size)),
        saved,
        share.storages,
    )


def _tensor_lever(facts: PlanFacts, storage: int, away: tuple[int, int]) -> Lever:
    first, last = away
    size = int(facts.sizes[storage])
    producers = facts.producers(storage)
    maker = facts.step.ops[producers[0].op] if producers else None
    said = tr("Recompute {}")
    if maker is None or maker.random or maker.phase is not Phase.FORWARD:
        said = tr("Park {}")
    detail = tr("{}, idle from op {} to op {}.").format(human(size), first, last - 1)
    if last < facts.slots:
        then = op_place(facts.op_at(last))
        detail = tr("{}, idle from op {} to op {}, then {}.").format(human(size), first, last - 1, then)
    return Lever(
        said.format(facts.step.storages[storage].name),
        detail,
        _saved(facts, [(first, last, size)]),
        (storage,),
    )
