"""Replay a planned step as one CUDA graph: no launches one by one, no calls of the allocator.

::

    step 1, 2    as planned, the second one on the stream that captures: libraries warm up there
    step 3       captured, which runs nothing; then replayed
    step 4 ...   inputs and targets copied into their buffers, replayed, outputs copied out

A graph repeats the addresses and the Python numbers it was captured with. It is captured anew where
one of them changed, and given up, with a reason, where that happens all the time. Random numbers are
drawn by the device's generator, whose state each replay moves on.
"""

import gc
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from .device import Device
from .draws import CudaDraws
from .errors import ReplayError
from .plan_data import PlanData

Outputs: TypeAlias = tuple[Tensor, ...]
Run: TypeAlias = Callable[[Sequence[Tensor], Sequence[float]], Outputs]

KEPT = 4
"""Graphs that are kept at once: the micro-batches of a step need two."""
EXTRA_BYTES = 4096
"""Bytes that a captured step may ask for beyond its table, as for a state of the generator."""
_SYNCHRONIZING = "called a synchronizing CUDA operation"
"""What torch warns of where an op waits for the GPU."""
_NOTICE = "Synchronization debug mode is a prototype"
"""Begins what torch says once a process, when it is first to warn of that."""


class CaptureFailedError(Exception):
    """The step cannot be captured; the text says why."""


class Captured(Protocol):
    """One captured step."""

    outputs: Outputs
    """Where each replay leaves its results."""

    def replay(self) -> None:
        """Run the step once more, in the order of the current stream."""


class GraphBackend(Protocol):
    """What captures and replays: CUDA, or a stand-in in tests."""

    def warm_up(self, run: Callable[[], Outputs]) -> tuple[Outputs, str]:
        """``run`` for real, where it is going to be captured; and what forbids that, or empty."""

    def capture(self, run: Callable[[], Outputs]) -> Captured:
        """Capture what ``run`` issues, none of which is carried out. Raises CaptureFailedError."""


class _Kept:
    """A captured step with its buffers."""

    def __init__(self, captured: Captured, residents: list[Tensor]) -> None:
        self.captured = captured
        self.residents = residents
        """What it was captured with: buffers in place of inputs and targets."""
        self.replays = 0


class GraphedStep:
    """The graphs of one planned step. Not for use by two threads at a time."""

    def __init__(self, plan: PlanData, backend: GraphBackend | None) -> None:
        """``backend`` None: this device has no graphs."""
        self._plan, self._backend = plan, backend
        self.reason = ""
        """Why steps run without a graph; empty: they do not, or not for long."""
        self.captures = 0
        self.replays = 0
        self._warm = False
        self._kept: dict[Any, _Kept] = {}
        """By everything that a graph repeats; the one used last comes last."""
        self._batch = [at for at, r in enumerate(plan.residents) if r.role in ("input", "target")]
        self._fixed = [at for at in range(len(plan.residents)) if at not in set(self._batch)]
        if backend is None:
            self.refuse(f"A plan for {plan.device} has no CUDA graph.")

    def refuse(self, reason: str) -> None:
        """From now on steps run without a graph."""
        self.reason = reason
        self._kept.clear()
        warnings.warn(f"The step runs without a CUDA graph. {reason}", stacklevel=2)

    def forget(self) -> None:
        """The arena or the settings are others: all is captured anew."""
        self._kept.clear()
        self._warm = False

    def run(
        self,
        planned: Run,
        missed_bytes: Callable[[], int],
        key: Any,
        residents: Sequence[Tensor],
        scalars: Sequence[float],
    ) -> Outputs | None:
        """One step, or None where it is to run without a graph from now on.

        ``planned`` runs it without one; ``missed_bytes`` tells what it asked for that was not planned.
        ``key``: whatever else a graph repeats, beside the numbers and the addresses of ``residents``.
        """
        assert self._backend is not None
        if not self._warm:
            outputs, problem = self._backend.warm_up(lambda: planned(residents, scalars))
            self._warm = True
            if problem:
                self.refuse(problem)
            return outputs
        addresses = tuple(residents[at].data_ptr() for at in self._fixed)
        key = (key, addresses, tuple(scalars))
        kept = self._kept.pop(key, None)
        if kept is None:
            kept = self._captured(planned, missed_bytes, residents, scalars)
            if kept is None:
                return None
        self._kept[key] = kept
        return self._replayed(kept, residents)

    def _captured(
        self,
        planned: Run,
        missed_bytes: Callable[[], int],
        residents: Sequence[Tensor],
        scalars: Sequence[float],
    ) -> _Kept | None:
        assert self._backend is not None
        if len(self._kept) >= KEPT:
            oldest = self._kept.pop(next(iter(self._kept)))
            if oldest.replays < 2:
                self.refuse(_always_new(self._plan))
                return None
        own = list(residents)
        for at in self._batch:
            spec = self._plan.residents[at].spec
            own[at] = torch.empty_strided(
                spec.shape, spec.stride, dtype=own[at].dtype, device=own[at].device
            ).copy_(residents[at])
        try:
            captured = self._backend.capture(lambda: planned(own, scalars))
        except CaptureFailedError as error:
            self.refuse(f"It cannot be captured: {error}")
            return None
        if (extra := missed_bytes()) > EXTRA_BYTES:
            self.refuse(f"While it was captured it asked for {extra:,} bytes that are not planned.")
            return None
        self.captures += 1
        return _Kept(captured, own)

    def _replayed(self, kept: _Kept, residents: Sequence[Tensor]) -> Outputs:
        with torch.no_grad():
            for at in self._batch:
                kept.residents[at].copy_(residents[at], non_blocking=True)
            kept.captured.replay()
            for at in self._batch:
                if self._plan.residents[at].written:
                    residents[at].copy_(kept.residents[at], non_blocking=True)
            outputs = tuple(output.clone() for output in kept.captured.outputs)
        kept.replays += 1
        self.replays += 1
        return outputs


