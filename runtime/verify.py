"""Prove an export: eager, traced and planned steps compared bit for bit, in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from runtime.child import run_child
from solver.errors import BayplanError
from solver.files import read_bytes, read_json
from solver.records import RecordError, read_record

_CHILD = Path(__file__).parent / "verify_child.py"
TIMED_SECONDS = 5.0
"""For which steps are timed; one round is enough for steps that take seconds."""
_CAPTURE = Path(__file__).parent / "capture"
"""The folder that holds ``bayplan_capture``, which builds the model again."""


@dataclass(frozen=True)
class Comparison:
    """Two ways to run the same steps, and all in which they differ; empty: bitwise equal."""

    one: str
    """``eager``, ``traced`` or ``planned``."""
    other: str
    losses: tuple[int, ...]
    """Steps whose loss (or result, for inference) differs."""
    parameters: tuple[str, ...]
    buffers: tuple[str, ...]
    optimizer_state: tuple[str, ...]
    generators: tuple[int, ...] = ()
    """Steps after which further random numbers would differ."""
    near: float = 0.0
    """By how much losses may differ, relative to the largest, where ops run in ways that are only
    nearly equal; 0: not at all, and nothing else may."""
    distance: float = 0.0
    """By how much they do, where they may."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        state = self.parameters or self.buffers or self.optimizer_state
        return not (self.losses or state or self.generators)

    @property
    def right(self) -> bool:
        """Whether nothing differs that may not."""
        return self.equal or (self.distance <= self.near and self.near > 0 and not self.generators)


@dataclass(frozen=True)
class VerifyReport:
    """What a verification found. Bytes; seconds of CPU time of one step (medians, interleaved)."""

    title: str
    steps: int
    comparisons: tuple[Comparison, ...]
    eager: bool
    """Whether the model could be built again and compared with eager training."""
    eager_reason: str
    """Why not, or empty."""
    planned: bool
    """Whether the step ran at planned addresses."""
    planned_reason: str
    pointers_checked: int
    """Results whose address was compared with the plan's in the strict step."""
    unmatched: int
    """Storages of the plan that the step did not ask the allocator for."""
    missed: int
    overlapped: int
    foreign: int
    """Requests of other threads, which no plan can place."""
    scratch_bytes: int
    taken: int
    """Results of one step that were written into an operand's bytes."""
    planned_bytes: int
    """The plan's height: results only."""
    arena_bytes: int
    """With the temporaries."""
    addresses_kept: bool
    temporaries: int
    temporary_bytes: int
    eager_seconds: float
    """0 where there was nothing to compare with."""
    traced_seconds: float
    planned_seconds: float
    torch: str
    threads: int
    transfers: int = 0
    """Copies of one step to host memory and from there; all came as late as the step let them."""
    host_bytes: int = 0
    repeated: int = 0
    """Ops of one step that ran again."""
    whole_norms: int = 0
    """Batch norms among them that ran as a whole, not from their saved statistics as planned."""

    @property
    def ok(self) -> bool:
        """Whether the export does what it promises."""
        return (
            self.planned
            and all(c.right for c in self.comparisons)
            and not (self.missed or self.overlapped or self.unmatched)
        )

    @property
    def ratio(self) -> float:
        """CPU time of a planned step over that of an eager one (traced, where there is no eager)."""
        base = self.eager_seconds or self.traced_seconds
        return self.planned_seconds / base if base else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        result = {f.name: getattr(self, f.name) for f in fields(self)}
        result["comparisons"] = [
            {f.name: getattr(c, f.name) for f in fields(c)} | {"equal": c.equal}
            for c in self.comparisons
        ]
        return result | {"ok": self.ok, "ratio": self.ratio}

    def lines(self) -> list[str]:
        """For people, one fact a line."""
        result = [f"{self.title}: {self.steps} steps, torch {self.torch}, {self.threads} threads"]
        if not self.eager:
            result.append(f"Not compared with eager training: {self.eager_reason}")
        for c in self.comparisons:
            result.append(f"{c.one} and {c.other}: {_found(c)}")
        if not self.planned:
            result.append(f"Not at planned addresses: {self.planned_reason}")
        else:
            result += self._memory_lines()
        against = "eager" if self.eager_seconds else "traced"
        result.append(
            f"CPU time of a step: planned {self.planned_seconds * 1e3:.3g} ms, "
            f"{self.ratio:.2f} × {against}"
        )
        result.append("Verified." if self.ok else "NOT verified.")
        return result

    def _memory_lines(self) -> list[str]:
        where = "planned addresses" if self.addresses_kept else "addresses (all placed anew, lower)"
        result = [
            f"{self.pointers_checked:,} results at their {where}",
            f"arena {self.arena_bytes:,} bytes, planned {self.planned_bytes:,}; "
            f"{self.temporaries:,} temporaries of {self.temporary_bytes:,} bytes in all",
            f"{self.missed} misses, {self.overlapped} overlaps, {self.scratch_bytes:,} scratch bytes",
        ]
        if self.transfers:
            result.append(
                f"{self.transfers:,} copies to and from {self.host_bytes:,} bytes of host memory, each "
                "as late as the step lets it"
            )
        if self.repeated:
            result.append(f"{self.repeated:,} ops ran again, without effects")
        if self.whole_norms:
            result.append(
                f"{self.whole_norms} batch norms ran again as a whole: from saved statistics no kernel "
                "of this machine gives the very same bits"
            )
        if self.taken:
            result.append(f"{self.taken} results in the bytes of an operand that was needed no more")
        if self.foreign:
            result.append(f"{self.foreign} requests of other threads, which no plan can place")
        if self.unmatched:
            result.append(f"{self.unmatched} planned storages were not asked for")
        return result


