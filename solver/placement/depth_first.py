"""Depth-first searches for a placement below a limit: many short ones that differ, one that goes on.

Where a search goes wrong early it goes on for hours, and another way of ordering the same storages
ends in milliseconds. So each round asks all ``WAYS`` for a short while, with other random changes to
what they order by, and lets one search go on that will prove the limit impossible if it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from solver.placement import tree
from solver.placement.answer import Answer
from solver.placement.orders import crowd
from solver.placement.problem import Part
from solver.placement.tree import Shape, State, root, shape_of
from solver.plan import IntArray
from solver.watch import Watch

if TYPE_CHECKING:
    import numpy.typing as npt

WORK, WORK_GROWTH = 12_000_000, 1.25
"""Operations of each search in the first round, about 35 ms; and by what factor they grow."""
SPRINTERS = 6
"""So many of ``WAYS`` have their turn before anything else is tried."""
NOISE = 0.1
"""Standard deviation of the logarithm of what the keys are multiplied by, after the first rounds."""
MAX_STORAGES = 4_000
"""Above this who lives with whom takes too much memory."""


@dataclass(frozen=True)
class Way:
    """How a search chooses among storages that can lie equally low, and what it deduces."""

    keys: tuple[str, ...]
    """What comes first, the largest: most important key first."""
    again: bool
    """Work out the crowd again wherever time falls apart."""
    mend: bool
    """Decide first what can block the place of a storage that was set aside."""
    swap: bool
    """Of two of one lifetime that touch, only try the larger one below."""


_CROWD = ("crowd", "lifetime", "area")
_LIFETIME = ("lifetime", "area", "crowd")
_AREA = ("crowd", "area", "lifetime")
_SECTIONS = ("sections", "size", "area")
_LEADERS = (
    Way(_CROWD, again=True, mend=False, swap=False),
    Way(_AREA, again=True, mend=False, swap=False),
    Way(_SECTIONS, again=False, mend=True, swap=True),
    Way(_CROWD, again=False, mend=True, swap=True),
    Way(_LIFETIME, again=True, mend=True, swap=True),
    Way(_AREA, again=False, mend=True, swap=False),
)
_OTHERS = tuple(
    Way(keys, again, mend, swap)
    for again in (True, False)
    for keys in (_CROWD, _AREA, _LIFETIME, _SECTIONS)
    for mend in (True, False)
    for swap in (True, False)
    if "crowd" in keys or not again
)
PROVER = Way(_CROWD, again=True, mend=True, swap=True)
"""The one that goes on from round to round."""
WAYS = (*_LEADERS, *(way for way in _OTHERS if way not in _LEADERS))
"""The first few together solve all the hard problems that are known."""


@dataclass
class DepthFirst:
    """The searches of one part."""

    part: Part
    watch: Watch
    seed: int
    _shape: Shape | None = field(init=False)
    _proof: tuple[int, State] | None = field(init=False, default=None)
    """The limit and the state of the search that goes on."""

    def __post_init__(self) -> None:
        part = self.part
        self._shape = shape_of(part) if len(part.sizes) <= MAX_STORAGES else None
        self._values: dict[str, npt.NDArray[np.float64]] = {
            "crowd": crowd(part).astype(np.float64),
            "lifetime": part.lifetimes.astype(np.float64),
            "area": part.lifetimes.astype(np.float64) * part.sizes,
            "sections": (part.last - part.first).astype(np.float64),
            "size": part.sizes.astype(np.float64),
        }

    @property
    def usable(self) -> bool:
        """Whether the part is small enough; otherwise every answer is ``UNKNOWN``."""
        return self._shape is not None

    def sprint(self, limit: int) -> tuple[Answer, IntArray | None]:
        """A placement (units) of height at most ``limit`` by one of the first ways, as it comes."""
        return self._try_all(WAYS[:SPRINTERS], limit, WORK, 0.0)

    def ask(self, limit: int, attempt: int, *, prove: bool = True) -> tuple[Answer, IntArray | None]:
        """The same by all ways, with random changes and an effort that grows with ``attempt``.

        With ``prove`` the search that goes on takes part; it begins anew when the limit is another one
        than before. Deterministic for a seed unless the watch stops it.
        """
        work = int(WORK * WORK_GROWTH**attempt)
        answer, addresses = self._try_all(WAYS, limit, work, NOISE if attempt else 0.0, attempt)
        if answer is not Answer.UNKNOWN or self._shape is None or not prove or self.watch.stopped:
            return answer, addresses
        if self._proof is None or self._proof[0] != limit:
            self._proof = limit, root(self._shape, self._keys(PROVER))
        return self._search(self._shape, self._proof[1], limit, len(WAYS) * work, PROVER)

    def _try_all(
        self, ways: Sequence[Way], limit: int, work: int, noise: float, attempt: int = 0
    ) -> tuple[Answer, IntArray | None]:
        if self._shape is None:
            return Answer.UNKNOWN, None
        if limit < self.part.bound:
            return Answer.IMPOSSIBLE, None
        random = np.random.default_rng((self.seed, attempt))
        for way in ways:
            state = root(self._shape, self._keys(way, noise, random))
            answer, addresses = self._search(self._shape, state, limit, work, way)
            if answer is not Answer.UNKNOWN or self.watch.stopped:
                return answer, addresses
        return Answer.UNKNOWN, None

    def _search(
        self, shape: Shape, state: State, limit: int, work: int, way: Way
    ) -> tuple[Answer, IntArray | None]:
        from solver.placement import tree_kernels  # heavy: numba

        ended = tree_kernels.search_slice(
            shape,
            state,
            limit,
            int(state.counts[tree.WORK]) + work,
            way.mend,
            way.swap,
            way.keys.index("crowd") if way.again else -1,
            self.watch.flag,
        )
        if ended == tree_kernels.FOUND:
            return Answer.FOUND, state.address
        return (Answer.IMPOSSIBLE if ended == tree_kernels.IMPOSSIBLE else Answer.UNKNOWN), None

    def _keys(
        self, way: Way, noise: float = 0.0, random: np.random.Generator | None = None
    ) -> IntArray:
        """Ranks by each key, the largest first, after random changes."""
        rows = []
        for name in way.keys:
            values = self._values[name]
            if noise and random is not None:
                values = values * np.exp(noise * random.standard_normal(len(values)))
            rows.append(np.unique(-values, return_inverse=True)[1].reshape(-1))
        return np.array(rows, np.int64)
