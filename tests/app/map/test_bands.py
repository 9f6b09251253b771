"""Bands partition the slots and name what a person would."""

from itertools import pairwise

import pytest

from app.map.bands import block_tints, make_bands, module_levels
from solver.step import Category, Op, Origin, Phase, Step, Storage

ORIGIN = Origin("made", "made", 1, "sgd", True, "cpu", "float32")
F, B, U = Phase.FORWARD, Phase.BACKWARD, Phase.UPDATE


def step_of(*ops: tuple[Phase, str]) -> Step:
    """A step with these phases and modules; an update writes a parameter of its own."""
    updates = sum(phase is U for phase, _ in ops)
    storages = tuple(Storage(512, Category.PARAMETER, f"w{i}") for i in range(updates))
    made: list[Op] = []
    for index, (phase, module) in enumerate(ops):
        number = sum(p is U for p, _ in ops[:index])
        writes = (number,) if phase is U else ()
        made.append(Op(f"op{index}", "x.default", (), writes, (), phase=phase, module=module))
    return Step(ORIGIN, storages, tuple(made))


def test_bands_partition_the_slots(resnet50_step: Step) -> None:
    order = tuple(range(len(resnet50_step.ops)))
    bands = make_bands(resnet50_step, order)
    for row in (bands.phases, bands.modules, bands.blocks):
        assert row[0].start == 0
        assert row[-1].end == len(order)
        assert all(a.end == b.start for a, b in pairwise(row))
        assert all(band.end > band.start for band in row)


def test_program_order_has_three_phases_and_names_the_updated_parameters() -> None:
    step = step_of((F, "a"), (B, "a"), (U, "a"), (U, "b"))
    bands = make_bands(step, range(4))
    assert [(b.start, b.end, b.name) for b in bands.phases] == [
        (0, 1, "Forward"),
        (1, 2, "Backward"),
        (2, 4, "Update"),
    ]
    assert [(b.start, b.end) for b in bands.updates] == [(2, 4)]
    assert bands.modules[-1].name == "2 parameters"


def test_updates_among_backward_ops_are_said_to_be_interleaved() -> None:
    step = step_of((F, "a"), (B, "b"), (U, "b"), (B, "a"), (U, "a"))
    bands = make_bands(step, range(5))
    assert [b.name for b in bands.phases] == ["Forward", "Backward, updates interleaved"]
    assert [(b.start, b.end) for b in bands.updates] == [(2, 3), (4, 5)]
    assert [(b.start, b.end, b.name) for b in bands.modules] == [(0, 1, "a"), (1, 3, "b"), (3, 5, "a")]


def test_inference_is_forward_only_and_an_empty_order_has_no_bands() -> None:
    step = step_of((F, "a"), (F, "b"))
    assert [b.name for b in make_bands(step, range(2)).phases] == ["Forward"]
    empty = make_bands(step_of(), ())
    assert empty.phases == empty.modules == empty.blocks == empty.updates == ()


@pytest.mark.parametrize(
    ("path", "module", "block"),
    [
        ("encoder.layer.0.attention.self", "layer.0", "attention"),
        ("encoder.layer.11.output", "layer.11", "output"),
        ("embeddings.word", "embeddings", "word"),
        ("", "", ""),
    ],
)
def test_a_prefix_of_most_ops_is_opened(path: str, module: str, block: str) -> None:
    paths = [f"encoder.layer.{i}.{part}" for i in range(12) for part in ("attention.self", "output")]
    step = step_of(*[(F, p) for p in (*paths, "embeddings.word", "")])
    assert module_levels(step)(path) == (module, block)


def test_plain_paths_give_their_first_two_names() -> None:
    step = step_of(*[(F, f"layer{i}.{j}.conv1") for i in range(4) for j in range(3)])
    assert module_levels(step)("layer2.1.conv1") == ("layer2", "1")
    assert block_tints(step) == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
