"""Draw the address-versus-time map of a plan, or of a step as PyTorch runs it, as a PNG."""

import argparse
from pathlib import Path

from app.cli.argument_types import pixels
from app.cli.plan_files import add_step_options, load_plan_with_step
from app.cli.terminal import writable
from solver.errors import BayplanError
from solver.files import read_bytes, read_json
from solver.plan import Plan
from solver.planning_step import load_any_step
from solver.step import Step


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a plan, or a step (it is drawn as run)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    parser.add_argument(
        "--size", type=pixels, default=(1600, 1000), metavar="WxH", help="pixels (1600x1000)"
    )
    parser.add_argument(
        "--baseline", action="store_true", help="of a plan: the step as run instead of the plan"
    )
    add_step_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw, write, say where."""
    output = writable(arguments.output, unlike=arguments.file)
    step, plan = _load(arguments)
    draw(step, None if arguments.baseline else plan, output, arguments.size, arguments.theme)
    print(output)
    return 0


def draw(step: Step, plan: Plan | None, output: Path, size: tuple[int, int], theme: str) -> None:
    """Write the map of ``plan``, or of the step as run where it is None; ``size`` in pixels."""
    from app.map.picture import render_picture
    from app.map.plan_scene import baseline_scene, plan_scene
    from app.theme import THEMES
    from solver.placement.caching_allocator import simulate

    baseline = simulate(step)
    scene = plan_scene(step, plan, baseline) if plan is not None else baseline_scene(step, baseline)
    what = "as run" if plan is None else plan.name
    width, height = size
    render_picture(
        scene,
        output,
        width=width,
        height=height,
        theme=THEMES[theme],
        title=f"{step.title} · {what}",
    )


def _load(arguments: argparse.Namespace) -> tuple[Step, Plan | None]:
    """The step, and the plan when the file is one."""
    path: Path = arguments.file
    content = read_json(read_bytes(path), path.name)
    if isinstance(content, dict) and content.get("format") == "bayplan-plan":
        return load_plan_with_step(path, arguments.step, arguments.library)
    if arguments.step is not None:
        raise BayplanError(f"{path} is a step, not a plan, and --step names the step of a plan.")
    return load_any_step(path), None
