"""Run a step at its planned addresses: record a machine once, prove its first step, then just run.

Works on the flat list of resident tensors; who they are in a model is ``binding``'s business.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import machine, native
from .build import NoCompilerError, built_library
from .errors import ReplayError
from .generated import StepFunction, read_generated
from .plan_data import PlanData
from .recording import Recorder, match_instances
from .table import Table, check_table, load_table, make_table, save_table
from .tensors import same_bits

ADAPTER = "cpu"


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
        self._pointers_due = False
        """The next planned step has its pointers checked against the table."""
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

    def run(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> tuple[Tensor, ...]:
        """One step as planned; residents are updated in place. Returns the outputs."""
        now = machine.settings()
        if self._settled != now:
            self._settle(residents, scalars)
            self._settled = now
        if self._arena is None:
            return self.run_unplanned(residents, scalars)
        if self.poison:
            self._arena.fill(0xFF)
        if self._pointers_due:
            self._pointers_due = False
            return self._run_checked(residents, scalars)
        with torch.no_grad(), self._arena.running():
            outputs: tuple[Tensor, ...] = self._function(self._arena.arm, residents, scalars)
        if self.strict:
            self._raise_on_misses()
        return outputs

    def run_unplanned(
        self, residents: Sequence[Tensor], scalars: Sequence[float]
    ) -> tuple[Tensor, ...]:
        """The step in the planned order, memory from PyTorch's own allocator."""
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = self._function(_unarmed, residents, scalars)
        return outputs

    def run_traced(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> tuple[Tensor, ...]:
        """The step in program order, memory from PyTorch's own allocator."""
        with torch.no_grad():
            outputs: tuple[Tensor, ...] = self.traced(_unarmed, residents, scalars)
        return outputs

    def _settle(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> None:
        """Make arena and table for this machine as it is set now."""
        self._arena = self._table = None
        try:
            key = machine.machine_key(ADAPTER, built_library(ADAPTER).name)
            native.library(ADAPTER)
        except NoCompilerError as error:
            self.report = replace(self.report, planned=False, reason=str(error))
            warnings.warn(str(error), stacklevel=4)
            return
        table = load_table(self.folder, key, self.plan)
        recorded = table is None
        if table is None:
            table = self._record(residents, scalars)
        self._use(table, recorded=recorded)
        if recorded:
            self._prove(residents, scalars)
            save_table(self.folder, key, self.plan, table)
        self._pointers_due = True

    def _use(self, table: Table, *, recorded: bool) -> None:
        requests = [[(e.size, e.address) for e in slot] for slot in table.slots]
        self._table = table
        self._arena = native.Arena(table.arena_bytes, requests)
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
        recorder = Recorder()
        observed = self._source.observed(recorder.observe)
        arena = native.Arena(0, [[] for _ in self.plan.ops])
        with Undone(residents) as undone:
            # The first run fills caches inside the kernels: its requests are not the others'.
            self.run_unplanned(residents, scalars)
            undone.restore()
            with torch.no_grad(), arena.running(record=True):
                outputs = observed(arena.arm, residents, scalars)
            requests = arena.requests()
            del outputs
        table = make_table(self.plan, requests, match_instances(self.plan, requests, recorder.seen))
        check_table(self.plan, table)
        return table

    def _prove(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> None:
        """Run this step unplanned and planned: all bits must agree. Has no effect."""
        with Undone(residents) as undone:
            expected = [t.clone() for t in self.run_unplanned(residents, scalars)]
            expected += [t.detach().clone() for t in residents]
            undone.restore()
            assert self._arena is not None
            self._arena.fill(0xFF)
            found = [*self._run_checked(residents, scalars), *residents]
            wrong = [
                i for i, (a, b) in enumerate(zip(expected, found, strict=True)) if not same_bits(a, b)
            ]
        if wrong:
            self._arena = None
            raise ReplayError(
                f"The planned step differs from the unplanned one in {len(wrong)} of {len(expected)} "
                "results on this machine, so it is not used. The model is as it was before the step."
            )
        self.report = replace(self.report, proved=True)

    def _run_checked(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> tuple[Tensor, ...]:
        """One planned step in which every output's pointer is compared with the table."""
        assert self._arena is not None and self._table is not None
        recorder = Recorder()
        observed = self._source.observed(recorder.observe)
        with torch.no_grad(), self._arena.running():
            outputs: tuple[Tensor, ...] = observed(self._arena.arm, residents, scalars)
        self._raise_on_misses()
        base, due = self._arena.base, self._table.addresses()
        self.pointers_checked = 0
        for slot, results in enumerate(self.plan.created):
            for position, instance in enumerate(results):
                if instance not in due:
                    continue
                found = recorder.seen[slot, position] - base
                if found != due[instance]:
                    raise ReplayError(
                        f"{self.plan.ops[slot]} (slot {slot}) put a result at {found:,}, planned is "
                        f"{due[instance]:,}. Delete {self.folder / 'recordings'} to record anew."
                    )
                self.pointers_checked += 1
        return outputs

    def _raise_on_misses(self) -> None:
        assert self._arena is not None
        counters = self._arena.counters()
        wrong = counters.missed + counters.overlapped
        if wrong:
            misses = ", ".join(
                f"{self.plan.ops[slot]} asked for {size:,} bytes"
                for slot, size in self._arena.misses()[:5]
            )
            raise ReplayError(
                f"{wrong} requests were not served as planned, {counters.overlapped} of them "
                f"because their bytes were still in use{': ' + misses if misses else ''}. "
                f"The step's results are right, but it used {counters.scratch_peak:,} bytes "
                f"more. Delete {self.folder / 'recordings'} to record anew."
            )


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
                # Inputs may be expanded tensors, which nothing can be copied into.
                if not same_bits(tensor, saved):
                    tensor.copy_(saved)

    def __exit__(self, *_: object) -> None:
        self.restore()
        self._saved = []


def _unarmed(slot: int) -> None:
    """What arms an op of an unplanned step: nothing."""
