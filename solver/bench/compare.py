"""Two runs of the benchmark side by side: what got worse, what got better. Times only inform.

Worse is: a higher peak or height, a lower bound, an error where there was none, a case that has
vanished or is another problem now, and a peak under a bound that was proven before, which means that
one of the two is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from solver.bench.results import Results, Row

SLOWER = 1.5
"""Ratio of two work figures from which a difference is more than noise."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changed for one case, as a sentence without its case."""

    case: str
    what: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that changed between an earlier run and a later one."""

    worse: tuple[Difference, ...]
    better: tuple[Difference, ...]
    times: tuple[Difference, ...]
    """Cases that took much more or much less work; they never count as worse."""
    compared: int
    """Cases that are in both."""
    new: int
    """Cases that the earlier run does not have."""
    notes: tuple[str, ...] = ()
    """How the runs themselves differ, which may explain the rest."""


def compare(earlier: Results, later: Results, wanted: frozenset[str] | None = None) -> Comparison:
    """What changed from ``earlier`` to ``later``.

    ``wanted``: the cases that the later run was about, where that is not all of them: others are not
    missed.
    """
    before = {row.case: row for row in earlier.rows}
    now = {row.case: row for row in later.rows}
    worse = [
        Difference(case, "has vanished: the later run does not have it")
        for case in before
        if case not in now and (wanted is None or case in wanted)
    ]
    better: list[Difference] = []
    times: list[Difference] = []
    both = [case for case in before if case in now]
    for case in both:
        old, new = before[case], now[case]
        if new.error or old.error:
            if new.error and not old.error:
                worse.append(Difference(case, f"has failed: {new.error}"))
            elif old.error and not new.error:
                better.append(Difference(case, "works now"))
            continue
        if (old.ops, old.storages) != (new.ops, new.storages):
            worse.append(
                Difference(
                    case,
                    f"is another problem now: {new.ops:,} ops and {new.storages:,} storages, "
                    f"before {old.ops:,} and {old.storages:,}",
                )
            )
            continue
        down, up = _figures(old, new)
        worse += [Difference(case, what) for what in down]
        better += [Difference(case, what) for what in up]
        if old.work > 0 and new.work > 0:
            ratio = new.work / old.work
            if ratio >= SLOWER or ratio <= 1 / SLOWER:
                times.append(Difference(case, f"{ratio:.2f} × the work"))
    return Comparison(
        tuple(worse),
        tuple(better),
        tuple(times),
        compared=len(both),
        new=sum(case not in before for case in now),
        notes=tuple(_notes(earlier, later)),
    )


def _notes(earlier: Results, later: Results) -> Iterator[str]:
    for name, old, new in (
        ("deadline", f"{earlier.deadline:g} s", f"{later.deadline:g} s"),
        ("seed", str(earlier.seed), str(later.seed)),
        ("machine", earlier.machine, later.machine),
    ):
        if old != new:
            yield f"The {name} is another: {new}, before {old}."


def _figures(old: Row, new: Row) -> tuple[list[str], list[str]]:
    """What got worse and what got better between two rows of one problem."""
    worse: list[str] = []
    better: list[str] = []
    enough = new.capacity_bytes or 0
    for name, a, b in (
        ("peak", old.peak_bytes, new.peak_bytes),
        ("height", max(old.height_bytes, enough), max(new.height_bytes, enough)),
        # A bound counts the other way: the higher the better.
        ("bound", -old.bound_bytes, -new.bound_bytes),
    ):
        if a != b:
            size, before = abs(b), abs(a)
            change = f"{name} {size:,} B, before {before:,} B{_share(size, before)}"
            if old.timed_out and new.timed_out:
                change += "; both ran out of time"
            (worse if b > a else better).append(change)
    for name, row, other, when in (
        ("earlier", old, new, "of the later"),
        ("later", new, old, "of the earlier"),
    ):
        value = other.peak_bytes if other.ops else other.height_bytes
        if value < row.bound_bytes:
            worse.append(
                f"the {name} run's bound of {row.bound_bytes:,} B is above the {value:,} B that the "
                f"plan {when} run needs: one of them is wrong, or they planned different problems"
            )
    return worse, better


def _share(size: int, before: int) -> str:
    """`` (+1.25 %)``; nothing where there was nothing before."""
    return f" ({(size - before) / before * 100:+.2f} %)".replace("-", "−") if before else ""
