"""Trace one step of a model into a step file.

SOURCE is ``zoo:NAME``, a model of torchvision or transformers with random weights, or
``FILE.py:FUNCTION``, a function of yours that returns ``model, (inputs, target), loss_fn,
optimizer``, or ``model, inputs`` for an inference step.

What else a training step does (autocast, loss scaling, clipped gradients, micro-batches) are options of
a zoo model here. Your function returns them, as a dict after the optimizer, with torch's own objects:
``{"autocast": torch.bfloat16, "scaler": torch.amp.GradScaler(), "clip_grad_norm": 1.0,
"clip_grad_value": 0.5, "micro_batches": 4}``. A batch is then run in 4 parts, whose gradients are added
up.

A step is captured for one device, whose kernels decide what memory it takes: choose ``--target cuda``
for a step that trains on a GPU. This computer need not have one; where it has, torch itself picks the
kernels.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from app.cli.argument_types import count, seconds
from app.cli.library_option import add_library_option
from app.cli.terminal import StatusLine, writable
from app.numbers import bytes_exact, human
from solver.files import save_step
from solver.step import Step


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("source", metavar="SOURCE", help="zoo:NAME, or FILE.py:FUNCTION")
    parser.add_argument(
        "--batch",
        type=count,
        metavar="N",
        help="batch size of a zoo model (32); a function of yours gets it as its parameter batch",
    )
    add_capture_options(parser)
    parser.add_argument(
        "--time",
        action="store_true",
        help="also time every op on that device, with real tensors, for plans within a budget",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.step")
    parser.add_argument("--store", action="store_true", help="also put the step into the library")
    add_library_option(parser)


def add_capture_options(parser: argparse.ArgumentParser) -> None:
    """What a capture is told besides the source and the batch."""
    parser.add_argument(
        "--optimizer",
        choices=["sgd", "adam", "adamw", "none"],
        help="of a zoo model (sgd); none: an inference step",
    )
    _add_options(parser)
    parser.add_argument(
        "--target",
        choices=["cpu", "cuda"],
        default="cpu",
        help="the device it is to run on (cpu); cuda works without a GPU, too",
    )
    parser.add_argument(
        "--python", type=Path, metavar="PROGRAM", help="the Python that runs it (default: this one)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="S", help="time limit in seconds (600)"
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    """What else the training step of a zoo model does."""
    group = parser.add_argument_group(
        "what else the training step of a zoo model does",
        "A function of yours returns these as a dict after the optimizer, with objects of torch's own: "
        '{"autocast": torch.bfloat16, "scaler": torch.amp.GradScaler(), "clip_grad_norm": 1.0, '
        '"micro_batches": 4}.',
    )
    group.add_argument(
        "--autocast",
        choices=["bfloat16", "float16"],
        help="model and loss run under torch.autocast",
    )
    group.add_argument(
        "--scaler", action="store_true", help="the loss is scaled, by a torch.amp.GradScaler"
    )
    clip = group.add_mutually_exclusive_group()
    clip.add_argument(
        "--clip-grad-norm", type=float, metavar="X", help="as torch.nn.utils.clip_grad_norm_ does"
    )
    clip.add_argument(
        "--clip-grad-value", type=float, metavar="X", help="as torch.nn.utils.clip_grad_value_ does"
    )
    group.add_argument(
        "--micro-batches",
        type=count,
        metavar="N",
        help="the batch is run in N parts, whose gradients are added up",
    )
    group.add_argument(
        "--distributed",
        action="store_true",
        help="gradients are averaged over ranks, as by torch's DistributedDataParallel",
    )


def _options(arguments: argparse.Namespace) -> dict[str, object]:
    """Those that were asked for."""
    names = ("autocast", "scaler", "clip_grad_norm", "clip_grad_value", "micro_batches", "distributed")
    found = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in found.items() if value is not None and value is not False}


def run(arguments: argparse.Namespace) -> int:
    """Capture, write, say what it is."""
    output = writable(arguments.output)
    with StatusLine() as status:
        step = captured(arguments, arguments.batch, timed=arguments.time, log=status.say)
    save_step(step, output)
    if arguments.store:
        from app.library import Library

        Library(arguments.library).add_step(step)
    planned = sum(s.planned for s in step.storages)
    advice = " (for a GPU, with its kernels: --target cuda)" if step.origin.target == "cpu" else ""
    print(
        f"{step.title}: {len(step.ops):,} ops, {planned:,} storages to plan, "
        f"{human(step.resident_bytes)} resident ({bytes_exact(step.resident_bytes)} B), "
        f"traced for {step.origin.target}{advice} in {step.origin.seconds:.1f} s\n{output}"
    )
    return 0


def captured(
    arguments: argparse.Namespace,
    batch: int | None,
    *,
    timed: bool = False,
    log: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Step:
    """The step of the source with these options at a batch; None: the model's own."""
    from runtime.capture import capture

    return capture(
        arguments.source,
        batch=batch,
        optimizer="" if arguments.optimizer == "none" else arguments.optimizer,
        options=_options(arguments),
        target=arguments.target,
        timed=timed,
        python=arguments.python,
        timeout=arguments.timeout,
        log=log,
        cancelled=cancelled,
    )
