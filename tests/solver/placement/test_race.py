"""The race: the depth-first search decides where it can, and CP-SAT where that cannot."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from solver.placement.answer import Answer
from solver.placement.depth_first import DepthFirst
from solver.placement.exact import LimitSearch
from solver.placement.problem import Part, reduce
from solver.placement.race import Race
from solver.watch import Watch
from tests.solver.placement.placement_cases import CAPACITY, load_problem, make_problem

NESTED = make_problem([(0, 9, 3), (0, 4, 2), (3, 4, 5), (6, 3, 4), (2, 3, 1)])


def only_part(path: Path) -> Part:
    return max(reduce(load_problem(path))[1], key=lambda part: len(part.sizes))


def test_both_say_the_same_of_what_is_possible_and_what_is_not() -> None:
    _, (part,) = reduce(NESTED)
    with Watch(60.0) as watch:
        race = Race(part, watch, 0)
        assert race.ask(part.bound - 1, 0).answer is Answer.IMPOSSIBLE
        finish = race.ask(part.bound, 0)
        assert (finish.answer, finish.by) == (Answer.FOUND, "depth-first search")
        assert race.sprint(part.bound).answer is Answer.FOUND


def test_cp_sat_answers_where_the_depth_first_search_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DepthFirst, "ask", lambda *_, **__: (Answer.UNKNOWN, None))
    _, (part,) = reduce(NESTED)
    with Watch(60.0) as watch:
        race = Race(part, watch, 0)
        finish = race.ask(part.bound, 9)
        assert (finish.answer, finish.by) == (Answer.FOUND, "CP-SAT")
        assert finish.addresses is not None
        assert (finish.addresses + part.sizes).max() == part.bound


def test_an_early_answer_of_cp_sat_does_not_overtake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = np.zeros(5, np.int64)
    answered = threading.Event()
    ask = LimitSearch.ask

    def quick(search: LimitSearch, limit: int, effort: float, seed: int) -> object:
        finish = ask(search, limit, effort, seed)
        answered.set()
        return finish

    def slow(*_: object, **__: object) -> object:
        assert answered.wait(60)
        return Answer.FOUND, ours

    monkeypatch.setattr(LimitSearch, "ask", quick)
    monkeypatch.setattr(DepthFirst, "ask", slow)
    _, (part,) = reduce(NESTED)
    with Watch(60.0) as watch:
        finish = Race(part, watch, 0).ask(part.bound, 9)
    assert finish.addresses is ours


def test_the_loser_is_stopped(cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = only_part(cases / "placement" / "D.1048576.csv")
    monkeypatch.setattr("solver.placement.race.EFFORT", 100.0)
    monkeypatch.setattr("solver.placement.race.MAX_EFFORT", 100.0)

    def late(*_: object, **__: object) -> object:
        time.sleep(1.0)
        return Answer.IMPOSSIBLE, None

    monkeypatch.setattr(DepthFirst, "ask", late)
    with Watch(60.0) as watch:
        race = Race(part, watch, 0)
        began = time.monotonic()
        finish = race.ask(part.bound, 0)
        assert time.monotonic() - began < 10
    assert (finish.answer, finish.by) == (Answer.IMPOSSIBLE, "depth-first search")
    assert threading.active_count() < 10


def test_a_seed_gives_the_same_rounds(cases: Path) -> None:
    part = only_part(cases / "placement" / "J.1048576.csv")
    limit = CAPACITY // 1024
    found = []
    with Watch(60.0) as watch:
        for _ in range(2):
            race = Race(part, watch, 5)
            finish = race.ask(limit, 2)
            assert finish.addresses is not None
            found.append((finish.by, finish.addresses.tolist()))
    assert found[0] == found[1]


def test_a_failure_of_the_rival_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("broken")

    monkeypatch.setattr(LimitSearch, "ask", broken)
    monkeypatch.setattr(DepthFirst, "ask", lambda *_, **__: (Answer.UNKNOWN, None))
    _, (part,) = reduce(NESTED)
    with Watch(60.0) as watch, pytest.raises(RuntimeError, match="broken"):
        Race(part, watch, 0).ask(part.bound, 0)
