"""Run a step at its planned addresses: record a machine once, prove its first step, then just run.

Works on the flat list of resident tensors; who they are in a model is ``binding``'s business.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from . import native
from .adapters import Adapter, check_choice, choose
from .build import NoCompilerError, built_library
from .calling import Caller
from .checking import misplaced, unserved
from .device import Device, device_for
from .errors import ReplayError
from .generated import GeneratedStep, StepFunction, read_generated
from .graph import GraphedStep, graphs_for
from .machine import machine_key
from .out_of_memory import NoMemoryError, named_op
from .plan_data import PlanData
from .ranks import Ranks
from .recording import Recorder, match_instances
from .report import Report
from .table import Table, check_table, load_table, make_table, recording_path, save_table
from .tensors import same_bits
from .undone import Undone

Outputs: TypeAlias = tuple[Tensor, ...]


class Engine:
    """One exported step in this process. Not for use by two threads at a time."""

    def __init__(
        self,
        folder: Path,
        plan: PlanData,
        device: Device | None = None,
        *,
        adapter: str = "auto",
        cuda_graph: bool = False,
        strict: bool = False,
        ranks: Ranks | None = None,
    ) -> None:
        """``device``: None takes the current one of the plan's target. ``adapter``: as in ``load``.

        ``strict``: a request that is not served as planned raises; else it only costs memory.
        ``ranks``: with whom it communicates; None: with nobody. Raises ReplayError for an adapter that
        cannot be.
        """
        check_choice(plan.device, adapter)
        self.folder, self.plan, self.strict = folder, plan, strict
        self.device = device or device_for(plan.device, [])
        self.ranks = ranks or Ranks()
        self._source = read_generated(folder / "planned.py")
        self._caller = Caller(plan, self._source, self.device, self.ranks)
        self.graphed: GraphedStep | None = None
        """Replays the step as a graph; None: nobody asked for that."""
        if cuda_graph:
            self.graphed = GraphedStep(plan, graphs_for(self.device, self._caller.draws))
        self._asked = adapter
        self._adapter = Adapter("", "")
        self._settled: tuple[Any, ...] | None = None
        """The machine settings that arena and table are for."""
        self._arena: native.Arena | None = None
        self._table: Table | None = None
        self._check_due = False
        """The next planned step is checked: every request served, every result at its address."""
        self._tried = False
        """Such a step was not as planned, which may be because it was the first of this process."""
        self._observed: dict[bool, tuple[Recorder, StepFunction]] = {}
        """The observed step, with all ops or as guards have it, until the first step is checked."""
        self._report = Report(*(False, "", plan.height_bytes, 0, True, 0, 0, (), False, False))
        self.pointers_checked = 0
        """Output pointers compared with the plan in the last checked step."""
        self.flat = False
        """Whether steps run without arming; from a step on that asked for anything else, none does."""
        self.poison = False
        """Whether arena and host block are filled with 0xFF before every planned step, and its
        transfers come as late as they may: what reads what is not there yet gets wrong numbers."""

    @cached_property
    def _function(self) -> StepFunction:
        return self._source.function()

    @cached_property
    def _unarmed_function(self) -> StepFunction:
        return self._source.function(armed=False)

    @cached_property
    def _traced_source(self) -> GeneratedStep:
        return read_generated(self.folder / "traced.py")

    @cached_property
    def traced(self) -> StepFunction:
        """The step in program order."""
        return self._traced_source.function()

    @property
    def report(self) -> Report:
        """How the step runs on this machine; complete after the first step."""
        graphed, report = self.graphed, self._caller.told(self._report)
        if graphed is None:
            return report
        return replace(report, graphed=graphed.captures > 0, graph_reason=graphed.reason)

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
        outputs = self._run(residents, scalars)
        if self.plan.home_bytes:
            # Whoever looks at a state in host memory does so at once, not in the device's order.
            self.device.synchronize()
        return outputs

    def _run(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        now = self.device.settings()
        if self._settled != now:
            self._settle(residents, scalars)
            self._settled = now
        if self._arena is None:
            return self.run_unplanned(residents, scalars)
        self.device.in_order()
        if self.poison:
            self._fill(self._arena)
        if self._check_due:
            return self._first_step(residents, scalars)
        if self.graphed is not None and not self.graphed.reason:
            key = (now, self._arena.base)
            outputs = self.graphed.run(self._run_armed, self._missed_bytes, key, residents, scalars)
            if outputs is not None:
                return outputs
        outputs = self._run_planned(residents, scalars)
        if self.strict and (problem := unserved(self.plan, self._arena)):
            raise ReplayError(problem)
        return outputs

    def run_unplanned(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The step in the planned order, memory from PyTorch's own allocator."""
        return self._caller(self._function, _unarmed, residents, scalars)

    def run_traced(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The step in program order, memory from PyTorch's own allocator."""
        with (
            named_op(self.plan, self._traced_source),
            self.device.running(training=self.plan.training),
            self.ranks.running(),
            self._all_on_device(residents) as there,
        ):
            return self.traced(_unarmed, there, scalars)

    @contextmanager
    def _all_on_device(self, residents: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
        """Those that live in host memory on the device, and at the end at home as they are then."""
        homes = [at for at, resident in enumerate(self.plan.residents) if resident.home]
        there = list(residents)
        for at in homes:
            there[at] = residents[at].to(self.device.at)
        yield there
        with torch.no_grad():
            for at in homes:
                residents[at].copy_(there[at])

    def _run_armed(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """As planned, for a graph: what is asked for beyond the table shifts nothing."""
        flat, self.flat = self.flat, False
        try:
            return self._run_planned(residents, scalars)
        finally:
            self.flat = flat

    def _run_planned(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        assert self._arena is not None
        function = self._unarmed_function if self.flat else self._function
        with self._arena.running(flat=self.flat):
            outputs = self._caller(
                function, self._arena.arm, residents, scalars, planned=True, late=self.poison
            )
        self.flat = self.flat and self._arena.repeated
        return outputs

    def _settle(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> None:
        """Make arena and table for this machine as it is set now."""
        self.device.synchronize()
        if self.graphed is not None:
            self.graphed.forget()
        self._arena = self._table = self._settled = None
        self.flat = False
        self._caller.settle()
        try:
            self._adapter = choose(self.plan.device, self._asked, self.device.allocator())
            key = self._key()
            without_graphs = not native.ADAPTERS[self._adapter.name].graphs
            if without_graphs and self.graphed is not None and not self.graphed.reason:
                self.graphed.refuse('Graphs need pools of memory: load(..., adapter="native").')
        except NoCompilerError as error:
            self._report = replace(self._report, planned=False, reason=str(error))
            if self.graphed is not None:
                self.graphed.refuse("A graph needs planned addresses.")
            warnings.warn(str(error), stacklevel=4)
            return
        table = load_table(self.folder, key, self.plan)
        self.device.warm_up()
        if table is not None:
            self._use(table, recorded=False)
        else:
            try:
                self._record_and_prove(key, residents, scalars)
            except NoMemoryError as error:
                self._arena = self._table = None
                raise error.while_recording() from None
        self._check_due, self._tried = True, False

    def _use(self, table: Table, *, recorded: bool) -> None:
        requests = [[(e.size, e.address) for e in slot] for slot in table.slots]
        self._table = table
        self._arena = self._made_arena(table.arena_bytes, requests, takes=table.takes)
        there = table.addresses()
        self._report = Report(
            planned=True,
            reason="",
            planned_bytes=self.plan.height_bytes,
            arena_bytes=table.arena_bytes,
            addresses_kept=table.kept,
            temporaries=table.temporaries,
            temporary_bytes=table.temporary_bytes,
            unmatched=tuple(i for i in range(len(self.plan.instances)) if i not in there),
            recorded=recorded,
            proved=self._report.proved,
            adapter=self._adapter.name,
            adapter_reason=self._adapter.reason,
        )

    def _made_arena(
        self, capacity: int, requests: Sequence[Sequence[tuple[int, int]]], **options: Any
    ) -> native.Arena:
        with self.device.entered():
            return native.Arena(capacity, requests, adapter=self._adapter.name, **options)

    def _record_and_prove(
        self, key: str, residents: Sequence[Tensor], scalars: Sequence[float]
    ) -> None:
        """Record one warmed-up step, then run it planned: all bits must agree. Has no effect.

        Guards are left out, so that all requests there can be are seen. The arena is made after the
        unplanned steps have ended: it and their memory are never there at the same time. Other ranks
        need not record: nothing is communicated meanwhile.
        """
        written = self._written(residents)
        with self.ranks.silent(), Undone(self.device, written) as undone:
            function = self._source.function(unguarded=True) if self.plan.guarded else self._function
            # The first run fills caches inside the kernels: its requests are not the others'.
            self._caller(function, _unarmed, residents, scalars)
            undone.restore()
            recording = self._made_arena(0, [[] for _ in self.plan.ops])
            outputs, seen = self._observe(recording, residents, scalars, record=True)
            requests = recording.requests()
            expected = [self.device.kept(t) for t in (*outputs, *written)]
            del outputs, recording
            undone.restore()
            self.device.synchronize()
            self.device.release_cached()
            instances = match_instances(self.plan, requests, seen)
            table = make_table(self.plan, requests, instances, adapter=self._adapter.name)
            check_table(self.plan, table)
            self._use(table, recorded=True)
            assert self._arena is not None
            self._fill(self._arena)
            outputs, problem = self._run_checked(residents, scalars, unguarded=True)
            found = [self.device.kept(t) for t in (*outputs, *written)]
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
        self._report = replace(self._report, proved=True)
        save_table(self.folder, key, self.plan, table)

    def _first_step(self, residents: Sequence[Tensor], scalars: Sequence[float]) -> Outputs:
        """The first planned step with this table: all of it must be as planned.

        Otherwise the step is right nevertheless, and the next one records this machine anew. In a
        process that did not record, kernels may fill their caches in its first step: where they do so
        at the plan's cost, the second step is looked at instead.
        """
        outputs, problem = self._run_checked(residents, scalars, unguarded=False)
        if problem and not (self.strict or self._report.recorded or self._tried):
            self._tried = True
            return outputs
        self._check_due = False
        self._observed.clear()
        assert self._arena is not None
        # Recorded and checked, its requests were the same: no need to say which op makes them. With
        # guards they differ from step to step.
        self.flat = self._arena.repeated and not self.plan.guarded
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
        name = self._adapter.name
        return machine_key(self.device, name, built_library(name).name)

    def _run_checked(
        self, residents: Sequence[Tensor], scalars: Sequence[float], *, unguarded: bool
    ) -> tuple[Outputs, str]:
        """One planned step, and what was not as planned in it (empty: nothing)."""
        assert self._arena is not None and self._table is not None
        outputs, seen = self._observe(
            self._arena, residents, scalars, record=False, unguarded=unguarded
        )
        if problem := unserved(self.plan, self._arena):
            return outputs, problem
        self.pointers_checked, problem = misplaced(
            self.plan, seen, self._arena.base, self._table.addresses()
        )
        return outputs, problem

    def _observe(
        self,
        arena: native.Arena,
        residents: Sequence[Tensor],
        scalars: Sequence[float],
        *,
        record: bool,
        unguarded: bool = True,
    ) -> tuple[Outputs, dict[tuple[int, int], int]]:
        """One step in ``arena``, and the address of each result by slot and position."""
        unguarded = unguarded and bool(self.plan.guarded)
        if unguarded not in self._observed:
            recorder = Recorder()
            function = self._source.observed(recorder.observe, unguarded=unguarded)
            self._observed[unguarded] = recorder, function
        recorder, observed = self._observed[unguarded]
        recorder.seen = {}
        with arena.running(record=record):
            late = self.poison and not record
            outputs = self._caller(
                observed, arena.arm, residents, scalars, planned=not record, late=late
            )
        return outputs, recorder.seen

    def _fill(self, arena: native.Arena) -> None:
        """Set all bytes to 0xFF, between the steps on the device."""
        self.device.synchronize()
        arena.fill(0xFF)
        self._caller.fill(0xFF)
        self.device.synchronize()

    def _missed_bytes(self) -> int:
        """Bytes that the last step asked for beyond its table."""
        assert self._arena is not None
        return sum(size for _, size in self._arena.misses())

    def _written(self, residents: Sequence[Tensor]) -> list[Tensor]:
        """Those that the step changes."""
        pairs = zip(self.plan.residents, residents, strict=False)
        return [tensor for resident, tensor in pairs if resident.written]


def _unarmed(slot: int) -> None:
    """What arms an op of an unplanned step: nothing."""
