"""Place storages in the arena: constructors, depth-first search, squeaky wheel, CP-SAT, until a bound.

Every part (see ``problem``) is placed on its own; a part is done when it is no higher than the
target, the largest bound of all parts or the capacity. Anytime: the first answer needs one pass of a
constructor, each further stage can only lower it.
"""

import time
from dataclasses import dataclass

import numpy as np

from solver.placement.answer import Answer
from solver.placement.at_once import first_fit_in_gaps
from solver.placement.constructors import Constructor, constructors
from solver.placement.contradictions import require_consistent
from solver.placement.orders import LEADING, orders
from solver.placement.padding import pad
from solver.placement.problem import Part, PlacementProblem, fixed_addresses, height_of, reduce
from solver.placement.race import Finish, Race
from solver.placement.result import ArenaResult, PlacementResult
from solver.placement.wheel import spin
from solver.plan import IntArray
from solver.solution import CancelCallback, Progress, ProgressCallback
from solver.watch import Watch

COMPARE = 40_000_000
"""Pairs of storages that may be looked at to find the placement that reads best among equals."""
FAST_CONSTRUCT = 2_000_000_000
"""Pairs after which a fast placement tries no other order: about two seconds."""
PAIRS, FAST_PAIRS = 80_000_000, 10_000_000
"""Pairs that one turn of the squeaky wheel looks at."""
ROUNDS = 100
"""The fewest placements of one turn that is not fast, however large the part is."""
TRIES, FEW_TRIES = 20, 2
"""The most placements of one turn, for each storage of the part; few where CP-SAT is the better way."""
LARGE = 10_000
"""Storages from which on all orders get a dive before one gets a first fit, which takes longer."""
DIVE_SPEED = 4
"""So many pairs a dive looks at in the time that first fit takes for one."""
LEADERS = 4
"""So many constructors with their orders go on the wheel."""
GROWTH = 1.25
"""What one turn of the squeaky wheel looks at grows by this factor from turn to turn."""
SPRINTS, FAST_SPRINTS = 8, 3
"""Short depth-first searches, each at its own limit, before the squeaky wheel."""
NEAR = 0.01
"""A fast placement that is further above its target, as a share of it, ends with the constructors."""
WHEEL = "Squeaky wheel"
TELL_SECONDS = 0.25
"""The squeaky wheel tells of its progress at most this often."""

_ZERO = np.zeros(1, np.int64)


def place(
    problem: PlacementProblem,
    *,
    deadline: float = 60.0,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    fast: bool = False,
    brief: bool = False,
) -> PlacementResult:
    """A placement as low as can be found within ``deadline`` seconds.

    Deterministic for a seed and enough time. Stops within 100 ms of ``cancelled()`` and then returns
    the best so far, at the least what ``first_fit_by_start`` gives. ``fast``: only the constructors,
    and short searches where they come near; ``brief``: only the constructors.
    """
    require_consistent(problem)
    addresses = np.zeros(len(problem.sizes), np.int64)
    arenas: list[ArenaResult] = []
    began = time.monotonic()
    for arena in range(problem.arena_count):
        inside, alone = problem.of_arena(arena)
        left = max(0.0, deadline - (time.monotonic() - began))
        with Watch(left / (problem.arena_count - arena), cancelled) as watch:
            addresses[inside], result = _place_arena(alone, seed, fast or brief, brief, watch, progress)
        arenas.append(result)
    return PlacementResult(addresses, tuple(arenas))


