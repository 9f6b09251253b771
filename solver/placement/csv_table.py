"""Placement problems as CSV files, with the columns of minimalloc.

``id,lower,upper,size`` and, where wanted, ``alignment`` (bytes), ``fixed`` (the address a storage must
have; empty: any) and ``arena`` (its name; empty is a name too), in any order; lifetimes are half-open.
Other columns are kept as they are, and ``offset``, the address, is added or replaced.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from solver.errors import BayplanError
from solver.placement.problem import FREE, Forbidden, PlacementProblem
from solver.plan import IntArray

REQUIRED = ("id", "lower", "upper", "size")
MOST = 1 << 62
"""Largest number that is read; slots are above its negative, so that lifetimes are 64-bit numbers."""
ASK_EVERY = 4096
"""Rows between two questions whether reading is cancelled."""
PASSES = 10
"""How often a table's rows are gone through, about."""
T = TypeVar("T")
WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)


@dataclass(frozen=True, eq=False)
class PlacementTable:
    """The cells of a file, and what they say."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    storages: PlacementProblem
    """Without capacities and forbidden ranges: a file has none."""
    arena_names: tuple[str, ...]
    """By number; one empty name where there is no such column."""

    def problem(
        self,
        capacities: Mapping[str | None, int],
        forbidden: Sequence[tuple[str | None, Forbidden]] = (),
    ) -> PlacementProblem:
        """The problem with the capacity of each arena by name; None: of every other one.

        A forbidden range goes with the name of its arena; None: it holds in all. Raises BayplanError
        for a name that no storage has.
        """
        bans = []
        for name, ban in forbidden:
            numbers = range(len(self.arena_names)) if name is None else [self._number(name)]
            bans += [replace(ban, arena=number) for number in numbers]
        for name in capacities:
            if name is not None:
                self._number(name)
        rest = capacities.get(None)
        return replace(
            self.storages,
            capacity=tuple(capacities.get(name, rest) for name in self.arena_names),
            forbidden=tuple(bans),
        )

    def encode(self, addresses: IntArray) -> bytes:
        """The file with the addresses as its column ``offset``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        at = self.header.index("offset") if "offset" in self.header else len(self.header)
        writer.writerow([*self.header[:at], "offset", *self.header[at + 1 :]])
        for row, address in zip(self.rows, addresses.tolist(), strict=True):
            writer.writerow([*row[:at], address, *row[at + 1 :]])
        return text.getvalue().encode()

    def _number(self, name: str) -> int:
        if name not in self.arena_names:
            known = ", ".join(repr(n) for n in self.arena_names)
            raise BayplanError(f"No storage lies in the arena {name!r}. The arenas are: {known}.")
        return self.arena_names.index(name)


@dataclass(slots=True)
class _Patience:
    """Asks again and again whether to go on, and tells how far it is."""

    file: str
    cancelled: Callable[[], bool] | None
    progress: Callable[[float], None] | None
    rows: int
    """Of the file, about."""
    _done: int = 0

    def through(self, items: Iterable[T]) -> Iterator[T]:
        """The items. Raises BayplanError once reading is cancelled."""
        number = 0
        for number, item in enumerate(items):
            if number % ASK_EVERY == 0:
                if self.cancelled is not None and self.cancelled():
                    raise BayplanError(f"Reading {self.file} was cancelled.")
                if self.progress is not None:
                    self.progress(min((self._done + number) / (PASSES * self.rows), 1.0))
            yield item
        self._done += number


def decode_table(
    data: bytes,
    name: str,
    *,
    cancelled: Callable[[], bool] | None = None,
    progress: Callable[[float], None] | None = None,
) -> PlacementTable:
    """The table in a file's content; ``name`` is for messages, ``cancelled`` is asked now and then,
    ``progress`` gets the share that is done, which never falls.

    Raises BayplanError with the line number where something is missing or no such number, and when it
    is cancelled.
    """
    patience = _Patience(name, cancelled, progress, data.count(b"\n") + 1)
    lines = _lines(data, name, patience)
    if not lines:
        raise BayplanError(
            f"{name} is empty; its first line must name the columns: {','.join(REQUIRED)}."
        )
    header = tuple(lines[0].cells)
    for column in REQUIRED:
        if column not in header:
            raise BayplanError(
                f"{name}, line {lines[0].number}: the column {column!r} is missing. The first line "
                f"must name the columns {','.join(REQUIRED)}; here it is {','.join(header)!r}."
            )
    if len(set(header)) < len(header):
        twice = next(c for c in header if header.count(c) > 1)
        raise BayplanError(f"{name}, line {lines[0].number}: the column {twice!r} comes twice.")
    rows = [
        _Row(name, line.number, dict(zip(header, line.cells, strict=False)))
        for line in patience.through(lines[1:])
    ]
    for row, line in patience.through(zip(rows, lines[1:], strict=True)):
        if len(line.cells) != len(header):
            raise row.error(f"it has {len(line.cells)} cells, but there are {len(header)} columns")
    cells = tuple(tuple(line.cells) for line in patience.through(lines[1:]))
    return PlacementTable(header, cells, *_storages(rows, header, name, patience))


