"""Bounds on the overhead: no schedule within the budget beats them, and they are near what there is."""

import random
import time
from dataclasses import replace
from itertools import combinations
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program_step
from random_steps import ORIGIN, random_step

from solver.budget.bound import NOTHING_KNOWN, OverheadBounds
from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.duration import overhead_of, plan_seconds
from solver.budget.freedom import Freedom
from solver.budget.history import make_history
from solver.budget.moments import Moments
from solver.budget.relaxation import least_seconds, relax
from solver.budget.ways import Finder
from solver.rewriting import available, combined, rewrite
from solver.step import (
    Category,
    Instruction,
    Json,
    Op,
    Phase,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)
from solver.terms import Choice, DeviceModel
from solver.timeline import order_profile
from tests.solver.budget.chain_steps import chain_step
from tests.solver.budget.least_time import LeastTime
from tests.solver.budget.random_schedules import random_schedule
from tests.solver.budget.random_training import random_training
from tests.solver.budget.test_trips import planned

DEVICE = DeviceModel("by hand", {"float32": 1.0}, 1000.0, 0.5, 100.0)
"""A fused run saves half a second, and one and some more for each granule that lies between."""
PLAIN = (Choice.RECOMPUTE,)
FUSED = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)


def small_training(layers: int, seed: int) -> Step:
    """A chain of layers there and back again, with a shortcut here and there and an update of a weight.

    An op of a layer is an addition, or a relu in place behind one; sizes are one to three granules.
    """
    rng = random.Random(seed)
    storages = [Storage(512, Category.INPUT, "input"), Storage(512, Category.PARAMETER, "weight")]
    values = [Value(s.name, "float32", (128,), (1,), 0, i) for i, s in enumerate(storages)]
    calls: list[Instruction] = []
    ops: list[Op] = []

    def call(name: str, reads: list[int], writes: tuple[int, ...] = (), granules: int = 0) -> int:
        made = len(storages)
        if granules:
            storages.append(Storage(512 * granules, Category.ACTIVATION, f"s{made}"))
            values.append(Value(f"v{made}", "float32", (128 * granules,), (1,), 0, made))
        creates = (made,) if granules else ()
        arguments = tuple({"value": value} for value in reads)
        calls.append(Instruction(f"aten.{name}", arguments, {}, creates or (None,), False, len(ops)))
        random_too = rng.random() < 0.1
        ops.append(Op(f"op{len(ops)}", name, tuple(sorted({*reads})), writes, creates, random_too))
        return made

    width = rng.randint(1, 3)
    kept = [0]
    for _ in range(layers):
        shortcut = rng.choice(kept) if rng.random() < 0.3 else rng.randint(0, 1)
        kept.append(call("add.Tensor", sorted({kept[-1], shortcut}), granules=width))
        if rng.random() < 0.3:
            call("relu_.default", [kept[-1]], (kept[-1],))
        width = width if rng.random() < 0.6 else rng.randint(1, 3)
    gradient = call("sum.default", [kept[-1]], granules=1)
    for layer in range(layers - 1, -1, -1):
        size = storages[kept[layer]].size // 512
        gradient = call("add.Tensor", sorted({gradient, kept[layer]}), granules=size)
        if rng.random() < 0.2:
            call("add_.Tensor", [1, gradient], (1,))
    places = tuple(Placeholder(index, "input", str(index)) for index in range(2))
    program = Program(tuple(values), tuple(calls), places, (), (), (), None, None)
    return Step(ORIGIN, tuple(storages), tuple(ops), program=program)


def rectified_training(layers: int, seed: int) -> Step:
    """A chain of additions, each with a relu in place whose backward takes its result: it can do with a
    mask of one bit an element."""
    rng = random.Random(seed)
    names = ["input"]
    calls: list[Instruction] = []
    ops: list[Op] = []

    def call(target: str, *operands: int, constants: tuple[Json, ...] = (), new: bool = True) -> int:
        made = len(names)
        if new:
            names.append(f"s{made}")
        arguments = (*({"value": operand} for operand in operands), *constants)
        outputs = (made,) if new else (None,)
        calls.append(Instruction(f"aten.{target}", arguments, {}, outputs, False, len(ops)))
        writes, creates = ((), (made,)) if new else ((operands[0],), ())
        half = Phase.FORWARD if target != "threshold_backward.default" else Phase.BACKWARD
        reads = tuple(sorted({*operands}))
        ops.append(Op(f"op{len(ops)}", target, reads, writes, creates, phase=half))
        return made

    results = [0]
    for _ in range(layers):
        results.append(call("add.Tensor", results[-1], rng.choice(results)))
        call("relu_.default", results[-1], new=False)
    gradient = call("sin.default", results[-1])
    for result in reversed(results[1:]):
        gradient = call("threshold_backward.default", gradient, result, constants=(0,))
    storages = [
        Storage(2048, Category.ACTIVATION if index else Category.INPUT, name)
        for index, name in enumerate(names)
    ]
    values = [Value(name, "float32", (512,), (1,), 0, index) for index, name in enumerate(names)]
    program = Program(
        tuple(values), tuple(calls), (Placeholder(0, "input", ""),), (), (), (), None, None
    )
    return Step(ORIGIN, tuple(storages), tuple(ops), program=program)


