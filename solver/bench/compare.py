"""Two runs of the benchmark side by side: what got worse, what got better. Times only inform.

Worse is: a higher peak or height, a lower bound, an error where there was none, a case that has
vanished or is another problem now, and a peak under a bound that was proven before, which means that
one of the two is wrong.

Where time runs out, how fast the machine is decides, and a figure is only worse beyond a tolerance::

    earlier run                       later run         a figure is worse from
    -                                 came to its end   the first byte on
    came to its end long before       ran out of time   the first byte on
    came to its end, but not long     ran out of time   the tolerance on
    ran out of time                   ran out of time   the tolerance on
"""

from collections.abc import Iterator
from dataclasses import dataclass

from solver.bench.results import Results, Row

SLOWER = 1.5
"""Ratio of two work figures from which a difference is more than noise."""
TOLERANCE = 0.02
"""Share by which a figure may differ where the clock decides."""
EARLY = 0.25
"""Share of the deadline; a case that ended before it also ends in time on a much slower machine."""


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
    clock: tuple[Difference, ...]
    """Figures that are worse by less than the tolerance where time ran out; they do not count."""
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
    clock: list[Difference] = []
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
        late = new.timed_out and (old.timed_out or old.seconds >= EARLY * later.deadline)
        tolerance = TOLERANCE if late else 0.0
        for change in _changes(old, new):
            within = change.share <= tolerance
            kind = better if change.share < 0 else clock if within else worse
            kind.append(Difference(case, change.what))
        worse += [Difference(case, what) for what in _contradictions(old, new)]
        if old.work > 0 and new.work > 0:
            ratio = new.work / old.work
            if ratio >= SLOWER or ratio <= 1 / SLOWER:
                times.append(Difference(case, f"{ratio:.2f} × the work"))
    return Comparison(
        tuple(worse),
        tuple(better),
        tuple(times),
        tuple(clock),
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
    for package, version in later.versions.items():
        before = earlier.versions.get(package, version)
        if before != version:
            yield f"{package} is another: {version}, before {before}."


@dataclass(frozen=True, slots=True)
class _Change:
    """One figure that is another."""

    what: str
    share: float
    """Of the earlier figure; negative where the later one is better."""


def _changes(old: Row, new: Row) -> Iterator[_Change]:
    """The figures that differ between two rows of one problem."""
    enough = new.capacity_bytes or 0
    for name, before, size, good in (
        ("peak", old.peak_bytes, new.peak_bytes, -1),
        ("height", max(old.height_bytes, enough), max(new.height_bytes, enough), -1),
        ("bound", max(old.bound_bytes, enough), max(new.bound_bytes, enough), 1),
    ):
        if size != before:
            what = f"{name} {size:,} B, before {before:,} B{_share(size, before)}"
            if old.timed_out and new.timed_out:
                what += "; both ran out of time"
            elif new.timed_out:
                what += f"; ran out of time, before it ended after {old.seconds:.1f} s"
            yield _Change(what, good * (before - size) / max(1, before))


def _contradictions(old: Row, new: Row) -> Iterator[str]:
    """A bound of one run above what the other's plan needs."""
    for name, row, other, when in (
        ("earlier", old, new, "of the later"),
        ("later", new, old, "of the earlier"),
    ):
        value = other.peak_bytes if other.ops else other.height_bytes
        if value < row.bound_bytes:
            yield (
                f"the {name} run's bound of {row.bound_bytes:,} B is above the {value:,} B that the "
                f"plan {when} run needs: one of them is wrong, or they planned different problems"
            )


def _share(size: int, before: int) -> str:
    """`` (+1.25 %)``; nothing where there was nothing before."""
    return f" ({(size - before) / before * 100:+.2f} %)".replace("-", "−") if before else ""
