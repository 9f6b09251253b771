"""Trips: bytes and seconds are those of the plan that comes of them, and copies run beside the ops."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from solver import warm_up
from solver.budget.assemble import Assembler
from solver.budget.choices import choices_of
from solver.budget.devices import V100
from solver.budget.duration import plan_seconds
from solver.budget.graph import DROP, KEEP, PARK, Bits, BudgetGraph
from solver.budget.schedule import Host, Schedule
from solver.budget.search import search
from solver.budget.state import make_state
from solver.budget.trips import make_copies, schedule_with_trips, timed
from solver.budget.unrolled import Arranged
from solver.check import check
from solver.plan import Offload, Plan, Prefetch, Provenance, Run
from solver.step import Step
from solver.terms import DeviceModel
from tests.solver.budget.chain_steps import chain_step
from tests.solver.budget.random_training import random_training
from tests.solver.budget.test_simulate import graph_of

HUGE = 1 << 60


def device(step: Step, copy_share: float) -> DeviceModel:
    """V100 with copies of which a granule takes ``copy_share`` of an op's time."""
    return replace(V100, host_bytes_per_second=512 / (copy_share * V100.launch_seconds))


def random_choice(graph: BudgetGraph, seed: int, *, parked: float) -> Bits:
    rng = random.Random(seed)
    choice = graph.kept()
    for gap in range(2, graph.gaps):
        if rng.random() < parked:
            choice[gap] = PARK
        elif rng.random() < 0.3:
            choice[gap] = rng.randrange(KEEP)
    return choice


def planned(step: Step, schedule: Schedule) -> Plan:
    """The plan of a schedule with every takeover it can have, its instances side by side."""
    assembler = Assembler(step)
    unrolled = assembler.unroll(schedule)
    one = Arranged(unrolled, unrolled.possible)
    sizes = step.rounded_sizes[list(unrolled.storages)] if unrolled.storages else np.zeros(0, int)
    addresses = np.cumsum(sizes) - sizes
    return assembler.plan(one, dict(enumerate(addresses.tolist())), "trips", Provenance())


@settings(deadline=None, max_examples=300)
@given(
    st.integers(3, 40),
    st.integers(0, 1 << 20),
    st.sampled_from([0.2, 1.0, 5.0]),
    st.floats(0.3, 1.0),
    st.sampled_from([0.0, 0.4]),
)
@example(18, 850736, 5.0, 0.55, 0.0)  # Takes over what the run before wrote, not what is there besides.
def test_bytes_and_seconds_are_those_of_the_plan(
    ops: int, seed: int, share: float, tightness: float, parked: float
) -> None:
    step = random_training(ops, seed)
    graph, model = graph_of(step), device(step, share)
    state = make_state(graph)
    copies = make_copies(graph, state, model.host_bytes_per_second)
    choice = random_choice(graph, seed, parked=parked)
    budget = int(tightness * timed(graph, graph.kept(), state, copies, HUGE).peak_bytes)
    found = timed(graph, choice, state, copies, budget)
    schedule = schedule_with_trips(graph, choice, state, copies, budget)
    if schedule is None:
        assert not found.slots
        return
    plan = planned(step, schedule)
    assert check(step, plan) == []
    assert found.peak_bytes == plan.peak_bytes
    runs = [action for action in plan.actions if isinstance(action, Run)]
    assert [run.fused for run in runs] == [entry.fused for entry in schedule.entries]
    assert found.seconds == pytest.approx(plan_seconds(step, plan, model, False), rel=1e-9)
    ends = [slot.address + int(step.rounded_sizes[slot.storage]) for slot in plan.host_slots]
    assert max(ends, default=0) >= found.host_bytes


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(0, 1 << 20))
def test_the_choices_of_a_schedule_with_trips_are_those_it_came_of(ops: int, seed: int) -> None:
    graph = graph_of(random_training(ops, seed))
    state = make_state(graph)
    copies = make_copies(graph, state, V100.host_bytes_per_second)
    choice = random_choice(graph, seed, parked=0.5)
    choice[2:][choice[2:] < KEEP] = KEEP
    schedule = schedule_with_trips(graph, choice, state, copies, HUGE)
    assert schedule is not None
    choice[graph.is_end] = DROP  # Nothing is repeated: after its last use nothing needs a value.
    assert (choices_of(graph, schedule) == choice).all()


@pytest.fixture(scope="module")
def deep() -> tuple[Step, BudgetGraph, int]:
    """A chain of twelve blocks, its problem, and seven tenths of its peak; with all kernels compiled,
    which no deadline is for."""
    warm_up.budget()
    step = chain_step(12)
    graph = graph_of(step)
    state = make_state(graph)
    peak = timed(graph, graph.kept(), state, make_copies(graph, state, 1.0), HUGE).peak_bytes
    return step, graph, peak * 7 // 10


def most_on_host(step: Step, plan: Plan) -> int:
    on_host = most = 0
    for action in plan.actions:
        if isinstance(action, Offload | Prefetch):
            size = int(step.rounded_sizes[plan.instances[action.instance].storage])
            on_host += size if isinstance(action, Offload) else -size
            most = max(most, on_host)
    return most


def test_a_search_with_trips_loses_less_time_than_one_without(
    deep: tuple[Step, BudgetGraph, int],
) -> None:
    step, graph, budget = deep
    model = replace(V100, host_bytes_per_second=100e9)
    found = search(graph, budget, deadline=3, seed=0, host=Host(model.host_bytes_per_second))
    without = search(graph, budget, deadline=3, seed=0)
    assert found is not None
    assert without is not None
    assert found.seconds < without.seconds
    plan = planned(step, found.schedule)
    assert check(step, plan) == []
    assert plan.peak_bytes == found.peak_bytes <= budget
    assert found.seconds == pytest.approx(plan_seconds(step, plan, model, False))
    assert most_on_host(step, plan) > 0 < len(found.schedule.trips)


def test_without_recompute_only_trips_make_room(deep: tuple[Step, BudgetGraph, int]) -> None:
    step, graph, budget = deep
    found = search(graph, budget, deadline=3, seed=0, host=Host(100e9), recompute=False)
    assert found is not None
    assert len(found.schedule.entries) == len(step.ops)
    assert found.schedule.trips


def test_no_more_lies_on_the_host_than_may(deep: tuple[Step, BudgetGraph, int]) -> None:
    step, graph, budget = deep
    free = search(graph, budget, deadline=3, seed=0, host=Host(1e12))
    assert free is not None
    most = most_on_host(step, planned(step, free.schedule))
    tight = search(graph, budget, deadline=3, seed=0, host=Host(1e12, most // 2))
    assert tight is not None
    assert 0 < most_on_host(step, planned(step, tight.schedule)) <= most // 2
