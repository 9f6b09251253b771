"""The validator catches every kind of wrong plan: each test takes a right one and breaks one thing."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import ORIGIN, random_step

from solver.assemble import assemble
from solver.check import MAX_PROBLEMS, Checker, StoppedError, check, require_valid
from solver.cut_value import cut_value
from solver.errors import BayplanError
from solver.plan import (
    Action,
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.step import GRANULE, Category, Op, Step, Storage, round_up
from solver.timeline import order_profile, planned_storages


def stacked(step: Step) -> dict[int, int]:
    """An address for every planned storage, none shared."""
    addresses, top = {}, 0
    for storage in planned_storages(step):
        addresses[int(storage)] = top
        top += round_up(step.storages[storage].size)
    return addresses


def make_plan(step: Step, order: tuple[int, ...] | None = None) -> Plan:
    """A right plan: program order unless another is given, every storage at its own address."""
    order = tuple(range(len(step.ops))) if order is None else order
    peak = int(order_profile(step, order).max(initial=0))
    return assemble(
        step,
        order,
        stacked(step),
        name="test",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, peak),
    )


def with_actions(plan: Plan, change: Callable[[list[Action]], None]) -> Plan:
    actions = list(plan.actions)
    change(actions)
    return replace(plan, actions=tuple(actions))


def assert_refused(step: Step, plan: Plan, *words: str) -> None:
    problems = check(step, plan)
    assert problems, "the broken plan passed"
    for word in words:
        assert any(word in problem for problem in problems), problems


def test_a_right_plan_has_no_problems(toy_step: Step) -> None:
    assert check(toy_step, make_plan(toy_step)) == []
    require_valid(toy_step, make_plan(toy_step))


def test_right_plans_of_random_steps_have_no_problems() -> None:
    for seed in range(60):
        step = random_step(random.Random(seed).randint(0, 20), seed)
        assert check(step, make_plan(step)) == []


def test_a_wrong_plan_is_an_error_that_lists_all_problems(toy_step: Step) -> None:
    plan = replace(make_plan(toy_step), peak_bytes=1, height_bytes=1)
    with pytest.raises(BayplanError, match="not right for the step toy") as caught:
        require_valid(toy_step, plan)
    assert caught.value.details.count("\n") == 1


# -- the step ------------------------------------------------------------------------------------


def test_a_plan_for_another_step_is_refused(toy_step: Step, resnet50_step: Step) -> None:
    assert_refused(resnet50_step, make_plan(toy_step), "another step")


def test_a_plan_for_another_batch_size_is_refused(toy_step: Step) -> None:
    larger = tuple(replace(s, size=2 * s.size) for s in toy_step.storages)
    assert_refused(replace(toy_step, storages=larger), make_plan(toy_step), "another step")


# -- order ---------------------------------------------------------------------------------------


def test_a_missing_op_is_found(toy_step: Step) -> None:
    order = (0, 1, 2, 3, 4)
    assert_refused(toy_step, make_plan(toy_step, order), "Op 5 (add_) never runs", "weight ends with 0")


def test_an_op_that_runs_again_without_its_operands_is_found(toy_step: Step) -> None:
    plan = with_actions(make_plan(toy_step), lambda a: a.append(Run(1, (), ())))
    assert_refused(toy_step, plan, "names other storages than the op uses")


def test_an_update_that_runs_twice_is_found() -> None:
    step = Step(
        ORIGIN,
        (Storage(512, Category.PARAMETER, "weight"),),
        (Op("update", "add_.Tensor", (), (0,), ()),),
    )
    plan = with_actions(make_plan(step), lambda a: a.append(Run(0, (), ())))
    assert_refused(step, plan, "it cannot run again, as it writes weight")


def test_every_swap_of_two_dependent_ops_is_found() -> None:
    refused = accepted = 0
    for seed in range(60):
        step = random_step(10, seed, density=0.3)
        for slot in range(9):
            order = list(range(10))
            order[slot], order[slot + 1] = slot + 1, slot
            problems = check(step, make_plan(step, tuple(order)))
            assert bool(problems) == (slot in step.dependencies[slot + 1]), (seed, slot, problems)
            refused += bool(problems)
            accepted += not problems
    assert refused > 50 < accepted


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), ops=st.integers(1, 9), data=st.data())
def test_an_order_is_right_just_when_it_keeps_all_dependencies(
    seed: int, ops: int, data: st.DataObject
) -> None:
    step = random_step(ops, seed)
    order = tuple(data.draw(st.permutations(range(ops))))
    slot = {op: position for position, op in enumerate(order)}
    right = all(slot[b] < slot[op] for op in range(ops) for b in step.dependencies[op])
    assert (check(step, make_plan(step, order)) == []) == right


def test_swapped_random_numbers_are_found() -> None:
    step = Step(
        ORIGIN,
        (Storage(512, Category.ACTIVATION, "a"), Storage(512, Category.ACTIVATION, "b")),
        (
            Op("first", "dropout.default", (), (), (0,), random=True),
            Op("second", "dropout.default", (), (), (1,), random=True),
        ),
    )
    assert check(step, make_plan(step)) == []
    assert_refused(step, make_plan(step, (1, 0)), "random numbers")


def test_a_parameter_read_after_its_update_is_found(toy_step: Step) -> None:
    reads_weight = replace(toy_step.ops[3], reads=(0, 2, 3))
    step = replace(toy_step, ops=(*toy_step.ops[:3], reads_weight, *toy_step.ops[4:]))
    late = Step(step.origin, step.storages, (*step.ops, Op("peek", "relu.default", (0,), (), ())))
    assert check(late, make_plan(late)) == []
    assert_refused(late, make_plan(late, (0, 1, 2, 3, 4, 6, 5)), "weight has had 0 writes")


def test_an_op_that_is_not_there_is_found(toy_step: Step) -> None:
    for op in (6, -1):
        plan = with_actions(make_plan(toy_step), lambda a, op=op: a.append(Run(op, (), ())))
        assert_refused(toy_step, plan, f"runs op {op}")


def test_an_unknown_implementation_is_found(toy_step: Step) -> None:
    plan = with_actions(
        make_plan(toy_step), lambda a: a.__setitem__(0, replace(a[0], implementation="fused"))
    )
    assert_refused(toy_step, plan, "'fused' is not known")


# -- placement -----------------------------------------------------------------------------------


def at(plan: Plan, instance: int, address: int) -> Plan:
    instances = list(plan.instances)
    instances[instance] = replace(instances[instance], address=address)
    return replace(plan, instances=tuple(instances))


def test_two_live_storages_at_one_address_are_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    assert_refused(toy_step, at(plan, 1, plan.instances[0].address), "overlaps")


def test_an_overlap_of_one_byte_is_found_on_either_side(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    end = plan.instances[0].address + round_up(toy_step.storages[plan.instances[0].storage].size)
    assert plan.instances[1].address == end
    assert_refused(toy_step, at(plan, 1, end - 1), "overlaps")
    step = Step(
        ORIGIN,
        tuple(Storage(GRANULE, Category.ACTIVATION, f"s{i}") for i in range(2)),
        (Op("both", "op.default", (), (), (0, 1)),),
    )
    both = make_plan(step)
    assert_refused(step, at(at(both, 0, GRANULE - 1), 1, 0), "overlaps")


def test_a_storage_inside_another_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    assert_refused(toy_step, at(plan, 1, plan.instances[0].address + 512), "overlaps")
    assert_refused(toy_step, at(at(plan, 0, 512), 1, 0), "overlaps")


def test_storages_that_live_one_after_the_other_may_share_bytes(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    first, last = 0, len(plan.instances) - 1
    assert plan.lifetimes[first, 1] <= plan.lifetimes[last, 0]
    shared = at(plan, last, plan.instances[first].address)
    shared = replace(shared, height_bytes=height(toy_step, shared))
    assert check(toy_step, shared) == []


def height(step: Step, plan: Plan) -> int:
    return max(i.address + round_up(step.storages[i.storage].size) for i in plan.instances)


def test_rounding_up_counts_as_overlap() -> None:
    step = Step(
        ORIGIN,
        (Storage(1, Category.ACTIVATION, "a"), Storage(1, Category.ACTIVATION, "b")),
        (Op("both", "op.default", (), (), (0, 1)),),
    )
    assert_refused(step, at(make_plan(step), 1, 511), "overlaps")


def test_a_negative_address_is_found(toy_step: Step) -> None:
    assert_refused(toy_step, at(make_plan(toy_step), 0, -512), "negative address")


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 500), data=st.data())
def test_placements_are_right_just_when_no_two_live_storages_share_a_byte(
    seed: int, data: st.DataObject
) -> None:
    step = random_step(6, seed, largest=3)
    plan = make_plan(step)
    instances = tuple(replace(i, address=data.draw(st.integers(0, 8)) * 256) for i in plan.instances)
    plan = replace(plan, instances=instances)
    plan = replace(plan, height_bytes=height(step, plan) if instances else 0)
    spans = [
        (i.address, i.address + round_up(step.storages[i.storage].size), *plan.lifetimes[n])
        for n, i in enumerate(instances)
    ]
    right = not any(
        a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
        for n, a in enumerate(spans)
        for b in spans[:n]
    )
    assert (check(step, plan) == []) == right


# -- presence ------------------------------------------------------------------------------------


def test_use_after_free_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)

    def free_early(actions: list[Action]) -> None:
        actions.remove(Free(0))
        actions.insert(2, Free(0))

    assert_refused(toy_step, with_actions(plan, free_early), "is not in memory")


def test_a_double_free_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)

    def twice(actions: list[Action]) -> None:
        actions.insert(actions.index(Free(0)), Free(0))

    assert_refused(toy_step, with_actions(plan, twice), "is freed but not alive")


def test_a_free_before_its_storage_exists_is_found(toy_step: Step) -> None:
    plan = with_actions(make_plan(toy_step), lambda a: a.insert(0, Free(0)))
    assert_refused(toy_step, plan, "is freed but not alive")


def test_frees_that_never_come_are_no_error_but_count(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    kept = replace(plan, actions=tuple(a for a in plan.actions if not isinstance(a, Free)))
    assert_refused(toy_step, kept, "states a peak")
    total = sum(round_up(s.size) for s in toy_step.storages if s.planned)
    assert check(toy_step, stating(replace(kept, peak_bytes=total), height_bound_bytes=total)) == []


def test_an_instance_that_comes_alive_twice_is_found() -> None:
    step = Step(
        ORIGIN,
        (Storage(512, Category.ACTIVATION, "a"),),
        (Op("make", "op.default", (), (), (0,)), Op("use", "op.default", (0,), (), ())),
    )
    plan = make_plan(step)
    again = replace(plan, actions=(*plan.actions, Run(0, (), (0,))))
    assert_refused(step, again, "comes alive a second time")


@pytest.mark.parametrize("index", [-1, 99])
def test_an_instance_out_of_range_is_found(toy_step: Step, index: int) -> None:
    plan = make_plan(toy_step)
    actions: tuple[Action, ...] = (
        Free(index),
        Run(1, (index,), (1,)),
        Offload(index, 0),
        Prefetch(0, index),
    )
    for action in actions:
        broken = with_actions(plan, lambda a, action=action: a.append(action))
        assert_refused(toy_step, broken, "instance that is not there")


@pytest.mark.parametrize("storage", [-1, 99])
def test_an_instance_of_no_storage_is_found(toy_step: Step, storage: int) -> None:
    plan = make_plan(toy_step)
    broken = replace(plan, instances=(*plan.instances, Instance(storage, 0)))
    assert_refused(toy_step, broken, f"of storage {storage}")


def test_an_instance_of_a_resident_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    assert_refused(
        toy_step, replace(plan, instances=(*plan.instances, Instance(0, 0))), "resident or empty"
    )


def test_a_run_that_names_wrong_instances_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    run = plan.actions[0]
    assert isinstance(run, Run)
    for broken in (
        replace(run, creates=()),
        replace(run, creates=(1,)),
        replace(run, creates=(0, 0)),
        replace(run, uses=(1,)),
    ):
        changed = with_actions(plan, lambda a, broken=broken: a.__setitem__(0, broken))
        assert_refused(toy_step, changed, "names other storages than the op")


# -- statements ----------------------------------------------------------------------------------


def test_a_wrong_peak_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    for peak in (plan.peak_bytes - 512, plan.peak_bytes + 512):
        assert_refused(toy_step, replace(plan, peak_bytes=peak), "states a peak")


def test_a_wrong_height_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    for stated in (plan.height_bytes - 512, plan.height_bytes + 512):
        assert_refused(toy_step, replace(plan, height_bytes=stated), "states a height")


def stating(plan: Plan, **changes: object) -> Plan:
    return replace(plan, certificate=replace(plan.certificate, **changes))  # type: ignore[arg-type]


def test_a_wrong_bound_of_the_height_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    assert_refused(
        toy_step, stating(plan, height_bound_bytes=plan.peak_bytes + 1), "bound of its height"
    )
    assert_refused(toy_step, stating(plan, height_bound_bytes=0), "bound of its height")


def test_a_bound_above_the_peak_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    broken = stating(plan, peak_bound_bytes=plan.peak_bytes + 512, peak_proof=Proof.SEARCH)
    assert_refused(toy_step, broken, "above its own peak")


def test_a_cut_that_gives_less_than_the_stated_bound_is_found() -> None:
    found = 0
    for seed in range(20):
        step = random_step(12, seed, density=0.15)
        plan = make_plan(step)
        for op in range(12):
            value = cut_value(step, op)
            right = stating(plan, peak_bound_bytes=value, peak_proof=Proof.CUT, peak_op=op)
            assert check(step, right) == []
            if value + 1 <= plan.peak_bytes:
                wrong = stating(right, peak_bound_bytes=value + 1)
                assert_refused(step, wrong, "from the cut at")
                found += 1
    assert found > 50


@pytest.mark.parametrize("op", [-1, 6])
def test_a_cut_at_no_op_is_found(toy_step: Step, op: int) -> None:
    plan = stating(make_plan(toy_step), peak_proof=Proof.CUT, peak_op=op)
    assert_refused(toy_step, plan, f"cut at op {op}")


def test_a_bound_without_proof_may_be_what_one_op_needs_and_no_more(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    needed = 2048 + 1024 + 2048  # relu_backward reads 2 KiB and 1 KiB and makes 2 KiB
    assert check(toy_step, stating(plan, peak_bound_bytes=needed)) == []
    slack = stating(plan, peak_bound_bytes=needed + 1)
    assert check(toy_step, slack) != []


def test_a_plan_that_is_called_optimal_must_be(toy_step: Step) -> None:
    plan = replace(make_plan(toy_step), status=Status.OPTIMAL)
    assert plan.height_bytes > plan.peak_bytes
    assert_refused(toy_step, plan, "says that it is optimal")


# -- host memory ---------------------------------------------------------------------------------


def trip_step() -> Step:
    """Makes x, does something else, uses x."""
    return Step(
        ORIGIN,
        (
            Storage(4 * GRANULE, Category.ACTIVATION, "x"),
            Storage(6 * GRANULE, Category.ACTIVATION, "y"),
            Storage(4 * GRANULE, Category.ACTIVATION, "z"),
        ),
        (
            Op("make x", "op.default", (), (), (0,)),
            Op("make z", "op.default", (), (), (2,)),
            Op("make y", "op.default", (), (), (1,)),
            Op("write x", "op.default", (), (0,), ()),
            Op("use x", "op.default", (0, 2), (), ()),
        ),
    )


def trip_plan(*, host: tuple[HostSlot, ...] = (HostSlot(0, 0), HostSlot(2, 4 * GRANULE))) -> Plan:
    """x and z go to the host while y is made, and come back."""
    step = trip_step()
    actions: tuple[Action, ...] = (
        Run(0, (), (0,)),
        Run(1, (), (1,)),
        Offload(0, 0),
        Free(0),
        Offload(1, 1),
        Free(1),
        Run(2, (), (2,)),
        Free(2),
        Prefetch(0, 3),
        Prefetch(1, 4),
        Run(3, (3,), ()),
        Run(4, (3, 4), ()),
        Free(3),
        Free(4),
    )
    return Plan(
        fingerprint=step.fingerprint,
        name="trip",
        instances=(
            Instance(0, 0),
            Instance(2, 4 * GRANULE),
            Instance(1, 0),
            Instance(0, 4 * GRANULE),
            Instance(2, 0),
        ),
        actions=actions,
        peak_bytes=8 * GRANULE,
        height_bytes=8 * GRANULE,
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 8 * GRANULE),
        host_slots=host,
    )


def test_a_trip_to_the_host_is_right() -> None:
    assert check(trip_step(), trip_plan()) == []


def test_overlapping_host_slots_are_found() -> None:
    plan = trip_plan(host=(HostSlot(0, 0), HostSlot(2, GRANULE)))
    assert_refused(trip_step(), plan, "host slot 1 overlaps host slot 0")


def test_host_slots_of_no_storage_or_address_are_found() -> None:
    for slot in (HostSlot(9, 0), HostSlot(-1, 0), HostSlot(0, -1)):
        assert_refused(trip_step(), trip_plan(host=(slot, HostSlot(2, 4096))), "Host slot 0")


def test_a_host_slot_of_another_storage_is_found() -> None:
    plan = trip_plan(host=(HostSlot(1, 0), HostSlot(2, 4096)))
    assert_refused(trip_step(), plan, "to another's host slot")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (Offload(0, 0), Offload(0, 7), "names a host slot that is not there"),
        (Prefetch(0, 3), Prefetch(-1, 3), "names a host slot that is not there"),
        (Offload(1, 1), Offload(0, 1), "offloads x (instance 0), which is not alive"),
        (Prefetch(0, 3), Prefetch(1, 3), "prefetches another's host slot"),
    ],
)
def test_wrong_transfers_are_found(old: Action, new: Action, words: str) -> None:
    plan = with_actions(trip_plan(), lambda a: a.__setitem__(a.index(old), new))
    assert_refused(trip_step(), plan, words)


def test_a_prefetch_before_its_offload_is_found() -> None:
    plan = with_actions(trip_plan(), lambda a: a.insert(0, a.pop(a.index(Prefetch(0, 3)))))
    assert_refused(trip_step(), plan, "host slot 0, which is empty")


def test_a_host_slot_filled_twice_is_found() -> None:
    plan = with_actions(trip_plan(), lambda a: a.insert(a.index(Offload(0, 0)), Offload(0, 0)))
    assert_refused(trip_step(), plan, "fills host slot 0 a second time")


def test_host_bytes_can_be_filled_anew_once_the_last_prefetch_from_them_has_begun() -> None:
    hosts = (HostSlot(0, 0), HostSlot(2, 4 * GRANULE), HostSlot(2, 0))
    plan = trip_plan(host=hosts)
    # z makes a second trip, to where x was.
    away, back = (Offload(4, 2), Free(4)), (Prefetch(2, 5), Run(3, (3,), ()), Run(4, (3, 5), ()))
    end = (Free(3), Free(5))
    for order, refused in (
        ((Prefetch(0, 3), Prefetch(1, 4), *away, *back), False),
        ((Prefetch(1, 4), *away, Prefetch(0, 3), *back), True),
    ):
        longer = replace(
            plan,
            instances=(*plan.instances, Instance(2, 0)),
            actions=(*plan.actions[:8], *order, *end),
        )
        found = check(trip_step(), longer)
        assert bool(found) == refused
        assert not refused or "host slot 2 overlaps host slot 0" in found[0]


def test_what_is_being_copied_to_the_host_may_be_written_and_freed_for_that_waits() -> None:
    step = Step(
        ORIGIN,
        (Storage(GRANULE, Category.ACTIVATION, "x"),),
        (
            Op("make", "op.default", (), (), (0,)),
            Op("change", "op.default", (0,), (0,), ()),
        ),
    )
    plan = Plan(
        step.fingerprint,
        "written",
        (Instance(0, 0),),
        (Run(0, (), (0,)), Offload(0, 0), Run(1, (0,), ()), Free(0)),
        GRANULE,
        GRANULE,
        Status.FEASIBLE,
        Certificate(0, Proof.NONE, -1, GRANULE),
        host_slots=(HostSlot(0, 0),),
    )
    assert check(step, plan) == []
    # But the copy is of what it was before.
    again = (*plan.actions[:3], Free(0), Prefetch(0, 1), Free(1))
    assert check(step, replace(plan, instances=(Instance(0, 0),) * 2, actions=again)) == []
    stale = replace(step, ops=(*step.ops, Op("read", "op.default", (0,), (), ())))
    actions = (*again[:-1], Run(2, (1,), ()), Free(1))
    assert_refused(
        stale,
        replace(plan, fingerprint=stale.fingerprint, instances=(Instance(0, 0),) * 2, actions=actions),
        "x has had 1 writes there, 2 are due",
    )


def test_an_instance_that_never_comes_alive_is_found(toy_step: Step) -> None:
    plan = make_plan(toy_step)
    more = replace(plan, instances=(*plan.instances, plan.instances[0]))
    assert_refused(toy_step, more, "never comes alive")


def test_a_trip_is_not_optimal_by_a_bound_for_plans_without() -> None:
    step, plan = trip_step(), trip_plan()
    stated = Certificate(plan.peak_bytes, Proof.SEARCH, -1, plan.peak_bytes)
    assert check(step, replace(plan, certificate=stated)) == []
    optimal = replace(plan, certificate=stated, status=Status.OPTIMAL)
    assert_refused(step, optimal, "hold every storage from its first use")


def test_a_stale_copy_from_the_host_is_found() -> None:
    step = trip_step()
    plan = trip_plan()
    # x is written while its copy lies on the host, and the old copy is used then.
    reader = Op("use x again", "op.default", (0,), (), ())
    longer = replace(step, ops=(*step.ops, reader))
    actions = (*plan.actions[:12], Free(3), Free(4), Prefetch(0, 5), Run(5, (5,), ()), Free(5))
    stale = replace(
        plan,
        fingerprint=longer.fingerprint,
        instances=(*plan.instances, Instance(0, 0)),
        actions=actions,
    )
    assert_refused(longer, stale, "x has had 1 writes there, 2 are due")


def test_at_most_twenty_problems_are_listed() -> None:
    step = random_step(60, 1)
    broken = replace(make_plan(step), actions=())
    assert len(check(step, broken)) == MAX_PROBLEMS


def test_garbage_never_raises() -> None:
    rng = random.Random(0)
    for seed in range(200):
        step = random_step(6, seed)
        plan = make_plan(step)
        instances = tuple(
            Instance(rng.randint(-2, len(step.storages) + 1), rng.randint(-600, 4096))
            for _ in range(rng.randint(0, 6))
        )

        def pick() -> int:
            return rng.randint(-1, 7)

        actions = tuple(
            rng.choice(
                (
                    Run(pick(), (pick(),), (pick(), pick())),
                    Free(pick()),
                    Offload(pick(), pick()),
                    Prefetch(pick(), pick()),
                )
            )
            for _ in range(rng.randint(0, 12))
        )
        broken = replace(plan, instances=instances, actions=actions)
        assert all(isinstance(problem, str) for problem in check(step, broken))


def test_a_right_plan_that_is_checked_before_hides_no_wrong_statement() -> None:
    step = random_step(20, 3)
    plan, checker = make_plan(step), Checker(step)
    assert checker.check(plan) == []
    higher = replace(plan.certificate, peak_bound_bytes=plan.peak_bytes + GRANULE)
    for wrong in (
        replace(plan, peak_bytes=plan.peak_bytes + GRANULE),
        replace(plan, height_bytes=plan.height_bytes - GRANULE),
        replace(plan, certificate=higher),
        replace(plan, actions=plan.actions[1:]),
        replace(plan, instances=tuple(Instance(one.storage, 0) for one in plan.instances)),
        replace(plan, fingerprint="other"),
    ):
        assert checker.check(wrong) == check(step, wrong) != []
        assert checker.check(plan) == []


def test_a_check_that_is_cancelled_says_nothing_and_leaves_the_checker_as_it_was() -> None:
    step = random_step(6, 1)
    checker, plan = Checker(step), make_plan(step)
    with pytest.raises(StoppedError):
        checker.check(plan, lambda: True)
    assert checker.check(plan, lambda: False) == []
