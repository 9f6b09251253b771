"""Plans in which ops run again: bitwise equal to eager training, and what is wrong is found out."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.capture import capture
from runtime.export import export
from runtime.replay import selftest
from runtime.replay.engine import Engine
from runtime.replay.plan_reading import read_plan
from runtime.verify import verify
from solver.step import Step
from tests.runtime.conftest import MODELS, Exported
from tests.runtime.recomputing import planned, repeated, without


@pytest.fixture(scope="module")
def unet() -> Step:
    return capture(f"{MODELS / 'unet.py'}:build", batch=None, optimizer=None)


def compared(folder: Path) -> Engine:
    """The engine of an export whose planned step has the traced one's bits, and is all as planned."""
    engine = Engine(folder, read_plan(folder), strict=True)
    assert selftest.compare(engine, 2).equal
    assert engine.report.repeated and engine.pointers_checked == len(engine.plan.instances)
    return engine


@pytest.mark.parametrize("saved_statistics", [True, False])
def test_batch_norms_and_dropout_run_again_and_change_nothing(
    unet: Step, native_cache: Path, tmp_path: Path, saved_statistics: bool
) -> None:
    plan = planned(unet, without(unet, saved_statistics=saved_statistics))
    runs = repeated(plan)
    assert sum(unet.ops[run.op].target == "native_batch_norm.default" for run in runs) == 6
    assert sum(bool(run.implementation) for run in runs) == (6 if saved_statistics else 0)
    assert sum(unet.ops[run.op].random for run in runs) == 3
    assert any(run.fused and run.takes for run in runs)
    assert any(run.fused and not run.takes for run in runs)
    whole = planned(unet, without(unet, drops=lambda op: False))
    assert repeated(whole) == [] and plan.height_bytes < 0.8 * whole.height_bytes
    export(unet, plan, tmp_path / "planned")
    assert compared(tmp_path / "planned").report.whole_norms == 0
    # A process that finds the recording runs as planned from its first step on.
    assert not compared(tmp_path / "planned").report.recorded


@pytest.mark.parametrize("function", ["channels_last", "bfloat16"])
def test_other_layouts_and_dtypes_are_repeated_bit_for_bit(
    native_cache: Path, tmp_path: Path, function: str
) -> None:
    step = capture(f"{MODELS / 'unet.py'}:{function}", batch=None, optimizer=None)
    plan = planned(step, without(step))
    assert sum(bool(run.implementation) for run in repeated(plan)) == 6
    export(step, plan, tmp_path / "planned")
    assert compared(tmp_path / "planned").report.whole_norms == 0


def test_everything_of_the_forward_pass_can_be_made_again(
    unet: Step, native_cache: Path, tmp_path: Path
) -> None:
    plan = planned(unet, without(unet, drops=lambda op: True))
    assert any(unet.ops[run.op].target == "convolution.default" for run in repeated(plan))
    export(unet, plan, tmp_path / "planned")
    compared(tmp_path / "planned")


@pytest.mark.parametrize("name", ["gpt", "resnet18"])
def test_models_train_bitwise_equal_to_eager_where_what_is_cheap_runs_again(
    exported: Callable[[str], Exported], tmp_path: Path, name: str
) -> None:
    step = exported(name).step
    plan = planned(step, without(step))
    assert len(repeated(plan)) > 40
    assert plan.height_bytes < planned(step, without(step, drops=lambda op: False)).height_bytes
    export(step, plan, tmp_path / "planned")
    report = verify(tmp_path / "planned", steps=2)
    assert report.ok and report.eager, report.lines()
    assert report.repeated == len(repeated(plan)) and report.whole_norms == 0
    assert any(f"{report.repeated} ops ran again" in line for line in report.lines())
    assert (report.missed, report.overlapped, report.unmatched, report.scratch_bytes) == (0, 0, 0, 0)
    assert report.pointers_checked == len(plan.instances)
    assert report.planned_bytes == plan.height_bytes
    assert report.arena_bytes < report.planned_bytes * (1.0001 if name == "gpt" else 1.05)


