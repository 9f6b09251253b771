"""What the page of recorded lifetimes shows: rectangles, figures, names; no Qt.

It is made in a background thread, from a part of a memory snapshot or from a table of lifetimes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.map.scene import (
    CATEGORIES,
    ArrayScene,
    Line,
    LineRole,
    array_scene,
    size_of_plan,
)
from app.map.unusable import unusable_regions
from app.numbers import bytes_exact, human
from app.snapshot.placing import Placed, lost_text
from app.translation import mark, plural, tr
from runtime.snapshot.excerpt import Excerpt
from runtime.snapshot.recording import Frame
from runtime.snapshot.stacks import CATEGORIES as BY_STACK
from runtime.snapshot.stacks import By, Places, Share, of_share, shares_at
from solver.placement.csv_table import PlacementTable
from solver.placement.place import place_by_start
from solver.placement.problem import PlacementProblem
from solver.plan import IntArray
from solver.solution import Segment
from solver.step import Category

BoolArray = npt.NDArray[np.bool_]
KINDS = {
    Category.ACTIVATION: mark("Made in forward"),
    Category.GRADIENT: mark("Made in backward"),
    Category.TEMPORARY: mark("Elsewhere"),
    Category.BUFFER: mark("There all the time"),
}
"""What the colours of a snapshot's allocations say."""
TABLE_KINDS = {Category.ACTIVATION: mark("For a while"), Category.BUFFER: mark("There all the time")}


@dataclass(frozen=True)
class About:
    """What the inspector says of one rectangle."""

    name: str
    category: Category
    rows: tuple[tuple[str, str], ...]
    stack: tuple[Frame, ...]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Lifetimes with the addresses that they had, and with better ones once they are placed."""

    title: str
    path: Path
    scene: ArrayScene
    """As recorded."""
    problem: PlacementProblem
    throughout: BoolArray
    """What is there all the time: it is placed at the bottom."""
    about: Callable[[int], About]
    part: Excerpt | None = None
    """Of a memory snapshot."""
    shares: tuple[Share, ...] = ()
    """Who allocated what is there at the peak, the most bytes first."""
    note: str = ""
    """What is not shown, in words."""
    how: str = mark("As recorded")
    """Where the addresses are from."""
    placed: Placed | None = None
    placed_scene: ArrayScene | None = None

    @property
    def allocated(self) -> int:
        """The most bytes that are there at once."""
        return self.part.allocated_peak if self.part is not None else self.scene.live_peak

    @property
    def reserved(self) -> int:
        """The most bytes that were reserved; of a table the height of its addresses."""
        return self.scene.total_bytes

    @property
    def lost(self) -> int:
        return max(self.reserved - self.allocated, 0)

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64] | None:
        """What every slot took, to the next allocation or the part's end; None where nobody knows."""
        part = self.part
        if part is None or not len(part.seconds):
            return None
        times = part.trace.seconds
        last = part.trace.count if part.choice.last is None else min(part.choice.last, len(times))
        end = float(times[max(last - 1, 0)] - times[min(int(part.events[0]), len(times) - 1)])
        return np.diff(np.append(part.seconds, max(end, float(part.seconds[-1]))))

    @cached_property
    def _places(self) -> Places | None:
        return Places(self.part.recording) if self.part is not None else None

    def shares_at(self, slot: int, by: By) -> list[Share]:
        """Who allocated what is there at a slot, summed ``by`` lines; none of a table."""
        if self.part is None or self._places is None:
            return []
        return shares_at(self.part, self._places, slot, by)

    def of_share(self, slot: int, share: Share, by: By) -> tuple[int, ...]:
        """The rectangles of one of ``shares_at``, the largest first."""
        if self.part is None or self._places is None:
            return ()
        return tuple(of_share(self.part, self._places, slot, share, by))

    def at_peak(self, share: int) -> tuple[int, ...]:
        """The rectangles of one of the ``shares``, the largest first."""
        return self.of_share(self.scene.peak_slot, self.shares[share], By.LINE)

    @cached_property
    def largest_at_peak(self) -> tuple[int, ...]:
        """The rectangles that are there at the peak, the largest first."""
        scene, peak = self.scene, self.scene.peak_slot
        there = np.flatnonzero((scene.start <= peak) & (peak < scene.end))
        size = (scene.high - scene.low)[there]
        return tuple(there[np.argsort(-size, kind="stable")].tolist())

    @property
    def sentence(self) -> str:
        """What placing anew would save; empty before it is known."""
        if self.placed is None:
            return self.note
        if self.part is not None:
            text = lost_text(self.lost, self.placed.height - self.scene.live_peak)
        else:
            before, after = human(self.reserved), human(self.placed.height)
            said = tr("{} needs {}; this placement {}.")
            if self.placed.optimal:
                said = tr("{} needs {}; this placement {}, and none needs less.")
            text = said.format(tr(self.how), before, after)
        return f"{text} {self.note}".strip()


