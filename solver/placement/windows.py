"""Bounds from parts of a part: what does not fit a stretch of time by itself does not fit at all.

::

    live sum     ▂▃▅▇█▇▅▆█▆▃▂      around its highest sections, windows that grow to both sides, always
                   [ ▇█▇ ]         where more is alive; the storages that live in one are a problem of
                 [ ▅▇█▇▅▆ ]        their own, small enough for CP-SAT to say that nothing fits
"""

from dataclasses import dataclass, field

import numpy as np

from solver.placement.answer import Answer
from solver.placement.exact import LimitSearch
from solver.placement.problem import Part
from solver.plan import IntArray
from solver.watch import Watch

SIZES = (20, 40, 80, 160, 320)
"""Storages of the windows around one section."""
CENTRES = 4
"""Sections with windows: the highest ones that are in no other's smallest window."""
NEVER = 1 << 62
"""No limit that a window is known to fit."""


@dataclass
class Windows:
    """The windows of one part, and what is known of them."""

    part: Part
    watch: Watch
    _fits: dict[tuple[int, int], int] = field(init=False)
    """The lowest limit that each window was found to fit."""

    def __post_init__(self) -> None:
        self._fits = dict.fromkeys(find_windows(self.part), NEVER)

    def refute(self, limit: int, effort: float, seed: int) -> bool:
        """Whether some window proves that no placement has a height up to ``limit`` (units).

        ``effort``: CP-SAT's deterministic seconds for a window. Ends at the first one that takes more,
        as the wider ones would.
        """
        for window, known in self._fits.items():
            if limit >= known:
                continue
            if self.watch.stopped:
                return False
            answer, _ = LimitSearch(cut(self.part, *window), self.watch).ask(limit, effort, seed)
            if answer is not Answer.FOUND:
                return answer is Answer.IMPOSSIBLE
            self._fits[window] = limit
        return False


def cut(part: Part, first: int, last: int) -> Part:
    """All that lives in sections from ``first`` to ``last`` (half-open), with only those sections."""
    here = (part.first < last) & (first < part.last)
    return Part(
        members=part.members[here],
        first=np.maximum(part.first[here] - first, 0),
        last=np.minimum(part.last[here], last) - first,
        sizes=part.sizes[here],
        lifetimes=part.lifetimes[here],
        sums=part.sums[first:last],
        alignments=None if part.alignments is None else part.alignments[here],
        obstacles=None if part.obstacles is None else part.obstacles.between(first, last),
    )


def find_windows(part: Part) -> list[tuple[int, int]]:
    """Sections ``[first, last)`` of every window, small ones first; none is the whole part."""
    begun, ended = np.sort(part.first), np.sort(part.last)
    found: list[list[tuple[int, int]]] = []
    for centre in np.argsort(-part.sums, kind="stable").tolist():
        if len(found) == CENTRES:
            break
        if any(windows and windows[0][0] <= centre < windows[0][1] for windows in found):
            continue
        windows: list[tuple[int, int]] = []
        first, last = centre, centre + 1
        for size in SIZES:
            if len(part.sizes) <= size:
                break
            first, last = _grow(part, first, last, begun, ended, size)
            windows.append((first, last))
        found.append(windows)
    by_size = [
        windows[level] for level in range(len(SIZES)) for windows in found if level < len(windows)
    ]
    return list(dict.fromkeys(by_size))


def _grow(
    part: Part, first: int, last: int, begun: IntArray, ended: IntArray, size: int
) -> tuple[int, int]:
    """The window made wider, section by section, while at most ``size`` storages live in it."""
    sections = len(part.sums)
    while True:
        left = part.sums[first - 1] if first > 0 else -1
        right = part.sums[last] if last < sections else -1
        if left < 0 and right < 0:
            return first, last
        wider = (first - 1, last) if left >= right else (first, last + 1)
        alive = np.searchsorted(begun, wider[1]) - np.searchsorted(ended, wider[0], side="right")
        if alive > size:
            return first, last
        first, last = wider
