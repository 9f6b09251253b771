"""What follows from a decision of the depth-first search over placements, compiled.

``tree_kernels`` decides and goes back; its docstring says what is deduced here: floors, and sections
that must fit. ``state.trail`` holds what was known before, so that ``undo`` can go back to a mark.
"""

from solver.compiled import inner_kernel
from solver.placement.kernels import FAR
from solver.placement.tree import LEFT, TRAIL, WORK, WORST, Shape, State
from solver.plan import IntArray


@inner_kernel
def note(state: State, storage: int) -> None:
    """Remember what is known of a storage, before it changes."""
    at = state.counts[TRAIL]
    state.trail[at, 0] = storage
    state.trail[at, 1] = state.lowest[storage]
    state.trail[at, 2] = state.floor[storage]
    state.trail[at, 3] = state.aside[storage]
    state.counts[TRAIL] = at + 1


@inner_kernel
def undo(shape: Shape, state: State, mark: int) -> None:
    """Back to where the trail had length ``mark``."""
    count = len(shape.size)
    at = state.counts[TRAIL]
    while at > mark:
        at -= 1
        storage = state.trail[at, 0]
        if storage >= count:
            state.rank[storage - count] = state.trail[at, 1]
        elif storage >= 0:
            state.lowest[storage] = state.trail[at, 1]
            state.floor[storage] = state.trail[at, 2]
            state.aside[storage] = state.trail[at, 3]
        else:
            storage = ~storage
            state.address[storage] = -1
            state.counts[LEFT] += 1
            for section in range(shape.first[storage], shape.last[storage] - 1):
                state.crossing[section] += 1
    state.counts[TRAIL] = at


@inner_kernel
def settle(shape: Shape, storage: int, bottom: int) -> int:
    """The lowest address from ``bottom`` on at which a storage may lie."""
    step = shape.step[storage]
    if step > 1:
        bottom = (bottom + step - 1) // step * step
    for berth in range(shape.berth_at[storage], shape.berth_at[storage + 1]):
        if bottom <= shape.berth_high[berth]:
            return int(max(bottom, shape.berth_low[berth]))
    return bottom


@inner_kernel
def put(shape: Shape, state: State, storage: int, limit: int, touched: IntArray) -> bool:
    """Place a storage at its lowest address and lift those above it; False: one ends above the limit.

    ``touched`` grows to the sections [begin, end) in which a floor has changed.
    """
    top = state.lowest[storage] + shape.size[storage]
    state.address[storage] = state.lowest[storage]
    state.trail[state.counts[TRAIL], 0] = ~storage
    state.counts[TRAIL] += 1
    state.counts[LEFT] -= 1
    at, end = state.place_in_left[storage], state.counts[LEFT]
    other = state.left[end]
    state.left[at], state.left[end] = other, storage
    state.place_in_left[other], state.place_in_left[storage] = at, end
    first, last = shape.first[storage], shape.last[storage]
    for section in range(first, last - 1):
        state.crossing[section] -= 1
    touched[0] = min(touched[0], first)
    touched[1] = max(touched[1], last)
    state.counts[WORK] += shape.near_at[storage + 1] - shape.near_at[storage]
    address, low, floor, aside, trail = (
        state.address,
        state.lowest,
        state.floor,
        state.aside,
        state.trail,
    )
    length = state.counts[TRAIL]
    fits = True
    for at in range(shape.near_at[storage], shape.near_at[storage + 1]):
        near = shape.near[at]
        if address[near] < 0 and low[near] < top:
            trail[length, 0] = near
            trail[length, 1] = low[near]
            trail[length, 2] = floor[near]
            trail[length, 3] = aside[near]
            length += 1
            here = settle(shape, near, top)
            low[near] = floor[near] = here
            aside[near] = 0
            fits = fits and here + shape.size[near] <= limit
            touched[0] = min(touched[0], shape.first[near])
            touched[1] = max(touched[1], shape.last[near])
    state.counts[TRAIL] = length
    return fits


