"""Pins as constraints on the order of ops: the edges, the clashes, and an order that keeps them all.

Whether pins can be kept at all is decided here, exactly: order pins and dependencies must close no
cycle, and some choice of who is gone first must keep apart what is pinned onto each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solver.clashes import Clashes, Edge, find_clashes, nearest_order
from solver.errors import BayplanError
from solver.pins import At, Pins, edges_of
from solver.step import Step

MAX_CHOICES = 10_000
"""Of who is gone first; the pins are given up as too entangled after as many."""


@dataclass(frozen=True)
class PinnedOrder:
    """What the pins ask of an order, and one that has it."""

    order: tuple[int, ...]
    """Keeps all pins, near program order."""
    edges: tuple[Edge, ...]
    """Of the order pins; they join the dependencies."""
    clashes: Clashes


def pinned_order(step: Step, pins: Pins) -> PinnedOrder | None:
    """The pins as constraints; None where no order of the ops keeps them all.

    The pins must be possible one by one (``solver.pins.require_possible``). Raises BayplanError when
    so many storages are pinned onto each other that it cannot be decided.
    """
    places = {(pin.storage, pin.address) for pin in pins if isinstance(pin, At)}
    if len(places) > len({storage for storage, _ in places}):
        return None  # One storage at two addresses.
    edges = [edge for pin in pins for edge in edges_of(step, pin)]
    order = nearest_order(step, edges)
    if order is None:
        return None
    clashes = find_clashes(step, pins)
    if clashes.broken(order) is not None:
        order = _apart(clashes, edges, order)
        if order is None:
            return None
    return PinnedOrder(tuple(order), tuple(edges), clashes)


def _apart(clashes: Clashes, edges: Sequence[Edge], near: Sequence[int]) -> list[int] | None:
    """An order with these edges that keeps all clashes apart; None where there is none.

    Depth first; of two that can go first, program order's first is tried first.
    """
    rank = [0] * len(near)
    for slot, op in enumerate(near):
        rank[op] = slot
    pending = [list(edges)]
    for _ in range(MAX_CHOICES):
        if not pending:
            return None
        settled = clashes.settle(pending.pop())
        if settled is None:
            continue
        known, still_open = settled
        order = clashes.schedule(known, rank)
        if order is not None:
            return order
        one, other = still_open[0]
        pending.append([*known, *clashes.edges(other, one)])
        pending.append([*known, *clashes.edges(one, other)])
    raise BayplanError(
        f"{len(clashes.pairs):,} pairs of storages are pinned onto each other, too many to say whether "
        "some order keeps them apart. Pin fewer addresses, or addresses that overlap less."
    )
