"""Verification: the models of the issue are bitwise equal, and what is not is reported."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.capture import capture
from runtime.export import export
from runtime.verify import Comparison, VerifyReport, verify
from solver.arrangement import Arrangement
from solver.errors import BayplanError
from solver.plan import Plan, Run
from solver.reuse import possible_takeovers
from solver.rewriting import available, rewrite, tolerance_of
from solver.solve import solve
from solver.solve_job import SolveJob
from tests.runtime.conftest import MODELS, Exported
from tests.runtime.offloading import costliest, with_trips


@pytest.mark.parametrize("name", ["mlp", "gpt", "resnet18"])
def test_planned_training_is_bitwise_equal_to_eager_training(
    exported: Callable[[str], Exported], name: str
) -> None:
    made = exported(name)
    log: list[str] = []
    report = verify(made.folder, steps=2, log=log.append)
    assert report.ok, report.lines()
    assert report.eager and len(report.comparisons) == 3
    assert all(c.equal for c in report.comparisons)
    assert report.pointers_checked == len(made.plan.instances)
    assert (report.missed, report.overlapped, report.scratch_bytes, report.unmatched) == (0, 0, 0, 0)
    assert report.planned_bytes == made.plan.height_bytes <= report.arena_bytes
    assert report.temporaries > 0 and report.addresses_kept
    assert report.taken == takeovers(made.plan)
    assert report.planned_seconds > 0 and report.eager_seconds > 0
    assert any("planned" in line for line in log)


def takeovers(plan: Plan) -> int:
    return sum(len(action.takes) for action in plan.actions if isinstance(action, Run))


def test_a_lower_peak_by_reuse_is_what_the_step_needs(exported: Callable[[str], Exported]) -> None:
    for name in ("mlp", "resnet18"):
        made = exported(name)
        alone = solve(made.step, deadline=20, reuse=False).plan
        assert takeovers(alone) == 0 < takeovers(made.plan)
        assert made.plan.height_bytes < alone.height_bytes


@pytest.mark.parametrize("name", ["gpt", "resnet18"])
def test_every_takeover_that_is_possible_leaves_training_bitwise_equal(
    exported: Callable[[str], Exported], tmp_path: Path, name: str
) -> None:
    made = exported(name)
    possible = possible_takeovers(made.step, made.plan.order)
    assert len(possible) > 50
    job = SolveJob(made.step, 20.0, 0, "All takeovers")
    arrangement = Arrangement(made.plan.order, possible)
    plan = job.plan(arrangement, job.place(arrangement, 0, fast=True)[1], job.name)
    export(made.step, plan, tmp_path / "planned")
    report = verify(tmp_path / "planned", steps=2)
    assert report.ok and report.eager, report.lines()
    assert report.taken == takeovers(plan) == len(possible)
    assert any("bytes of an operand" in line for line in report.lines())


def test_inference_is_verified_too(mlp_inference: Exported) -> None:
    report = verify(mlp_inference.folder, steps=2)
    assert report.ok and report.eager


@pytest.mark.parametrize("function", ["build", "infer"])
def test_a_recurrent_model_that_changes_its_input_is_verified(
    exported: Callable[[str, str], Exported], function: str
) -> None:
    report = verify(exported("recurrent", function).folder, steps=2)
    assert report.ok and report.eager, report.lines()


def test_without_its_model_an_export_is_compared_with_the_trace_and_says_so(
    mlp: Exported, tmp_path: Path
) -> None:
    folder = _from_elsewhere(mlp, tmp_path)
    report = verify(folder, steps=2)
    assert report.ok and not report.eager
    assert [(c.one, c.other) for c in report.comparisons] == [("traced", "planned")]
    assert "cannot be built" in report.eager_reason
    assert any(line.startswith("Not compared with eager training") for line in report.lines())


def test_a_step_that_computes_something_else_is_not_verified(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned")
    source = (folder / "planned.py").read_text()
    (folder / "planned.py").write_text(source.replace("aten.tanh.default", "aten.sigmoid.default"))
    _reseal(folder)
    report = verify(folder, steps=2)
    assert not report.ok
    by_name = {(c.one, c.other): c for c in report.comparisons}
    assert by_name["eager", "traced"].equal
    assert by_name["eager", "planned"].losses == (0, 1)
    assert "0.weight" in by_name["traced", "planned"].parameters
    assert "0.weight/exp_avg" in by_name["traced", "planned"].optimizer_state
    assert report.lines()[-1] == "NOT verified."


def test_a_folder_that_is_no_export_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"no plan\.json"):
        verify(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(BayplanError, match="something else"):
        verify(tmp_path)


def test_an_export_that_refuses_to_run_is_an_error(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned")
    (folder / "planned.py").write_text("")
    with pytest.raises(BayplanError, match=r"planned\.py was changed"):
        verify(folder)


def test_it_can_be_cancelled_and_has_a_time_limit(mlp: Exported) -> None:
    with pytest.raises(BayplanError, match="was cancelled"):
        verify(mlp.folder, cancelled=lambda: True)
    with pytest.raises(BayplanError, match=r"limit of 0\.2 s"):
        verify(mlp.folder, timeout=0.2)


def test_a_step_that_parks_storages_in_host_memory_is_verified_and_needs_less(
    exported: Callable[[str], Exported], tmp_path: Path
) -> None:
    made = exported("deep")
    plan = with_trips(made.step, made.plan, costliest(made.step, made.plan, 3))
    assert plan.peak_bytes < made.plan.peak_bytes
    folder = tmp_path / "planned"
    export(made.step, plan, folder)
    assert "3 storages are in other memory" in (folder / "README.md").read_text()
    report = verify(folder, steps=2)
    assert report.ok and report.eager, report.lines()
    assert report.planned_bytes == plan.height_bytes < made.plan.height_bytes
    assert (report.transfers, report.missed, report.overlapped) == (6, 0, 0)
    assert report.host_bytes >= max(made.step.storages[h.storage].size for h in plan.host_slots)
    assert any("6 copies to and from" in line for line in report.lines())
    # The first use of what comes back last does not wait for it.
    source = (folder / "planned.py").read_text()
    last = re.findall(r"transfers\.prefetch\((\d+)\)", source)[-1]
    wrong, found = re.subn(rf" *transfers\.wait\({last}\)\n", "", source)
    assert found == 1
    (folder / "planned.py").write_text(wrong)
    shutil.copytree(folder / "recordings", tmp_path / "recordings")
    _reseal(folder)
    shutil.copytree(tmp_path / "recordings", folder / "recordings")
    report = verify(folder, steps=2)
    assert not report.ok
    assert any("planned: DIFFERENT" in line for line in report.lines())


def test_a_step_whose_ops_run_in_nearly_equal_ways_is_near_and_as_planned_bit_for_bit(
    native_cache: Path, tmp_path: Path
) -> None:
    step = capture(f"{MODELS / 'rewrites.py'}:transformer", batch=None, optimizer=None)
    names = [each.name for each in available(step) if not each.exact][:1]
    plan = solve(rewrite(step, names), deadline=5).plan
    plan = replace(plan, fingerprint=step.fingerprint, rewrites=tuple(names))
    export(step, plan, tmp_path / "planned")
    report = verify(tmp_path / "planned", steps=2)
    assert report.ok, report.lines()
    pairs = {(c.one, c.other): c for c in report.comparisons}
    assert pairs["eager", "traced"].equal and pairs["unplanned", "planned"].equal
    near = pairs["eager", "planned"]
    assert near.near == 10 * tolerance_of(names) and 0 <= near.distance <= near.near
    assert any("eager and planned: near" in line for line in report.lines()) != near.equal
    wrong = Comparison("eager", "planned", (0,), (), (), (), near=1e-4, distance=2e-4)
    assert not wrong.right and replace(wrong, distance=1e-5).right
    assert not replace(wrong, distance=1e-5, generators=(1,)).right


def test_at_least_one_step_is_compared(mlp: Exported) -> None:
    with pytest.raises(BayplanError, match="at least 1"):
        verify(mlp.folder, steps=0)


def test_a_report_is_plain_data() -> None:
    same = Comparison("traced", "planned", (), (), (), ())
    report = VerifyReport(
        "toy", 3, (same,), False, "no model", True, "", 5, 0, 0, 0, 0, 0, 0, 4096, 4096, True, 2, 128,
        0.0, 0.004, 0.003, "2.13.0", 2,
    )  # fmt: skip
    content = json.loads(json.dumps(report.as_dict()))
    assert content["ok"] is True and content["comparisons"][0]["equal"] is True
    assert content["ratio"] == pytest.approx(0.75)


def _from_elsewhere(mlp: Exported, folder: Path) -> Path:
    """An export whose source file is not on this machine."""
    from runtime.replay.plan_data import content_digest

    copy = mlp.copy(folder / "planned")
    file = json.loads((copy / "plan.json").read_text())
    file["plan"]["source"] = str(folder / "gone.py") + ":build"
    file["digest"] = content_digest(file["plan"])
    (copy / "plan.json").write_text(json.dumps(file))
    return copy


def _reseal(folder: Path) -> None:
    import hashlib

    file = json.loads((folder / "plan.json").read_text())
    for name in ("planned.py", "traced.py"):
        file["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(file))
    shutil.rmtree(folder / "recordings", ignore_errors=True)
