"""What lives on the host comes in time where there is room, and goes home where it changed."""

from dataclasses import replace

import numpy as np
import pytest

from solver.budget.assemble import Assembler
from solver.budget.attempt import attempts
from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.duration import plan_seconds
from solver.budget.freedom import Freedom
from solver.budget.history import make_history
from solver.budget.homes import with_homes
from solver.budget.schedule import Entry, Schedule
from solver.budget.solve import share, solve_budget
from solver.budget.unrolled import Arranged
from solver.check import check
from solver.plan import Offload, Plan, Prefetch, Provenance
from solver.step import Category, Op, Phase, Step, Storage
from solver.terms import Choice
from solver.timeline import resident_bytes_on_device
from tests.solver.budget.chain_steps import chain_step

MIB = 1 << 20
LAYERS = 6


def with_momentum() -> tuple[Step, tuple[int, ...]]:
    """A chain whose weights are updated by way of a momentum each, and the momenta."""
    chain = chain_step(LAYERS)
    storages, ops, states = list(chain.storages), list[Op](), []
    for op in chain.ops:
        if op.phase is Phase.UPDATE:
            states.append(len(storages))
            storages.append(Storage(MIB, Category.OPTIMIZER_STATE, f"momentum of {op.name}"))
            mixed = Op(f"mix_{op.name}", "mul_.Scalar", op.reads, (states[-1],), (), phase=Phase.UPDATE)
            ops += [mixed, replace(op, reads=(states[-1],))]
        else:
            ops.append(op)
    return Step(chain.origin, tuple(storages), tuple(ops)), tuple(states)


STEP, STATES = with_momentum()
WEIGHTS = tuple(i for i, s in enumerate(STEP.storages) if s.category is Category.PARAMETER)
KEPT = Schedule(tuple(Entry(op) for op in range(len(STEP.ops))))


def plan_with(
    budget: int, bytes_per_second: float, living: tuple[int, ...] = STATES
) -> tuple[Plan, float]:
    """The plan with all momenta, or what else is given, on the host, and its seconds."""
    assembler = Assembler(STEP)
    bare = assembler.unroll(KEPT)
    live = assembler.profile(Arranged(bare, bare.possible))
    costs = op_costs(STEP, V100, False)
    schedule = with_homes(STEP, KEPT, live, living, budget, costs, bytes_per_second)
    unrolled = assembler.unroll(schedule)
    one = Arranged(unrolled, unrolled.possible)
    sizes = STEP.rounded_sizes[list(unrolled.storages)]
    placed = dict(enumerate((np.cumsum(sizes) - sizes).tolist()))
    plan = assembler.plan(one, placed, "homes", Provenance())
    assert check(STEP, plan) == []
    device = replace(V100, host_bytes_per_second=bytes_per_second)
    return plan, plan_seconds(STEP, plan, device, False)


def test_nothing_is_called_back_between_fused_ops() -> None:
    count = len(STEP.ops)
    for fused in (range(1, 5), range(1, count - 1), range(3, count)):
        schedule = Schedule(tuple(Entry(op, fused=op in fused) for op in range(count)))
        live, costs = np.zeros(count, np.int64), op_costs(STEP, V100, False)
        homes = with_homes(STEP, schedule, live, WEIGHTS, 0, costs, 1e15).homes
        assert homes
        assert not any(schedule.entries[home.back].fused for home in homes if home.back)


def test_states_on_the_host_are_not_on_the_device() -> None:
    plan, _ = plan_with(1 << 40, 12e9)
    assert plan.homes == frozenset(STATES)
    assert resident_bytes_on_device(STEP, plan) == STEP.resident_bytes - LAYERS * MIB


def test_with_room_and_fast_copies_no_update_waits_for_its_state() -> None:
    base = op_costs(STEP, V100, False).base_seconds
    _, seconds = plan_with(1 << 40, 400e9)
    # What is left is the last state's way home, beside nothing.
    assert seconds <= base + MIB / 400e9 + 1e-9
    _, slow = plan_with(1 << 40, 1e9)
    assert slow > base + 2 * LAYERS * MIB / 1e9 * 0.5


def test_states_come_no_earlier_than_there_are_bytes_for_them() -> None:
    roomy, fast = plan_with(1 << 40, 20e9)
    tight, slow = plan_with(roomy.peak_bytes - MIB, 20e9)
    assert tight.peak_bytes < roomy.peak_bytes
    assert slow >= fast


@pytest.mark.parametrize("speed", [1e9, 30e9, 1e12])
def test_a_state_that_goes_home_late_is_free_when_it_is_there(speed: float) -> None:
    plan, _ = plan_with(1 << 40, speed)
    unhurried, _ = plan_with(0, speed)
    assert unhurried.peak_bytes <= plan.peak_bytes


