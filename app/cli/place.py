"""Place the storages of a CSV file (minimalloc's columns) in as few bytes as can be, or in a capacity.

FILE.csv has the columns id, lower, upper (slots, half-open) and size (bytes), and where wanted
alignment, fixed (the address a storage must have) and arena (the device it lies on). OUT.csv is the
same with the column offset. Exit code 1: proven that nothing fits the capacity; 3: no placement that
fits was found in time. Then nothing is written.
"""

import argparse
import json
import re
import sys
import time
from pathlib import Path

from app.cli.argument_types import seconds, seed
from app.cli.terminal import StatusLine, interrupts, writable
from app.numbers import bytes_exact, human, percent
from solver.check_placement import require_right_placement
from solver.files import read_bytes, write_atomic
from solver.placement.csv_table import MOST, decode_table
from solver.placement.problem import Forbidden, PlacementProblem
from solver.placement.result import ArenaResult, PlacementResult, PlacementStatus
from solver.solution import Progress

NOTHING_FITS, NOT_FOUND, STOPPED = 1, 3, 130
RANGE = re.compile(r"(?:(.*)=)?(\d+):(\d+)(?:@(-?\d+)?:(-?\d+)?)?", re.ASCII)


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument(
        "--capacity",
        type=_capacity,
        action="append",
        default=[],
        metavar="[ARENA=]N",
        help="bytes that are enough, of one arena or of all (without it: as low as can be)",
    )
    parser.add_argument(
        "--forbid",
        type=_forbidden,
        action="append",
        default=[],
        metavar="[ARENA=]LOW:HIGH[@LOWER:UPPER]",
        help="bytes where nothing may lie, always or in these slots; may be given several times",
    )
    parser.add_argument(
        "--deadline", type=seconds, default=60.0, metavar="S", help="seconds to search at most (60)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the search (0)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.csv", help="without it only the report is printed"
    )
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Place, check, write, report. Ctrl+C stops the search and keeps the best placement so far."""
    from solver import compile_ahead, warm_up
    from solver.placement import place

    output = arguments.output and writable(arguments.output, unlike=arguments.file)
    table = decode_table(read_bytes(arguments.file), arguments.file.name)
    problem = table.problem(dict(arguments.capacity), arguments.forbid)
    with StatusLine() as status, interrupts() as interrupted:
        status.say("Loading what is compiled, or compiling it once")
        # Neither the deadline nor the seconds reported are about this.
        compile_ahead.start(compile_ahead.PLACEMENT)
        warm_up.placement()
        warm_up.placement_search()
        began = time.monotonic()
        result = place(
            problem,
            deadline=arguments.deadline,
            seed=arguments.seed,
            progress=lambda line: status.say(_progress(line)),
            cancelled=interrupted,
        )
        took = time.monotonic() - began
        stopped = interrupted()
    require_right_placement(problem, result)
    over = [
        (name, arena)
        for name, arena in zip(table.arena_names, result.arenas, strict=True)
        if arena.capacity is not None and arena.height > arena.capacity
    ]
    if output is not None and not over:
        write_atomic(output, table.encode(result.addresses))
    if arguments.json:
        print(json.dumps(_report(result, table.arena_names, took)))
    else:
        print(_text(arguments.file.name, problem, result, table.arena_names, took, arguments.seed))
        if not over:
            print(output or "The placement was not written; -o OUT.csv writes it.")
    for name, arena in over:
        print(f"bayplan: {_too_high(name, arena, stopped)}", file=sys.stderr)
    if result.status is PlacementStatus.INFEASIBLE:
        return NOTHING_FITS
    if stopped:
        return STOPPED
    return NOT_FOUND if over else 0


def _capacity(text: str) -> tuple[str | None, int]:
    """``ARENA=N`` or ``N``: bytes, 0 or more."""
    name, equals, number = text.rpartition("=")
    if not (number.isascii() and number.isdigit()) or len(number) > 20 or int(number) > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes (nor ARENA=BYTES)")
    return (name if equals else None), int(number)


def _forbidden(text: str) -> tuple[str | None, Forbidden]:
    """``LOW:HIGH``, ``LOW:HIGH@LOWER:UPPER``, each with ``ARENA=`` before it: half-open ranges."""
    match = RANGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not [ARENA=]LOW:HIGH[@LOWER:UPPER]")
    name, *numbers = match.groups()
    if any(number and len(number) > 20 for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} has a number beyond 2^62")
    low, high, start, end = (None if number is None else int(number) for number in numbers)
    assert low is not None and high is not None
    empty = low >= high or (start is not None and end is not None and start >= end)
    if empty or any(number is not None and abs(number) > MOST for number in (low, high, start, end)):
        raise argparse.ArgumentTypeError(f"{text!r} is an empty range, or one beyond 2^62")
    return name, Forbidden(low, high, start, end)


def _report(result: PlacementResult, names: tuple[str, ...], took: float) -> dict[str, object]:
    """For JSON: bytes and seconds; ``arenas`` only where there are several."""
    report: dict[str, object] = {
        "height": result.height,
        "bound": result.bound,
        "seconds": round(took, 6),
        "status": result.status.value,
    }
    if len(names) > 1:
        report["arenas"] = [
            {
                "arena": name,
                "height": arena.height,
                "bound": arena.bound,
                "capacity": arena.capacity,
                "status": arena.status.value,
            }
            for name, arena in zip(names, result.arenas, strict=True)
        ]
    return report


def _text(
    title: str,
    problem: PlacementProblem,
    result: PlacementResult,
    names: tuple[str, ...],
    took: float,
    seed: int,
) -> str:
    """The report as aligned lines: what, binary units, exact bytes."""
    count = len(problem.sizes)
    lines = [f"{title}: {count:,} storage{'s' if count != 1 else ''}"]
    for name, arena in zip(names, result.arenas, strict=True):
        of = f"Arena {name}, " if len(names) > 1 else ""
        sizes = {"height": arena.height, "proven bound": arena.bound}
        if arena.capacity is not None:
            sizes["capacity"] = arena.capacity
        for what, size in sizes.items():
            label = (of + what)[:1].upper() + (of + what)[1:]
            lines.append(f"  {label:<33}{human(size):>11}{bytes_exact(size):>20} B")
    gap = (result.height - result.bound) / result.bound if result.bound else 0.0
    lines.append(f"  {result.status.value.capitalize()}, gap {percent(gap)}, {took:.2f} s, seed {seed}")
    return "\n".join(lines)


def _too_high(name: str, arena: ArenaResult, stopped: bool) -> str:
    """Why an arena has no placement within its capacity."""
    where = f" of arena {name}" if name else ""
    assert arena.capacity is not None
    if arena.status is PlacementStatus.INFEASIBLE:
        return (
            f"nothing fits the capacity{where} of {arena.capacity:,} bytes: any placement needs at "
            f"least {arena.bound:,}. Nothing was written."
        )
    when = "before it was stopped" if stopped else "in time"
    return (
        f"no placement within the capacity{where} of {arena.capacity:,} bytes was found {when}; the "
        f"lowest needs {arena.height:,}, and none needs less than {arena.bound:,}. Nothing was "
        "written; try a longer --deadline or another --seed."
    )


def _progress(line: Progress) -> str:
    height = "" if line.height_bytes is None else f"  height {human(line.height_bytes)}"
    return f"{line.seconds:7.1f} s  {line.phase}: {line.result}{height}"
