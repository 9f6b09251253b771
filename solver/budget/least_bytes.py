"""Bytes that every schedule needs at some moment, however much it repeats and parks.

An op needs what it touches. And when what an op finds was made, the last of it was made by an op beside
all the rest::

    the last of what v finds to be made is x, by w:      w runs         v runs
                                                      touches(w)        x
                                                      the others of v   the others of v

Whichever of them is the last: the least over all of them is needed. Where things may come back from the
host, the last may arrive otherwise, and only what an op touches is needed.
"""

from collections.abc import Collection, Iterator

from solver.budget.history import History


def least_bytes(history: History, *, offload: bool, touched: Collection[int] = ()) -> int:
    """Of the arena, in any schedule; ``touched`` ops may run otherwise than captured."""
    return max(_needed(history, offload, frozenset(touched)), default=0)


def _needed(history: History, offload: bool, touched: frozenset[int]) -> Iterator[int]:
    step, sizes = history.step, history.step.rounded_sizes.tolist()
    for op in range(len(step.ops)):
        needs = history.needs[op]
        if op in touched:
            continue
        yield alone_bytes(history, op, frozenset())
        makers = {history.maker[version] for version in needs}
        if offload or not needs or touched.intersection(makers):
            continue
        lasts = []
        for last in needs:
            maker = history.maker[last]
            others = {history.storage_of[version] for version in needs if version != last}
            there = {history.storage_of[v] for v in (*history.needs[maker], *history.makes[maker])}
            beside = sum(sizes[storage] for storage in others - there)
            lasts.append(alone_bytes(history, maker, frozenset(others)) + beside)
        yield min(lasts)


def alone_bytes(history: History, op: int, kept: frozenset[int]) -> int:
    """What any run of the op touches, with a takeover of what need not be ``kept``, and from saved
    statistics where it has them."""
    step, sizes = history.step, history.step.rounded_sizes
    makes = {history.storage_of[version] for version in history.makes[op]}
    saved = history.repetitions.saved.get(op)
    if saved is not None:
        makes = {saved.result}
    storages = makes | {history.storage_of[version] for version in history.needs[op]}
    reuse = step.reusable.get(op)
    spared = 0
    if reuse is not None and not kept.issuperset(reuse.operands):
        spared = int(sizes[reuse.created])
    return sum(int(sizes[storage]) for storage in storages) - spared