MAKERS = (small_training, random_training, random_program_step, random_step)


def _timed(step: Step, seed: int) -> Step:
    rng = random.Random(seed)
    return replace(step, ops=tuple(replace(op, seconds=float(rng.randint(1, 9))) for op in step.ops))


def _arenas(step: Step, rng: random.Random, how_many: int) -> list[int]:
    """Sizes that are of interest: from the largest op to the peak of program order."""
    alone = [
        sum(int(step.rounded_sizes[s]) for s in op.touches if step.storages[s].planned)
        for op in step.ops
    ]
    low, high = max(alone) // 512, int(order_profile(step, range(len(step.ops))).max()) // 512
    return sorted({512 * rng.randint(max(0, low - 2), max(low, high)) for _ in range(how_many)})


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(MAKERS), st.integers(3, 5), st.integers(0, 10**6), st.booleans())
def test_no_schedule_beats_a_bound(maker, ops: int, seed: int, fusing: bool) -> None:
    step = _timed(maker(ops - (maker is small_training), seed), seed)
    bounds = OverheadBounds(step, DEVICE, FUSED if fusing else PLAIN, measured=True)
    oracle = LeastTime(step, bounds.costs, fusing=fusing)
    for arena in _arenas(step, random.Random(seed), 3):
        budget = step.resident_bytes + arena
        least = oracle.seconds(arena)
        bound = bounds.overhead(budget)
        if least < inf:
            assert bound <= least / bounds.costs.base_seconds - 1 + 1e-9
        assert least == inf or budget > bounds.impossible_bytes
    assert oracle.seconds(bounds.impossible_bytes - step.resident_bytes) == inf


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(MAKERS), st.integers(3, 5), st.integers(0, 10**6), st.booleans())
def test_no_schedule_beats_any_moments_together(maker, ops: int, seed: int, fusing: bool) -> None:
    step = _timed(maker(ops - (maker is small_training), seed), seed)
    history, costs = make_history(step), op_costs(step, DEVICE, measured=True)
    freedom = Freedom(history, costs, True, fusing, 0.0)
    oracle = LeastTime(step, costs, fusing=fusing)
    chain: list[int] = []
    for op in random.Random(seed).sample(range(len(step.ops)), len(step.ops)):
        if all((history.before[op] | history.after[op]) >> other & 1 for other in chain):
            chain.append(op)
    moments = Moments(freedom, sorted(chain))
    for arena in _arenas(step, random.Random(seed), 3):
        least = oracle.seconds(arena) - costs.base_seconds
        assert least_seconds(moments, arena, 0.0, 1.0, 10.0, lambda: False) <= least + 1e-6
        assert relax(moments, arena, 0.0, 1.0, 10.0, lambda: False).seconds <= least + 1e-6


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 2), st.integers(0, 10**6))
def test_no_schedule_with_other_implementations_beats_a_bound(layers: int, seed: int) -> None:
    step = rectified_training(layers, seed)
    bounds = OverheadBounds(step, DEVICE, FUSED)
    names = [found.name for found in available(step) if found.exact]
    assert names
    subsets = [some for count in range(len(names) + 1) for some in combinations(names, count)]
    steps = [rewrite(step, some) for some in subsets]
    for arena in _arenas(step, random.Random(seed), 2):
        costs = [op_costs(each, DEVICE, measured=False) for each in steps]
        oracles = [
            LeastTime(each, cost, fusing=True, copies=False)
            for each, cost in zip(steps, costs, strict=True)
        ]
        least = min(oracle.seconds(arena) for oracle in oracles)
        bound = bounds.overhead(step.resident_bytes + arena)
        if least < inf:
            assert bound <= least / bounds.costs.base_seconds - 1 + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.integers(3, 8), st.integers(0, 10**6), st.sampled_from((0.2, 1.0, 4.0)))