@dataclass(frozen=True, slots=True)
class _Line:
    """The cells of one record, without the spaces around them, and the line where it begins."""

    number: int
    cells: list[str]


def _lines(data: bytes, name: str, patience: _Patience) -> list[_Line]:
    """All records that are not blank."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise BayplanError(f"{name}, line {number}: this is not UTF-8 text. Save it as such.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines, number = [], 1
    try:
        for record in patience.through(reader):
            cells = [cell.strip() for cell in record]
            if cells and cells != [""]:
                lines.append(_Line(number, cells))
            number = reader.line_num + 1
    except csv.Error as error:
        raise BayplanError(f"{name}, line {number}: this is not valid CSV ({error}).") from None
    return lines


@dataclass(frozen=True, slots=True)
class _Row:
    """One storage's cells by column."""

    file: str
    line: int
    cells: dict[str, str]

    def error(self, what: str) -> BayplanError:
        return BayplanError(f"{self.file}, line {self.line}: {what}.")

    def whole(self, column: str, least: int) -> int:
        """A whole number from ``least`` to 2^62."""
        text = self.cells[column]
        if not WHOLE.fullmatch(text):
            raise self.error(f"{column} is {text!r}, which is not a whole number")
        # Python refuses to read numbers of thousands of digits.
        if len(text) > 40 or abs(value := int(text)) > MOST:
            raise self.error(f"{column} is {text[:40]}, which is beyond 2^62")
        if value < least:
            raise self.error(f"{column} is {value:,}; it must be at least {least:,}")
        return value


def _storages(
    rows: list[_Row], header: tuple[str, ...], name: str, patience: _Patience
) -> tuple[PlacementProblem, tuple[str, ...]]:
    """The problem and the names of its arenas."""
    lines: dict[str, int] = {}
    for row in patience.through(rows):
        text = row.cells["id"]
        if not text:
            raise row.error("the id is empty")
        if text in lines:
            raise row.error(f"the id {text!r} was given in line {lines[text]} already")
        lines[text] = row.line
        if row.cells.get("gaps"):
            raise row.error("gaps in a lifetime are not supported; leave the column empty")
    spans = [
        (row.whole("lower", 1 - MOST), row.whole("upper", 1 - MOST)) for row in patience.through(rows)
    ]
    for row, (lower, upper) in patience.through(zip(rows, spans, strict=True)):
        if upper <= lower:
            raise row.error(f"upper is {upper:,}, not above lower, {lower:,}")
    arena_names = tuple(
        dict.fromkeys(row.cells.get("arena", "") for row in patience.through(rows))
    ) or ("",)
    numbers = {arena: number for number, arena in enumerate(arena_names)}
    alignments = fixed = arenas = None
    if "alignment" in header:
        alignments = _array(
            [
                row.whole("alignment", 1) if row.cells["alignment"] else 1
                for row in patience.through(rows)
            ]
        )
    if "fixed" in header:
        fixed = _array(
            [row.whole("fixed", 0) if row.cells["fixed"] else FREE for row in patience.through(rows)]
        )
    if len(arena_names) > 1:
        arenas = _array([numbers[row.cells["arena"]] for row in patience.through(rows)])
    sizes = _array([row.whole("size", 0) for row in patience.through(rows)])
    try:
        problem = PlacementProblem(
            starts=_array([lower for lower, _ in spans]),
            ends=_array([upper for _, upper in spans]),
            sizes=sizes,
            alignments=alignments,
            fixed=fixed,
            arenas=arenas,
            names=tuple(lines),
        )
    except BayplanError as error:
        raise BayplanError(f"{name}: {error}") from None
    return problem, arena_names


def _array(values: list[int]) -> IntArray:
    return np.array(values, np.int64)
