"""One solved budget on a curve, and the curve as a CSV table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Point:
    """What a budget costs. Bytes; overheads are fractions."""

    budget_bytes: int
    needed_bytes: int | None
    """Of the plan, residents included; None: no plan within the budget was found."""
    overhead: float | None
    overhead_bound: float | None
    """No plan within the budget, of those allowed, has less overhead; None: nothing is proven."""
    recomputed_ops: int | None = None
    offloaded_bytes: int | None = None
    seconds: float = 0.0
    """That the search took."""


def csv_text(points: Sequence[Point]) -> str:
    """A header and a row for each budget, the largest first; empty where no plan was found."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(Point))
    for point in ordered(points):
        writer.writerow("" if value is None else value for value in astuple(point))
    return buffer.getvalue()


def ordered(points: Sequence[Point]) -> list[Point]:
    """The points, the largest budget first."""
    return sorted(points, key=lambda point: -point.budget_bytes)
