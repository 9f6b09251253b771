"""What single rules of the search come to, on steps small enough to see it: each by an example."""

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from random_steps import ORIGIN

from solver.budget import job
from solver.budget import search as searching
from solver.budget.attempt import Attempt, Try, whose_turn
from solver.budget.devices import V100
from solver.budget.graph import DROP, KEEP, LEND, RETAIN, Bits, BudgetGraph
from solver.budget.search import search
from solver.budget.simulate import simulate
from solver.budget.solve import solve_budget
from solver.budget.state import make_state
from solver.step import Category, Op, Step, Storage
from solver.terms import Choice
from tests.solver.budget.chain_steps import MIB, chain_step
from tests.solver.budget.simulated import outcome, schedule_of
from tests.solver.budget.test_homes import STEP as WITH_MOMENTUM
from tests.solver.budget.test_simulate import graph_of


def step_of(**ops: tuple[str, str, str]) -> Step:
    """By name of each op what it reads, overwrites and makes: tensors of one letter, 4 MiB each. ``x``
    is the input."""
    letters = sorted({letter for op in ops.values() for letters in op for letter in letters})
    storages = tuple(
        Storage(4 * MIB, Category.INPUT if letter == "x" else Category.ACTIVATION, letter)
        for letter in letters
    )

    def of(names: str) -> tuple[int, ...]:
        return tuple(sorted(letters.index(name) for name in names))

    return Step(
        ORIGIN,
        storages,
        tuple(
            Op(name, f"{name}.default", of(reads), of(writes), of(makes))
            for name, (reads, writes, makes) in ops.items()
        ),
    )


def gap_between(graph: BudgetGraph, letter: str, before: str, after: str) -> int:
    """The gap of a tensor between two ops that use it one after the other."""
    names = [graph.step.ops[op].name for op in graph.order]
    return next(
        gap
        for gap in range(2, graph.gaps)
        if graph.step.storages[graph.storage_of[graph.gap_value[gap]]].name == letter
        and graph.gap_from[gap] == names.index(before)
        and graph.gap_to[gap] == names.index(after)
    )


def runs(graph: BudgetGraph, choice: Bits) -> list[str]:
    """The names of the ops in the order in which they run."""
    schedule = schedule_of(graph, choice)
    assert schedule is not None
    return [graph.step.ops[entry.op].name for entry in schedule.entries]


# -- a value that is lent to repetitions -----------------------------------------------------------

LENDING = step_of(
    make=("x", "", "a"),
    derive=("a", "", "b"),
    early=("b", "", "c"),
    pause=("c", "", "d"),
    rest=("d", "", "e"),
    use=("be", "", "f"),
    between=("f", "", "g"),
    last=("ag", "", "h"),
)
"""``a`` waits from ``derive`` to ``last``; ``b`` is made again of it for ``use``."""


