"""What one map shows: rectangles of storages over slots and addresses, bands, lines, live bytes; no Qt.

::

    high ─┐  ┌──────────┐            A rectangle is one stay of a storage in memory: slots
          │  │ storage  │            [start, end), bytes [low, high).
    low  ─┘  └──────────┘
             start      end

``app.map.plan_scene`` makes scenes of plans; ``array_scene`` makes one of anything else that has
lifetimes and addresses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from app.facts.words import category_name
from app.map.bands import NO_BANDS, Bands
from app.map.index import BLOCK, BlockIndex, build_index
from app.numbers import gib, human
from app.translation import tr
from solver.plan import IntArray
from solver.step import Category
from solver.timeline import live_bytes

ByteArray: TypeAlias = npt.NDArray[np.uint8]

CATEGORIES = tuple(Category)
"""What the numbers in ``Scene.category`` stand for."""

STACK = (
    Category.PARAMETER,
    Category.OPTIMIZER_STATE,
    Category.BUFFER,
    Category.INPUT,
    Category.CONSTANT,
    Category.ACTIVATION,
    Category.GRADIENT,
    Category.TEMPORARY,
    Category.WORKSPACE,
)
"""The order from the bottom of the live profile and, for residents, of their strip."""


NO_KINDS: Mapping[Category, str] = {}


def _slot_place(slot: int) -> str:
    return tr("slot {:,}").format(slot)


"""Categories are called what they are."""


class LineRole(Enum):
    """What a horizontal line of the map says, and so how it is drawn."""

    HEIGHT = "height"
    BOUND = "bound"
    RESERVED = "reserved"
    """As run: what the caching allocator reserves."""
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line at ``size`` bytes."""

    size: int
    text: str
    role: LineRole


@dataclass(frozen=True, slots=True)
class Strip:
    """Residents of one kind that lie next to each other, ``[low, high)``."""

    low: int
    high: int
    name: str
    category: Category


@dataclass(frozen=True, slots=True)
class Join:
    """Two rectangles of one storage, one after the other; ``parked``: in host memory between them."""

    before: int
    after: int
    parked: bool


@dataclass(frozen=True, eq=False)
class Scene:
    """Rectangles ready to be drawn. All arrays of rectangles have the same length."""

    title: str
    start: IntArray
    end: IntArray
    low: IntArray
    high: IntArray
    category: ByteArray
    """Index into ``CATEGORIES``."""
    tint: ByteArray
    """1: an activation of an odd block."""
    storage: IntArray
    """What a rectangle is a stay of: selection and hovering name it."""
    instance: IntArray
    """-1 for what lies there over all slots; of a plan else the index into its instances."""
    slots: int
    bands: Bands
    lines: tuple[Line, ...]
    bound: Line | None
    """The certified lower bound of live bytes, residents included."""
    strips: tuple[Strip, ...]
    unusable: IntArray
    """(start, end, low, high) of reserved bytes that were free in vain, shape (n, 4)."""
    reserved: IntArray
    """Bytes that an allocator holds at every slot, shape (slots,), or empty: nobody says."""
    profile: IntArray
    """Live bytes by category in ``STACK`` order, shape (categories, slots)."""

    @property
    def count(self) -> int:
        """Rectangles."""
        return len(self.start)

    @cached_property
    def storages(self) -> int:
        """One more than the largest number of a storage."""
        return int(self.storage.max(initial=-1)) + 1

    @cached_property
    def top(self) -> int:
        """The highest address or line, bytes; at least 1."""
        lines = max((line.size for line in self.lines), default=0)
        return max(int(self.high.max(initial=0)), lines, 1)

    @cached_property
    def blocks(self) -> BlockIndex:
        """The rectangles by place, to be drawn along slots: a worker asks ahead of the window."""
        return build_index(self.start, self.end, self.low, self.high)

    @cached_property
    def live(self) -> IntArray:
        """Live bytes at every slot, residents included, shape (slots,)."""
        return np.asarray(self.profile.sum(axis=0), np.int64)

    @cached_property
    def live_peak(self) -> int:
        """The most live bytes, residents included."""
        return int(self.live.max(initial=0))

    @cached_property
    def most_reserved(self) -> int:
        """The most bytes that an allocator holds; 0 where nobody says."""
        return int(self.reserved.max(initial=0))

    @property
    def total_bytes(self) -> int:
        """What the device must have."""
        return self.most_reserved or int(self.high.max(initial=0))

    @cached_property
    def live_tops(self) -> IntArray:
        """The most live bytes of every ``BLOCK`` slots."""
        if not self.slots:
            return np.zeros(0, np.int64)
        return np.maximum.reduceat(self.live, np.arange(0, self.slots, BLOCK))

    @cached_property
    def peak_slot(self) -> int:
        """The first slot with the most live bytes; -1 when nothing runs."""
        return int(self.live.argmax()) if self.slots else -1

    @cached_property
    def peak_label(self) -> tuple[str, str]:
        """``Peak 2.680 GiB`` and where that is; empty when nothing runs."""
        if self.peak_slot < 0:
            return "", ""
        return tr("Peak {}").format(size_of_plan(int(self.live[self.peak_slot]))), self.place(
            self.peak_slot
        )

    def place(self, slot: int) -> str:
        """What happens at a slot, in a few words."""
        return tr("slot {}").format(slot)

    @cached_property
    def _by_storage(self) -> tuple[IntArray, IntArray]:
        if (np.diff(self.storage) > 0).all():  # each a storage of its own, a million of them at once
            return np.arange(self.count), self.storage
        order = np.lexsort((self.start, self.storage))
        return order, self.storage[order]

    def rectangles_of(self, storages: Sequence[int]) -> list[int]:
        """Rectangles of the storages, those of the first storage first, each storage's by slot."""
        order, ordered = self._by_storage
        result: list[int] = []
        for storage in storages:
            first, last = np.searchsorted(ordered, [storage, storage + 1])
            result.extend(order[first:last].tolist())
        return result

    @property
    def joins(self) -> tuple[Join, ...]:
        """What leads from each stay of a storage to its next one, by the slot at which it leaves."""
        return ()

    def name(self, rectangle: int) -> str:
        """The storage's name."""
        return ""

    def bytes_of(self, rectangle: int) -> int:
        """Bytes that were asked for."""
        return int(self.high[rectangle] - self.low[rectangle])

    def label(self, rectangle: int) -> tuple[str, str]:
        """What is written into a rectangle: where the storage comes from, and its bytes."""
        name = self.name(rectangle)
        return name.partition(" · ")[0] or name, human(int(self.high[rectangle] - self.low[rectangle]))

    def rows(self, rectangle: int) -> tuple[tuple[str, str], ...]:
        """More about a rectangle for its tooltip: names and values."""
        return ()

    def reserved_at(self, slot: int) -> int:
        """Bytes reserved at a slot; 0 where nobody says."""
        return int(self.reserved[slot]) if 0 <= slot < len(self.reserved) else 0

    @property
    def slot_name(self) -> str:
        """What one slot is."""
        return "op"

    def kind(self, rectangle: int) -> str:
        """What a rectangle's colour says."""
        return CATEGORIES[int(self.category[rectangle])].value

    def shares_slots(self, other: "Scene") -> bool:
        """Whether a range of slots and addresses means the same in both."""
        return self is other