def of_snapshot(part: Excerpt, path: Path) -> Recorded:
    """A part of a memory snapshot, as its allocator had it."""
    places = Places(part.recording)
    stacks = part.trace.allocations.stack[part.allocation]
    by_stack = np.array([CATEGORIES.index(category) for category in BY_STACK], np.uint8)
    category = by_stack[places.category_numbers[stacks]]
    category[part.throughout] = CATEGORIES.index(Category.BUFFER)
    segments = part.segment
    first = segments.start <= 0
    opened = [
        Segment(address, size, -1 if before else start, -1, 0, 0)
        for address, size, start, before in zip(
            segments.address.tolist(),
            segments.size.tolist(),
            segments.start.tolist(),
            first.tolist(),
            strict=True,
        )
    ]
    closed = [
        (end, low, low + size)
        for end, low, size in zip(
            segments.end.tolist(), segments.address.tolist(), segments.size.tolist(), strict=True
        )
        if end < part.slots
    ]
    high = part.low + part.size

    def about(rectangle: int) -> About:
        return _about_allocation(part, places, Category(CATEGORIES[category[rectangle]]), rectangle)

    def named(rectangle: int) -> str:
        stack = int(stacks[rectangle])
        return places[stack].text if stack >= 0 else tr("before the recording")

    reserved = part.reserved_peak
    scene = array_scene(
        tr("{} · as recorded").format(part.recording.name),
        part.start,
        part.end,
        part.low,
        high,
        category,
        slots=part.slots,
        lines=(Line(reserved, tr("Reserved {}").format(size_of_plan(reserved)), LineRole.RESERVED),),
        reserved=part.reserved,
        held=np.stack(
            [segments.start, segments.end, segments.address, segments.address + segments.size], axis=1
        ),
        unusable=unusable_regions(part.start, part.end, part.low, high, opened, part.slots, closed),
        named=named,
        told=lambda rectangle: about(rectangle).rows[2:],
        placed=lambda slot: _moment(part, slot),
        unit=mark("allocation"),
        kinds=KINDS,
    )
    note = ""
    if part.left_out:
        most = human(int(part.unseen.max(initial=0)))
        note = tr("{} below {} (at most {} at once) left out.").format(
            plural("{} allocation", "{} allocations", part.left_out), human(part.choice.least), most
        )
    device = tr("device {}").format(part.trace.device)
    return Recorded(
        f"{part.recording.name} · {device}",
        path,
        scene,
        PlacementProblem(part.start, part.end, part.size),
        part.throughout,
        about,
        part,
        tuple(shares_at(part, places, scene.peak_slot)) if part.slots else (),
        note,
    )


def _moment(part: Excerpt, slot: int) -> str:
    """``allocation 12,345, 3.204 s``."""
    text = tr("allocation {:,}").format(slot)
    return f"{text}, {part.seconds[slot]:.3f} s" if slot < len(part.seconds) else text


def _about_allocation(part: Excerpt, places: Places, category: Category, rectangle: int) -> About:
    allocation = int(part.allocation[rectangle])
    stays = part.trace.allocations
    size, begin, end = (int(a[allocation]) for a in (stays.size, stays.start, stays.end))
    stack = int(stays.stack[allocation])
    rows = [
        (tr("Bytes"), f"{human(size)} ({bytes_exact(size)} B)"),
        (tr("Rounded"), f"{bytes_exact(int(part.size[rectangle]))} B"),
        (tr("Address"), f"{int(stays.address[allocation]):#x}"),
        (tr("Allocated"), _event(part, begin)),
        (tr("Freed"), _event(part, end)),
    ]
    if begin >= 0:
        rows.append((tr("Stream"), f"{int(part.trace.events.stream[begin]):#x}"))
    name = places[stack].text if stack >= 0 else tr("Allocated before the recording")
    return About(name, category, tuple(rows), tuple(part.recording.stack(stack)))


def _event(part: Excerpt, event: int) -> str:
    if event < 0:
        return tr("before the recording")
    if event >= part.trace.count:
        return tr("not within the recording")
    seconds = part.trace.seconds
    return tr("event {:,}").format(event) + (f", {seconds[event]:.3f} s" if len(seconds) else "")


