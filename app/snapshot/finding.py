"""What the search field finds among recorded allocations: by stack, name and bytes. No Qt.

::

    forward model.py   every word is in one of the stack's functions, files or lines, or in the name
    >64MiB  <=1KiB     bytes as requested; also = and >=
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.facts.finding import Query
from app.snapshot.recorded import Recorded
from app.translation import tr
from solver.errors import BayplanError
from solver.plan import IntArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FoundIn:
    """Recorded lifetimes, prepared to be searched."""

    recorded: Recorded

    @cached_property
    def _sizes(self) -> tuple[IntArray, IntArray]:
        """Bytes as requested and as they lie there."""
        scene, part = self.recorded.scene, self.recorded.part
        rounded = np.asarray(scene.high - scene.low, np.int64)
        if part is None:
            return rounded, rounded
        return part.trace.allocations.size[part.allocation], rounded

    @cached_property
    def _frames(self) -> tuple[str, ...]:
        part = self.recorded.part
        frames = part.recording.frames if part is not None else ()
        return tuple(f"{f.function} {f.file}:{f.line}".casefold() for f in frames)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        scene = self.recorded.scene
        return tuple(scene.name(rectangle).casefold() for rectangle in range(scene.count))

    def matching(self, query: Query) -> IntArray:
        """The rectangles that meet a query, by the slot where they begin; none for an empty one.

        Raises BayplanError for a shape, which recorded bytes have not.
        """
        if query.shapes:
            raise BayplanError("What was recorded has bytes, but no shapes. Search as >64MiB.")
        if not query:
            return np.zeros(0, np.int64)
        requested, rounded = self._sizes
        good = np.ones(len(requested), np.bool_)
        for condition in query.sizes:
            match condition.sign:
                case ">":
                    good &= requested > condition.size
                case "<":
                    good &= requested < condition.size
                case ">=":
                    good &= requested >= condition.size
                case "<=":
                    good &= requested <= condition.size
                case _:
                    good &= (requested == condition.size) | (rounded == condition.size)
        for word in query.words:
            good &= self._has(word)
        found = np.flatnonzero(good)
        return found[np.argsort(self.recorded.scene.start[found], kind="stable")]

    def _has(self, word: str) -> BoolArray:
        """Whether each rectangle has a word in its stack, or in its name where there are no stacks."""
        part = self.recorded.part
        if part is None:
            return np.array([word in name for name in self._names], np.bool_)
        recording = part.recording
        frames = np.array([word in text for text in self._frames], np.bool_)
        # How many frames of each stack have it; a stack may have no frames.
        passed = np.concatenate([[0], np.cumsum(frames[recording.stack_frames])])
        counts = np.diff(passed[recording.stack_starts])
        # Last, at -1: no stack at all, which is called what the list calls it.
        stacks = np.append(counts > 0, word in tr("before the recording, no stack").casefold())
        return np.asarray(stacks[part.trace.allocations.stack[part.allocation]], np.bool_)
