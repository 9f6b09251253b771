"""The largest batch that fits into a memory: guessed from the batches tried so far, then tried itself.

What a step needs grows about linearly with its batch, so two tries say where the answer must be, and
the batches around it are captured and planned to confirm it. Three answers are looked for, each a
larger batch than the one before: what fits by order and addresses alone, what fits within a limit of
the overhead, and what fits at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

RESOLUTION = 0.01
"""Of a batch: how far the smallest one that was tried and does not fit may be above the answer, where
overheads are traded for bytes; where they are not, the answer is exact."""
GROWTH = 2
"""From the largest batch that fits to the next, while none is known that does not."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One batch that was captured and planned. Bytes include residents."""

    batch: int
    resident_bytes: int
    plain_bytes: int
    """That the best plan without a budget needs."""
    overhead: float | None
    """The least found within the memory, 0 where the plain plan fits; None: no plan was found."""
    overhead_bound: float | None
    """Proven of it; None: it is proven that nothing fits."""
    smallest_bytes: int | None = None
    """The least that any plan was found to need, where that was looked for."""


TrialCallback: TypeAlias = Callable[[int, bool], Trial]
"""Captures and plans a batch; whether also the least that any plan needs is to be looked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The largest batch of a kind that was found to fit."""

    trial: Trial | None
    """None: not even the smallest batch fits."""
    too_large: int | None
    """The smallest batch that was tried and does not fit; None: the largest one allowed fits."""


@dataclass(frozen=True, slots=True)
class Fit:
    """All answers, and what was tried for them."""

    plain: Answer
    """By order and addresses alone."""
    limited: Answer
    """With an overhead up to the limit."""
    any: Answer
    """Whatever the overhead."""
    trials: tuple[Trial, ...]
    """By batch, ascending."""


@dataclass
class _Search:
    """The trials so far; each batch is tried once."""

    try_batch: TrialCallback
    memory_bytes: int
    first: int
    last: int
    unit: int
    trials: dict[int, Trial] = field(default_factory=dict)

    def trial(self, batch: int, lowest: bool = False) -> None:
        if batch not in self.trials:
            self.trials[batch] = self.try_batch(batch, lowest)

    def answer(self, fits: Callable[[Trial], bool], guess: "_Guess", resolution: float) -> Answer:
        """Narrow down to a batch that fits and one that does not, as near as ``resolution`` says."""
        leap, width, slow = self.unit, 0, 0
        while True:
            good = max((b for b, t in self.trials.items() if fits(t)), default=0)
            bad = min((b for b, t in self.trials.items() if b > good and not fits(t)), default=None)
            near = max(self.unit, int(good * resolution) // self.unit * self.unit)
            if good == self.last or bad == self.first or (bad is not None and bad - good <= near):
                return Answer(self.trials.get(good), bad)
            guessed = guess(self.trials, good, bad)
            if bad is None:
                leap = max(near, leap)
                low, high = good + leap, self.last
                leap *= GROWTH
            else:
                # A guess that narrows from one side only is left for the middle.
                slow = slow + 1 if width and 2 * (bad - good) > width else 0
                width = bad - good
                guessed = (good + bad) / 2 if slow > 1 else guessed
                room = near if width > 2 * near else self.unit
                low, high = good + room, bad - self.unit
            batch = int(guessed // self.unit) * self.unit
            self.trial(max(min(max(batch, low), high), self.first))


_Guess: TypeAlias = Callable[[dict[int, Trial], int, int | None], float]


def fit(
    memory_bytes: int,
    limit: float,
    try_batch: TrialCallback,
    *,
    first: int = 1,
    last: int = 1 << 20,
    unit: int = 1,
) -> Fit:
    """The largest multiples of ``unit`` from ``first`` to ``last`` that fit into ``memory_bytes``.

    ``limit``: of the overhead, a fraction. ``try_batch`` captures and plans a batch; what it raises
    ends the search. ``first`` and ``last`` are multiples of ``unit``, ``first`` ≤ ``last``.
    """
    search = _Search(try_batch, memory_bytes, first, last, unit)
    start = min(max(first, 8 // unit * unit), last)
    for batch in dict.fromkeys((start, min(2 * start, last))):
        search.trial(batch, lowest=True)

    def plain(trials: dict[int, Trial], good: int, bad: int | None) -> float:
        return _where(memory_bytes, [(b, t.plain_bytes) for b, t in trials.items()], good, bad)

    def smallest(trials: dict[int, Trial], good: int, bad: int | None) -> float:
        known = [(b, t.smallest_bytes) for b, t in trials.items() if t.smallest_bytes is not None]
        return _where(memory_bytes, [(b, n) for b, n in known if n is not None], good, bad)

    def priced(trials: dict[int, Trial], good: int, bad: int | None) -> float:
        known = [(b, t.overhead) for b, t in trials.items() if t.overhead is not None and b >= good]
        return _where(limit, [(b, o) for b, o in known if o is not None], good, bad)

    by_order = search.answer(lambda t: t.plain_bytes <= memory_bytes, plain, 0.0)
    whatever = search.answer(lambda t: t.overhead is not None, smallest, RESOLUTION)
    # Last: between the two there are overheads on both sides of the limit.
    limited = search.answer(
        lambda t: t.overhead is not None and t.overhead <= limit, priced, RESOLUTION
    )
    trials = tuple(search.trials[batch] for batch in sorted(search.trials))
    return Fit(by_order, limited, whatever, trials)


def _where(target: float, known: list[tuple[int, float]], good: int, bad: int | None) -> float:
    """The batch at which a growing figure meets ``target``: on the line through the nearest known batch
    on either side, or the two nearest; without a line the middle, or ``GROWTH`` times what fits."""
    nearest = sorted(known, key=lambda one: abs(one[1] - target))
    below = [one for one in nearest if one[1] <= target][:1]
    above = [one for one in nearest if one[1] > target][:1]
    pair = below + above if below and above else nearest[:2]
    if len(pair) == 2:
        (b0, v0), (b1, v1) = sorted(pair)
        if v1 > v0:
            return b0 + (target - v0) * (b1 - b0) / (v1 - v0) + 1e-9
    return (good + bad) / 2 if bad is not None else GROWTH * max(good, 1)
