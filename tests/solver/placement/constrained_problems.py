"""Small placement problems with every kind of constraint, and an oracle that tries all addresses."""

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from solver.placement import FREE, Forbidden, PlacementProblem

FRAGMENTING = [
    (0, 2, 2),
    (0, 1, 2),
    (1, 3, 1),
    (1, 4, 1),
    (2, 4, 1),
    (2, 3, 1),
    (3, 5, 2),
    (4, 5, 2),
]
"""Live sum 4 at every slot. Each size of 2 takes the place of two neighbours among the four of size 1
at slot 2, and no line of four has that many neighbours: 4 is not enough, 5 is."""

spans = st.tuples(st.integers(0, 5), st.integers(1, 4)).map(lambda t: (t[0], t[0] + t[1]))
storages = st.tuples(
    spans,
    st.integers(0, 5),
    st.sampled_from([1, 1, 2, 3, 4]),
    st.sampled_from([FREE, FREE, FREE, 0, 2, 6]),
)
bans = st.builds(
    lambda low, size, start, slots, arena: Forbidden(
        low, low + size, start, None if slots is None else (start or 0) + slots, arena
    ),
    st.integers(0, 5),
    st.integers(1, 4),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(1, 4),
    st.just(0),
)


@st.composite
def problems(draw: st.DrawFn, most: int = 4, arenas: int = 1) -> PlacementProblem:
    """Fixed addresses may contradict each other."""
    content = draw(st.lists(storages, min_size=1, max_size=most))
    columns = [(s, e, size, step, where) for (s, e), size, step, where in content]
    starts, ends, sizes, alignments, fixed = np.array(columns, np.int64).T.copy()
    forbidden = tuple(draw(st.lists(bans, max_size=2)))
    if arenas == 1:
        return PlacementProblem(
            starts, ends, sizes, alignments=alignments, fixed=fixed, forbidden=forbidden
        )
    numbers = draw(st.lists(st.integers(0, arenas - 1), min_size=len(sizes), max_size=len(sizes)))
    number = st.integers(0, arenas - 1)
    return PlacementProblem(
        starts,
        ends,
        sizes,
        alignments=alignments,
        fixed=fixed,
        forbidden=tuple(replace(ban, arena=draw(number)) for ban in forbidden),
        arenas=np.array(numbers, np.int64),
    )


def meet(low: int, high: int, other_low: int, other_high: int) -> bool:
    """Whether two half-open ranges share something."""
    return max(low, other_low) < min(high, other_high)


def may_lie(problem: PlacementProblem, storage: int, address: int) -> bool:
    """Whether the address is right for the storage, were it alone."""
    assert problem.alignments is not None
    assert problem.fixed is not None
    if problem.fixed[storage] not in (FREE, address) or address % problem.alignments[storage]:
        return False
    for ban in problem.forbidden:
        here = ban.arena == (0 if problem.arenas is None else problem.arenas[storage])
        since = -100 if ban.start is None else ban.start
        until = 100 if ban.end is None else ban.end
        now = meet(since, until, problem.starts[storage], problem.ends[storage])
        if here and now and meet(ban.low, ban.high, address, address + problem.sizes[storage]):
            return False
    return True


def clash(problem: PlacementProblem, one: int, at: int, other: int, there: int) -> bool:
    """Whether two storages at these addresses share a byte of an arena at a slot."""
    if problem.arenas is not None and problem.arenas[one] != problem.arenas[other]:
        return False
    return meet(at, at + problem.sizes[one], there, there + problem.sizes[other]) and meet(
        problem.starts[one], problem.ends[one], problem.starts[other], problem.ends[other]
    )


def contradicts(problem: PlacementProblem) -> bool:
    """Whether fixed addresses cannot all hold."""
    assert problem.fixed is not None
    fixed = [(s, int(problem.fixed[s])) for s in np.flatnonzero(problem.fixed != FREE).tolist()]
    return any(not may_lie(problem, s, a) for s, a in fixed) or any(
        clash(problem, s, a, t, b) for (s, a), (t, b) in itertools.combinations(fixed, 2)
    )


def fits(problem: PlacementProblem, height: int) -> bool:
    """Whether any placement is no higher, by trying all addresses of all storages with bytes."""
    storages = np.flatnonzero(problem.sizes > 0).tolist()
    allowed = [
        [a for a in range(height - int(problem.sizes[s]) + 1) if may_lie(problem, s, a)]
        for s in storages
    ]

    def extend(placed: list[int]) -> bool:
        if len(placed) == len(storages):
            return True
        storage = storages[len(placed)]
        return any(
            not any(clash(problem, storage, a, s, b) for s, b in zip(storages, placed, strict=False))
            and extend([*placed, a])
            for a in allowed[len(placed)]
        )

    return extend([])


def least_height(problem: PlacementProblem) -> int:
    """The optimum of a problem with one arena and no contradiction."""
    return next(height for height in itertools.count() if fits(problem, height))
