"""A schedule says which choices made it."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from solver.budget.choices import choices_of
from solver.budget.graph import KEEP
from tests.solver.budget.random_training import random_training
from tests.solver.budget.simulated import outcome, schedule_of
from tests.solver.budget.test_simulate import graph_of


@settings(deadline=None, max_examples=100)
@given(st.integers(3, 40), st.integers(0, 1 << 20))
@example(15, 550548)  # Nothing is retained that would be made again earlier than it was.
@example(25, 2085)  # What is kept is made again beside what is needed, after it was used.
def test_a_step_in_which_one_value_is_made_again_is_read_back(ops: int, seed: int) -> None:
    graph = graph_of(random_training(ops, seed))
    for gap in range(2, graph.gaps):
        choice = graph.kept()
        choice[gap] = 0
        schedule = schedule_of(graph, choice)
        assert schedule is not None, "gaps that cannot be dropped alone are not decided"
        read = choices_of(graph, schedule)
        assert read[gap] != KEEP or graph.gap_value[gap] < 0
        assert outcome(graph, read)[1] <= outcome(graph, choice)[1] + 1e-12
