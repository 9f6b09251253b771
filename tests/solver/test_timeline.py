"""Lifetimes and live bytes, hazards and assembled plans, worked out by hand and by definition."""

import random

import numpy as np
from random_steps import ORIGIN, random_step

from solver.assemble import assemble
from solver.check import check
from solver.plan import Certificate, Free, Proof, Run, Status
from solver.step import GRANULE, Category, Op, Step, Storage, round_up
from solver.timeline import (
    instance_sizes,
    live_bytes,
    order_lifetimes,
    order_profile,
    plan_profile,
    planned_storages,
    storage_sizes,
)


def test_sizes_are_rounded_up_to_the_granule() -> None:
    assert [round_up(n) for n in (0, 1, 511, 512, 513)] == [0, 512, 512, 512, 1024]


def test_the_toy_steps_lifetimes_and_live_bytes(toy_step: Step) -> None:
    lifetimes = order_lifetimes(toy_step, range(6))
    assert lifetimes.tolist() == [[0, 6], [0, 5], [0, 4], [1, 4], [2, 3], [3, 5], [4, 6]]
    assert planned_storages(toy_step).tolist() == [2, 3, 5, 6]
    assert storage_sizes(toy_step).tolist() == [512, 512, 2048, 1024, 512, 2048, 512]
    assert order_profile(toy_step, range(6)).tolist() == [2048, 3072, 3072, 5120, 2560, 512]


def test_rows_that_are_never_alive_do_not_count() -> None:
    lifetimes = np.array([[-1, -1], [0, 2], [2, 2], [1, 3]], np.int64)
    sizes = np.array([100, 1, 100, 2], np.int64)
    assert live_bytes(lifetimes, sizes, 3).tolist() == [1, 3, 2]


def test_nothing_is_alive_in_a_step_without_ops() -> None:
    step = Step(ORIGIN, (Storage(512, Category.ACTIVATION, "a"),), ())
    assert order_profile(step, ()).tolist() == []


def test_live_bytes_are_the_sum_over_what_has_been_touched_and_will_be() -> None:
    for seed in range(40):
        step = random_step(12, seed)
        order = list(range(12))
        expected = []
        for slot in range(12):
            before = {s for op in order[: slot + 1] for s in step.ops[op].touches}
            after = {s for op in order[slot:] for s in step.ops[op].touches}
            alive = [step.storages[s] for s in before & after]
            expected.append(sum(round_up(s.size) for s in alive if s.planned))
        assert order_profile(step, order).tolist() == expected


def test_hazards_of_one_storage() -> None:
    ops = [
        Op("create", "t", (), (), (0,)),
        Op("read", "t", (0,), (), ()),
        Op("read too", "t", (0,), (), ()),
        Op("write", "t", (), (0,), ()),
        Op("read after", "t", (0,), (), ()),
        Op("write after", "t", (0,), (0,), ()),
    ]
    step = Step(ORIGIN, (Storage(512, Category.ACTIVATION, "a"),), tuple(ops))
    assert step.dependencies == ((), (0,), (0,), (0, 1, 2), (3,), (3, 4))


def test_parameters_are_read_before_their_update() -> None:
    ops = (Op("read", "t", (0,), (), ()), Op("update", "t", (), (0,), ()))
    step = Step(ORIGIN, (Storage(512, Category.PARAMETER, "w"),), ops)
    assert step.dependencies == ((), (0,))


def test_random_numbers_are_drawn_in_program_order() -> None:
    ops = (
        Op("first", "t", (), (), (), random=True),
        Op("other", "t", (), (), ()),
        Op("second", "t", (), (), (), random=True),
        Op("third", "t", (), (), (), random=True),
    )
    assert Step(ORIGIN, (), ops).dependencies == ((), (), (0,), (2,))


def test_an_assembled_plan_frees_every_storage_right_after_its_last_use() -> None:
    for seed in range(40):
        step = random_step(random.Random(seed).randint(0, 15), seed)
        order = tuple(range(len(step.ops)))
        addresses = {int(s): 10**6 * i for i, s in enumerate(planned_storages(step))}
        peak = int(order_profile(step, order).max(initial=0))
        certificate = Certificate(0, Proof.NONE, -1, peak)
        plan = assemble(
            step, order, addresses, name="p", status=Status.FEASIBLE, certificate=certificate
        )
        assert check(step, plan) == []
        assert plan.order == order and plan.peak_bytes == peak
        lifetimes = order_lifetimes(step, order)
        assert len(plan.instances) == sum(lifetimes[s, 0] >= 0 for s in planned_storages(step))
        for index, instance in enumerate(plan.instances):
            assert plan.lifetimes[index].tolist() == lifetimes[instance.storage].tolist()
            assert instance.address == addresses[instance.storage]
        assert plan_profile(step, plan).tolist() == order_profile(step, order).tolist()


def test_a_plans_slots_count_runs_and_its_lifetimes_end_with_frees_or_the_step() -> None:
    step = Step(
        ORIGIN,
        (Storage(GRANULE, Category.ACTIVATION, "a"), Storage(1, Category.ACTIVATION, "b")),
        (
            Op("make a", "t", (), (), (0,)),
            Op("make b", "t", (), (), (1,)),
            Op("use b", "t", (1,), (), ()),
        ),
    )
    plan = assemble(
        step,
        (0, 1, 2),
        {0: 0, 1: 0},
        name="p",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, GRANULE),
    )
    assert plan.actions == (
        Run(0, (), (0,)),
        Free(0),
        Run(1, (), (1,)),
        Run(2, (1,), ()),
        Free(1),
    )
    assert plan.lifetimes.tolist() == [[0, 1], [1, 3]]
    assert instance_sizes(step, plan).tolist() == [GRANULE, GRANULE]
    assert plan.height_bytes == GRANULE
