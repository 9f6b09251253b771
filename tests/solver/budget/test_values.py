"""What a value that several repetitions need may do after the last first run that uses it."""

import pytest
from random_steps import ORIGIN

from solver.budget.graph import DROP, KEEP, RETAIN, BudgetGraph
from solver.step import Category, Op, Step, Storage
from tests.solver.budget.simulated import outcome, schedule_of
from tests.solver.budget.test_simulate import graph_of

MIB = 1 << 20
SHARED, FIRST, SECOND = 1, 2, 3
"""Storages: what two ops read, and what they make of it, which is needed late."""


@pytest.fixture(scope="module")
def forked() -> BudgetGraph:
    """Op 0 makes SHARED; ops 1 and 2 make FIRST and SECOND of it; ops 6 and 10 need those again."""
    storages = [Storage(MIB, Category.INPUT, "input")]
    storages += [Storage(MIB, Category.ACTIVATION, name) for name in ("shared", "first", "second")]
    ops = [
        Op("shared", "layer.default", (0,), (), (SHARED,)),
        Op("first", "layer.default", (SHARED,), (), (FIRST,)),
        Op("second", "layer.default", (SHARED,), (), (SECOND,)),
    ]
    for number in range(8):
        late = {3: (FIRST,), 7: (SECOND,)}.get(number, ())
        before = (len(storages) - 1,) if number else (0,)
        ops.append(Op(f"n{number}", "next.default", (*late, *before), (), (len(storages),)))
        storages.append(Storage(MIB, Category.ACTIVATION, f"n{number}"))
    return graph_of(Step(ORIGIN, tuple(storages), tuple(ops)))


def gap_of(graph: BudgetGraph, storage: int) -> int:
    """The only gap of a storage."""
    found = [g for g in range(2, graph.gaps) if graph.storage_of[graph.gap_value[g]] == storage]
    assert len(found) == 1
    return found[0]


def test_what_two_repetitions_need_has_a_gap_after_its_last_use(forked: BudgetGraph) -> None:
    ends = [g for g in range(forked.gaps) if forked.is_end[g]]

    assert ends == [gap_of(forked, SHARED)]
    assert forked.gap_from[ends[0]] == 2 and forked.gap_to[ends[0]] == len(forked.order)
    assert forked.kept()[ends[0]] == DROP


@pytest.mark.parametrize(
    ("choice", "again"),
    [(DROP, [0, 0, 2]), (RETAIN, [0, 2]), (KEEP, [2])],
    ids=["dropped", "made again once", "kept"],
)
def test_its_choice_says_how_often_it_is_made(
    forked: BudgetGraph, choice: int, again: list[int]
) -> None:
    choices = forked.kept()
    choices[[gap_of(forked, FIRST), gap_of(forked, SECOND)]] = DROP
    choices[gap_of(forked, SHARED)] = choice

    schedule = schedule_of(forked, choices)

    assert schedule is not None
    ran: set[int] = set()
    repeated = []
    for entry in schedule.entries:
        if entry.op in ran:
            repeated.append(entry.op)
        ran.add(entry.op)
    assert repeated == again  # SHARED stays for op 2 anyway, so op 1 first runs when FIRST is needed.
    seconds = forked.costs.base_seconds + forked.costs.first[again].sum()
    assert outcome(forked, choices)[1] == pytest.approx(seconds)


def test_it_is_let_go_where_nothing_needs_it(forked: BudgetGraph) -> None:
    choices = forked.kept()
    choices[gap_of(forked, SHARED)] = KEEP

    assert outcome(forked, choices) == outcome(forked, forked.kept())