def test_no_plan_with_trips_beats_a_bound(layers: int, seed: int, speed: float) -> None:
    step = chain_step(layers)
    device = replace(V100, host_bytes_per_second=speed * 2e11)
    bounds = OverheadBounds(step, device, (*FUSED, Choice.OFFLOAD))
    plan = planned(step, random_schedule(step, seed, repeats=0.1, trips=0.8))
    overhead = overhead_of(plan_seconds(step, plan, device, False), bounds.costs.base_seconds)
    assert bounds.overhead(step.resident_bytes + plan.peak_bytes) <= overhead + 1e-9


def test_an_activation_less_than_the_peak_costs_the_cheapest_repetition() -> None:
    step = chain_step(6)
    bounds = OverheadBounds(step, V100, PLAIN)
    peak = int(order_profile(step, range(len(step.ops))).max())
    activation = step.storages[step.ops[0].creates[0]].size
    assert bounds.overhead(step.resident_bytes + peak) == 0
    one_less = bounds.overhead(step.resident_bytes + peak - activation)
    cheapest = min(bounds.costs.again[op] for op in range(5))
    assert one_less == pytest.approx(cheapest / bounds.costs.base_seconds, rel=1e-3)


def test_two_moments_together_prove_more_than_each_alone() -> None:
    """What is kept at one leaves no room at the next."""
    step, arena = _timed(small_training(3, 1), 1), 1024
    bounds = OverheadBounds(step, DEVICE, PLAIN, measured=True)
    freedom = Freedom(make_history(step), bounds.costs, True, False, 0.0)
    alone = [
        least_seconds(Moments(freedom, (op,)), arena, 0.0, 1.0, 10.0, lambda: False)
        for op in range(len(step.ops))
    ]
    together = bounds.overhead(step.resident_bytes + arena) * bounds.costs.base_seconds
    assert max(alone) < together - 1e-6


def test_a_bound_that_was_cut_short_goes_on_where_it_was() -> None:
    step = rectified_training(2, 1)
    bounds = OverheadBounds(step, DEVICE, FUSED)
    budget = step.resident_bytes + int(order_profile(step, range(len(step.ops))).max()) - 2048
    looks = iter(range(3))
    cut_short = bounds.overhead(budget, cancelled=lambda: next(looks, None) is None)
    whole = OverheadBounds(step, DEVICE, FUSED).overhead(budget)
    found: list[float] = []
    assert bounds.overhead(budget, found=found.append) == pytest.approx(whole)
    assert cut_short <= whole
    assert found == sorted(found) and found[-1] == pytest.approx(whole)


def test_with_too_many_rewrites_to_look_at_ops_that_none_touches_still_take_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = rectified_training(3, 2)
    budget = step.resident_bytes + int(order_profile(step, range(len(step.ops))).max())
    known = OverheadBounds(step, DEVICE, FUSED).overhead(budget)
    monkeypatch.setattr("solver.budget.ways.MOST_REWRITES", 0)
    bounds = OverheadBounds(step, DEVICE, FUSED)
    assert NOTHING_KNOWN < bounds.overhead(budget) <= known
    finder = Finder(make_history(step), bounds.costs, DEVICE, False)
    every = finder.way(combined(step))
    names = [found.name for found in available(step) if found.exact]
    assert every is not None and len(names) > 1
    for some in [(name,) for name in names] + [tuple(pair) for pair in combinations(names, 2)]:
        way = finder.way(some)
        assert way is None or way.touched <= every.touched


def test_the_largest_op_and_what_the_last_of_its_operands_is_made_beside_must_fit() -> None:
    step = chain_step(4)
    bounds = OverheadBounds(step, V100, PLAIN)
    assert bounds.overhead(1 << 40) == 0
    four_activations_and_a_weight = 4 * step.storages[0].size + step.storages[1].size
    assert bounds.impossible_bytes == step.resident_bytes + four_activations_and_a_weight - 1
    assert bounds.overhead(bounds.impossible_bytes) == inf


def test_a_bound_ends_when_it_is_told_to() -> None:
    step = chain_step(30)
    started = time.monotonic()
    bounds = OverheadBounds(step, V100, PLAIN)
    assert bounds.overhead(step.resident_bytes + (20 << 20), cancelled=lambda: True) >= NOTHING_KNOWN
    assert time.monotonic() - started < 5
