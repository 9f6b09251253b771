"""Write the module that runs a step as planned: a folder that needs nothing but torch."""

import argparse
from pathlib import Path

from app.cli.plan_files import add_step_options, load_plan_with_step


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("plan", type=Path, metavar="FILE.plan")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    add_step_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Export and say how to use it."""
    from runtime.export import export

    step, plan = load_plan_with_step(arguments.plan, arguments.step, arguments.library)
    export(step, plan, arguments.output)
    if step.origin.training:
        scaler = ", scaler" if "scaler" in step.origin.options else ""
        use = f"  step = load(model, optimizer{scaler})\n  loss = step(inputs, target)"
    else:
        use = "  step = load(model.eval())\n  output = step(inputs)"
    print(f"{arguments.output}\n  from {arguments.output.name} import load\n{use}")
    return 0
