"""Steps with every exact rewrite, planned, exported and run: bitwise equal to eager training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.export import export
from runtime.verify import verify
from solver.rewriting import combined, rewrite
from solver.solve import solve
from solver.step import Step


@pytest.mark.parametrize("function", ["pools_channels_last", "transformer"])
def test_a_rewritten_step_runs_as_planned(
    function: str,
    model_step: Callable[[str], tuple[Step, Any]],
    native_cache: Path,
    tmp_path: Path,
) -> None:
    step, _ = model_step(function)
    names = combined(step)
    assert names
    changed = rewrite(step, names)
    plan = solve(changed, deadline=5, reuse=True).plan
    plan = replace(plan, fingerprint=step.fingerprint, rewrites=names)
    step = replace(step, origin=replace(step.origin, source=_source(function)))
    export(step, plan, tmp_path / "exported")
    report = verify(tmp_path / "exported", steps=2)
    assert report.ok and report.eager, report.lines()
    assert [c.equal for c in report.comparisons] == [True] * 3


def _source(function: str) -> str:
    return f"{Path(__file__).parents[1] / 'models' / 'rewrites.py'}:{function}"
