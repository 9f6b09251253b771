"""Say what a CUDA memory snapshot holds: its peak, what is lost to fragmentation, who allocated it.

FILE is what torch.cuda.memory._dump_snapshot wrote. It is a pickle; it is read without running
anything that it says. With --place the same lifetimes are placed anew, in as few bytes as can be.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from app.cli.argument_types import seconds
from app.cli.terminal import StatusLine, interrupts
from app.numbers import bytes_exact, counted, human, parse_size
from app.snapshot.placing import Placed, lost_sentence, place_excerpt
from runtime.snapshot import read_snapshot
from runtime.snapshot.excerpt import Choice, Excerpt, excerpt, out_of_memory
from runtime.snapshot.stacks import Places, Share, shares_at
from solver.errors import BayplanError

ROWS = 12
"""Lines of code that are listed."""


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", type=Path, metavar="FILE.pickle")
    parser.add_argument(
        "--device", type=int, metavar="N", help="(otherwise the one with the most events)"
    )
    parser.add_argument(
        "--from", dest="begin", type=seconds, metavar="S", help="seconds after the first event"
    )
    parser.add_argument("--to", type=seconds, metavar="S", help="seconds after the first event")
    parser.add_argument(
        "--least", type=_size, default=0, metavar="SIZE", help="leave out allocations below this"
    )
    parser.add_argument(
        "--place", type=seconds, metavar="S", help="place the lifetimes anew for S seconds at most"
    )
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Read, sum up, place."""
    placed = None
    with StatusLine() as status, interrupts() as interrupted:
        recording = read_snapshot(
            arguments.file,
            progress=lambda share, what: status.say(f"{share * 100:3.0f} %  {what}"),
            cancelled=interrupted,
        )
        devices = [trace.device for trace in recording.traces]
        if arguments.device is not None and arguments.device not in devices:
            known = ", ".join(map(str, devices))
            raise BayplanError(
                f"{recording.name} has nothing of device {arguments.device}; it has: {known}."
            )
        trace = recording.trace(arguments.device)
        first, last = trace.events_between(arguments.begin, arguments.to)
        part = excerpt(recording, Choice(trace.device, first, last, arguments.least))
        if arguments.place is not None:
            placed = place_excerpt(
                part,
                deadline=arguments.place,
                progress=lambda line: status.say(f"{line.phase}: {line.result}"),
                cancelled=interrupted,
            )
    shares = shares_at(part, Places(recording), int(part.live.argmax()))
    if arguments.json:
        print(json.dumps(_report(part, shares, devices, placed)))
    else:
        print(_text(part, shares, devices, placed))
    return 0


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except BayplanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _report(
    part: Excerpt, shares: list[Share], devices: list[int], placed: Placed | None
) -> dict[str, Any]:
    """For JSON: bytes and seconds."""
    report: dict[str, Any] = {
        "file": part.recording.name,
        "devices": devices,
        "device": part.trace.device,
        "events": part.trace.count,
        "allocations": len(part.size),
        "left_out": part.left_out,
        "segments": len(part.segment.size),
        "seconds": float(part.seconds[-1]) if len(part.seconds) else None,
        "allocated_peak_bytes": part.allocated_peak,
        "reserved_peak_bytes": part.reserved_peak,
        "fragmentation_bytes": part.lost,
        "out_of_memory_events": out_of_memory(part.trace).tolist(),
        "peak": [{"place": s.place, "allocations": s.count, "bytes": s.bytes} for s in shares],
        "allocator_settings": dict(part.recording.settings),
    }
    if placed is not None:
        report |= {"placed_bytes": placed.height, "placed_bound_bytes": placed.bound}
    return report


def _text(part: Excerpt, shares: list[Share], devices: list[int], placed: Placed | None) -> str:
    trace = part.trace
    others = f" of {len(devices)}" if len(devices) > 1 else ""
    lines = [
        f"{part.recording.name}: device {trace.device}{others}, {counted(trace.count, 'event')}, "
        f"{counted(len(part.size), 'allocation')}, {counted(len(part.segment.size), 'segment')}"
    ]
    sizes = {
        "Most allocated": part.allocated_peak,
        "Most reserved": part.reserved_peak,
        "Lost to fragmentation": part.lost,
    }
    if placed is not None:
        sizes["The same, placed anew"] = placed.height
    lines += [f"  {what:<33}{human(size):>11}{bytes_exact(size):>20} B" for what, size in sizes.items()]
    if part.left_out:
        lines.append(f"  {counted(part.left_out, 'smaller allocation')} left out")
    if count := len(out_of_memory(trace)):
        lines.append(f"  Out of memory {counted(count, 'time')}")
    lines += ["", f"  {'allocated at the peak by':<50}{'count':>8}{'bytes':>14}"]
    for share in shares[:ROWS]:
        lines.append(f"  {share.place[:49]:<50}{share.count:>8,}{human(share.bytes):>14}")
    if len(shares) > ROWS:
        rest = sum(share.bytes for share in shares[ROWS:])
        lines.append(f"  and {len(shares) - ROWS:,} more, {human(rest)}")
    if placed is not None:
        lines += ["", f"  {lost_sentence(part, placed)}"]
    return "\n".join(lines)