def _place_arena(
    problem: PlacementProblem,
    seed: int,
    fast: bool,
    brief: bool,
    watch: Watch,
    progress: ProgressCallback | None,
) -> tuple[IntArray, ArenaResult]:
    """Addresses in bytes and what is known of the height, of a problem with one arena."""
    unit, parts = reduce(problem)
    addresses = fixed_addresses(problem)
    capacity = problem.capacity_of(0)
    bound = max([height_of(problem, addresses), *(part.bound * unit for part in parts)])
    search = Search(unit, seed, fast, watch, progress, brief)
    for part in parts:
        # What nothing can fit any more is placed well, but not searched for long.
        search.fast = fast or (capacity is not None and bound > capacity)
        target = max(bound, 0 if capacity is None else capacity) // unit
        found = search.run(part, target, None if capacity is None else capacity // unit)
        addresses[part.members] = found.addresses * unit
        bound = max(bound, found.bound * unit)
    return addresses, ArenaResult(height_of(problem, addresses), bound, capacity)


def place_by_start(problem: PlacementProblem) -> IntArray:
    """Addresses in bytes by first fit in order of start: at once, without compiled code."""
    addresses = np.zeros(len(problem.sizes), np.int64)
    for arena in range(problem.arena_count):
        inside, alone = problem.of_arena(arena)
        unit, parts = reduce(alone)
        addresses[inside] = fixed_addresses(alone)
        for part in parts:
            addresses[inside[part.members]] = first_fit_by_start(part) * unit
    return addresses


def first_fit_by_start(part: Part) -> IntArray:
    """Addresses by first fit in order of start, without compiled code: fast, and always there."""
    if part.obstacles is None and part.alignments is None:
        return first_fit_in_gaps(part)
    result = np.zeros(len(part.sizes), np.int64)
    live = np.zeros((3, 0), np.int64)
    """Address, its end and the last section of what is alive, by address."""
    for index in np.lexsort((-part.sizes, -part.last, part.first)).tolist():
        size = part.sizes[index]
        alive = live[2] > part.first[index]
        if not alive.all():
            live = live[:, alive]
        taken = live[:2]
        if part.obstacles is not None:
            taken = part.obstacles.among(taken, part.first[index], part.last[index])
        # The gap before each begins where those before it end.
        floors = np.concatenate([_ZERO, taken[1]])
        if part.obstacles is not None:
            floors = np.maximum.accumulate(floors)
        if part.alignments is not None:
            floors = -(-floors // part.alignments[index]) * part.alignments[index]
        fits = taken[0] - floors[:-1] >= size
        here = result[index] = floors[int(fits.argmax()) if fits.any() else -1]
        at = np.searchsorted(live[0], here)
        block = np.array([[here], [here + size], [part.last[index]]])
        live = np.concatenate([live[:, :at], block, live[:, at:]], axis=1)
    return result


@dataclass
class _Best:
    """The lowest placement of a part so far; among equals the one with the least energy."""

    addresses: IntArray
    height: int
    bound: int
    energy: float


class Search:
    """The stages that a part goes through."""

    def __init__(
        self,
        unit: int,
        seed: int,
        fast: bool,
        watch: Watch,
        progress: ProgressCallback | None,
        brief: bool = False,
    ) -> None:
        self.unit, self.seed, self.fast, self.brief = unit, seed, fast, brief
        self.watch, self.progress = watch, progress
        self.told = 0.0

    def run(self, part: Part, target: int, capacity: int | None) -> _Best:
        """The stages in turn, until one reaches the target or proves the capacity (units) too small."""
        addresses = first_fit_by_start(part)
        height = int((addresses + part.sizes).max())
        best = _Best(addresses, height, part.bound, energy(part, addresses))
        leaders = self._construct(part, target, best)
        if not self.brief:
            self._pad(part, target, best)
            target = max(target, best.bound)
        if self.brief or (self.fast and best.height > (1 + NEAR) * target):
            return best
        race = Race(part, self.watch, self.seed)
        self._sprint(part, race, target, best)
        target = max(target, best.bound)
        pairs, least = (FAST_PAIRS, 0) if self.fast else (PAIRS, ROUNDS)
        # A few storages have few orders: more rounds would see the same ones again.
        most = (TRIES if part.plain or self.fast else FEW_TRIES) * len(part.sizes)
        rounds = min(most, max(least, pairs // len(part.sizes) ** 2))
        self._turn_wheel(part, target, best, leaders, rounds, self.seed)
        if not self.fast:
            self._search_on(part, race, target, best, leaders, rounds, capacity)
        return best

    def _construct(self, part: Part, target: int, best: _Best) -> list["_Leader"]:
        """Both constructors over all orders; returns the ways that gave the lowest heights."""
        dive, first_fit = constructors(part)
        make = orders(part)
        names = list(enumerate(make))
        if len(part.sizes) > LARGE:
            attempts = [(number, name, how) for how in (dive, first_fit) for number, name in names]
        else:
            attempts = [(number, name, how) for number, name in names for how in (dive, first_fit)]
        looked = 0
        leaders: list[_Leader] = []
        for number, name, kernel in attempts:
            enough = best.height <= target and (number >= LEADING or looked > COMPARE)
            if enough or (self.fast and looked > FAST_CONSTRUCT) or self.watch.stopped:
                break
            order, addresses = make[name](), np.empty(len(part.sizes), np.int64)
            height = kernel(order, part.first, part.last, part.sizes, self.watch.flag, addresses)
            looked += len(part.sizes) ** 2 // (DIVE_SPEED if kernel is dive else 1)
            if height >= 0:
                leaders.append(_Leader(height, kernel, order))
                how = "" if kernel is dive else ", first fit"
                self._offer(part, best, addresses, target, f"Place by {name}{how}")
        return sorted(leaders, key=lambda leader: leader.height)[:LEADERS]

    def _pad(self, part: Part, target: int, best: _Best) -> None:
        """Search an aligned part as the plain one that padding makes of it, which goes further."""
        padded = None if best.height <= target else pad(part)
        if padded is None:
            return
        step, plain = padded
        alike = part.alignments is not None and bool((part.alignments == step).all())
        unit, fast = self.unit * step, self.fast or not alike
        search = Search(unit, self.seed, fast, self.watch, self.progress)
        goal = max(plain.bound, target // step)
        found = search.run(plain, goal, None)
        if found.height > goal and goal * step <= target and not self.fast:
            # Far from it, too: a sprint for a plain part that can reach the target is worth its time.
            sprint = Race(plain, self.watch, self.seed).sprint(goal)
            search._take(plain, found, sprint, goal, goal)
        addresses = self._settle(part, found.addresses * step)
        self._offer(part, best, addresses, target, "Place with padding")
        if alike:
            best.bound = max(best.bound, (found.bound - 1) * step + 1)

    def _turn_wheel(
        self,
        part: Part,
        target: int,
        best: _Best,
        leaders: list["_Leader"],
        rounds: int,
        seed: int,
    ) -> None:
        """Squeaky wheel on the best constructors and orders."""
        for number, leader in enumerate(leaders):
            if best.height <= target or self.watch.stopped:
                return
            for addresses in spin(
                part,
                leader.construct,
                leader.order,
                target,
                rounds,
                seed * LEADERS + number,
                self.watch,
            ):
                self._offer(part, best, addresses, target, WHEEL)

    def _sprint(self, part: Part, race: Race, target: int, best: _Best) -> None:
        """Short depth-first searches at the target, then ever nearer to what was found."""
        tried = target
        for number in range(FAST_SPRINTS if self.fast else SPRINTS):
            if best.height <= max(tried, best.bound) or self.watch.stopped:
                return
            limit = target if number == 0 else (tried + best.height) // 2
            finish = race.sprint(limit)
            self._take(part, best, finish, limit, target)
            if finish.answer is not Answer.FOUND:
                tried = limit + 1

    def _search_on(
        self,
        part: Part,
        race: Race,
        target: int,
        best: _Best,
        leaders: list["_Leader"],
        rounds: int,
        capacity: int | None,
    ) -> None:
        """Rounds of the race and more of the wheel in turn, until the target or the deadline.

        Every other round is above the target, ever nearer to what was found, so as to get on at all;
        so is the one after a target that was impossible, as the next one may be millions of units away.
        """
        attempt, between = 0, False
        tried = target
        while best.height > target and not self.watch.stopped:
            if capacity is not None and target > capacity:
                return
            limit = (tried + best.height) // 2 if between else target
            finish = race.ask(limit, attempt, prove=limit == target)
            self._take(part, best, finish, limit, target)
            if finish.answer is not Answer.FOUND and limit > target:
                tried = limit + 1
            target = max(target, best.bound)
            if tried >= best.height:
                tried = target
            if finish.answer is Answer.IMPOSSIBLE:
                between = True
                continue
            attempt, between = attempt + 1, not between
            rounds = int(rounds * GROWTH)
            self._turn_wheel(part, target, best, leaders, rounds, self.seed + attempt)

    def _take(self, part: Part, best: _Best, finish: Finish, limit: int, target: int) -> None:
        """What a race said about a limit: a placement, or that there is none."""
        if finish.addresses is not None:
            self._offer(
                part, best, self._settle(part, finish.addresses), target, f"Place by {finish.by}"
            )
        elif finish.answer is Answer.IMPOSSIBLE:
            best.bound = max(best.bound, limit + 1)

    def _settle(self, part: Part, addresses: IntArray) -> IntArray:
        """Everything as low as it can slide: no storage rises, none hangs in the air."""
        _, first_fit = constructors(part)
        order = np.lexsort((-part.lifetimes, addresses)).astype(np.int64)
        result = np.empty(len(order), np.int64)
        never = np.zeros(1, np.uint8)
        first_fit(order, part.first, part.last, part.sizes, never, result)
        return result

    def _offer(self, part: Part, best: _Best, addresses: IntArray, target: int, phase: str) -> None:
        """Take a placement that is lower, or equally high and easier to read."""
        height = int((addresses + part.sizes).max())
        value = energy(part, addresses)
        if (height, value) >= (best.height, best.energy):
            return
        # Of a part that another one towers over there is nothing to tell.
        if height < best.height and best.height > target:
            self._report(phase, height, target)
        best.addresses, best.height, best.energy = addresses, height, value

    def _report(self, phase: str, height: int, target: int) -> None:
        now = self.watch.elapsed
        over = (height - target) * self.unit
        if self.progress is None or (phase == WHEEL and over > 0 and now < self.told + TELL_SECONDS):
            return
        self.told = now
        self.progress(
            Progress(
                seconds=now,
                phase=phase,
                result=over_text(over),
                height_bytes=height * self.unit,
            )
        )


@dataclass(frozen=True)
class _Leader:
    """A constructor and an order that did well."""

    height: int
    construct: Constructor
    order: IntArray


def over_text(over: int) -> str:
    """For the log: how many bytes a height is above what it could be."""
    if over <= 0:
        return "no gap"
    return f"{over / 2**20:,.1f} MiB over" if over >= 2**20 else f"{over / 2**10:,.1f} KiB over"


def energy(part: Part, addresses: IntArray) -> float:
    """Lower when what lives long lies low: sum of size × lifetime × height of the middle."""
    middle = addresses + 0.5 * part.sizes
    return float((part.sizes * part.lifetimes * middle).sum())