def lending(choice_for_a: int) -> tuple[list[str], list[int]]:
    """The runs where ``b`` is dropped, and the bytes that are alive in each."""
    graph = graph_of(LENDING, fusing=False)
    choice = graph.kept()
    choice[gap_between(graph, "b", "early", "use")] = DROP
    choice[gap_between(graph, "a", "derive", "last")] = choice_for_a
    state = make_state(graph)
    slots, _ = simulate(graph.tables, state, choice)
    return runs(graph, choice), [int(live) // MIB for live in state.live[:slots]]


def test_what_is_kept_is_there_for_repetitions_and_to_the_end() -> None:
    names, live = lending(KEEP)
    assert names == ["make", "derive", "early", "pause", "rest", "derive", "use", "between", "last"]
    assert live[names.index("between")] == 12  # a, f and g


def test_what_is_lent_is_there_for_repetitions_and_made_again_for_its_own_use() -> None:
    names, live = lending(LEND)
    expected = ["make", "derive", "early", "pause", "rest", "derive", "use", "between", "make", "last"]
    assert names == expected
    assert live[names.index("between")] == 8  # f and g
    assert live[names.index("pause")] == 12  # a, c and d


def test_what_is_dropped_is_made_again_for_both() -> None:
    names, live = lending(DROP)
    assert names.count("make") == 3
    assert live[names.index("pause")] == 8  # c and d


# -- what reads what is overwritten is made in the same sequence -----------------------------------

OVERWRITTEN = step_of(
    norm=("x", "", "a"),
    copy=("a", "", "b"),
    rectify=("a", "a", ""),
    pause=("x", "", "c"),
    rest=("c", "", "d"),
    use=("ad", "", "e"),
    between=("e", "", "f"),
    last=("bf", "", "g"),
)
"""``copy`` reads ``a`` before ``rectify`` overwrites it; ``use`` wants what that left."""


@pytest.mark.parametrize(
    ("choice_for_copy", "after_rest"),
    [
        (RETAIN, ["norm", "copy", "rectify", "use", "between", "last"]),
        (DROP, ["norm", "rectify", "use", "between", "norm", "copy", "last"]),
        (KEEP, ["norm", "rectify", "use", "between", "last"]),
    ],
)
def test_a_retained_result_is_made_while_what_it_reads_is_there_again(
    choice_for_copy: int, after_rest: list[str]
) -> None:
    graph = graph_of(OVERWRITTEN, fusing=False)
    choice = graph.kept()
    choice[gap_between(graph, "a", "rectify", "use")] = DROP
    choice[gap_between(graph, "b", "copy", "last")] = choice_for_copy
    names = runs(graph, choice)
    assert names[names.index("rest") + 1 :] == after_rest


# -- what repetitions need is taken off the beginnings ---------------------------------------------


def test_a_beginning_that_its_repetitions_break_is_looked_for_with_that_much_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = graph_of(chain_step(8))
    dropped = graph.kept()
    dropped[2:] = DROP  # The last activation needs all others again, one after the other.
    dropped[graph.is_end] = RETAIN
    needed, _ = outcome(graph, dropped)
    budget = needed - 3 * MIB
    asked: list[int] = []

    class Moment:
        def choices(self, room: int, watch: object, seed: int) -> Bits:
            asked.append(room)
            return dropped

    monkeypatch.setattr(searching, "boundaries", lambda graph, count: [Moment()])
    monkeypatch.setattr(searching, "_SHARES", (1.0,))
    monkeypatch.setattr(searching, "_ROUNDS", 0)
    search(graph, budget, deadline=20, seed=0)
    assert asked == [budget, budget - 3 * MIB]


# -- the race between attempts ---------------------------------------------------------------------


def tries(*overheads: float) -> list[Try]:
    return [Try(Attempt(None, (at,)), 0, None, overhead) for at, overhead in enumerate(overheads)]


def turns(of: list[Try], count: int) -> list[int]:
    """Whose turn it is, by number."""
    return [whose_turn(of, later).attempt.homes[0] for later in range(count)]


def test_the_best_attempt_has_every_other_round_and_failed_ones_come_first_in_between() -> None:
    assert turns(tries(0.3, inf, 0.1, inf), 6) == [1, 2, 3, 2, 1, 2]


def test_where_none_failed_the_others_follow_by_what_they_came_to() -> None:
    assert turns(tries(0.3, 0.2, 0.1), 6) == [2, 2, 1, 2, 0, 2]


def test_every_attempt_has_a_short_look_and_the_first_a_longer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[tuple[int, float]] = []

    def nothing(shared: Any, attempt: Attempt, arena: int, *, seconds: float, **rest: Any) -> None:
        looks.append((len(attempt.homes), seconds))

    monkeypatch.setattr(job, "look", nothing)
    searched: list[job.BudgetJob] = []
    monkeypatch.setattr(job.BudgetJob, "_lower", lambda solve: searched.append(solve))
    solve_budget(
        WITH_MOMENTUM,
        26 * MIB,
        device=replace(V100, host_bytes_per_second=100e9),
        allowed=(Choice.RECOMPUTE, Choice.OFFLOAD),
        deadline=30,
    )
    assert len(searched) == 1
    assert [homes for homes, _ in looks] == [0, 6, 12, 0, 0, 6]
    assert looks[0][1] > 1.5 * looks[1][1]
