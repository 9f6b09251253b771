"""Do the whole chain on the embedded ResNet-50 step: in the window, or into a folder.

Without ``-o`` and with a display the window opens on the sample, already planned. Otherwise the
sample is planned anew without a window: plan, pictures, module and its self-test.
"""

import argparse
from dataclasses import replace
from importlib import resources
from pathlib import Path

from app.cli import map as draw_map
from app.cli import window
from app.cli.library_option import add_library_option
from app.cli.terminal import StatusLine
from app.numbers import bytes_exact, gib, percent
from solver.errors import BayplanError
from solver.files import load_step, save_plan, save_step
from solver.solution import Report

SECONDS = 300.0
"""Deadline of the solve, which takes about one, and half a minute when numba compiles first."""
STEPS = 1
"""Of each run of the self-test: one of this step takes ten seconds on two cores."""
LIMIT = 1800.0
"""Seconds for the self-test, which takes about one or two minutes on two cores."""
PICTURE = (1600, 1000)


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="(without a display: out)")
    add_library_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: done; 1: the self-test found a difference."""
    sample = sample_step()
    if arguments.output is None and window.has_display():
        return window.show(sample.with_suffix(".plan"), arguments.library, example=True)
    return work(sample, arguments.output or Path("out"))


def sample_step() -> Path:
    """The embedded step's file; its plan lies beside it."""
    path = Path(str(resources.files("resources"))) / "samples" / "resnet50.step"
    if not path.is_file():
        raise BayplanError(f"The sample {path} is missing: this installation is not complete.")
    return path


def work(sample: Path, folder: Path) -> int:
    """Plan, draw, export and verify the sample, everything in ``folder``."""
    from runtime.export import export
    from runtime.verify import verify
    from solver.solve import solve

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BayplanError(f"{folder} cannot be made: {error.strerror}. Choose another.") from None
    name = sample.stem
    step = load_step(sample)
    step_file, plan_file = folder / f"{name}.step", folder / f"{name}.plan"
    module = folder / f"{name}_planned"
    print(f"{step.title}: {len(step.ops):,} ops, planned for {step.origin.target}", flush=True)
    with StatusLine() as status:
        status.say("Planning")
        solution = solve(step, deadline=SECONDS)
        made = replace(solution.plan.provenance, step_file=step_file.name)
        plan = replace(solution.plan, provenance=made)
        save_step(step, step_file)
        save_plan(plan, plan_file)
        status.print(_before_and_after(solution.report))
        status.say("Drawing")
        draw_map.draw(step, plan, folder / f"{name}.png", PICTURE, "dark")
        draw_map.draw(step, None, folder / f"{name}-as-run.png", PICTURE, "dark")
        status.say("Exporting")
        export(step, plan, module)
        status.print(f"  Plan         {plan_file}, of {step_file}")
        status.print(f"  Map          {folder / f'{name}.png'}")
        status.print(f"  As run, map  {folder / f'{name}-as-run.png'}")
        status.print(f"  Module       {module}")
        status.say("Running the self-test; this takes some minutes")
        report = verify(module, steps=STEPS, timeout=LIMIT, log=status.say)
    print("\n".join(f"  {line}" for line in report.lines()[1:]))
    return 0 if report.ok else 1


def _before_and_after(report: Report) -> str:
    """The bytes that the step reserves as run and those that it needs as planned."""
    before = report.baseline_reserved_bytes
    after = report.resident_bytes + report.height_bytes
    saved = (before - after) / before if before else 0.0
    return (
        f"  As run       {gib(before):>10}  {bytes_exact(before):>15} B\n"
        f"  As planned   {gib(after):>10}  {bytes_exact(after):>15} B  {percent(-saved)}, "
        f"{report.status}"
    )
