"""Two ranks train as DistributedDataParallel does, bit for bit; no step trains alone by mistake."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.capture import named_step
from runtime.capture.bayplan_capture.build import build
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.errors import CaptureError
from runtime.capture.bayplan_capture.options import read_options
from runtime.export import export
from runtime.replay.errors import ReplayError
from runtime.replay.loading import load
from runtime.replay.selftest import main as selftest
from runtime.verify import verify
from solver.check import require_valid
from solver.files import decode_step_object
from solver.solve import solve
from solver.step import Step
from tests.runtime.conftest import MODELS
from tests.runtime.recomputing import planned, repeated, without

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()),
    reason="this torch has no gloo",
)

ROOT = Path(__file__).parents[3]
SOURCE = f"{MODELS / 'ranks.py'}"
PAIRS = ("cnn", "mlp", "micro_batches", "scaled")


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, native_cache: Path
) -> Iterator[Callable[[str], tuple[Step, Path]]]:
    made: dict[str, tuple[Step, Path]] = {}

    def make(name: str) -> tuple[Step, Path]:
        if name not in made:
            content: Any = capture_step(f"{SOURCE}:{name}", None, None)
            step = named_step(decode_step_object(content, name))
            plan = solve(step, deadline=20).plan
            if name == "cnn":
                # Batch norms and activation functions run again for the backward pass.
                plan = planned(step, without(step))
                assert repeated(plan)
            require_valid(step, plan)
            folder = tmp_path_factory.mktemp("ranks") / name
            export(step, plan, folder)
            made[name] = step, folder
        return made[name]

    yield make


@pytest.fixture(scope="module")
def ranks(
    exported: Callable[[str], tuple[Step, Path]], tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, dict[str, Any]]]:
    """What each of three processes found in each case: they are started once."""
    folder = tmp_path_factory.mktemp("processes")

    def case(name: str, function: str, *folders: Path) -> dict[str, Any]:
        return {"name": name, "source": f"{SOURCE}:{function}", "folders": [*map(str, folders)]}

    def fresh(function: str, name: str) -> Path:
        ignored = shutil.ignore_patterns("recordings")
        return Path(shutil.copytree(exported(function)[1], folder / name, ignore=ignored))

    cases = [case(name, name, *[exported(name)[1]] * 2) for name in PAIRS]
    mlp = exported("mlp")[1]
    cases += [
        case("three", "mlp", *[mlp] * 3),
        case("recorded earlier", "mlp", mlp, fresh("mlp", "unused")),
        case("other plans", "mlp", mlp, exported("clipped")[1]),
    ]
    todo = folder / "cases.json"
    todo.write_text(json.dumps(cases))
    child = Path(__file__).with_name("ranks_child.py")
    running = [
        subprocess.Popen(
            [sys.executable, child, str(rank), todo, folder / "store", folder / f"{rank}.json"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(3)
    ]
    complaints = [process.communicate(timeout=300)[1] for process in running]
    assert all(process.returncode == 0 for process in running), "\n".join(complaints)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(3)]


@pytest.mark.parametrize("name", PAIRS)
def test_two_ranks_train_as_distributed_data_parallel_does(
    ranks: list[dict[str, dict[str, Any]]], name: str
) -> None:
    first, second = ranks[0][name], ranks[1][name]
    assert first["wrong"] == second["wrong"] == []
    assert first["parameters"] == second["parameters"]
    assert first["losses"] != second["losses"]  # each has batches of its own
    for rank in (first, second):
        assert rank["planned"] and rank["unmatched"] == rank["missed"] == 0


def test_three_ranks_agree_with_each_other_and_up_to_rounding_with_distributed_data_parallel(
    ranks: list[dict[str, dict[str, Any]]],
) -> None:
    found = [rank["three"] for rank in ranks]
    assert all(rank["planned"] and rank["missed"] == 0 for rank in found)
    assert found[0]["parameters"] == found[1]["parameters"] == found[2]["parameters"]
    assert found[0]["parameters"] == pytest.approx(found[0]["eager_parameters"], rel=1e-3)


def test_a_rank_that_recorded_earlier_does_not_wait_for_one_that_records(
    ranks: list[dict[str, dict[str, Any]]],
) -> None:
    found = [rank["recorded earlier"] for rank in ranks[:2]]
    assert [rank["recorded"] for rank in found] == [False, True]
    assert [rank["wrong"] for rank in found] == [[], []]


def test_ranks_with_different_plans_are_refused_on_each_of_them(
    ranks: list[dict[str, dict[str, Any]]],
) -> None:
    for rank in ranks[:2]:
        assert "The ranks have different plans" in rank["other plans"]["error"]


def test_all_reduces_work_in_place_and_take_no_memory(
    exported: Callable[[str], tuple[Step, Path]],
) -> None:
    together, alone = exported("mlp")[0], exported("alone")[0]
    assert together.title == alone.title + " · distributed"
    sizes = [sorted(s.size for s in step.storages) for step in (together, alone)]
    assert sizes[0] == sizes[1]
    targets = [op.target for op in together.ops]
    assert targets.count("all_reduce_.default") == targets.count("wait_tensor.default") == 6


def test_gradients_are_read_only_after_their_all_reduce_has_ended(
    exported: Callable[[str], tuple[Step, Path]],
) -> None:
    step, _ = exported("cnn")
    began = {op.writes[0]: i for i, op in enumerate(step.ops) if op.target == "all_reduce_.default"}
    assert len(began) == 8
    for storage, at in began.items():
        later = [op.target for op in step.ops[at + 1 :] if storage in op.reads]
        assert later[0] == "wait_tensor.default" and len(later) > 1
    for at, op in enumerate(step.ops):
        if op.target == "wait_tensor.default":
            assert op.writes == op.reads and not op.creates, at


def test_a_step_that_communicates_is_refused_without_a_process_group(
    exported: Callable[[str], tuple[Step, Path]],
) -> None:
    model = build(f"{SOURCE}:mlp", None, None, None, seed=0)
    with pytest.raises(ReplayError, match=r"init_process_group\(\) before load"):
        load(exported("mlp")[1], model.module, model.optimizer)


def test_a_step_that_does_not_communicate_takes_no_process_group(
    exported: Callable[[str], tuple[Step, Path]],
) -> None:
    model = build(f"{SOURCE}:alone", None, None, None, seed=0)
    with pytest.raises(ReplayError, match="captured without the option distributed"):
        load(exported("alone")[1], model.module, model.optimizer, process_group=object())


def test_a_wrapped_model_is_refused(exported: Callable[[str], tuple[Step, Path]]) -> None:
    class DistributedDataParallel(torch.nn.Module):
        """As torch's, which cannot be made without a process group."""

    with pytest.raises(ReplayError, match="Pass the model itself"):
        load(exported("mlp")[1], DistributedDataParallel())


def test_it_proves_itself_in_one_process(
    exported: Callable[[str], tuple[Step, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest(exported("cnn")[1], []) == 0
    assert "planned and traced: bitwise equal" in capsys.readouterr().out
    report = verify(exported("cnn")[1], steps=3)
    assert report.ok and report.eager, report.lines()


def test_the_option_must_be_true_or_false() -> None:
    with pytest.raises(CaptureError, match="distributed of build is 2; it must be True or False"):
        read_options({"distributed": 2}, "build", "cpu")


def test_a_collective_is_not_timed_as_the_other_ranks_are_not_here() -> None:
    content: Any = capture_step(f"{SOURCE}:cnn", None, None, timed=True)
    step = decode_step_object(content, "cnn")
    seconds = {op.target: op.seconds for op in step.ops}
    assert seconds["all_reduce_.default"] == seconds["wait_tensor.default"] == 0.0
    assert seconds["convolution.default"] > 0.0