@inner_kernel
def raise_floors(
    shape: Shape, state: State, begin: int, end: int, limit: int, touched: IntArray
) -> bool:
    """Floors of what is set aside in sections [begin, end); False: one has nothing to lie on.

    What blocks a place begins below its end; the storage lies above the lowest end of such a one.
    """
    first, last, size, near_at, near = shape.first, shape.last, shape.size, shape.near_at, shape.near
    low, address, set_aside = state.lowest, state.address, state.aside
    aside, floors = state.room[0], state.room[1]
    count = 0
    for at in range(state.counts[LEFT]):
        storage = state.left[at]
        if set_aside[storage] and first[storage] >= begin and last[storage] <= end:
            aside[count] = storage
            count += 1
    work = state.counts[LEFT] + count * count
    for number in range(count):
        storage = aside[number]
        place_end = low[storage] + size[storage]
        floor = FAR
        work += near_at[storage + 1] - near_at[storage]
        for at in range(near_at[storage], near_at[storage + 1]):
            other = near[at]
            if address[other] < 0 and not set_aside[other] and low[other] < place_end:
                floor = min(floor, low[other] + size[other])
        floors[number] = settle(shape, storage, floor) if floor < FAR else FAR
    state.counts[WORK] += work
    changed = count > 0
    while changed:
        changed = False
        for number in range(count):
            storage = aside[number]
            place_end = low[storage] + size[storage]
            for rival in range(count):
                other = aside[rival]
                top = floors[rival] + size[other]
                if (
                    floors[rival] < place_end
                    and top < floors[number]
                    and rival != number
                    and first[other] < last[storage]
                    and first[storage] < last[other]
                ):
                    here = settle(shape, storage, top)
                    if here < floors[number]:
                        floors[number] = here
                        changed = True
    for number in range(count):
        storage, floor = aside[number], floors[number]
        if floor > limit - size[storage]:
            return False
        if floor > state.floor[storage]:
            note(state, storage)
            state.floor[storage] = floor
            touched[0] = min(touched[0], first[storage])
            touched[1] = max(touched[1], last[storage])
    return True


@inner_kernel
def beyond(walls: IntArray, wall: int, top: int, idle: int) -> int:
    """The end of a wall and of what it leaves no room for, of what would end at ``top`` without it.

    ``idle`` bytes of the gap below it are empty because nothing could lie there yet.
    """
    over = top + max(0, walls[wall, 2] - idle) - walls[wall, 0]
    return int(walls[wall, 1] + max(0, over))


@inner_kernel
def sections_fit(shape: Shape, state: State, begin: int, end: int, limit: int) -> bool:
    """Whether what lives in each section can end below the limit, everything above its floor.

    As if walls could cut storages in two.
    """
    alive, size, address, floors = state.alive, shape.size, state.address, state.floor
    walls = shape.walls
    work = 0
    for section in range(begin, end):
        start, stop = shape.alive_at[section], shape.alive_at[section + 1]
        work += 2 * (stop - start)
        for at in range(start, stop):
            storage = alive[at]
            floor = address[storage] if address[storage] >= 0 else floors[storage]
            to = at
            while to > start:
                other = alive[to - 1]
                if (address[other] if address[other] >= 0 else floors[other]) <= floor:
                    break
                alive[to] = other
                to -= 1
            alive[to] = storage
        top, idle = 0, 0
        wall, walls_end = shape.wall_from[section], shape.wall_to[section]
        for at in range(start, stop):
            storage = alive[at]
            floor = address[storage] if address[storage] >= 0 else floors[storage]
            while wall < walls_end and walls[wall, 0] <= max(
                floor, top + max(0, walls[wall, 2] - idle)
            ):
                top = beyond(walls, wall, top, idle)
                idle = 0
                wall += 1
            idle += max(0, floor - top)
            top = max(top, floor) + size[storage]
        while wall < walls_end and walls[wall, 0] < top + max(0, walls[wall, 2] - idle):
            top = beyond(walls, wall, top, idle)
            idle = 0
            wall += 1
        if top > limit:
            state.counts[WORST] = section
            state.counts[WORK] += work
            return False
    state.counts[WORK] += work
    return True


@inner_kernel
def deduce(shape: Shape, state: State, begin: int, end: int, limit: int, touched: IntArray) -> bool:
    """Whether the node may still lead to a placement."""
    worst = state.counts[WORST]
    if touched[0] <= worst < touched[1] and not sections_fit(shape, state, worst, worst + 1, limit):
        return False
    if not raise_floors(shape, state, begin, end, limit, touched):
        return False
    return sections_fit(shape, state, touched[0], touched[1], limit)
