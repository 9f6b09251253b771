"""The depth-first search over placements, compiled: branch, deduce, go back; in slices, no recursion.

Complete: where it ends without a placement there is none. At a node some storage is lowest (of equals
the first by rank). In a placement in which nothing can move to a lower address, be it past something,
it either lies where it is lowest, or something that lives with it blocks that place from below; so
both ways together miss nothing. That holds with alignments and obstacles as well.
The order of branches and the bound are after Moffitt, "MiniMalloc" (ASPLOS 2023), with more deduced:

- *floors*: what is set aside lies above one of those that can block its place (shortest paths, as the
  blocking one may be set aside itself);
- *sections*: in each, everything above its floor, one after another, must end below the limit: the
  one-machine problem with release dates, for which the order of floors is best;
- what blocks nothing is placed for good; twins lie in one order; of two of one lifetime that touch the
  larger lies below (``swap``);
- where no storage ties two stretches of time together they are searched one after the other, and a
  contradiction in one never revises the other.
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel
from solver.placement.kernels import FAR
from solver.placement.tree import (
    BEGIN,
    CHOSEN,
    DEPTH,
    END,
    LEFT,
    MARK,
    MODE,
    NODES,
    TRAIL,
    TRIED,
    WORK,
    Shape,
    State,
)
from solver.placement.tree_deduction import deduce, note, put, undo
from solver.plan import IntArray

IMPOSSIBLE, FOUND, UNDECIDED, TOO_DEEP = range(4)
"""What a slice ends with."""

CHOOSE, TRY, GO_BACK = range(3)
"""What to do next."""


@inner_kernel
def find_stretch(shape: Shape, state: State, begin: int, end: int, found: IntArray) -> bool:
    """The sections within [begin, end) that nothing ties to others, with the fewest storages left."""
    number, storages = state.room[2], state.room[3]
    stretch = 0
    for section in range(begin, end):
        number[section] = stretch
        if section == begin or state.crossing[section - 1] == 0:
            storages[stretch] = 0
            if section > begin:
                stretch += 1
                number[section] = stretch
                storages[stretch] = 0
    state.counts[WORK] += end - begin + state.counts[LEFT]
    for at in range(state.counts[LEFT]):
        storage = state.left[at]
        if shape.first[storage] >= begin and shape.last[storage] <= end:
            storages[number[shape.first[storage]]] += 1
    best = -1
    for candidate in range(stretch + 1):
        if storages[candidate] > 0 and (best < 0 or storages[candidate] < storages[best]):
            best = candidate
    if best < 0:
        return False
    found[0] = begin
    while number[found[0]] != best:
        found[0] += 1
    found[1] = found[0]
    while found[1] < end and number[found[1]] == best:
        found[1] += 1
    return True


@inner_kernel
def rank_again(shape: Shape, state: State, begin: int, end: int, crowd: int) -> None:
    """Ranks of what is left in a stretch, with the live sums of what is left as key ``crowd``."""
    members, sums = state.room[0], state.room[1]
    keys = state.keys
    for section in range(begin, end):
        sums[section] = 0
    count = 0
    for at in range(state.counts[LEFT]):
        storage = state.left[at]
        if shape.first[storage] >= begin and shape.last[storage] <= end:
            members[count] = storage
            count += 1
            for section in range(shape.first[storage], shape.last[storage]):
                sums[section] += shape.size[storage]
    for number in range(count):
        storage = members[number]
        most = 0
        for section in range(shape.first[storage], shape.last[storage]):
            most = max(most, sums[section])
        keys[crowd, storage] = -most
        state.counts[WORK] += 2 * (shape.last[storage] - shape.first[storage])
        to = number
        while to > 0:
            other = members[to - 1]
            level = 0
            while level < len(keys) - 1 and keys[level, storage] == keys[level, other]:
                level += 1
            if keys[level, storage] >= keys[level, other]:
                break
            members[to] = other
            to -= 1
        members[to] = storage
        state.counts[WORK] += number - to
    for number in range(count):
        storage = members[number]
        if state.rank[storage] != number:
            at = state.counts[TRAIL]
            state.trail[at, 0] = storage + len(shape.size)
            state.trail[at, 1] = state.rank[storage]
            state.counts[TRAIL] = at + 1
            state.rank[storage] = number


@inner_kernel
def choose(shape: Shape, state: State, begin: int, end: int, mend: bool) -> int:
    """The storage to branch on in sections [begin, end), or -1 when all are set aside.

    The lowest one; with ``mend`` the lowest of those that can block the place of what is set aside
    and has the fewest of them. No storage that is left could lie below what is chosen.
    """
    first, last, aside = shape.first, shape.last, state.aside
    low, rank = state.lowest, state.rank
    if mend:
        torn = -1
        fewest = FAR
        for at in range(state.counts[LEFT]):
            storage = state.left[at]
            if aside[storage] and first[storage] >= begin and last[storage] <= end:
                blocking = count_blocking(shape, state, storage)
                if 0 < blocking < fewest:
                    fewest, torn = blocking, storage
        if torn >= 0:
            chosen = descend(shape, state, lowest_blocking(shape, state, torn))
            if chosen >= 0:
                return chosen
    chosen = -1
    state.counts[WORK] += state.counts[LEFT]
    for at in range(state.counts[LEFT]):
        storage = state.left[at]
        if aside[storage] or first[storage] < begin or last[storage] > end:
            continue
        if (
            chosen < 0
            or low[storage] < low[chosen]
            or (low[storage] == low[chosen] and rank[storage] < rank[chosen])
        ):
            chosen = storage
    return chosen


@inner_kernel
def count_blocking(shape: Shape, state: State, storage: int) -> int:
    """How many that are not set aside can block the place of a storage."""
    begin, end = shape.near_at[storage], shape.near_at[storage + 1]
    place_end = state.lowest[storage] + shape.size[storage]
    near, address, aside, low = shape.near, state.address, state.aside, state.lowest
    state.counts[WORK] += end - begin
    blocking = 0
    for at in range(begin, end):
        other = near[at]
        if address[other] < 0 and not aside[other] and low[other] < place_end:
            blocking += 1
    return blocking


@inner_kernel
def lowest_blocking(shape: Shape, state: State, storage: int) -> int:
    """The lowest one that is not set aside and can block the place of a storage, or -1."""
    begin, end = shape.near_at[storage], shape.near_at[storage + 1]
    place_end = state.lowest[storage] + shape.size[storage]
    near, address, aside = shape.near, state.address, state.aside
    low, rank = state.lowest, state.rank
    state.counts[WORK] += end - begin
    found = -1
    for at in range(begin, end):
        other = near[at]
        if address[other] >= 0 or aside[other] or low[other] >= place_end:
            continue
        if (
            found < 0
            or low[other] < low[found]
            or (low[other] == low[found] and rank[other] < rank[found])
        ):
            found = other
    return found


@inner_kernel
def descend(shape: Shape, state: State, chosen: int) -> int:
    """From a storage to one that nothing that is left fits below; -1 where the way is lost."""
    at = shape.near_at[chosen]
    while at < shape.near_at[chosen + 1]:
        near = shape.near[at]
        at += 1
        if state.address[near] < 0 and state.floor[near] + shape.size[near] <= state.lowest[chosen]:
            if state.aside[near]:
                # What can block its place is lower still.
                near = lowest_blocking(shape, state, near)
                if near < 0:
                    return -1
            chosen = near
            at = shape.near_at[chosen]
    return chosen


@inner_kernel
def out_of_turn(shape: Shape, state: State, storage: int, swap: bool) -> bool:
    """Whether a placement that is as good has another storage where this one would lie."""
    twin = shape.twin[storage]
    if twin >= 0 and state.address[twin] < 0:
        return True
    if swap:
        span = shape.span[storage]
        for at in range(shape.same_at[span], shape.same_at[span + 1]):
            below = shape.same[at]
            bottom = state.address[below]
            if (
                bottom >= 0
                and bottom + shape.size[below] == state.lowest[storage]
                and shape.size[below] < shape.size[storage]
                and bottom % shape.step[storage] == 0
                and (bottom + shape.size[storage]) % shape.step[below] == 0
            ):
                return True
    return False


@inner_kernel
def lifts_nothing(shape: Shape, state: State, storage: int) -> bool:
    """Whether all that is left and lives with a storage lies above its end anyway."""
    top = state.lowest[storage] + shape.size[storage]
    for at in range(shape.near_at[storage], shape.near_at[storage + 1]):
        near = shape.near[at]
        if state.address[near] < 0 and state.lowest[near] < top:
            return False
    return True


@kernel
def search_slice(
    shape: Shape,
    state: State,
    limit: int,
    work: int,
    mend: bool,
    swap: bool,
    crowd: int,
    stop: npt.NDArray[np.uint8],
) -> int:
    """Search on until ``counts[WORK]`` reaches ``work`` or ``stop`` is set; addresses are in the state.

    ``crowd``: number of the key that is worked out again for each stretch, -1 for none.
    """
    counts, branches = state.counts, state.branches
    touched = np.empty(2, np.int64)
    stretch = np.empty(2, np.int64)
    sections = len(shape.alive_at) - 1
    count = len(shape.size)
    mode = counts[MODE]
    while True:
        depth = counts[DEPTH]
        if mode == CHOOSE:
            if counts[LEFT] == 0:
                return FOUND
            begin, end = 0, sections
            if depth == 0:
                touched[0], touched[1] = 0, sections
                if not deduce(shape, state, 0, sections, limit, touched):
                    return IMPOSSIBLE
            if depth > 0:
                begin, end = branches[depth - 1, BEGIN], branches[depth - 1, END]
            if not find_stretch(shape, state, begin, end, stretch):
                find_stretch(shape, state, 0, sections, stretch)
            if crowd >= 0 and (depth == 0 or stretch[0] != begin or stretch[1] != end):
                rank_again(shape, state, stretch[0], stretch[1], crowd)
            chosen = choose(shape, state, stretch[0], stretch[1], mend)
            branches[depth, BEGIN], branches[depth, END] = stretch[0], stretch[1]
            branches[depth, MARK] = counts[TRAIL]
            branches[depth, CHOSEN] = chosen
            branches[depth, TRIED] = 0
            counts[DEPTH] = depth + 1
            mode = GO_BACK
            if chosen >= 0:
                mode = TRY
                if out_of_turn(shape, state, chosen, swap):
                    branches[depth, TRIED] = 1
        elif mode == TRY:
            branch = branches[depth - 1]
            undo(shape, state, branch[MARK])
            mode = GO_BACK
            if branch[TRIED] == 2:
                continue
            mode = TRY
            if counts[WORK] >= work or stop[0]:
                counts[MODE] = mode
                return UNDECIDED
            if counts[TRAIL] + 4 * count > len(state.trail) or depth + 2 > len(branches):
                return TOO_DEEP
            counts[NODES] += 1
            touched[0], touched[1] = sections, 0
            storage = branch[CHOSEN]
            branch[TRIED] += 1
            if branch[TRIED] == 1:
                if lifts_nothing(shape, state, storage):
                    branch[TRIED] = 2
                fits = put(shape, state, storage, limit, touched)
            else:
                note(state, storage)
                state.aside[storage] = 1
                fits = True
            if fits and deduce(shape, state, branch[BEGIN], branch[END], limit, touched):
                mode = CHOOSE
        else:
            # What was decided elsewhere has no part in the contradiction.
            begin, end = branches[depth - 1, BEGIN], branches[depth - 1, END]
            depth -= 1
            while depth > 0 and (
                branches[depth - 1, TRIED] == 2
                or branches[depth - 1, END] <= begin
                or end <= branches[depth - 1, BEGIN]
            ):
                depth -= 1
            counts[DEPTH] = depth
            if depth == 0:
                return IMPOSSIBLE
            mode = TRY
