"""Randomly wired networks: valid steps of the size asked for, with what a real one keeps and frees."""

import pytest

from solver.bench.wired import wired_step
from solver.step import Category, Phase
from solver.validate import validate_step


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ops", [300, 1000, 4000])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_is_a_valid_step_of_about_the_size_asked_for(
    ops: int, seed: int, training: bool
) -> None:
    step = wired_step(ops, seed, training=training)
    validate_step(step, "wired")
    assert abs(len(step.ops) - ops) <= ops / 10
    assert step.origin.training == training
    assert any(op.phase is Phase.UPDATE for op in step.ops) == training


def test_the_same_seed_gives_the_same_network_and_another_one_another() -> None:
    first = wired_step(500, 3, training=True)
    assert first.fingerprint == wired_step(500, 3, training=True).fingerprint
    assert first.fingerprint != wired_step(500, 5, training=True).fingerprint
    assert first.fingerprint != wired_step(500, 3, training=True, nodes=12).fingerprint


def test_every_parameter_is_updated_once_by_a_gradient_of_its_size() -> None:
    step = wired_step(600, 1, training=True)
    written = [storage for op in step.ops for storage in op.writes]
    parameters = [i for i, s in enumerate(step.storages) if s.category is Category.PARAMETER]
    assert sorted(written) == parameters
    for op in step.ops:
        for parameter in op.writes:
            (gradient,) = set(op.reads) - {parameter}
            assert step.storages[gradient].size == step.storages[parameter].size


def test_whatever_is_made_is_read() -> None:
    for training in (True, False):
        step = wired_step(600, 0, training=training)
        read = {storage for op in step.ops for storage in op.reads}
        unread = [s for op in step.ops for s in op.creates if s not in read]
        assert [step.storages[s].output for s in unread] == [True]