def _found(c: Comparison) -> str:
    if c.equal:
        return "bitwise equal"
    if not c.near:
        return _differences(c)
    verdict = "near" if c.right else "NOT NEAR"
    return f"{verdict}: losses differ by {c.distance:.2g} of their size, {c.near:.2g} may be"


def _differences(c: Comparison) -> str:
    kinds = {
        "losses": c.losses,
        "parameters": c.parameters,
        "buffers": c.buffers,
        "optimizer states": c.optimizer_state,
        "generator states": c.generators,
    }
    parts = [f"{len(found)} {kind} (first: {found[0]})" for kind, found in kinds.items() if found]
    return "DIFFERENT in " + ", ".join(parts)


def verify(
    folder: Path,
    *,
    steps: int = 3,
    python: Path | None = None,
    timeout: float = 600,
    log: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> VerifyReport:
    """Run the export in ``folder`` eagerly, as traced and as planned, ``steps`` steps each.

    The model is built again from the source that was captured; where that fails, traced and planned
    runs on random data are compared and the report says so. The step runs in a child process of
    ``python`` (None: this interpreter). Raises BayplanError where the folder is not an export, or
    the export refuses to run.
    """
    if steps < 1:
        raise BayplanError(f"{steps} steps cannot be compared; ask for at least 1.")
    folder = folder.absolute()
    plan = folder / "plan.json"
    if not plan.is_file():
        raise BayplanError(f"{folder} is not an export: it has no plan.json.")
    record = read_json(read_bytes(plan), str(plan))
    if not isinstance(record, dict) or record.get("format") != "bayplan-export":
        raise BayplanError(f"{folder} is not an export: its plan.json is something else.")
    result = run_child(
        _CHILD,
        {
            "folder": str(folder),
            "steps": steps,
            "capture": str(_CAPTURE),
            "timed_seconds": TIMED_SECONDS,
        },
        what=f"The verification of {folder.name}",
        # Waiting threads would otherwise spin, and their CPU time would count as the step's.
        environment={"OMP_WAIT_POLICY": "passive"},
        python=python,
        timeout=timeout,
        log=log,
        cancelled=cancelled,
    )
    try:
        return read_record(result, VerifyReport)
    except RecordError as error:
        raise BayplanError(f"The verification gave a result that cannot be read: {error}.") from None
