"""What proves the bounds: named storages that sum up to them and that no order can do without."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program_step
from random_steps import random_step

from solver.cut_value import cut_value
from solver.explain import alive_at, peak_slot
from solver.pins import At, Before
from solver.plan import Certificate, Plan, Proof
from solver.proof import Held, Reason, prove_height, prove_peak
from solver.solve import solve
from solver.step import Category, Op, Step, Storage
from solver.timeline import order_lifetimes, order_profile
from tests.app.toy_case import toy_plan


def some_order(step: Step, seed: int) -> list[int]:
    """A random order that keeps all dependencies."""
    rng = random.Random(seed)
    waiting = [set(before) for before in step.dependencies]
    order: list[int] = []
    left = set(range(len(step.ops)))
    while left:
        op = rng.choice([o for o in sorted(left) if not waiting[o] & left])
        left.discard(op)
        order.append(op)
    return order


def alive(step: Step, order: Sequence[int], op: int) -> set[int]:
    """Planned storages alive while ``op`` runs, from the definition of a lifetime."""
    lifetimes, slot = order_lifetimes(step, order), list(order).index(op)
    return {
        s
        for s, storage in enumerate(step.storages)
        if storage.planned and lifetimes[s, 0] <= slot < lifetimes[s, 1]
    }


def by_storage(held: Sequence[Held]) -> dict[int, Held]:
    return {one.storage: one for one in held}


def test_the_toys_bound_is_proven_by_the_backward_of_relu(toy_step: Step) -> None:
    proof = prove_peak(toy_step, toy_plan(toy_step))
    assert (proof.kind, proof.op, proof.bound_bytes, proof.cut_bytes) == (Proof.CUT, 3, 5120, 5120)
    assert {s: one.reason for s, one in by_storage(proof.held).items()} == {
        2: Reason.TOUCHED,
        3: Reason.TOUCHED,
        5: Reason.TOUCHED,
    }


def spanning_step() -> Step:
    """Op 0 makes a, which op 3 needs; op 1 makes b for op 4, which any order may run at any time.

    While op 2 runs, a is always there; b or what op 4 makes of it, which op 3 needs, is too.
    """
    sizes = {"a": 4, "b": 2, "c": 1, "d": 3}
    storages = tuple(Storage(z * 512, Category.ACTIVATION, name) for name, z in sizes.items())
    a, b, c, d = range(4)
    return Step(
        random_step(1, 0).origin,
        storages,
        (
            Op("make a", "t", (), (), (a,)),
            Op("make b", "t", (a,), (), (b,)),
            Op("make c", "t", (b,), (), (c,)),
            Op("make d", "t", (b,), (), (d,)),
            Op("end", "t", (a, c, d), (), ()),
        ),
    )


def test_storages_that_span_the_op_in_every_order_are_told_from_those_that_are_cheapest() -> None:
    step = spanning_step()
    plan = solve(step, deadline=5.0).plan
    # b is alive while c is made; so is d where it was made before: at least 7 of 512 B.
    made_c = replace(plan, certificate=replace(plan.certificate, peak_proof=Proof.CUT, peak_op=2))
    proof = prove_peak(step, made_c)
    assert proof.cut_bytes == 7 * 512
    held = by_storage(proof.held)
    assert held[0].reason is Reason.FORCED
    assert (held[0].maker, held[0].waiting) == (0, 4)
    assert {held[1].reason, held[2].reason} == {Reason.TOUCHED}


def test_a_storage_that_could_be_gone_is_the_cheapest_choice() -> None:
    """While v runs x waits for an op beside v, or what that op makes, the larger y, for the end."""
    sizes = {"x": 1, "s": 1, "z": 1, "y": 5}
    storages = tuple(Storage(n * 512, Category.ACTIVATION, name) for name, n in sizes.items())
    x, s, z, y = range(4)
    step = Step(
        random_step(1, 0).origin,
        storages,
        (
            Op("begin", "t", (), (), (x, s)),
            Op("v", "t", (s,), (), (z,)),
            Op("beside", "t", (x,), (), (y,)),
            Op("end", "t", (z, y), (), ()),
        ),
    )
    plan = solve(step, deadline=5.0).plan
    at_v = replace(plan, certificate=replace(plan.certificate, peak_proof=Proof.CUT, peak_op=1))
    proof = prove_peak(step, at_v)
    held = by_storage(proof.held)
    assert proof.cut_bytes == 3 * 512
    assert {storage: one.reason for storage, one in held.items()} == {
        x: Reason.CHEAPEST,
        s: Reason.TOUCHED,
        z: Reason.TOUCHED,
    }
    assert held[x].waiting == 2


@given(st.integers(2, 14), st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_no_order_has_less_alive_at_the_proving_op(ops: int, seed: int) -> None:
    step = random_step(ops, seed)
    plan = solve(step, deadline=5.0, seed=seed).plan
    proof = prove_peak(step, plan)
    if proof.op < 0:
        return
    assert sum(one.bytes for one in proof.held) == proof.cut_bytes <= plan.peak_bytes
    if proof.kind is Proof.CUT:
        assert proof.cut_bytes == proof.bound_bytes
    always = {one.storage for one in proof.held if one.reason is not Reason.CHEAPEST}
    for number in range(10):
        order = some_order(step, number)
        there = alive(step, order, proof.op)
        assert always <= there
        assert order_profile(step, order)[order.index(proof.op)] >= proof.cut_bytes
        for one in proof.held:
            if one.reason is Reason.FORCED:
                assert order.index(one.maker) < order.index(proof.op) < order.index(one.waiting)


def test_a_bound_of_one_op_alone_is_what_that_op_touches(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    alone = replace(plan.certificate, peak_bound_bytes=3072, peak_proof=Proof.NONE, peak_op=1)
    proof = prove_peak(toy_step, replace(plan, certificate=alone))
    assert [one.storage for one in proof.held] == [2, 3]
    assert proof.cut_bytes == 3072


def test_a_search_names_the_op_that_proves_the_most(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    searched = replace(plan.certificate, peak_proof=Proof.SEARCH, peak_op=-1)
    proof = prove_peak(toy_step, replace(plan, certificate=searched))
    assert (proof.kind, proof.op, proof.cut_bytes) == (Proof.SEARCH, 3, 5120)


def test_pins_are_part_of_what_is_proven() -> None:
    """Pinned before it, the op that makes d leaves d alive while c is made."""
    step = spanning_step()
    plan = solve(step, deadline=5.0).plan
    at_c = replace(plan, certificate=replace(plan.certificate, peak_proof=Proof.CUT, peak_op=2))
    pinned = prove_peak(step, replace(at_c, pins=(Before(3, 2),)))
    assert pinned.cut_bytes == 10 * 512
    assert by_storage(pinned.held)[3].reason is Reason.FORCED


@pytest.mark.parametrize("seed", range(6))
def test_what_takes_over_bytes_counts_nothing_of_its_own(seed: int) -> None:
    step = random_program_step(12, seed)
    plan = solve(step, deadline=5.0).plan
    for op in step.reusable:
        stated = Certificate(0, Proof.CUT, op, plan.peak_bytes, reuse=True)
        proof = prove_peak(step, replace(plan, certificate=stated))
        assert proof.cut_bytes == cut_value(step, op, reuse=True)
        held = by_storage(proof.held)
        assert sum(one.bytes for one in proof.held) == proof.cut_bytes
        assert (proof.taken >= 0) == (step.reusable[op].created not in held)
        if proof.taken >= 0:
            assert proof.taken in held


def test_the_heights_bound_is_what_is_alive_at_the_peak(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    proof = prove_height(toy_step, plan)
    assert (proof.bound_bytes, proof.slot, proof.pinned) == (5120, 3, False)
    assert list(proof.instances) == alive_at(toy_step, plan, peak_slot(toy_step, plan))


def test_a_storage_pinned_high_up_is_the_proof_of_the_height(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    stated = replace(plan.certificate, height_bound_bytes=8704)
    plan = replace(plan, certificate=stated, pins=(At(6, 8192),))
    proof = prove_height(toy_step, plan)
    assert (proof.bound_bytes, proof.pinned) == (8704, True)
    assert [plan.instances[i].storage for i in proof.instances] == [6]


@pytest.mark.parametrize("name", ["resnet50_b32_sgd"])
def test_a_real_steps_cut_is_named_to_the_byte(cases: object, resnet50_step: Step, name: str) -> None:
    plan: Plan = solve(resnet50_step, deadline=20.0).plan
    proof = prove_peak(resnet50_step, plan)
    assert proof.kind is Proof.CUT
    assert sum(one.bytes for one in proof.held) == plan.certificate.peak_bound_bytes == plan.peak_bytes


def test_nothing_is_proven_of_nothing() -> None:
    step = random_step(0, 0)
    plan = solve(step, deadline=0.0).plan
    assert prove_peak(step, plan).held == ()
    assert prove_height(step, plan).slot == -1
