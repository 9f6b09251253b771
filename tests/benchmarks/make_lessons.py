"""Captures the lessons' steps anew and solves the budgets that they show, into resources/lessons."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from solver.budget.devices import V100, with_bandwidth
from solver.budget.solve import solve_budget
from solver.files import load_step, save_plan, save_step
from solver.step import Step
from solver.terms import Choice

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "lessons"
STEPS = ("chain", "branches", "residual")
MIB = 1 << 20
DEVICE = with_bandwidth(V100, 25e9)
BUDGETS: tuple[tuple[str, str, str, float, tuple[Choice, ...]], ...] = (
    ("recompute_60", "residual", "Recompute, 60 MiB", 60.0, (Choice.RECOMPUTE,)),
    ("recompute_50", "residual", "Recompute, 50 MiB", 50.0, (Choice.RECOMPUTE,)),
    ("offload_60", "residual", "Offload, 60 MiB", 60.0, (Choice.OFFLOAD,)),
)
"""File, step, the plan's name, budget in MiB, what the plan may do."""
SECONDS = 10.0


def capture(model: str) -> Step:
    """The step of one of the models, naming no folder of this machine."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "one.step"
        source = f"{FOLDER / 'models.py'}:{model}"
        subprocess.run([sys.executable, "-m", "app", "capture", source, "-o", str(output)], check=True)
        step = load_step(output)
    sources = tuple(replace(line, file=Path(line.file).name) for line in step.sources)
    return replace(step, sources=sources, origin=replace(step.origin, source=f"models.py:{model}"))


def main() -> None:
    """All of them."""
    steps = {model: capture(model) for model in STEPS}
    for model, step in steps.items():
        save_step(step, FOLDER / f"{model}.step")
    for file, model, name, mib, allowed in BUDGETS:
        found = solve_budget(
            steps[model],
            int(mib * MIB),
            device=DEVICE,
            allowed=allowed,
            deadline=SECONDS,
            name=name,
        )
        if found.plan is None:
            raise SystemExit(f"{name}: nothing within {mib} MiB; {found.report}")
        provenance = replace(found.plan.provenance, machine="", step_file=f"{model}.step")
        save_plan(replace(found.plan, provenance=provenance), FOLDER / f"{file}.plan")


if __name__ == "__main__":
    main()
