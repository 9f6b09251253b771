"""The least time of any schedule within so many bytes, by exhaustion: the oracle for bounds.

Dijkstra's algorithm over all that a schedule can have done and hold at one time. It shares nothing with
the bounds but what an op costs and may do.
"""

import heapq
from collections.abc import Iterator
from itertools import count
from math import inf
from typing import NamedTuple

from solver.budget.costs import Costs
from solver.repetition import find_repetitions
from solver.step import Step, round_up

Held = tuple[int, int]
"""Storage and version of an instance."""


class _State(NamedTuple):
    done: int
    """Ops that ran, as a bit mask."""
    alive: tuple[Held, ...]
    """Ascending; an instance may be there twice."""
    last_op: int
    last_made: tuple[Held, ...]
    """What the last run created or wrote; a run may be fused to it."""


class LeastTime:
    """Of one step; ``fusing``: repetitions may be fused; ``copies``: a storage that is written in place
    may be there twice with one version."""

    def __init__(self, step: Step, costs: Costs, *, fusing: bool, copies: bool = True) -> None:
        self.step, self.costs, self.fusing, self.copies = step, costs, fusing, copies
        self.may = find_repetitions(step)
        self.sizes = [round_up(storage.size) for storage in step.storages]
        self.planned = [storage.planned for storage in step.storages]
        version = [0] * len(step.storages)
        self.needs: list[dict[int, int]] = []
        for op in step.ops:
            self.needs.append({s: version[s] for s in (*op.reads, *op.writes) if s not in op.creates})
            for storage in {*op.writes, *op.creates}:
                version[storage] += 1
        self.written = {s for op in step.ops for s in op.writes}

    def seconds(self, arena_bytes: int) -> float:
        """inf: no schedule fits."""
        start = _State(0, (), -1, ())
        best = {start: 0.0}
        tie = count()
        queue = [(0.0, next(tie), start)]
        while queue:
            now, _, state = heapq.heappop(queue)
            if now > best[state]:
                continue
            if state.done == (1 << len(self.step.ops)) - 1:
                return now
            for cost, after in self._moves(state, arena_bytes):
                if now + cost < best.get(after, inf):
                    best[after] = now + cost
                    heapq.heappush(queue, (now + cost, next(tie), after))
        return inf

    def _moves(self, state: _State, arena_bytes: int) -> Iterator[tuple[float, _State]]:
        for at, held in enumerate(state.alive):
            if held not in state.alive[:at]:
                yield 0.0, state._replace(alive=(*state.alive[:at], *state.alive[at + 1 :]))
        for op in range(len(self.step.ops)):
            repeated = bool(state.done >> op & 1)
            if repeated and not self.may.may_repeat(op):
                continue
            if not repeated and self._is_out_of_turn(state, op):
                continue
            yield from self._runs(state, op, repeated, False, arena_bytes)
            if repeated and op in self.may.saved:
                yield from self._runs(state, op, repeated, True, arena_bytes)

    def _is_out_of_turn(self, state: _State, op: int) -> bool:
        earlier = [at for at in range(op) if self.step.ops[at].random]
        return self.step.ops[op].random and not all(state.done >> at & 1 for at in earlier)

    def _resident_version(self, state: _State, storage: int) -> int:
        changers = [at for at, op in enumerate(self.step.ops) if storage in (*op.writes, *op.creates)]
        return sum(state.done >> at & 1 for at in changers)

    def _runs(
        self, state: _State, index: int, repeated: bool, saved: bool, arena_bytes: int
    ) -> Iterator[tuple[float, _State]]:
        op = self.step.ops[index]
        uncounted = self.may.uncounted.get(index, frozenset()) if repeated else frozenset()
        needs = {s: v for s, v in self.needs[index].items() if self.planned[s]}
        for storage, version in self.needs[index].items():
            if self.planned[storage] or storage in uncounted:
                continue
            if self._resident_version(state, storage) != version:
                return
        creates = [s for s in op.creates if self.planned[s]]
        if saved:
            creates = [self.may.saved[index].result]
            needs |= dict.fromkeys(self.may.saved[index].statistics, 1)
        if any(held not in state.alive for held in needs.items()):
            return
        made = [(s, 1) for s in creates]
        made += [(s, needs[s] + 1) for s in op.writes if s in needs]
        reuse = self.step.reusable.get(index)
        for taken in (None, *(reuse.operands if reuse is not None else ())):
            alive = [*state.alive]
            if taken is not None:
                alive.remove((taken, needs[taken]))
            alive += [(s, 1) for s in creates]
            if sum(self.sizes[s] for s, _ in alive) > arena_bytes:
                continue
            for storage in op.writes:
                if storage in needs:
                    alive.remove((storage, needs[storage]))
                    alive.append((storage, needs[storage] + 1))
            if any(alive.count(held) > 1 + (self.copies and held[0] in self.written) for held in alive):
                continue
            after = _State(state.done | 1 << index, tuple(sorted(alive)), -1, ())
            if self.fusing:
                after = after._replace(last_op=index, last_made=tuple(sorted(made)))
            cost = float(self.costs.again[index] if saved else self.costs.first[index])
            if repeated and self._is_fused(state, index, taken, needs):
                cost = min(cost, float(self.costs.fused[index]))
            yield cost, after

    def _is_fused(self, state: _State, index: int, taken: int | None, needs: dict[int, int]) -> bool:
        if state.last_op not in self.may.begins:
            return False
        own = {taken} | {s for s in self.step.ops[index].writes if s in needs}
        return any(
            storage in own and needs.get(storage) == version
            for storage, version in state.last_made
            if storage in self.may.joins.get(index, ())
        )
