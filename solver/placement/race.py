"""Two searches for a placement below a limit, at the same time: depth first, and CP-SAT.

They are good at different problems, and neither holds the interpreter lock. The race goes in rounds,
in each of which both have an effort that does not depend on the clock. The depth-first search decides
a round if it can, else CP-SAT: so who answers first by the clock changes nothing, and a seed gives
the same placement on any machine that has the time. Rounds of both take about equally long, so that
little is lost by it.
"""

import threading
from dataclasses import dataclass, field

from solver.placement.answer import Answer
from solver.placement.depth_first import DepthFirst
from solver.placement.exact import MAX_STORAGES, LimitSearch
from solver.placement.problem import Part
from solver.placement.windows import Windows
from solver.plan import IntArray
from solver.watch import Watch

EFFORT, MAX_EFFORT, GROWTH = 0.02, 2.0, 1.25
"""CP-SAT's deterministic seconds (20 to 80 s each) in its first round and at most, and its growth."""
ALONE_EFFORT = 0.1
"""The same for the first round where the depth-first search knows no way: longer runs find more."""


@dataclass(frozen=True)
class Finish:
    """What a round said about its limit, and who said it."""

    answer: Answer
    addresses: IntArray | None = None
    """In units; with ``FOUND``."""
    by: str = ""


@dataclass
class Race:
    """The searches of one part."""

    part: Part
    watch: Watch
    seed: int
    _tree: DepthFirst = field(init=False)
    _windows: Windows = field(init=False)
    _model: LimitSearch | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._tree = DepthFirst(self.part, self.watch, self.seed)
        self._windows = Windows(self.part, self.watch)

    def sprint(self, limit: int) -> Finish:
        """The depth-first search alone, for some tenths of a second at most."""
        return Finish(*self._tree.sprint(limit), "depth-first search")

    def ask(self, limit: int, attempt: int, *, prove: bool = True) -> Finish:
        """One round: a placement (units) of height at most ``limit``, with effort by ``attempt``.

        ``prove``: go on with the proof that there is none, which is worth it for one limit at a time.
        Deterministic for a seed unless the watch stops it.
        """
        if not self._tree.usable:
            return self._reason(limit, attempt, self.watch)
        decided = threading.Event()
        finish = Finish(Answer.UNKNOWN)
        error: BaseException | None = None

        def reason() -> None:
            nonlocal finish, error
            try:
                over = self.watch.flag
                with Watch(self.watch.left, lambda: bool(over[0]) or decided.is_set()) as watch:
                    finish = self._reason(limit, attempt, watch)
            except BaseException as raised:
                error = raised

        rival = threading.Thread(target=reason, name="placement by CP-SAT", daemon=True)
        rival.start()
        try:
            found = Finish(*self._tree.ask(limit, attempt, prove=prove), "depth-first search")
        except BaseException:
            decided.set()
            raise
        if found.answer is not Answer.UNKNOWN:
            decided.set()
        rival.join()
        if error is not None:
            raise error
        return finish if found.answer is Answer.UNKNOWN else found

    def _reason(self, limit: int, attempt: int, watch: Watch) -> Finish:
        """CP-SAT: first on windows, which only can refute, then on all of the part."""
        first = EFFORT if self._tree.usable else ALONE_EFFORT
        effort = min(MAX_EFFORT, first * GROWTH**attempt)
        self._windows.watch = watch
        if self._windows.refute(limit, effort / 4, self.seed + attempt):
            return Finish(Answer.IMPOSSIBLE, None, "CP-SAT")
        if len(self.part.sizes) > MAX_STORAGES or watch.stopped:
            return Finish(Answer.UNKNOWN)
        if self._model is None:
            self._model = LimitSearch(self.part, watch)
        self._model.watch = watch
        return Finish(*self._model.ask(limit, effort, self.seed + attempt), "CP-SAT")
