"""What copies to and from the host take, for the bound from a moment (``solver.budget.moments``)."""

from collections.abc import Iterable
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from solver.budget.freedom import Freedom

_GRID = 40
"""On either side of the moment, the ops up to which copies are summed, at most."""


def constrain_copies(
    model: Any,
    freedom: Freedom,
    moment: int,
    parked: dict[int, Any],
    before: Any,
    after: Any,
    away: Any,
) -> None:
    """One engine copies all that is parked at the first run of the op ``moment``.

    ``parked``: by version, whether it is; ``before`` and ``after``: units of extra time on either side;
    ``away``: units of states in host memory that move within the step.
    """
    history = freedom.history
    early, late = history.before[moment] | 1 << moment, history.after[moment]
    ticks = {version: freedom.copy_ticks(version) for version in parked}
    first = np.array(freedom.costs.first)
    everything = float(first.sum()) + freedom.added_seconds

    def fit(versions: list[int], seconds: float, extra: Any) -> None:
        """Copies of these fit into so much time and the extra."""
        moved = sum(ticks[version] * parked[version] for version in versions)
        model.add(moved <= ceil(seconds / freedom.tick) + extra + 1)

    makers = {history.maker[version] for version in parked}
    for op in _spread(op for op in makers if early >> op & 1):
        between = everything - _sum(first, history.before[op] | 1 << op | late | 1 << moment)
        behind = [
            v for v in ticks if (history.before[history.maker[v]] | 1 << history.maker[v]) >> op & 1
        ]
        fit(behind, between, before)
    users = {user for version in ticks for user in history.users[version]}
    needed = {v: sum(1 << u for u in history.users[v] if late >> u & 1) for v in ticks}
    for op in _spread(op for op in users if late >> op & 1):
        between = everything - _sum(first, early | history.after[op] | 1 << op)
        reached = history.before[op] | 1 << op
        fit([v for v in ticks if needed[v] & reached], between, after)
    fit(list(ticks), everything - _sum(first, early), after)
    moved = sum(2 * ticks[version] * parked[version] for version in ticks)
    per_unit = int(2 * freedom.unit / freedom.host_bytes_per_second / freedom.tick)
    model.add(moved + per_unit * away <= ceil(everything / freedom.tick) + before + after)


def _spread(ops: Iterable[int]) -> list[int]:
    """At most ``_GRID`` of them, evenly, with the first and the last."""
    every = sorted(ops)
    if len(every) <= _GRID:
        return every
    return [every[round(at * (len(every) - 1) / (_GRID - 1))] for at in range(_GRID)]


def _sum(seconds: npt.NDArray[np.float64], ops: int) -> float:
    """Of a set of ops."""
    packed = np.frombuffer(ops.to_bytes((len(seconds) + 7) // 8, "little"), np.uint8)
    return float(seconds[np.unpackbits(packed, count=len(seconds), bitorder="little") == 1].sum())
