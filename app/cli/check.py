"""Check a plan against its step, independently of how it was found."""

import argparse
from pathlib import Path

from app.numbers import bytes_exact
from solver.check import check
from solver.files import load_plan
from solver.pin_text import pins_text
from solver.planning_step import load_any_step


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("step", type=Path, metavar="FILE.step", help="or a planning-only .json.gz")
    parser.add_argument("plan", type=Path, metavar="FILE.plan")


def run(arguments: argparse.Namespace) -> int:
    """0: the plan is right; 1: it is not, and every problem is printed."""
    step, plan = load_any_step(arguments.step), load_plan(arguments.plan)
    problems = check(step, plan)
    if problems:
        print(f"{arguments.plan} is not right for {step.title}:")
        for problem in problems:
            print(f"  {problem}")
        return 1
    print(
        f"{arguments.plan} is right for {step.title}: peak {bytes_exact(plan.peak_bytes)} B, "
        f"height {bytes_exact(plan.height_bytes)} B, "
        f"bound {bytes_exact(plan.certificate.peak_bound_bytes)} B"
        + (f", with {pins_text(step, plan.pins)}" if plan.pins else "")
    )
    return 0
