"""Draw the address-versus-time map of a plan, or of a step as run, as PNG, SVG, PDF or a page.

A page (``-o FILE.html``) is interactive: one file for a lecture or a bug report, without any network.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.argument_types import picture_size, scale
from app.cli.plan_files import add_step_options, load_plan_with_step
from app.cli.terminal import writable
from solver.errors import BayplanError
from solver.files import read_bytes, read_json
from solver.plan import Plan
from solver.planning_step import load_any_step
from solver.step import Step

if TYPE_CHECKING:
    from app.map.plan_scene import PlanScene

SIZE = (1600, 1000)
PAGES = (".html", ".htm")


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a plan, or a step (it is drawn as run)"
    )
    parser.add_argument(
        *("-o", "--output"),
        type=Path,
        required=True,
        metavar="FILE",
        help="its ending says what it is: .png, .svg, .pdf, or .html for an interactive page",
    )
    parser.add_argument(
        "--theme", choices=["dark", "light"], help="dark; of a page: as the reader's system"
    )
    parser.add_argument(
        "--size", type=picture_size, metavar="WxH", help="pixels (1600x1000), or 297x210mm"
    )
    parser.add_argument(
        "--scale",
        type=scale,
        default=1.0,
        metavar="N",
        help="draw everything in a PNG of that size N times as large (1)",
    )
    parser.add_argument(
        "--baseline", action="store_true", help="of a plan: the step as run instead of the plan"
    )
    add_step_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw, write, say where."""
    output = writable(arguments.output, unlike=arguments.file)
    kind = output.suffix.lower()
    if kind in PAGES and (arguments.size is not None or arguments.scale != 1.0):
        raise BayplanError("A page is as large as its reader's window: leave out --size and --scale.")
    if kind in (".svg", ".pdf") and arguments.scale != 1.0:
        raise BayplanError(f"An {kind[1:].upper()} is sharp at any size: leave out --scale.")
    step, plan = _load(arguments)
    if kind in PAGES:
        _write_page(step, plan, output, arguments)
    else:
        drawn = None if arguments.baseline else plan
        size = arguments.size or SIZE
        draw(step, drawn, output, size, arguments.theme or "dark", scale=arguments.scale)
    print(output)
    return 0


def draw(
    step: Step,
    plan: Plan | None,
    output: Path,
    size: tuple[int, int],
    theme: str,
    *,
    scale: float = 1.0,
) -> None:
    """Write the map of ``plan``, or of the step as run where it is None.

    ``size``: of the file, pixels; ``scale``: how many of them are one of the layout. Raises
    BayplanError for another ending than .png, .svg and .pdf.
    """
    from app.map.picture import render_picture
    from app.theme import THEMES

    drawn, as_run = _scenes(step, plan)
    width, height = (max(round(side / scale), 200) for side in size)
    what = "as run" if drawn is None else drawn.plan.name
    render_picture(
        drawn or as_run,
        output,
        width=width,
        height=height,
        theme=THEMES[theme],
        title=f"{step.title} · {what}",
        scale=scale,
    )


def _write_page(step: Step, plan: Plan | None, output: Path, arguments: argparse.Namespace) -> None:
    """The step as run and, where there is one, the plan, which is shown first."""
    from app.cli.budget_options import DEVICE
    from app.map.slot_axis import seconds_on
    from app.picture.page import write_page
    from app.picture.page_look import PageLook
    from solver.budget.costs import was_timed

    drawn, as_run = _scenes(step, plan)
    scenes = [("As run", as_run), *([(drawn.plan.name, drawn)] if drawn is not None else [])]
    shown = 0 if arguments.baseline else len(scenes) - 1
    write_page(
        scenes,
        output,
        look=PageLook(shown),
        seconds_of=seconds_on(DEVICE, was_timed(step)),
        theme=arguments.theme or "",
    )


def _scenes(step: Step, plan: Plan | None) -> "tuple[PlanScene | None, PlanScene]":
    """The maps of the plan, if there is one, and of the step as run."""
    from app.map.plan_scene import baseline_scene, plan_scene
    from solver.placement.caching_allocator import simulate

    baseline = simulate(step)
    drawn = plan_scene(step, plan, baseline) if plan is not None else None
    return drawn, baseline_scene(step, baseline)


def _load(arguments: argparse.Namespace) -> tuple[Step, Plan | None]:
    """The step, and the plan when the file is one."""
    path: Path = arguments.file
    content = read_json(read_bytes(path), path.name)
    if isinstance(content, dict) and content.get("format") == "bayplan-plan":
        return load_plan_with_step(path, arguments.step, arguments.library)
    if arguments.step is not None:
        raise BayplanError(f"{path} is a step, not a plan, and --step names the step of a plan.")
    return load_any_step(path), None
