"""The benchmark as text of at most 100 columns: a row a case, PyTorch's own orders, a comparison."""

import textwrap
from collections.abc import Sequence

from app.numbers import MIB, human
from solver.bench.compare import TOLERANCE, Comparison, Difference
from solver.bench.results import Row

WIDTH = 100
NAME_WIDTH = 24
EXACT = 10 * MIB
RIVALS = {
    "program order": "program",
    "updates early": "updates",
    "least peak first": "least peak",
    "breadth first": "breadth",
    "depth first": "depth",
}
"""What the second table calls the heuristics."""
LEGEND = (
    "Bytes beyond the residents. Baseline: what the caching allocator reserves in program order. Gap:\n"
    "of the peak over its proven bound; of a table, the height's. Over: the height over the peak."
)
RIVALS_LEGEND = (
    "PyTorch's orders against the plan, bytes beyond the residents: their peak over the plan's, and "
    "what\nthe caching allocator reserves for them over the plan's height."
)


def head() -> str:
    """The line above the rows."""
    return (
        f"{'case':<{NAME_WIDTH}}{'ops':>7}{'baseline':>11}{'peak':>11}{'bound':>11}{'gap':>8}"
        f"{'height':>11}{'over':>8}{'s':>7}"
    )


def row_text(row: Row) -> str:
    """One case."""
    name = _name(row.case)
    if row.error:
        indent = " " * (NAME_WIDTH + 2)
        return textwrap.fill(
            row.error, WIDTH, initial_indent=f"{name:<{len(indent)}}", subsequent_indent=indent
        )
    ops = f"{row.ops:,}" if row.ops else "–"
    baseline = size(row.reserved_bytes - row.resident_bytes) if row.ops else "–"
    over = f"{percent(row.fragmentation):>8}" if row.ops else f"{'':>8}"
    return (
        f"{name:<{NAME_WIDTH}}{ops:>7}{baseline:>11}{size(row.peak_bytes):>11}"
        f"{size(row.bound_bytes):>11}{percent(row.gap):>8}{size(row.height_bytes):>11}{over}"
        f"{row.seconds:>7.{2 if row.seconds < 100 else 0}f}"
    )


def rivals_text(rows: Sequence[Row]) -> str:
    """The second table; empty without steps."""
    rows = [row for row in rows if row.rivals]
    if not rows:
        return ""
    above = f"{'':<{NAME_WIDTH}}" + "".join(f"{name:>15}" for name in RIVALS.values())
    lines = [
        RIVALS_LEGEND,
        "",
        above,
        f"{'case':<{NAME_WIDTH}}" + f"{'peak':>7}{'res.':>8}" * len(RIVALS),
    ]
    for row in rows:
        text = f"{_name(row.case):<{NAME_WIDTH}}"
        for heuristic in RIVALS:
            rival = row.rivals.get(heuristic)
            if rival is None:
                text += f"{'–':>7}{'–':>8}"
                continue
            reserved = rival.reserved_bytes - row.resident_bytes
            text += (
                f"{_over(rival.peak_bytes, row.peak_bytes):>7}{_over(reserved, row.height_bytes):>8}"
            )
        lines.append(text)
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> str:
    """How many cases are closed, how large gaps are, what failed, and where PyTorch does better."""
    failed = sum(bool(row.error) for row in rows)
    good = [row for row in rows if not row.error]
    closed = sum(row.gap == 0 and (row.fragmentation == 0 or not row.ops) for row in good)
    most = max((row.gap for row in good), default=0.0)
    worst = f", gaps of up to {percent(most)}" if most else ""
    lines = [
        f"{len(rows)} case{'s' if len(rows) != 1 else ''}: {closed} with peak and height at the bound"
        f"{worst}; {failed} failed"
    ]
    beaten = [
        row.case
        for row in good
        if min((rival.peak_bytes for rival in row.rivals.values()), default=row.peak_bytes)
        < row.peak_bytes
    ]
    if beaten:
        lines += textwrap.wrap(f"An order of PyTorch's has a lower peak: {', '.join(beaten)}", WIDTH)
    return "\n".join(lines)


def comparison_text(comparison: Comparison, earlier: str) -> str:
    """What changed since the earlier run, the worse first."""
    parts = [f"Against {earlier}: {comparison.compared} compared, {comparison.new} new"]
    for title, differences in (
        ("WORSE", comparison.worse),
        (
            f"Worse by up to {percent(TOLERANCE)} where time ran out, which counts for nothing",
            comparison.clock,
        ),
        ("Better", comparison.better),
        ("Time, which counts for nothing", comparison.times),
    ):
        if differences:
            parts.append(f"{title}:\n" + "\n".join(_difference(d) for d in differences))
    parts += comparison.notes
    if not comparison.compared:
        parts.append("NOTHING COMPARED: no case is in both.")
    elif not comparison.worse:
        parts.append("Nothing got worse.")
    return "\n".join(parts)


def size(count: int) -> str:
    """In the unit that fits; exact below 10 MiB, where heights differ by little."""
    return human(count) if count >= EXACT else f"{count} B"


def percent(share: float) -> str:
    """``0``, ``0.31 %``, ``12.5 %``, ``×12`` from ten times on: gaps matter below a percent."""
    if share == 0:
        return "0"
    if share >= 9:
        return f"×{share + 1:,.0f}"
    return f"{share * 100:.2f} %" if abs(share) < 0.1 else f"{share * 100:.1f} %"


def _over(value: int, ours: int) -> str:
    """``+12 %``, ``+1.2 %`` below ten, ``×12`` from ten times on."""
    if not ours or value == ours:
        return "0" if value == ours else "–"
    if value >= 10 * ours:
        return f"×{value / ours:,.0f}"
    share = (value - ours) / ours * 100
    text = f"{share:+.1f} %" if abs(share) < 9.95 else f"{share:+.0f} %"
    return text.replace("-", "−")


def _difference(difference: Difference) -> str:
    return f"  {difference.case}: {difference.what}"


def _name(name: str) -> str:
    return name if len(name) < NAME_WIDTH else f"{name[: NAME_WIDTH - 2]}…"
