"""Run a step at its planned addresses: record a machine once, prove its first step, then just run.

Works on the flat list of resident tensors; who they are in a model is ``binding``'s business.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from . import machine, native
from .build import NoCompilerError, built_library
from .errors import ReplayError
from .generated import StepFunction, read_generated
from .plan_data import PlanData
from .recording import Recorder, match_instances
from .table import Table, check_table, load_table, make_table, recording_path, save_table
from .tensors import same_bits

ADAPTER = "cpu"

Outputs: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True)
class Report:
    """How a step runs here, for people and for ``verify``. Bytes."""

    planned: bool
    """Whether it runs at planned addresses."""
    reason: str
    """Why not, or empty."""
    planned_bytes: int
    """The plan's height."""
    arena_bytes: int
    """What the arena has: outputs and temporaries."""
    addresses_kept: bool
    """Whether the plan's addresses are the ones used; else everything was placed anew, lower."""
    temporaries: int
    temporary_bytes: int
    unmatched: tuple[int, ...]
    """Instances of the plan that no request was made for: they live outside the arena."""
    recorded: bool
    """Whether this process recorded the requests (else they were kept from an earlier one)."""
    proved: bool
    """Whether this process compared a planned step with the same step unplanned, bit for bit."""


class Engine:
    """One exported step in this process. Not for use by two threads at a time."""

    def __init__(self, folder: Path, plan: PlanData, *, strict: bool = False) -> None:
        """``strict``: a request that is not served as planned raises; else it only costs memory."""
        self.folder, self.plan, self.strict = folder, plan, strict
        self._source = read_generated(folder / "planned.py")
        self._settled: tuple[Any, ...] | None = None
        """The machine settings that arena and table are for."""
        self._arena: native.Arena | None = None
        self._table: Table | None = None
        self._check_due = False
        """The next planned step is checked: every request served, every result at its address."""
        self._observed: tuple[Recorder, StepFunction] | None = None
        """The observed step, kept from the recording to the first checked step."""
        self.report = Report(False, "", plan.height_bytes, 0, True, 0, 0, (), False, False)
        self.pointers_checked = 0
        """Output pointers compared with the plan in the last checked step."""
        self.poison = False
        """Whether the arena is filled with 0xFF before every planned step."""

    @cached_property
    def _function(self) -> StepFunction:
        return self._source.function()

    @cached_property
    def traced(self) -> StepFunction:
        """The step in program order."""
        return read_generated(self.folder / "traced.py").function()

    @property
    def arena(self) -> native.Arena | None:
        """The memory that the plan addresses; None before the first step or without a compiler."""
        return self._arena

    @property
    def counters(self) -> native.Counters | None:
        """What the allocator did in the last planned step; None where none was run."""
        return self._arena.counters() if self._arena is not None else None

    def run(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """One step as planned; residents are updated in place. Returns the outputs."""
        now = machine.settings()
        if self._settled != now:
            self._settle(residents, scalars)
            self._settled = now
        if self._arena is None:
            return self.run_unplanned(residents, scalars)
        if self.poison:
            self._arena.fill(0xFF)
        if self._check_due:
            return self._first_step(residents, scalars)
        with _plain_mode(self.plan), self._arena.running():
            outputs: Outputs = self._function(self._arena.arm, residents, scalars)
        if self.strict and (problem := self._misses()):
            raise ReplayError(problem)
        return outputs

    def run_unplanned(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The step in the planned order, memory from PyTorch's own allocator."""
        with _plain_mode(self.plan):
            return self._function(_unarmed, residents, scalars)

    def run_traced(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The step in program order, memory from PyTorch's own allocator."""
        with _plain_mode(self.plan):
            return self.traced(_unarmed, residents, scalars)

    def _settle(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> None:
        """Make arena and table for this machine as it is set now."""
        self._arena = self._table = self._settled = None
        try:
            key = self._key()
            native.library(ADAPTER)
        except NoCompilerError as error:
            self.report = replace(self.report, planned=False, reason=str(error))
            warnings.warn(str(error), stacklevel=4)
            return
        table = load_table(self.folder, key, self.plan)
        if table is not None:
            self._use(table, recorded=False)
        else:
            self._record_and_prove(key, residents, scalars)
        self._check_due = True

    def _record_and_prove(
        self, key: str, residents: Sequence[Tensor], scalars: Sequence[float]
    ) -> None:
        table = self._record(residents, scalars)
        self._use(table, recorded=True)
        self._prove(residents, scalars)
        save_table(self.folder, key, self.plan, table)

    def _use(self, table: Table, *, recorded: bool) -> None:
        requests = [[(e.size, e.address) for e in slot] for slot in table.slots]
        self._table = table
        self._arena = native.Arena(table.arena_bytes, requests, takes=table.takes)
        there = table.addresses()
        self.report = Report(
            planned=True,
            reason="",
            planned_bytes=self.plan.height_bytes,
            arena_bytes=table.arena_bytes,
            addresses_kept=table.kept,
            temporaries=table.temporaries,
            temporary_bytes=table.temporary_bytes,
            unmatched=tuple(i for i in range(len(self.plan.instances)) if i not in there),
            recorded=recorded,
            proved=self.report.proved,
        )

    def _record(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Table:
        """Record the requests of one warmed-up step, which has no effect."""
        arena = native.Arena(0, [[] for _ in self.plan.ops])
        with Undone(self._written(residents)) as undone:
            # The first run fills caches inside the kernels: its requests are not the others'.
            self.run_unplanned(residents, scalars)
            undone.restore()
            outputs, seen = self._observe(arena, residents, scalars, record=True)
            requests = arena.requests()
            del outputs
        table = make_table(self.plan, requests, match_instances(self.plan, requests, seen))
        check_table(self.plan, table)
        return table

    def _prove(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> None:
        """Run this step unplanned and planned: all bits must agree. Has no effect."""
        assert self._arena is not None
        written = self._written(residents)
        with Undone(written) as undone:
            outputs = self.run_unplanned(residents, scalars)
            expected = [t.detach().clone() for t in (*outputs, *written)]
            undone.restore()
            self._arena.fill(0xFF)
            outputs, problem = self._run_checked(residents, scalars)
            found = [*outputs, *written]
            wrong = sum(not same_bits(a, b) for a, b in zip(expected, found, strict=True))
        if wrong:
            problem = (
                f"The planned step differs from the unplanned one in {wrong} of {len(expected)} "
                "results on this machine."
            )
        if problem:
            self._arena = None
            raise ReplayError(
                f"{problem} The plan is not used, and the model is as it was before the step."
            )
        self.report = replace(self.report, proved=True)

    def _first_step(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The first planned step with this table: all of it must be as planned.

        Otherwise the step is right nevertheless, and the next one records this machine anew.
        """
        outputs, problem = self._run_checked(residents, scalars)
        self._check_due, self._observed = False, None
        if problem:
            recording = recording_path(self.folder, self._key())
            with suppress(OSError):
                recording.unlink()
            self._settled = None
            if self.strict:
                raise ReplayError(f"{problem} The next step records this machine anew.")
            warnings.warn(f"{problem} The next step records this machine anew.", stacklevel=4)
        return outputs

    def _key(self) -> str:
        return machine.machine_key(ADAPTER, built_library(ADAPTER).name)

    def _run_checked(
        self, residents: Sequence[Tensor], scalars: Sequence[float]
    ) -> tuple[Outputs, str]:
        """One planned step, and what was not as planned in it (empty: nothing)."""
        assert self._arena is not None and self._table is not None
        outputs, seen = self._observe(self._arena, residents, scalars, record=False)
        if problem := self._misses():
            return outputs, problem
        base, due = self._arena.base, self._table.addresses()
        self.pointers_checked = 0
        for slot, results in enumerate(self.plan.created):
            for position, instance in enumerate(results):
                if instance not in due:
                    continue
                found = seen.get((slot, position), 0) - base
                if found != due[instance]:
                    return outputs, (
                        f"{self.plan.ops[slot]} (slot {slot}) put a result at {found:,}, planned is "
                        f"{due[instance]:,}."
                    )
                self.pointers_checked += 1
        return outputs, ""

    def _observe(
        self,
        arena: native.Arena,
        residents: Sequence[Tensor],
        scalars: Sequence[float],
        *,
        record: bool,
    ) -> tuple[Outputs, dict[tuple[int, int], int]]:
        """One step in ``arena``, and the address of each result by slot and position."""
        if self._observed is None:
            recorder = Recorder()
            self._observed = recorder, self._source.observed(recorder.observe)
        recorder, observed = self._observed
        recorder.seen = {}
        with _plain_mode(self.plan), arena.running(record=record):
            outputs = observed(arena.arm, residents, scalars)
        return outputs, recorder.seen

    def _misses(self) -> str:
        """What the last step's requests show that is not as planned; empty: nothing."""
        assert self._arena is not None
        counters = self._arena.counters()
        wrong = counters.missed + counters.overlapped
        if not wrong:
            return ""
        misses = ", ".join(
            f"{self.plan.ops[slot]} asked for {size:,} bytes" for slot, size in self._arena.misses()[:5]
        )
        return (
            f"{wrong} requests were not served as planned, {counters.overlapped} of them because "
            f"their bytes were still in use{': ' + misses if misses else ''}. The results are "
            f"right, but {counters.scratch_peak:,} bytes more were used."
        )

    def _written(self, residents: Sequence[Tensor]) -> list[Tensor]:
        """Those that the step changes."""
        pairs = zip(self.plan.residents, residents, strict=False)
        return [tensor for resident, tensor in pairs if resident.written]


@contextmanager
def _plain_mode(plan: PlanData) -> Iterator[None]:
    """As the step was traced: below autograd, and no casts beyond those in the program.

    Gradients count as enabled in a training step all the same: a recurrent layer has one kernel for
    training, which makes the workspace that its backward needs, and another one for inference.
    """
    with torch.set_grad_enabled(plan.training), torch._C._AutoDispatchBelowAutograd():
        if not torch.is_autocast_enabled(ADAPTER):
            yield
            return
        with torch.autocast(ADAPTER, enabled=False):
            yield


class Undone:
    """Whatever the step does to ``residents`` and the random numbers inside this block is undone."""

    def __init__(self, residents: Sequence[Tensor]) -> None:
        self._residents = residents

    def __enter__(self) -> "Undone":
        self._saved = [t.detach().clone() for t in self._residents]
        self._random = torch.get_rng_state()
        return self

    def restore(self) -> None:
        """Everything as it was when the block began."""
        torch.set_rng_state(self._random)
        with torch.no_grad():
            for tensor, saved in zip(self._residents, self._saved, strict=True):
                tensor.copy_(saved)

    def __exit__(self, *_: object) -> None:
        self.restore()
        self._saved = []


def _unarmed(slot: int) -> None:
    """What arms an op of an unplanned step: nothing."""
