"""The independent validator of placements: is this one right? Written from the definitions alone.

It knows what a problem and a result say and nothing of how one is found from the other.
"""

from bisect import bisect_left, insort

import numpy as np

from solver.errors import BayplanError
from solver.placement.problem import FREE, PlacementProblem
from solver.placement.result import PlacementResult, PlacementStatus

MAX_PROBLEMS = 20


def require_right_placement(problem: PlacementProblem, result: PlacementResult) -> None:
    """Raise BayplanError with all that is wrong (at most 20 problems) unless the placement is right."""
    problems = check_placement(problem, result)
    if problems:
        raise BayplanError(
            f"The placement is not right: {problems[0]} Please report it.", details="\n".join(problems)
        )


def check_placement(problem: PlacementProblem, result: PlacementResult) -> list[str]:
    """What is wrong, one sentence a problem, at most 20; empty: it is right.

    A bound is checked only for not being above the height; what proves it is not kept.
    """
    if len(result.addresses) != len(problem.sizes):
        return [f"It has {len(result.addresses)} addresses for {len(problem.sizes)} storages."]
    if len(result.arenas) != problem.arena_count:
        return [f"It states {len(result.arenas)} arenas; the problem has {problem.arena_count}."]
    found = [
        *_misplaced(problem, result),
        *_in_forbidden_bytes(problem, result),
        *_overlaps(problem, result),
        *_misstated(problem, result),
    ]
    return found[:MAX_PROBLEMS]


def _misplaced(problem: PlacementProblem, result: PlacementResult) -> list[str]:
    """Addresses that are negative, not where they are fixed, or not aligned."""
    addresses = result.addresses
    wrong = [
        f"Storage {problem.name(s)} lies at the negative address {addresses[s]:,}."
        for s in np.flatnonzero(addresses < 0).tolist()
    ]
    if problem.fixed is not None:
        moved = (problem.fixed != FREE) & (addresses != problem.fixed)
        wrong += [
            f"Storage {problem.name(s)} is fixed at {problem.fixed[s]:,} but lies at {addresses[s]:,}."
            for s in np.flatnonzero(moved).tolist()
        ]
    if problem.alignments is not None:
        wrong += [
            f"Storage {problem.name(s)} lies at {addresses[s]:,}, which is no multiple of its "
            f"alignment, {problem.alignments[s]:,}."
            for s in np.flatnonzero(addresses % problem.alignments != 0).tolist()
        ]
    return wrong


def _in_forbidden_bytes(problem: PlacementProblem, result: PlacementResult) -> list[str]:
    wrong = []
    low, high = result.addresses, result.addresses + problem.sizes
    for ban in problem.forbidden:
        touches = (problem.sizes > 0) & (low < ban.high) & (ban.low < high)
        if ban.start is not None:
            touches &= problem.ends > ban.start
        if ban.end is not None:
            touches &= problem.starts < ban.end
        if problem.arenas is not None:
            touches &= problem.arenas == ban.arena
        elif ban.arena != 0:
            touches[:] = False
        wrong += [
            f"Storage {problem.name(s)} lies at bytes {low[s]:,} to {high[s]:,}, of which "
            f"{ban.low:,} to {ban.high:,} are forbidden."
            for s in np.flatnonzero(touches).tolist()
        ]
    return wrong


def _overlaps(problem: PlacementProblem, result: PlacementResult) -> list[str]:
    """Pairs that share a byte of an arena at a slot: one walk over time."""
    wrong: list[str] = []
    starts, ends = problem.starts.tolist(), problem.ends.tolist()
    sizes, addresses = problem.sizes.tolist(), result.addresses.tolist()
    arenas = [0] * len(sizes) if problem.arenas is None else problem.arenas.tolist()
    with_bytes = [s for s, size in enumerate(sizes) if size > 0]
    # At one slot the ends come first: lifetimes are half-open.
    events = sorted([(ends[s], 0, s) for s in with_bytes] + [(starts[s], 1, s) for s in with_bytes])
    # Address and number of all that is alive in each arena, disjoint: only neighbours can overlap.
    alive: list[list[tuple[int, int]]] = [[] for _ in range(problem.arena_count)]
    left_out = set()
    for _, begins, storage in events:
        blocks, block = alive[arenas[storage]], (addresses[storage], storage)
        if not begins:
            if storage not in left_out:
                del blocks[bisect_left(blocks, block)]
            continue
        at = bisect_left(blocks, block)
        clash = None
        if at < len(blocks) and blocks[at][0] < block[0] + sizes[storage]:
            clash = blocks[at][1]
        elif at > 0 and blocks[at - 1][0] + sizes[blocks[at - 1][1]] > block[0]:
            clash = blocks[at - 1][1]
        if clash is None:
            insort(blocks, block)
            continue
        left_out.add(storage)
        wrong.append(
            f"Storages {problem.name(clash)} and {problem.name(storage)} both live at slot "
            f"{starts[storage]:,} and overlap: they lie at {addresses[clash]:,} with {sizes[clash]:,} "
            f"bytes and at {block[0]:,} with {sizes[storage]:,}."
        )
    return wrong


def _misstated(problem: PlacementProblem, result: PlacementResult) -> list[str]:
    """Heights, bounds and capacities that are not what the addresses and the problem say."""
    wrong = []
    tops = np.where(problem.sizes > 0, result.addresses + problem.sizes, 0)
    for number, stated in enumerate(result.arenas):
        here = tops if problem.arenas is None else tops[problem.arenas == number]
        height = int(here.max(initial=0)) if problem.arenas is not None or number == 0 else 0
        if stated.height != height:
            wrong.append(f"Arena {number} is stated to be {stated.height:,} high; it is {height:,}.")
        if stated.bound > stated.height:
            wrong.append(
                f"Arena {number} has the bound {stated.bound:,}, above its height {stated.height:,}."
            )
        if stated.capacity != problem.capacity_of(number):
            wrong.append(f"Arena {number} is stated to have another capacity than the problem.")
        within = stated.capacity is None or height <= stated.capacity
        claims = (PlacementStatus.OPTIMAL, PlacementStatus.FITS)
        if stated.status in claims and not within:
            wrong.append(f"Arena {number} is said to fit its capacity and does not.")
        if stated.status is PlacementStatus.INFEASIBLE and within:
            wrong.append(f"Arena {number} is said to be infeasible, but this placement fits.")
    return wrong
