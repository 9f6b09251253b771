"""CP-SAT on a window: the ops of some consecutive slots in the best order, all others as they are.

Each op has a slot of the window, each storage is an interval from its creator's slot to after its
last user's, and a cumulative constraint keeps the sum of the sizes below the peak that is minimised.
A window over the whole order is the whole problem, and its bound is one for the step; that is for
small steps (up to about 250 ops).
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.cp_solver import cp_solver
from solver.ordering.problem import Graph
from solver.ordering.profile import profile
from solver.plan import IntArray
from solver.watch import INTERVAL, Watch


@dataclass(frozen=True)
class WindowResult:
    """What CP-SAT found for a window."""

    order: IntArray
    """The whole order, the window's ops in a new one if that is better."""
    bound: int
    """Granules that no order of the window's ops can go below, within it."""


class Windows:
    """Solves windows of orders of one graph, one after the other, until the watch stops it."""

    def __init__(self, graph: Graph, watch: Watch, seed: int) -> None:
        self.graph, self.watch, self.seed = graph, watch, seed

    def solve(self, order: IntArray, start: int, end: int, bound: int, effort: float) -> WindowResult:
        """The best order of the ops in slots ``[start, end)``; ``bound`` granules are known to be
        needed. ``effort`` is CP-SAT's deterministic time, about a second each.

        Works in a thread of its own and does not wait for it when the watch stops: CP-SAT can take
        some tenths of a second to notice.
        """
        task = _Task(self.graph, order, start, end, bound, effort, self.seed, self.watch.left)
        task.start()
        while task.is_alive():
            task.join(INTERVAL)
            if self.watch.stopped:
                task.stop()
                break
        if task.error is not None:
            raise task.error
        return task.result


class _Task(threading.Thread):
    """One window's model and its solve; ``result`` changes once, at the end."""

    def __init__(
        self,
        graph: Graph,
        order: IntArray,
        start: int,
        end: int,
        bound: int,
        effort: float,
        seed: int,
        seconds: float,
    ) -> None:
        # No daemon: an interpreter that ends under CP-SAT's feet aborts the process.
        super().__init__(name="CP-SAT window", daemon=False)
        self.graph, self.order, self.window, self.bound = graph, order, (start, end), bound
        self.effort, self.seed, self.seconds = effort, seed, seconds
        self.result = WindowResult(order, bound)
        self.error: BaseException | None = None
        self._solver: Any = None
        self._stopped = False

    def run(self) -> None:
        """Solve; what goes wrong is kept for the thread that waits."""
        try:
            self.result = self._solve()
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        """End the solve soon; returns at once."""
        self._stopped = True
        threading.Thread(target=self._stop_until_heard, name="CP-SAT window, stopping").start()

    def _stop_until_heard(self) -> None:
        # A search that has not begun yet has nothing to stop.
        while self.is_alive():
            if self._solver is not None:
                self._solver.stop_search()
            self.join(INTERVAL)

    def _solve(self) -> WindowResult:
        """Build the model and solve it."""
        # Imported here: it takes half a second, and few steps need it.
        from ortools.sat.python import cp_model

        graph, order, bound, (start, end) = self.graph, self.order, self.bound, self.window
        model = cp_model.CpModel()
        ops = [int(op) for op in order[start:end]]
        number = {op: index for index, op in enumerate(ops)}
        count = len(ops)
        peak = int(profile(graph, order)[start:end].max())
        before, reduced = _precedences(graph, ops, number)
        after_count = [0] * count
        for index in range(count):
            for earlier in _bits(before[index]):
                after_count[earlier] += 1
        slots = [
            model.new_int_var(before[i].bit_count(), count - 1 - after_count[i], f"slot {i}")
            for i in range(count)
        ]
        model.add_all_different(slots)
        for index, earlier_ones in enumerate(reduced):
            for earlier in earlier_ones:
                model.add(slots[earlier] < slots[index])
            model.add_hint(slots[index], index)
        unit, rooms = self._rooms(order, start, end, number)
        base = 0
        intervals, demands = [], []
        for size, creator, users, outlives in rooms:
            if creator < 0 and outlives:
                base += size
                continue
            first: Any = slots[creator] if creator >= 0 else 0
            # Only users that no other user waits for can be the last.
            last = [u for u in users if not any(before[w] >> u & 1 for w in users)]
            if outlives:
                until: Any = count
            elif len(last) == 1:
                until = slots[last[0]] + 1
            else:
                until = model.new_int_var(1, count, "end")
                model.add_max_equality(until, [slots[u] + 1 for u in last])
            length = model.new_int_var(1, count, "length")
            intervals.append(model.new_interval_var(first, length, until, "alive"))
            demands.append(size)
        height = model.new_int_var(-(-bound // unit), peak // unit, "peak")
        model.add_cumulative(intervals, demands, height - base)
        model.minimize(height)
        solver = cp_solver(self.effort, max(0.01, self.seconds))
        solver.parameters.random_seed = self.seed
        self._solver = solver
        status = cp_model.UNKNOWN if self._stopped else solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return WindowResult(order, bound)
        proven = max(bound, min(peak, int(np.ceil(solver.best_objective_bound - 1e-6)) * unit))
        if round(solver.objective_value) * unit >= peak:
            return WindowResult(order, proven)
        found = order.copy()
        found[start:end] = sorted(ops, key=lambda op: solver.value(slots[number[op]]))
        return WindowResult(found, proven)

    def _rooms(
        self, order: IntArray, start: int, end: int, number: dict[int, int]
    ) -> tuple[int, list[tuple[int, int, list[int], bool]]]:
        """The storages that are alive in the window: size in units, creator in the window or -1,
        users in it, whether it is used after it; and the unit in granules."""
        graph = self.graph
        slot_of = np.empty(graph.ops, np.int64)
        slot_of[order] = np.arange(graph.ops)
        rooms: list[tuple[int, int, list[int], bool]] = []
        for storage, size in enumerate(graph.sizes):
            users = graph.users[graph.users_at[storage] : graph.users_at[storage + 1]]
            used_at = slot_of[users]
            if used_at.min() >= end or used_at.max() < start:
                continue
            inside = [number[int(u)] for u in users if int(u) in number]
            creator = number.get(int(graph.creator[storage]), -1)
            rooms.append((int(size), creator, inside, bool(used_at.max() >= end)))
        unit = int(np.gcd.reduce([room[0] for room in rooms])) if rooms else 1
        return unit, [
            (size // unit, creator, users, outlives) for size, creator, users, outlives in rooms
        ]


def _precedences(
    graph: Graph, ops: list[int], number: dict[int, int]
) -> tuple[list[int], list[list[int]]]:
    """For each op of a window, in an order that is valid, the set (bits) of those before it in the
    window, and those right before it."""
    before: list[int] = []
    reduced: list[list[int]] = []
    for op in ops:
        row = graph.predecessors[graph.predecessors_at[op] : graph.predecessors_at[op + 1]]
        direct = sorted({number[int(p)] for p in row if int(p) in number})
        implied = 0
        for earlier in direct:
            implied |= before[earlier]
        reduced.append([earlier for earlier in direct if not implied >> earlier & 1])
        for earlier in direct:
            implied |= 1 << earlier
        before.append(implied)
    return before, reduced


def _bits(mask: int) -> list[int]:
    """Positions of the ones of ``mask``."""
    return [index for index in range(mask.bit_length()) if mask >> index & 1]
