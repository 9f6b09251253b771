"""Where the badges of a selected tensor's ops stand in their lane; no Qt.

::

    lane   < (P)(1)          (2)(3)          badges keep their distance and their order; those of
                              | /            ops outside the view are pinned to its edge
    map                       ||
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

PITCH = 19.0
"""Pixels from badge to badge."""
MOST = 12
"""Badges shown; a parameter of a recurrent model may be read hundreds of times."""


@dataclass(frozen=True, slots=True)
class Badge:
    """One badge: its centre ``x``, and the pixel ``at`` of its op, None where that is outside."""

    text: str
    slot: int
    x: float
    at: float | None


def place_badges(
    uses: Sequence[tuple[str, int]], x_of: Callable[[float], float], left: float, right: float
) -> tuple[list[Badge], bool, bool]:
    """Badges of ``uses`` (text, slot; ascending slots), and whether some are pinned left, right.

    A slot of which any part is in view has its badge over it, or as near as the lane's end allows.
    """
    shown = uses[:MOST]
    centre = {slot: min(max(x_of(slot + 0.5), left), right) for _, slot in shown}
    before = [(text, slot) for text, slot in shown if x_of(slot + 1) <= left]
    after = [(text, slot) for text, slot in shown if x_of(slot) >= right]
    inside = [use for use in shown if use not in before and use not in after]
    badges: list[Badge] = []
    x = left + PITCH
    for text, slot in before:
        badges.append(Badge(text, slot, x, None))
        x += PITCH
    limit = right - PITCH * (len(after) + 1) if after else right - PITCH / 2
    least = x if before else left + PITCH / 2
    places: list[float] = []
    for _, slot in inside:
        places.append(max(centre[slot], places[-1] + PITCH if places else least))
    for i in range(len(places) - 1, -1, -1):  # push back what ran over the right end
        places[i] = min(places[i], (places[i + 1] - PITCH) if i + 1 < len(places) else limit)
    badges += [Badge(t, s, place, centre[s]) for (t, s), place in zip(inside, places, strict=True)]
    x = right - PITCH * len(after)
    for text, slot in after:
        badges.append(Badge(text, slot, x, None))
        x += PITCH
    return badges, bool(before), bool(after)
