"""Exact search over downsets: is there an order in which never more than ``limit`` is alive?

A state is a set of ops that have run, a downset D; f(D) is what is alive after it. States are taken
by the number of their ops, so equal ones meet, and one whose next op would go above the limit is not
continued. f is submodular on downsets, also in between (an op begun and not ended), and that gives
two rules which leave few states of most graphs:

    at once   An op that leaves no more alive than before and fits is run, and nothing else is tried.
              Whatever order would run it later is as good with it here: others free no less.
    valley    Of all sets between A and a state B that was reached from it, let X have the least f.
              If f(X) <= f(A), every order from A can go through X; all other states are forgotten.
              (Orders of the rest, each set united with X, have no more alive; the way from A to X is
              that to B without the ops outside X.)

After Coudert, Mazauric, Nisse: Experimental evaluation of a branch-and-bound algorithm for computing
pathwidth and directed pathwidth, JEA 2016, where the first rule is used on vertex orders.

With a ``width``, only so many states of each size are kept, those with the least alive: a beam, which
finds orders and proves nothing.

Searching from the last op to the first is the same problem, and often the one with far fewer states.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel
from solver.ordering.cut import minimum_cut
from solver.ordering.problem import Graph
from solver.plan import IntArray

FOUND, NONE_EXISTS, GAVE_UP = 0, 1, 2
"""An order was found; there is none within the limit; too many states, a beam, or stopped."""

_WORD = 64
_NO_LIMIT = 1 << 60
_MOST_BYTES = 256 << 20
"""Of all states together."""
_DE_BRUIJN = 0x03F79D71B4CB0A89
_BITS = (
    np.array([(_DE_BRUIJN << i & (1 << 64) - 1) >> 58 for i in range(64)]).argsort().astype(np.int64)
)
"""Position of a lone bit by the top six bits of its product with the de Bruijn number."""


class _States(NamedTuple):
    """Rows of states; those made since the last valley."""

    done: npt.NDArray[np.uint64]
    ready: npt.NDArray[np.uint64]
    key: npt.NDArray[np.uint64]
    live: IntArray
    parent: npt.NDArray[np.int32]
    op: npt.NDArray[np.int32]
    size: npt.NDArray[np.int32]
    following: npt.NDArray[np.int32]
    """Next state of the same size, -1 at the end."""
    table: npt.NDArray[np.int32]
    """Open hash table of states, -1 where empty; its length is a power of two."""


def _make_states(ops: int, count: int) -> _States:
    words = -(-ops // _WORD)
    table = 4
    while table < 2 * count:
        table *= 2
    return _States(
        np.zeros((count, words), np.uint64),
        np.zeros((count, words), np.uint64),
        np.zeros(count, np.uint64),
        np.zeros(count, np.int64),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.zeros(count, np.int32),
        np.full(table, -1, np.int32),
    )


@inner_kernel
def _has(bits: npt.NDArray[np.uint64], op: int) -> bool:
    return bool((bits[op >> 6] >> np.uint64(op & 63)) & np.uint64(1))


@inner_kernel
def _flip(bits: npt.NDArray[np.uint64], op: int) -> None:
    bits[op >> 6] ^= np.uint64(1) << np.uint64(op & 63)


@inner_kernel
def _copy(source: npt.NDArray[np.uint64], into: npt.NDArray[np.uint64]) -> None:
    """``into[:] = source``, which takes seconds to compile: it can raise an error with a text."""
    for word in range(len(source)):
        into[word] = source[word]


@inner_kernel
def _change(graph: Graph, done: npt.NDArray[np.uint64], op: int) -> tuple[int, int]:
    """Granules that ``op`` would allocate and free after ``done``."""
    allocated = freed = 0
    for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
        storage = graph.touches[k]
        begun = False
        ends = True
        for u in range(graph.users_at[storage], graph.users_at[storage + 1]):
            user = graph.users[u]
            if user != op:
                if _has(done, user):
                    begun = True
                else:
                    ends = False
        if not begun:
            allocated += graph.sizes[storage]
        if ends:
            freed += graph.sizes[storage]
    return allocated, freed


@inner_kernel
def _run(
    graph: Graph,
    done: npt.NDArray[np.uint64],
    ready: npt.NDArray[np.uint64],
    op: int,
) -> None:
    """Mark ``op`` as run and what waited for it alone as ready."""
    _flip(done, op)
    _flip(ready, op)
    for k in range(graph.successors_at[op], graph.successors_at[op + 1]):
        after = graph.successors[k]
        waits = _has(ready, after)
        for p in range(graph.predecessors_at[after], graph.predecessors_at[after + 1]):
            before = graph.predecessors[p]
            if not _has(done, before):
                waits = True
                break
        if not waits:
            _flip(ready, after)


@inner_kernel
def _run_at_once(
    graph: Graph,
    keys: npt.NDArray[np.uint64],
    bits: IntArray,
    limit: int,
    done: npt.NDArray[np.uint64],
    ready: npt.NDArray[np.uint64],
    live: int,
    key: np.uint64,
    trail: IntArray,
    count: int,
) -> tuple[int, np.uint64, int]:
    """Run whatever may run at once; ``trail`` gets the ops. Returns live granules, key and count."""
    again = True
    while again:
        again = False
        for word in range(len(ready)):
            left = ready[word]
            while left:
                low = left & (~left + np.uint64(1))
                left ^= low
                op = word * 64 + bits[(low * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                allocated, freed = _change(graph, done, op)
                if allocated == 0 or (allocated <= freed and live + allocated <= limit):
                    _run(graph, done, ready, op)
                    live += allocated - freed
                    key ^= keys[op]
                    trail[count] = op
                    count += 1
                    again = True
                    left &= ready[word]
    return live, key, count


@inner_kernel
def _clear(states: _States, count: int) -> None:
    """Empty the hash table."""
    mask = np.uint64(len(states.table) - 1)
    for state in range(count):
        slot = states.key[state] & mask
        while states.table[slot] >= 0:
            states.table[slot] = -1
            slot = (slot + np.uint64(1)) & mask


@inner_kernel
def _insert(states: _States, state: int) -> bool:
    """Enter a state into the hash table; False where an equal one is there."""
    mask = np.uint64(len(states.table) - 1)
    slot = states.key[state] & mask
    while states.table[slot] >= 0:
        other = states.table[slot]
        if states.key[other] == states.key[state]:
            same = True
            for word in range(states.done.shape[1]):
                if states.done[other, word] != states.done[state, word]:
                    same = False
                    break
            if same:
                return False
        slot = (slot + np.uint64(1)) & mask
    states.table[slot] = state
    return True


@inner_kernel
def _trail_to(
    graph: Graph,
    keys: npt.NDArray[np.uint64],
    bits: IntArray,
    limit: int,
    states: _States,
    state: int,
    trail: IntArray,
) -> int:
    """Write the ops from the base, state 0, to ``state`` to ``trail``; returns how many."""
    path = np.empty(states.size[state] - states.size[0] + 1, np.int64)
    steps = 0
    while state != 0:
        path[steps] = states.op[state]
        steps += 1
        state = states.parent[state]
    count = 0
    done, ready = states.done[0].copy(), states.ready[0].copy()
    live, key = states.live[0], states.key[0]
    for step in range(steps - 1, -1, -1):
        op = path[step]
        allocated, freed = _change(graph, done, op)
        _run(graph, done, ready, op)
        live += allocated - freed
        trail[count] = op
        count += 1
        live, key, count = _run_at_once(graph, keys, bits, limit, done, ready, live, key, trail, count)
    return count


@inner_kernel
def _quantile(values: IntArray, count: int, rank: int) -> int:
    """The value that ``rank`` of the first ``count`` are below; reorders them (Hoare's select)."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return int(values[rank])


@kernel
def explore(
    graph: Graph,
    backwards: bool,
    forwards: Graph,
    keys: npt.NDArray[np.uint64],
    bits: IntArray,
    states: _States,
    capacity: int,
    limit: int,
    width: int,
    flag: npt.NDArray[np.uint8],
) -> tuple[int, IntArray, int, int]:
    """Look for an order with at most ``limit`` granules alive.

    ``graph`` is ``forwards``, or where ``backwards`` that reversed: searched from the other end.
    Returns FOUND, NONE_EXISTS or GAVE_UP; the order; the least that an op would have had alive of
    those that were not run because of the limit: with NONE_EXISTS every order has at least that much
    alive, and a beam with a lower limit than that does no better; and states made. There are at most
    ``capacity`` states at a time.
    """
    ops = len(graph.predecessors_at) - 1
    words = states.done.shape[1]
    order = np.empty(ops, np.int64)
    trail = np.empty(ops + 1, np.int64)
    heads = np.full(ops + 1, -1, np.int32)
    values = np.empty(max(1, capacity), np.int64)
    goal = ops
    made = 0
    least = least_ever = _NO_LIMIT
    truncated = False
    done, ready = np.zeros(words, np.uint64), np.zeros(words, np.uint64)
    for op in range(ops):
        if graph.predecessors_at[op + 1] == graph.predecessors_at[op]:
            _flip(ready, op)
    live, key, total = _run_at_once(graph, keys, bits, limit, done, ready, 0, np.uint64(0), order, 0)
    while total < goal:
        # A new base: state 0.
        _copy(done, states.done[0])
        _copy(ready, states.ready[0])
        states.live[0], states.key[0], states.size[0], states.following[0] = live, key, total, -1
        heads[:] = -1
        heads[total] = 0
        used = 1
        # What an earlier base did not run proves nothing: every order can go through this one.
        least_ever = min(least_ever, least)
        least = _NO_LIMIT
        _insert(states, 0)
        valley = -1
        for size in range(total, goal):
            if valley >= 0 or flag[0]:
                break
            state = heads[size]
            cutoff = _NO_LIMIT
            if width > 0 and state >= 0:
                count = 0
                while state >= 0:
                    values[count] = states.live[state]
                    count += 1
                    state = states.following[state]
                if count > width:
                    cutoff = _quantile(values, count, width)
                    truncated = True
                state = heads[size]
            while state >= 0 and valley < 0 and not flag[0]:
                if states.live[state] >= cutoff:
                    state = states.following[state]
                    continue
                for word in range(words):
                    left = states.ready[state, word]
                    while left and valley < 0:
                        low = left & (~left + np.uint64(1))
                        left ^= low
                        op = word * 64 + bits[(low * np.uint64(_DE_BRUIJN)) >> np.uint64(58)]
                        allocated, freed = _change(graph, states.done[state], op)
                        if states.live[state] + allocated > limit:
                            least = min(least, states.live[state] + allocated)
                            continue
                        if used == capacity:
                            _clear(states, used)
                            return GAVE_UP, order, least, made + used
                        _copy(states.done[state], states.done[used])
                        _copy(states.ready[state], states.ready[used])
                        _run(graph, states.done[used], states.ready[used], op)
                        after, name, ran = _run_at_once(
                            graph,
                            keys,
                            bits,
                            limit,
                            states.done[used],
                            states.ready[used],
                            states.live[state] + allocated - freed,
                            states.key[state] ^ keys[op],
                            trail,
                            0,
                        )
                        states.live[used], states.key[used] = after, name
                        if not _insert(states, used):
                            continue
                        states.parent[used], states.op[used] = state, op
                        states.size[used] = states.size[state] + 1 + ran
                        states.following[used] = heads[states.size[used]]
                        heads[states.size[used]] = used
                        if after <= live or states.size[used] == goal:
                            valley = used
                        used += 1
                state = states.following[state]
        made += used
        if valley < 0:
            _clear(states, used)
            if flag[0] or truncated:
                return GAVE_UP, order, min(least, least_ever), made
            return NONE_EXISTS, order, least, made
        count = _trail_to(graph, keys, bits, limit, states, valley, trail)
        if states.size[valley] < goal:
            before, later = np.zeros(ops, np.bool_), np.zeros(ops, np.bool_)
            for op in range(ops):
                before[op] = _has(states.done[0], op)
                later[op] = not _has(states.done[valley], op)
            if backwards:
                value, rest = minimum_cut(forwards, -1, later, before, flag)
                downset = ~rest
            else:
                value, downset = minimum_cut(forwards, -1, before, later, flag)
            if flag[0]:
                _clear(states, used)
                return GAVE_UP, order, least, made
            if value < states.live[valley]:
                kept = 0
                for i in range(count):
                    if downset[trail[i]]:
                        trail[kept] = trail[i]
                        kept += 1
                count = kept
        _clear(states, used)
        for i in range(count):
            op = trail[i]
            allocated, freed = _change(graph, done, op)
            _run(graph, done, ready, op)
            live += allocated - freed
            key ^= keys[op]
            order[total] = op
            total += 1
        live, key, total = _run_at_once(graph, keys, bits, limit, done, ready, live, key, order, total)
    return FOUND, order[:total], least, made


@dataclass(frozen=True)
class Outcome:
    """What one search found."""

    status: int
    """FOUND, NONE_EXISTS or GAVE_UP."""
    order: IntArray
    """Of all ops, within the limit; means nothing unless FOUND."""
    bound: int
    """With NONE_EXISTS granules that every order has alive at some time; with a beam that ended
    without an order the least limit that may help."""


class Downsets:
    """Searches of one graph; the arrays for their states are kept between them."""

    def __init__(self, graph: Graph, flag: npt.NDArray[np.uint8]) -> None:
        self.graph, self._flag = graph, flag
        self._keys = np.random.default_rng(0).integers(1, 1 << 63, graph.ops).astype(np.uint64)
        self._states: _States | None = None

    def look(self, limit: int, states: int, *, width: int = 0, backwards: bool) -> Outcome:
        """Look for an order with at most ``limit`` granules alive, with at most ``states`` at a time.

        With a ``width`` it is a beam search and never finds out that there is none.
        """
        states = min(states, _MOST_BYTES // (16 * -(-self.graph.ops // _WORD) + 48))
        if self._states is None or len(self._states.live) < states:
            self._states = _make_states(self.graph.ops, states)
        graph = self.graph.reversed() if backwards else self.graph
        status, order, bound, _ = explore(
            graph,
            backwards,
            self.graph,
            self._keys,
            _BITS,
            self._states,
            states,
            limit,
            width,
            self._flag,
        )
        return Outcome(int(status), order[::-1].copy() if backwards else order, int(bound))