def _always_new(plan: PlanData) -> str:
    kinds = ", ".join(sorted({kind for kind, _ in plan.scalars}))
    if not kinds:
        return "Its parameters, state or buffers are at other addresses in every step."
    # SGD counts no steps, and takes no capturable.
    wanted = "fused=True" if plan.optimizer == "sgd" else "fused=True, capturable=True"
    return (
        f"A graph repeats the numbers it was captured with, and this update's ({kinds}) are others in "
        f"every step. Make the optimizer with {wanted} and a learning rate that is a tensor, and "
        "capture and plan the step anew."
    )


def graphs_for(device: Device, draws: CudaDraws | None = None) -> GraphBackend | None:
    """What captures steps on ``device``; None where nothing does. ``draws``: of ops that run again."""
    return CudaGraphs(device, draws) if device.at.type == "cuda" else None


class CudaGraphs:
    """CUDA graphs of one GPU, through torch.cuda."""

    def __init__(self, device: Device, draws: CudaDraws | None = None) -> None:
        self._device, self._at, self._draws = device, device.at, draws
        self._stream = torch.cuda.Stream(device.at)  # type: ignore[no-untyped-call]

    def warm_up(self, run: Callable[[], Outputs]) -> tuple[Outputs, str]:
        with torch.cuda.device(self._at):
            current = torch.cuda.current_stream()
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                self._device.warm_up()
                with _Synchronizing() as synchronizing:
                    outputs = run()
            current.wait_stream(self._stream)
            # Made on the other stream, whose next request could get this memory while it is read.
            outputs = tuple(output.clone() for output in outputs)
        if not synchronizing.found:
            return outputs, ""
        return outputs, (
            f"An op waits for the GPU, which a graph cannot: {synchronizing.found}. With loss scaling "
            "that is the look at whether all gradients are finite."
        )

    def capture(self, run: Callable[[], Outputs]) -> Captured:
        # An object that dies while a step is captured could free memory of the device.
        gc.collect()
        with torch.cuda.device(self._at):
            generator = torch.cuda.default_generators[torch.cuda.current_device()]
            state = generator.get_state()
            graph = torch.cuda.CUDAGraph()
            current = torch.cuda.current_stream()
            before_replay = self._begin_capture(graph)
            try:
                # torch.cuda.graph leaves its stream current where a capture cannot be ended.
                with (
                    torch.cuda.stream(current),
                    torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
                ):
                    outputs = run()
            except (RuntimeError, ReplayError) as error:
                first = error.__context__ or error
                reason = str(first).strip().partition("\n")[0]
                for each in (error, first):
                    # The step's frames would keep its tensors.
                    traceback.clear_frames(each.__traceback__)
                # A capture that was not ended may leave the generator waiting for its end.
                fresh = torch.Generator(self._at)
                fresh.set_state(state)
                generator.graphsafe_set_state(fresh)
                raise CaptureFailedError(reason) from None
            finally:
                if self._draws is not None:
                    self._draws.end_capture()
        return _CudaGraph(graph, outputs, before_replay)

    def _begin_capture(self, graph: torch.cuda.CUDAGraph) -> Callable[[], None]:
        """Have what runs again draw from generators of the graph's own. Raises CaptureFailedError."""
        if self._draws is None:
            return lambda: None
        try:
            return self._draws.begin_capture(graph.register_generator_state)
        except (AttributeError, RuntimeError) as error:
            raise CaptureFailedError(
                f"Ops that run again cannot draw the same random numbers in it: {error}"
            ) from None


class _CudaGraph:
    """A captured step of a GPU."""

    def __init__(
        self, graph: torch.cuda.CUDAGraph, outputs: Outputs, before_replay: Callable[[], None]
    ) -> None:
        self._graph, self.outputs, self._before_replay = graph, outputs, before_replay

    def replay(self) -> None:
        # The default generator is registered with every graph: each replay moves its state on.
        self._before_replay()
        self._graph.replay()


class _Synchronizing:
    """Notices ops that wait for the GPU inside this block."""

    def __enter__(self) -> "_Synchronizing":
        self.found = ""
        self._mode = torch.cuda.get_sync_debug_mode()
        self._caught = warnings.catch_warnings(record=True)
        self._warnings: Any = self._caught.__enter__()
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        return self

    def __exit__(self, *error: object) -> None:
        torch.cuda.set_sync_debug_mode(self._mode)
        self._caught.__exit__(None, None, None)
        for each in self._warnings:
            text = str(each.message).partition("\n")[0]
            if _SYNCHRONIZING in text:
                self.found = self.found or text
            elif not text.startswith(_NOTICE):
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
