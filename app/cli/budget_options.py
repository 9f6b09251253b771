"""The options of commands that plan within a budget: which device, and what a plan may do."""

import argparse
from dataclasses import dataclass

from app.cli.argument_types import bandwidth, choices
from solver.budget.costs import was_timed
from solver.budget.devices import NAMED, V100, find_device, with_bandwidth
from solver.errors import BayplanError
from solver.step import Step
from solver.terms import Choice, DeviceModel

ALLOWED = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)
"""Unless ``--allow`` says otherwise."""
DEVICE = V100


@dataclass(frozen=True, slots=True)
class Conditions:
    """What op times come from, and what plans may do."""

    device: DeviceModel
    measured: bool
    allowed: tuple[Choice, ...]


def add_budget_options(parser: argparse._ActionsContainer) -> None:
    """``--device``, ``--bandwidth`` and ``--allow``."""
    parser.add_argument(
        "--device",
        metavar="NAME|FILE",
        help=f"op times by a roofline of {', '.join(NAMED)} or of a JSON file (otherwise those that "
        f"the step was timed with, and where it was not, {DEVICE.name})",
    )
    parser.add_argument(
        "--bandwidth",
        type=bandwidth,
        metavar="25GB/s",
        help="of copies between device and host memory (otherwise the device's)",
    )
    parser.add_argument(
        "--allow",
        type=choices,
        metavar="LIST",
        help=f"what a plan may do, with commas: {', '.join(Choice)}; or none "
        f"({','.join(ALLOWED)}). approximate: implementations whose results are equal within a stated "
        "tolerance, not bit for bit",
    )


def given_budget_options(arguments: argparse.Namespace) -> list[str]:
    """Those of the options that were given."""
    names = ("device", "bandwidth", "allow")
    return [f"--{name}" for name in names if getattr(arguments, name) is not None]


def conditions(arguments: argparse.Namespace, step: Step) -> Conditions:
    """What the options come to for a step. Raises BayplanError."""
    device = DEVICE if arguments.device is None else find_device(arguments.device)
    if arguments.bandwidth is not None:
        device = with_bandwidth(device, arguments.bandwidth)
    allowed = ALLOWED if arguments.allow is None else arguments.allow
    if Choice.APPROXIMATE in allowed and Choice.IMPLEMENTATIONS not in allowed:
        raise BayplanError(
            "--allow approximate adds to the exact implementations: allow implementations, too."
        )
    return Conditions(device, arguments.device is None and was_timed(step), allowed)
