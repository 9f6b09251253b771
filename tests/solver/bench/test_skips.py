"""Networks of random skip connections: valid steps of the size asked for."""

import pytest

from solver.bench.skips import skip_step
from solver.step import Category, Phase
from solver.validate import validate_step


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ops", [300, 1000, 4000])
@pytest.mark.parametrize("span", [6, 30])
def test_a_network_is_a_valid_step_of_about_the_size_asked_for(
    ops: int, span: int, training: bool
) -> None:
    step = skip_step(ops, 1, training=training, span=span)
    validate_step(step, "skips")
    assert abs(len(step.ops) - ops) <= ops / 10
    assert any(op.phase is Phase.UPDATE for op in step.ops) == training


def test_the_same_arguments_give_the_same_network_and_others_another() -> None:
    first = skip_step(500, 3, training=True)
    assert first.fingerprint == skip_step(500, 3, training=True).fingerprint
    assert first.fingerprint != skip_step(500, 4, training=True).fingerprint
    assert first.fingerprint != skip_step(500, 3, training=True, span=6).fingerprint


def test_every_weight_is_updated_once_by_a_gradient_of_its_size() -> None:
    step = skip_step(600, 1, training=True)
    written = [storage for op in step.ops for storage in op.writes]
    assert sorted(written) == [
        i for i, s in enumerate(step.storages) if s.category is Category.PARAMETER
    ]
    for op in step.ops:
        for weight in op.writes:
            (gradient,) = set(op.reads) - {weight}
            assert step.storages[gradient].size == step.storages[weight].size


def test_whatever_is_made_is_read_but_the_result() -> None:
    for training in (True, False):
        step = skip_step(600, 0, training=training)
        read = {storage for op in step.ops for storage in op.reads}
        unread = [step.storages[s].output for op in step.ops for s in op.creates if s not in read]
        assert unread == ([] if training else [True])
