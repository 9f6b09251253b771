"""Find the largest batch whose step fits into a memory, without and with a limit of the overhead.

Sizes grow about linearly with the batch, so a few captures say where the answers must be; these and the
batches beside them are captured and planned. What is counted is what the plan places, and residents:
leave room for what kernels ask for besides, and for the context of CUDA.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.cli.argument_types import count, seconds, seed, share, size
from app.cli.budget_options import add_budget_options, conditions
from app.cli.capture import add_capture_options, captured
from app.cli.terminal import StatusLine, interrupts
from app.facts.doings import times_text
from app.fitting import Answer, Fit, Trial, fit
from app.numbers import gib, overhead, overhead_bound, percent, plan_size
from solver.errors import BayplanError
from solver.step import Step

NOTHING = 1


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("source", metavar="SOURCE", help="zoo:NAME, or FILE.py:FUNCTION")
    parser.add_argument(
        "--memory", type=size, required=True, metavar="24GiB", help="that residents and arena may take"
    )
    parser.add_argument(
        "--overhead",
        type=share,
        default=0.1,
        metavar="10%",
        help="the limit for the second answer (10%%)",
    )
    parser.add_argument("--batch-from", type=count, metavar="N", help="the smallest batch (1)")
    parser.add_argument("--batch-to", type=count, metavar="N", help="the largest batch (1048576)")
    add_capture_options(parser)
    parser.add_argument(
        "--deadline", type=seconds, default=20.0, metavar="S", help="seconds for each batch (20)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the searches (0)")
    add_budget_options(parser)
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """0: a batch fits; 1: not even the smallest one."""
    unit = arguments.micro_batches or 1
    first = _multiple(arguments.batch_from or 1, unit, up=True)
    last = _multiple(arguments.batch_to or 1 << 20, unit, up=False)
    if first > last:
        raise BayplanError(
            f"There is no batch from {arguments.batch_from or 1} to {arguments.batch_to}"
            + (f" that {unit} micro-batches divide." if unit > 1 else ".")
        )
    used: list[str] = []
    with StatusLine() as status, interrupts() as interrupted:

        def try_batch(batch: int, lowest: bool) -> Trial:
            status.say(f"Batch {batch:,}: capturing")
            step = captured(arguments, batch, log=status.say, cancelled=interrupted)
            if step.origin.batch != batch:
                raise BayplanError(
                    f"{arguments.source} has a batch of {step.origin.batch} where {batch} was asked "
                    "for: let the function take it as its parameter batch."
                )
            if not used:
                given = conditions(arguments, step)
                used.append(times_text(given.device, given.measured))
            trial = _trial(step, arguments, status.say, interrupted, lowest)
            if interrupted():
                raise KeyboardInterrupt
            if not arguments.json:
                status.print(_trial_text(trial, arguments.memory))
            return trial

        found = fit(arguments.memory, arguments.overhead, try_batch, first=first, last=last, unit=unit)
    if arguments.json:
        print(json.dumps(as_dict(found, arguments, used[0])))
    else:
        print(report_text(found, arguments, used[0]))
    return NOTHING if found.any.trial is None else 0


def _multiple(batch: int, unit: int, *, up: bool) -> int:
    return -(-batch // unit) * unit if up else batch // unit * unit


def _trial(
    step: Step,
    arguments: argparse.Namespace,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
    lowest: bool,
) -> Trial:
    """Plan one batch: by order and addresses alone, and if they do not fit, within the memory.

    ``lowest``: where they fit, look for the least that any plan needs.
    """
    from solver.budget.solve import solve_budget
    from solver.solve import solve

    batch, memory = step.origin.batch, arguments.memory
    given = conditions(arguments, step)
    say(f"Batch {batch:,}: order and addresses")
    plain = solve(step, deadline=arguments.deadline / 2, seed=arguments.seed, cancelled=cancelled)
    plain_bytes = step.resident_bytes + plain.plan.height_bytes
    fits = plain_bytes <= memory
    if fits and not lowest:
        return Trial(batch, step.resident_bytes, plain_bytes, 0.0, 0.0)
    # Within no memory at all nothing fits, and the answer says what would.
    budget = 1 if fits else memory
    say(f"Batch {batch:,}: {'the least it needs' if fits else f'within {gib(memory)}'}")
    solution = solve_budget(
        step,
        budget,
        device=given.device,
        allowed=given.allowed,
        measured=given.measured,
        deadline=arguments.deadline,
        seed=arguments.seed,
        cancelled=cancelled,
    )
    smallest = solution.report.feasible_bytes
    if fits:
        return Trial(batch, step.resident_bytes, plain_bytes, 0.0, 0.0, smallest)
    plan = solution.plan
    if plan is None or plan.terms is None:
        bound = solution.report.overhead_bound
        return Trial(batch, step.resident_bytes, plain_bytes, None, bound, smallest)
    return Trial(
        batch,
        step.resident_bytes,
        plain_bytes,
        plan.terms.overhead,
        plan.terms.overhead_bound,
    )


def as_dict(found: Fit, arguments: argparse.Namespace, op_times: str) -> dict[str, Any]:
    """Everything, for JSON. Bytes; overheads are fractions."""

    def answer(one: Answer) -> dict[str, Any]:
        trial = None if one.trial is None else asdict(one.trial)
        return {"trial": trial, "too_large": one.too_large}

    return {
        "source": arguments.source,
        "memory_bytes": arguments.memory,
        "overhead_limit": arguments.overhead,
        "batch": _batch(found.any),
        "batch_within_limit": _batch(found.limited),
        "batch_without_overhead": _batch(found.plain),
        "answers": {
            "any_overhead": answer(found.any),
            "within_limit": answer(found.limited),
            "without_overhead": answer(found.plain),
        },
        "trials": [asdict(trial) for trial in found.trials],
        "op_times": op_times,
    }


def report_text(found: Fit, arguments: argparse.Namespace, op_times: str) -> str:
    """The three answers, the one that costs nothing first."""
    kinds = {
        "By order and addresses alone": found.plain,
        f"With an overhead up to {percent(arguments.overhead)}": found.limited,
        "Whatever the overhead": found.any,
    }
    lines = [f"{arguments.source} in {gib(arguments.memory)}:"]
    for what, one in kinds.items():
        if one.trial is None:
            lines.append(f"  {what:<34}nothing fits")
            continue
        cost = overhead(one.trial.overhead or 0.0)
        tried = "" if one.too_large is None else f"{one.too_large:,} does not fit"
        lines.append(f"  {what:<34}batch {one.trial.batch:>7,}{cost:>10}  {tried}".rstrip())
    return "\n".join([*lines, f"  {len(found.trials)} captures. Op times: {op_times}"])


def _batch(one: Answer) -> int:
    return 0 if one.trial is None else one.trial.batch


def _trial_text(trial: Trial, memory: int) -> str:
    start = f"  batch {trial.batch:>7,}  needs {plan_size(trial.plain_bytes):>11}"
    if trial.plain_bytes <= memory:
        return f"{start}  fits"
    if trial.overhead is None:
        return f"{start}  does not fit"
    bound = overhead_bound(trial.overhead_bound)
    return f"{start}  fits with {overhead(trial.overhead)} (bound {bound})"