@dataclass(frozen=True, eq=False)
class ArrayScene(Scene):
    """A scene of plain arrays; names and tooltips are asked for, one rectangle at a time."""

    held: IntArray
    """(start, end, low, high) of what an allocator holds, shape (n, 4); empty where nobody says."""
    named: Callable[[int], str]
    told: Callable[[int], tuple[tuple[str, str], ...]]
    placed: Callable[[int], str]
    unit: str
    kinds: Mapping[Category, str]

    @property
    def slot_name(self) -> str:
        return self.unit

    def kind(self, rectangle: int) -> str:
        category = CATEGORIES[int(self.category[rectangle])]
        kind = self.kinds.get(category)
        return tr(kind) if kind is not None else category_name(category)

    def name(self, rectangle: int) -> str:
        return self.named(rectangle)

    def rows(self, rectangle: int) -> tuple[tuple[str, str], ...]:
        return self.told(rectangle)

    def place(self, slot: int) -> str:
        return self.placed(slot)


def _nothing_more(rectangle: int) -> tuple[tuple[str, str], ...]:
    return ()


def array_scene(
    title: str,
    start: IntArray,
    end: IntArray,
    low: IntArray,
    high: IntArray,
    category: ByteArray,
    *,
    slots: int,
    storage: IntArray | None = None,
    bands: Bands = NO_BANDS,
    lines: tuple[Line, ...] = (),
    reserved: IntArray | None = None,
    held: IntArray | None = None,
    unusable: IntArray | None = None,
    named: Callable[[int], str] = "tensor {}".format,
    told: Callable[[int], tuple[tuple[str, str], ...]] = _nothing_more,
    placed: Callable[[int], str] = _slot_place,
    unit: str = "slot",
    kinds: Mapping[Category, str] = NO_KINDS,
) -> ArrayScene:
    """The map of lifetimes and addresses that are no plan's: a million of them in a tenth of a second.

    Rectangles are slots ``[start, end)`` within ``[0, slots)``, at least one each, and bytes
    ``[low, high)``, all of shape (n,); ``category`` indexes ``CATEGORIES`` (uint8). ``storage``: the
    number of what each is a stay of, where they are not all different. ``reserved``: bytes that an
    allocator holds at every slot, shape (slots,), and ``held`` where that is, as regions (start, end,
    low, high), shape (n, 4), without which it begins at address 0; ``unusable``: regions of the same
    kind to be hatched. ``named`` and ``told`` give a rectangle's name and the rows of its tooltip,
    ``placed`` says what happens at a slot; they are called for one at a time, in the UI thread.
    ``unit``: what one slot is, such as ``allocation``; ``kinds``: what the categories mean here.
    """
    count = len(start)
    stacked = np.zeros((len(STACK), slots), np.int64)
    present = np.bincount(category, minlength=len(CATEGORIES)) > 0
    for row, kind in enumerate(STACK):
        number = CATEGORIES.index(kind)
        if present[number]:
            own = np.flatnonzero(category == number)
            lifetimes = np.stack([start[own], end[own]], axis=1)
            stacked[row] = live_bytes(lifetimes, high[own] - low[own], slots)
    return ArrayScene(
        title=title,
        start=start,
        end=end,
        low=low,
        high=high,
        category=category,
        tint=np.zeros(count, np.uint8),
        storage=np.arange(count, dtype=np.int64) if storage is None else storage,
        instance=np.arange(count, dtype=np.int64),
        slots=slots,
        bands=bands,
        lines=lines,
        bound=None,
        strips=(),
        unusable=np.zeros((0, 4), np.int64) if unusable is None else unusable,
        reserved=np.zeros(0, np.int64) if reserved is None else reserved,
        profile=stacked,
        held=np.zeros((0, 4), np.int64) if held is None else held,
        named=named,
        told=told,
        placed=placed,
        unit=unit,
        kinds=kinds,
    )


def size_of_plan(size: int) -> str:
    """GiB with three decimals, smaller units where GiB would show nothing but zeros."""
    return gib(size) if size >= 100 << 20 else human(size)