# -- what is wrong ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def right(unet: Step, native_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of a plan with repetitions of all kinds, some batch norms from saved statistics."""
    folder = tmp_path_factory.mktemp("right") / "planned"
    export(unet, planned(unet, without(unet)), folder)
    return folder


@pytest.fixture(scope="module")
def right_as_a_whole(unet: Step, native_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "planned"
    export(unet, planned(unet, without(unet, saved_statistics=False)), folder)
    return folder


def changed(right: Path, folder: Path, pattern: str, by: str, count: int = 0) -> Path:
    """A copy of an export, with its seals, in whose planned step ``pattern`` is replaced."""
    shutil.copytree(right, folder, ignore=shutil.ignore_patterns("recordings", "__pycache__"))
    source, found = re.subn(pattern, by, (folder / "planned.py").read_text(), count=count)
    assert found
    (folder / "planned.py").write_text(source)
    file = json.loads((folder / "plan.json").read_text())
    file["files"]["planned.py"] = hashlib.sha256(source.encode()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(file))
    return folder


def differing(folder: Path) -> set[str]:
    """In what eager and planned steps differ, as ``verify`` finds."""
    report = verify(folder, steps=2)
    assert not report.ok and report.lines()[-1] == "NOT verified."
    found = next(c for c in report.comparisons if (c.one, c.other) == ("eager", "planned"))
    kinds = ("losses", "parameters", "buffers", "generators")
    return {kind for kind in kinds if getattr(found, kind)}


def roles(folder: Path) -> set[str]:
    """What differs between traced and planned steps, as the self-test finds."""
    found = selftest.compare(Engine(folder, read_plan(folder)), 2)
    return {resident.role for resident in found.different_residents}


def test_dropout_that_draws_new_numbers_when_it_runs_again_is_found_out(
    right: Path, tmp_path: Path
) -> None:
    pattern = r" *again\.(rewind\(\d+\)|resume\(\))\n"
    found = differing(changed(right, tmp_path / "wrong", pattern, ""))
    assert {"parameters", "generators"} <= found


def test_dropout_that_draws_what_another_one_drew_is_found_out(right: Path, tmp_path: Path) -> None:
    assert "parameter" in roles(
        changed(right, tmp_path / "wrong", r"again\.rewind\(0\)", "again.rewind(1)")
    )


def test_a_repetition_after_which_the_generator_stands_elsewhere_is_found_out(
    right: Path, tmp_path: Path
) -> None:
    folder = changed(right, tmp_path / "wrong", r" *again\.resume\(\)\n", "")
    found = selftest.compare(Engine(folder, read_plan(folder)), 2)
    assert found.different_outputs == (0, 1) and not found.different_residents


def test_running_statistics_that_move_twice_are_found_out(
    right_as_a_whole: Path, tmp_path: Path
) -> None:
    pattern = r"aten_clone_default\((\w+)\)"
    assert differing(changed(right_as_a_whole, tmp_path / "wrong", pattern, r"\1")) == {"buffers"}


def test_statistics_that_are_not_those_that_were_saved_are_found_out(
    right: Path, tmp_path: Path
) -> None:
    pattern = r"(again\.normalized\(\d+, \w+), (\w+), (\w+), "
    assert "parameter" in roles(changed(right, tmp_path / "wrong", pattern, r"\1, \3, \2, ", 1))


def test_a_repetition_that_reads_another_version_of_its_operand_is_found_out(
    right: Path, tmp_path: Path
) -> None:
    # An activation function in place runs again on what was made again; without it the backward pass
    # reads what the storage held before that write.
    last = r"(?s)(.*)\n    aten_relu__default\(\w+\)\n"
    assert "parameter" in roles(changed(right, tmp_path / "wrong", last, r"\1\n"))
