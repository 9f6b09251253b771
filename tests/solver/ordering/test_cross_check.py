"""order_step on medium steps against an exact dynamic program and CP-SAT on the whole step."""

import pytest
from exact_orders import least_peak, least_peak_by_constraints
from random_steps import optimal_peak, random_step

from solver.bench.skips import skip_step
from solver.bench.wired import wired_step
from solver.ordering import order_step
from solver.step import Step

STATES = 25_000


def families(ops: int, seed: int) -> dict[str, Step]:
    """Steps of about ``ops`` ops, narrow enough for all sets of ops that matter to be visited."""
    return {
        "wired, training": wired_step(ops, seed, training=True, nodes=5),
        "wired, inference": wired_step(ops, seed, training=False, nodes=8),
        "skips, training": skip_step(ops, seed, training=True, span=4 + seed % 4),
        "skips, inference": skip_step(ops, seed, training=False, span=4 + seed % 4),
    }


def test_both_oracles_agree_with_the_definition_on_small_steps() -> None:
    for seed in range(12):
        step = random_step(9, seed, density=0.15)
        optimum = optimal_peak(step)
        assert least_peak(step, STATES) == optimum
        assert least_peak_by_constraints(step, 5.0) == (optimum, optimum)


@pytest.mark.parametrize("ops", [25, 40, 60])
def test_the_dynamic_program_finds_no_other_optimum(ops: int) -> None:
    known = searched = 0
    for seed in range(5):
        for name, step in families(ops, seed).items():
            optimum = least_peak(step, STATES)
            if optimum is None:
                continue
            found = order_step(step, deadline=30, seed=seed)
            assert (found.peak_bytes, found.bound_bytes) == (optimum, optimum), (name, seed)
            known += 1
            searched += found.proof.value == "search"
    assert known >= 15
    assert searched > 0 or ops < 40


def test_cp_sat_on_the_whole_step_finds_no_other_optimum() -> None:
    proven = 0
    for seed in range(3):
        for name, step in families(40, seed).items():
            least, most = least_peak_by_constraints(step, 3.0)
            found = order_step(step, deadline=30, seed=seed)
            assert found.optimal, (name, seed)
            assert least <= found.peak_bytes <= most, (name, seed)
            proven += least == most
    assert proven >= 8
