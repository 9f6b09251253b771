"""order_step on medium steps and on real ones of up to 250 ops against an exact dynamic program and
CP-SAT on the whole step, both written apart from it."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from exact_orders import least_peak
from hypothesis import given, settings
from hypothesis import strategies as st
from order_model import fits, is_least
from random_steps import is_order, optimal_peak, random_step

from solver.bench.skips import skip_step
from solver.bench.wired import wired_step
from solver.ordering import OrderResult, order_step
from solver.planning_step import load_any_step
from solver.solution import Progress
from solver.step import GRANULE, Step
from solver.timeline import order_profile

STATES = 25_000
EFFORT = 20.0
SMALL_ENOUGH = 250
"""Ops of a real step that CP-SAT takes whole."""


def families(ops: int, seed: int) -> dict[str, Step]:
    """Steps of about ``ops`` ops, narrow enough for all sets of ops that matter to be visited."""
    return {
        "wired, training": wired_step(ops, seed, training=True, nodes=5),
        "wired, inference": wired_step(ops, seed, training=False, nodes=8),
        "skips, training": skip_step(ops, seed, training=True, span=4 + seed % 4),
        "skips, inference": skip_step(ops, seed, training=False, span=4 + seed % 4),
    }


def solve(step: Step, *, seed: int = 0) -> OrderResult:
    found = order_step(step, deadline=30, seed=seed)
    assert found.optimal
    return found


def whole_granules(step: Step) -> Step:
    """The step with sizes that rounding leaves as they are."""
    rounded = zip(step.storages, step.rounded_sizes.tolist(), strict=True)
    return replace(step, storages=tuple(replace(storage, size=size) for storage, size in rounded))


def random_orders(step: Step, seed: int) -> Iterator[tuple[int, ...]]:
    """Valid orders: of the ops that can run the one that leaves least alive, or at a whim any."""
    rng = random.Random(seed)
    users: dict[int, set[int]] = {}
    for index, op in enumerate(step.ops):
        for storage in op.touches:
            if step.storages[storage].planned:
                users.setdefault(storage, set()).add(index)
    for whim in (0.0, 0.02, 0.1, 0.3, 1.0):
        left = {storage: set(who) for storage, who in users.items()}
        pending = set(range(len(step.ops)))

        def growth(op: int, left: dict[int, set[int]] = left) -> int:
            made = sum(step.storages[s].size for s in step.ops[op].creates if s in left)
            return made - sum(step.storages[s].size for s, who in left.items() if who == {op})

        order: list[int] = []
        while pending:
            ready = [op for op in sorted(pending) if pending.isdisjoint(step.dependencies[op])]
            chosen = rng.choice(ready) if rng.random() < whim else min(ready, key=growth)
            pending.remove(chosen)
            order.append(chosen)
            for who in left.values():
                who.discard(chosen)
        yield tuple(order)


def test_both_oracles_agree_with_the_definition_on_small_steps() -> None:
    for seed in range(40):
        step = random_step(9, seed, density=0.15)
        optimum = optimal_peak(step)
        assert least_peak(step, STATES) == optimum
        assert is_least(step, optimum, EFFORT) is True
        assert is_least(step, optimum + GRANULE, EFFORT) is False


def test_the_model_says_of_an_order_what_it_needs() -> None:
    for name, step in families(50, 0).items():
        for order in random_orders(step, seed=3):
            needed = int(order_profile(step, order).max())
            assert fits(step, order, needed), name
            assert not fits(step, order, needed - GRANULE), name


@pytest.mark.parametrize(
    ("ops", "seeds", "least"), [(25, 5, 20), (40, 5, 18), (60, 5, 16), (120, 2, 5), (250, 1, 1)]
)
def test_the_dynamic_program_finds_no_other_optimum(ops: int, seeds: int, least: int) -> None:
    known = searched = 0
    for seed in range(seeds):
        for name, step in families(ops, seed).items():
            optimum = least_peak(step, STATES)
            if optimum is None:
                continue
            found = order_step(step, deadline=30, seed=seed)
            assert (found.peak_bytes, found.bound_bytes) == (optimum, optimum), (name, seed)
            known += 1
            searched += found.proof.value == "search"
    assert known >= least


@pytest.mark.parametrize(("ops", "seed"), [(40, 0), (100, 1), (160, 0), (160, 1), (250, 0)])
def test_cp_sat_on_the_whole_step_finds_no_order_that_needs_less(ops: int, seed: int) -> None:
    for name, step in families(ops, seed).items():
        found = solve(step, seed=seed)
        assert is_least(step, found.peak_bytes, EFFORT) is True, name


def test_cp_sat_proves_the_peaks_of_real_steps(cases: Path) -> None:
    proven = []
    for path in sorted((cases / "steps").glob("*.json.gz")):
        step = load_any_step(path)
        if len(step.ops) > SMALL_ENOUGH:
            continue
        assert is_least(step, solve(step).peak_bytes, EFFORT) is True, path.name
        proven.append(path.name)
    assert len(proven) >= 7


@settings(max_examples=15, deadline=None)
@given(ops=st.integers(20, 60), seed=st.integers(0, 10_000), family=st.integers(0, 3))
def test_no_valid_order_needs_less_than_any_bound_on_the_way(ops: int, seed: int, family: int) -> None:
    step = list(families(ops, seed).values())[family]
    lines: list[Progress] = []
    found = order_step(step, deadline=30, seed=seed, progress=lines.append)
    bounds = [line.bound_bytes for line in lines if line.bound_bytes is not None]
    assert bounds and bounds == sorted(bounds) and bounds[-1] <= found.bound_bytes
    for order in (found.order, *random_orders(step, seed)):
        assert is_order(step, order)
        assert found.bound_bytes <= order_profile(step, order).max()


@settings(max_examples=15, deadline=None)
@given(ops=st.integers(20, 60), seed=st.integers(0, 10_000), factor=st.integers(2, 1_000))
def test_sizes_times_a_factor_give_a_step_of_that_factor(ops: int, seed: int, factor: int) -> None:
    step = whole_granules(random_step(ops, seed, density=0.08))
    larger = [replace(storage, size=storage.size * factor) for storage in step.storages]
    small, large = solve(step), solve(replace(step, storages=tuple(larger)))
    assert large.peak_bytes == factor * small.peak_bytes