def test_a_budget_that_the_states_alone_would_break_is_kept() -> None:
    # The largest op takes 17 MiB, the residents 16: only where states leave the device is there room.
    solution = solve_budget(
        STEP,
        30 * MIB,
        device=replace(V100, host_bytes_per_second=100e9),
        allowed=(Choice.RECOMPUTE, Choice.OFFLOAD),
        deadline=10,
    )
    assert solution.report.impossible_bytes < 30 * MIB
    assert solution.plan is not None
    assert solution.plan.homes == frozenset(STATES)
    assert check(STEP, solution.plan) == []
    assert resident_bytes_on_device(STEP, solution.plan) + solution.plan.height_bytes <= 30 * MIB


def test_states_stay_on_the_device_where_the_host_has_no_room_for_them() -> None:
    solution = solve_budget(
        STEP,
        30 * MIB,
        device=V100,
        allowed=(Choice.OFFLOAD,),
        host_bytes=LAYERS * MIB - 1,
        deadline=5,
    )
    assert solution.plan is None
    assert not solution.lowest.homes


# -- weights -----------------------------------------------------------------------------------------


def visits(plan: Plan, storage: int) -> tuple[int, int]:
    """How often it is brought, and how often it is taken home."""
    home = next(h for h, slot in enumerate(plan.host_slots) if slot.storage == storage)
    actions = [a for a in plan.actions if isinstance(a, Prefetch | Offload) and a.host == home]
    return len(actions) - (out := sum(isinstance(a, Offload) for a in actions)), out


def test_a_weight_is_away_between_its_uses_and_goes_home_once_it_changed() -> None:
    plan, _ = plan_with(0, 1e12, WEIGHTS)
    assert plan.homes == frozenset(WEIGHTS)
    assert visits(plan, WEIGHTS[0]) == (3, 1)  # forward, backward and, after the momentum's, its update
    assert visits(plan, WEIGHTS[-1]) == (2, 1)  # its forward and backward op are neighbours


def test_a_weight_stays_between_its_uses_where_there_is_room() -> None:
    plan, seconds = plan_with(1 << 40, 10e9, WEIGHTS)
    assert all(visits(plan, weight) == (1, 1) for weight in WEIGHTS)
    away, slow = plan_with(0, 10e9, WEIGHTS)
    assert away.peak_bytes <= plan.peak_bytes
    assert seconds <= slow


@pytest.mark.parametrize("room", [0, 30 * MIB, 36 * MIB, 1 << 40])
@pytest.mark.parametrize("speed", [1e9, 30e9, 1e12])
def test_whatever_the_room_a_plan_with_weights_at_home_is_right(room: int, speed: float) -> None:
    plan, _ = plan_with(room, speed, (*WEIGHTS, *STATES))
    assert plan.homes == {*WEIGHTS, *STATES}


def test_a_budget_that_holds_neither_states_nor_weights_is_kept() -> None:
    # The largest op takes 17 MiB, and its weight; the residents but weights and states take 4.
    solution = solve_budget(
        STEP,
        25 * MIB,
        device=replace(V100, host_bytes_per_second=100e9),
        allowed=(Choice.RECOMPUTE, Choice.OFFLOAD),
        deadline=15,
    )
    assert solution.report.impossible_bytes < 25 * MIB
    assert solution.plan is not None
    assert solution.plan.homes >= {*WEIGHTS}
    assert check(STEP, solution.plan) == []
    assert resident_bytes_on_device(STEP, solution.plan) + solution.plan.height_bytes <= 25 * MIB
    assert solution.report.overhead is not None
    assert solution.report.overhead_bound <= solution.report.overhead


def test_weights_that_are_little_of_the_budget_stay_on_the_device() -> None:
    chosen = (Choice.RECOMPUTE, Choice.OFFLOAD)
    shared = share(STEP, device=V100, allowed=chosen)
    variants = [shared.variants.likely((), lambda step: tuple(range(len(step.ops))))[0]]
    assert [len(a.homes) for a in attempts(shared, variants, 90 * MIB)] == [0, 6, 12]
    assert [len(a.homes) for a in attempts(shared, variants, 100 * MIB)] == [0, 6]


def test_a_bound_takes_no_time_for_bytes_that_are_not_copied() -> None:
    small = replace(STEP.storages[WEIGHTS[0]], size=4)
    storages = tuple(small if i in WEIGHTS else s for i, s in enumerate(STEP.storages))
    step = replace(STEP, storages=storages)
    freedom = Freedom(make_history(step), op_costs(step, V100, False), True, False, 1e9)
    assert freedom.home_bytes(written=True) == LAYERS * MIB
    assert freedom.home_bytes(written=False) == LAYERS * 512
