"""The moment's choices are within its budget, and lose the less the larger it is."""

import pytest

from solver.budget.boundary import boundaries
from solver.budget.graph import KEEP, BudgetGraph
from solver.watch import Watch
from tests.solver.budget.random_training import random_training
from tests.solver.budget.simulated import outcome
from tests.solver.budget.test_simulate import graph_of


def kept_bytes(graph: BudgetGraph, choice: object, position: int) -> int:
    """Of the gaps around a position that are kept."""
    return sum(
        int(graph.tables.size[graph.gap_value[gap]])
        for gap in range(2, graph.gaps)
        if graph.gap_from[gap] < position < graph.gap_to[gap] and choice[gap] == KEEP  # type: ignore[index]
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_is_kept_across_the_moment_is_within_the_budget(seed: int) -> None:
    graph = graph_of(random_training(40, seed))
    (moment,) = boundaries(graph, 1)
    whole = moment.fixed + kept_bytes(graph, graph.kept(), moment.position)
    lost = []
    with Watch(60) as watch:
        for share in (1.0, 0.8, 0.6):
            budget = int(whole * share)
            choice = moment.choices(budget, watch, 0)
            if choice is None:
                continue
            assert moment.fixed + kept_bytes(graph, choice, moment.position) <= budget
            peak, seconds = outcome(graph, choice)
            assert peak >= 0
            lost.append(seconds)
    assert lost[0] == pytest.approx(graph.costs.base_seconds)
    assert lost[0] <= min(lost)


def test_no_choice_fits_a_budget_below_what_is_alive_anyway() -> None:
    graph = graph_of(random_training(40, 0))
    (moment,) = boundaries(graph, 1)
    with Watch(60) as watch:
        assert moment.choices(moment.fixed - 1, watch, 0) is None