def of_table(table: PlacementTable, path: Path) -> Recorded:
    """Lifetimes from a CSV file, at the addresses in its column ``offset``, else by first fit."""
    given = table.storages
    times = np.unique(np.concatenate([given.starts, given.ends]))
    start = np.searchsorted(times, given.starts).astype(np.int64)
    end = np.searchsorted(times, given.ends).astype(np.int64)
    slots = max(len(times) - 1, 0)
    problem = replace(given, starts=start, ends=end)
    low, how = _addresses(table, problem)
    category = np.full(len(low), CATEGORIES.index(Category.ACTIVATION), np.uint8)
    bound = (problem.fixed, problem.alignments, problem.arenas)
    throughout = (start == 0) & (end == slots) & all(b is None for b in bound)
    category[throughout] = CATEGORIES.index(Category.BUFFER)

    def about(rectangle: int) -> About:
        size = int(given.sizes[rectangle])
        rows = [
            (tr("Bytes"), f"{human(size)} ({bytes_exact(size)} B)"),
            (
                tr("Lifetime"),
                tr("{:,} to {:,}").format(int(given.starts[rectangle]), int(given.ends[rectangle])),
            ),
        ]
        if given.alignments is not None:
            rows.append((tr("Alignment"), f"{bytes_exact(int(given.alignments[rectangle]))} B"))
        kind = CATEGORIES[category[rectangle]]
        return About(given.name(rectangle), kind, tuple(rows), ())

    scene = array_scene(
        f"{path.name} · {how[0].lower()}{how[1:]}",
        start,
        end,
        low,
        low + given.sizes,
        category,
        slots=slots,
        named=given.name,
        told=lambda rectangle: about(rectangle).rows[1:],
        placed=lambda slot: tr("time {:,}").format(int(times[slot])),
        unit=mark("time step"),
        kinds=TABLE_KINDS,
    )
    arenas = given.arena_count
    note = tr("{} arenas are drawn one above the other.").format(arenas) if arenas > 1 else ""
    return Recorded(path.name, path, scene, problem, throughout, about, note=note, how=how)


def _addresses(table: PlacementTable, problem: PlacementProblem) -> tuple[IntArray, str]:
    """The addresses of a table, and where they are from."""
    if "offset" in table.header:
        at = table.header.index("offset")
        cells = [row[at] for row in table.rows]
        if all(cell.isascii() and cell.isdigit() and len(cell) < 19 for cell in cells):
            return np.array(cells, np.int64), mark("As in the file")
    return stacked(problem, place_by_start(problem)), mark("First fit in order of start")


def stacked(problem: PlacementProblem, addresses: IntArray) -> IntArray:
    """Addresses in one space in which the arenas lie one above the other."""
    if problem.arenas is None:
        return addresses
    ends = np.zeros(problem.arena_count + 1, np.int64)
    np.maximum.at(ends, problem.arenas + 1, addresses + problem.sizes)
    return np.asarray(addresses + np.cumsum(ends)[problem.arenas], np.int64)


def with_placement(recorded: Recorded, placed: Placed) -> Recorded:
    """The same with a placement beside it."""
    scene = recorded.scene
    low = stacked(recorded.problem, placed.low)
    proven = tr("Placed anew = lower bound") if placed.optimal else tr("Placed anew")
    height = int((low + recorded.problem.sizes).max(initial=0))
    role = LineRole.BOUND if placed.optimal else LineRole.HEIGHT
    new = array_scene(
        tr("{} · placed anew").format(recorded.title),
        scene.start,
        scene.end,
        low,
        low + recorded.problem.sizes,
        scene.category,
        slots=scene.slots,
        lines=(Line(height, f"{proven} {size_of_plan(height)}", role),),
        named=scene.name,
        told=scene.rows,
        placed=scene.place,
        unit=scene.slot_name,
        kinds=scene.kinds,
    )
    return replace(recorded, placed=placed, placed_scene=new)


def written_anew(recorded: Recorded) -> Recorded:
    """The same, its lines with their sizes in the units that sizes are written in by now."""
    placed = recorded.placed_scene
    return replace(
        recorded,
        scene=_lines_anew(recorded.scene),
        placed_scene=_lines_anew(placed) if placed is not None else None,
    )


def _lines_anew(scene: ArrayScene) -> ArrayScene:
    # A line's text ends in a number and its unit.
    said = [(line, line.text.rsplit(" ", 2)[0]) for line in scene.lines]
    lines = tuple(replace(line, text=f"{text} {size_of_plan(line.size)}") for line, text in said)
    return replace(scene, lines=lines)
