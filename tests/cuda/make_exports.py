"""Makes the exports that ``make test-cuda`` proves: captured for CUDA and planned here, without a GPU.

``python tests/cuda/make_exports.py [NAME...] [--target cpu] [--seconds 60] [-o FOLDER]`` needs the
whole environment; the folders it writes need torch alone. NAME_offload is the model NAME with some of
its storages in host memory between the forward and the backward pass; NAME_homes has some states of the
optimizer there from step to step; NAME_budget is the model in less memory than it needs, so that ops
run again.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from runtime.capture import capture  # noqa: E402
from runtime.export import export  # noqa: E402
from solver.budget.devices import find_device  # noqa: E402
from solver.budget.solve import solve_budget  # noqa: E402
from solver.errors import BayplanError  # noqa: E402
from solver.plan import Plan  # noqa: E402
from solver.solve import solve  # noqa: E402
from solver.step import Step  # noqa: E402
from solver.terms import Choice  # noqa: E402
from tests.runtime.offloading import costliest, with_homes, with_trips  # noqa: E402

TRIPS = 24
"""Storages that NAME_offload parks in host memory."""
HOMES = 12
"""States that live there in NAME_homes."""
SUFFIXES = ("_offload", "_homes", "_budget")
BUDGET = 0.5
"""Of the arena that the model needs, what NAME_budget has."""
MODELS = (
    "mlp",
    "mlp_scaled",
    "resnet50",
    "vit_b_16",
    "gpt",
    "gpt_offload",
    "gpt_homes",
    "bert",
    "unet",
    "cnn_ranks",
    "cnn_inference",
    "cnn_dropout_budget",
    "gpt_budget",
    "resnet50_budget",
)


def main(arguments: list[str]) -> int:
    """The command line; 1 where a model could not be captured or planned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"(default: {', '.join(MODELS)})")
    parser.add_argument("--target", choices=("cuda", "cpu"), default="cuda", help="(default cuda)")
    parser.add_argument("--batch", type=int, help="instead of the model's own")
    parser.add_argument("--seconds", type=float, default=60, help="for each plan (default 60)")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "exports", help="folder of exports")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in options.names or MODELS:
        begin = time.process_time()
        try:
            step = capture(
                f"{HERE / 'models.py'}:{model_of(name)}",
                batch=options.batch,
                optimizer=None,
                target=options.target,
            )
            plan = plan_for(name, step, options.seconds)
            export(step, plan, options.output / name)
        except BayplanError as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = 1
            continue
        sys.stdout.write(
            f"{name}: {len(plan.order):,} ops, peak {plan.peak_bytes:,} bytes, arena "
            f"{plan.height_bytes:,}, {time.process_time() - begin:.1f} s\n"
        )
        sys.stdout.flush()
    return failed


def model_of(name: str) -> str:
    """The model of the export ``name``."""
    return next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)


def plan_for(name: str, step: Step, seconds: float) -> Plan:
    """The plan of the export ``name``. Raises BayplanError where there is none."""
    plan = solve(step, deadline=seconds).plan
    if name.endswith("_offload"):
        return with_trips(step, plan, costliest(step, plan, TRIPS))
    if name.endswith("_homes"):
        return with_homes(step, plan, HOMES)
    if not name.endswith("_budget"):
        return plan
    budget = step.resident_bytes + int(BUDGET * plan.height_bytes)
    allowed = (Choice.RECOMPUTE,)
    device = find_device("a100")
    found = solve_budget(step, budget, device=device, allowed=allowed, deadline=seconds).plan
    if found is None:
        raise BayplanError(f"No plan was found within {budget:,} bytes.")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
