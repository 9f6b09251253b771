"""Makes the exports that ``make test-cuda`` proves: captured for CUDA and planned here, without a GPU.

``python tests/cuda/make_exports.py [NAME...] [--target cpu] [--seconds 60] [-o FOLDER]`` needs the
whole environment; the folders it writes need torch alone. NAME_offload is the model NAME with some of
its storages in host memory between the forward and the backward pass.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from runtime.capture import capture  # noqa: E402
from runtime.export import export  # noqa: E402
from solver.errors import BayplanError  # noqa: E402
from solver.solve import solve  # noqa: E402
from tests.runtime.offloading import costliest, with_trips  # noqa: E402

TRIPS = 24
"""Storages that NAME_offload parks in host memory."""
MODELS = (
    "mlp",
    "mlp_scaled",
    "resnet50",
    "vit_b_16",
    "gpt",
    "gpt_offload",
    "bert",
    "unet",
    "cnn_ranks",
    "cnn_inference",
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
                f"{HERE / 'models.py'}:{name.removesuffix('_offload')}",
                batch=options.batch,
                optimizer=None,
                target=options.target,
            )
            plan = solve(step, deadline=options.seconds).plan
            if name.endswith("_offload"):
                plan = with_trips(step, plan, costliest(step, plan, TRIPS))
            export(step, plan, options.output / name)
        except BayplanError as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = 1
            continue
        sys.stdout.write(
            f"{name}: {len(step.ops):,} ops, peak {plan.peak_bytes:,} bytes, arena "
            f"{plan.height_bytes:,}, {time.process_time() - begin:.1f} s\n"
        )
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
