"""Prove an exported plan: eager, traced and planned runs compared bit for bit."""

import argparse
import json
import tempfile
from pathlib import Path

from app.cli.argument_types import count, seconds
from app.cli.plan_files import add_step_options, load_plan_with_step
from app.cli.terminal import StatusLine


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("target", type=Path, metavar="FILE.plan|FOLDER")
    parser.add_argument("--steps", type=count, default=3, metavar="N", help="steps of each run (3)")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    parser.add_argument(
        "--python", type=Path, metavar="PROGRAM", help="the Python that runs it (default: this one)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=1800.0, metavar="S", help="time limit in seconds (1800)"
    )
    add_step_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """0: all runs agree; 1: they do not, and the report says where."""
    from runtime.export import export
    from runtime.verify import verify

    with tempfile.TemporaryDirectory(prefix="bayplan-") as temporary, StatusLine() as status:
        folder: Path = arguments.target
        if not folder.is_dir():
            step, plan = load_plan_with_step(folder, arguments.step, arguments.library)
            folder = Path(temporary) / "planned"
            export(step, plan, folder)
        report = verify(
            folder,
            steps=arguments.steps,
            python=arguments.python,
            timeout=arguments.timeout,
            log=status.say,
        )
    print(json.dumps(report.as_dict()) if arguments.json else "\n".join(report.lines()))
    return 0 if report.ok else 1
