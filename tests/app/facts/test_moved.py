"""What moved between two ways to run a step, against cases worked by hand."""

from hypothesis import given
from hypothesis import strategies as st

from app.facts.moved import moved_tensors, same_slots
from app.facts.plan import PlanFacts
from solver.step import Step
from tests.app.toy_case import RESIDENT, loose_plan, toy_baseline, toy_plan
from tests.app.toy_several import parked_plan, recomputed_plan
from tests.conftest import make_toy_step


def test_a_tensor_at_another_address_has_moved_and_saves_nothing(toy_step: Step) -> None:
    left, right = PlanFacts(toy_step, loose_plan(toy_step)), PlanFacts(toy_step, toy_plan(toy_step))
    (row,) = moved_tensors(left, right)
    assert row.name == "∂ weight"
    assert (row.left.address, row.right.address) == (RESIDENT + 5120, RESIDENT)
    assert (row.moved, row.saved) == (-5120, 0)
    assert row.left.ops_text == "4–5"


def test_the_same_plan_has_moved_nothing(toy_step: Step) -> None:
    facts = PlanFacts(toy_step, toy_plan(toy_step))
    assert moved_tensors(facts, facts) == ()


def test_a_tensor_that_is_parked_at_the_peak_saves_its_bytes_there() -> None:
    step = make_toy_step()
    left, right = PlanFacts(step, toy_plan(step)), PlanFacts(step, parked_plan(step))
    row = next(r for r in moved_tensors(left, right) if r.left_storage == 2)
    assert row.right.stays == 2
    assert row.right.ops_text.endswith("in 2 stays")


@given(
    st.sampled_from([toy_plan, loose_plan, recomputed_plan, parked_plan]),
    st.sampled_from([toy_plan, loose_plan, recomputed_plan, parked_plan]),
)
def test_what_is_saved_adds_up_to_the_difference_of_the_peaks(one: object, other: object) -> None:
    step = make_toy_step()
    left, right = PlanFacts(step, one(step)), PlanFacts(step, other(step))  # type: ignore[operator]
    saved = sum(row.saved for row in moved_tensors(left, right))
    assert saved == left.live_peak - right.live_peak


def test_as_run_all_that_a_plan_places_has_moved(toy_step: Step) -> None:
    baseline = toy_baseline(toy_step)
    as_run = PlanFacts(toy_step, baseline.plan, baseline)
    rows = moved_tensors(as_run, PlanFacts(toy_step, toy_plan(toy_step)))
    assert {r.left_storage for r in rows} == {2, 3, 5, 6}


def test_slots_are_matched_by_op_and_by_how_often_it_ran() -> None:
    step = make_toy_step()
    left, right = PlanFacts(step, toy_plan(step)), PlanFacts(step, recomputed_plan(step))
    assert same_slots(left, right).tolist() == [0, 1, 2, 4, 5, 6]
    assert same_slots(right, left).tolist() == [0, 1, 2, -1, 3, 4, 5]
    moved = PlanFacts(step, toy_plan(step, (0, 1, 3, 4, 2, 5)))
    assert same_slots(left, moved).tolist() == [0, 1, 4, 2, 3, 5]
