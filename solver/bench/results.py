"""What a benchmark found, as a file: one row a case, written whole after every row.

::

    {"format": "bayplan-bench", "version": 1,
     "results": {"created": ..., "machine": ..., "versions": {...}, "seed": 0, "deadline": 10.0,
                 "rows": [{"case": "resnet50_b32_sgd", "ops": 622, ...}, ...]}}

Bytes are of planned storages, residents apart, but for ``reserved_bytes``.
"""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from solver.errors import BayplanError
from solver.files import read_bytes, read_json, write_atomic
from solver.records import RecordError, read_record

FORMAT = "bayplan-bench"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Rival:
    """What an order of PyTorch's gives for a step."""

    peak_bytes: int
    reserved_bytes: int
    """By the caching allocator in that order, residents included."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case: a step that was ordered and placed, or storages that were placed."""

    case: str
    ops: int = 0
    """0: only storages with given lifetimes."""
    storages: int = 0
    """Planned ones."""
    resident_bytes: int = 0
    reserved_bytes: int = 0
    """Baseline: by the caching allocator in program order, residents included; 0 without ops."""
    peak_bytes: int = 0
    bound_bytes: int = 0
    """No order has a lower peak; without ops: no placement a lower height."""
    height_bytes: int = 0
    capacity_bytes: int | None = None
    """Heights up to it are equally good."""
    status: str = ""
    seconds: float = 0.0
    """On the clock on the wall."""
    work: float = 0.0
    """CPU time over that of a fixed piece of work in the same run: the figure to compare."""
    rivals: dict[str, Rival] = field(default_factory=dict)
    """By the names of ``solver.ordering.heuristics.HEURISTICS``."""
    error: str = ""
    """Why there are no figures."""

    @property
    def timed_out(self) -> bool:
        """Whether more time might have given more, so that how fast the machine is plays a part."""
        return self.status in ("feasible", "stopped")

    @property
    def gap(self) -> float:
        """(peak − bound) / bound; of the height where only storages were placed."""
        value = self.peak_bytes if self.ops else max(self.height_bytes, self.capacity_bytes or 0)
        bound = max(self.bound_bytes, 0 if self.ops else self.capacity_bytes or 0)
        return (value - bound) / bound if bound else 0.0

    @property
    def fragmentation(self) -> float:
        """(height − peak) / peak."""
        return (self.height_bytes - self.peak_bytes) / self.peak_bytes if self.peak_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Results:
    """One run of the benchmark, maybe a part of it."""

    created: str
    """ISO date and time."""
    machine: str
    versions: dict[str, str]
    seed: int
    deadline: float
    """Seconds for each case."""
    rows: tuple[Row, ...] = ()

    def with_row(self, row: Row) -> "Results":
        """One row more."""
        return replace(self, rows=(*self.rows, row))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"format": FORMAT, "version": VERSION, "results": asdict(self)}


def save_results(results: Results, path: Path) -> None:
    """Write the file, lines that people and ``diff`` can read. Raises BayplanError."""
    write_atomic(path, msgspec.json.format(msgspec.json.encode(results.as_dict()), indent=1) + b"\n")


def load_results(path: Path) -> Results:
    """The results in a file. Raises BayplanError."""
    content = read_json(read_bytes(path), path.name)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BayplanError(f"{path.name} is not a file that bayplan bench wrote.")
    if content.get("version") != VERSION:
        raise BayplanError(
            f"{path.name} has format version {content.get('version')!r}; this program reads version "
            f"{VERSION}. Run the benchmark of the Bayplan that wrote it, or run it anew."
        )
    try:
        return read_record(content.get("results"), Results)
    except RecordError as error:
        raise BayplanError(f"{path.name} is damaged: {error}.") from None
