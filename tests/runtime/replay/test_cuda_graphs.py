"""The calls of torch.cuda that capture and replay a step, against a stand-in for torch.cuda.

What the real one does is for ``make test-cuda`` to see.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from runtime.replay.device import Cpu
from runtime.replay.graph import CaptureFailedError, CudaGraphs


class Stream:
    def __init__(self, name: object = "side") -> None:
        self.name = str(name)

    def wait_stream(self, other: "Stream") -> None:
        World.log.append(f"{self.name} waits for {other.name}")


class Generator:
    """One whose capture may not have ended."""

    replaced = False

    def get_state(self) -> torch.Tensor:
        return torch.Generator().get_state()

    def graphsafe_set_state(self, other: torch.Generator) -> None:
        assert torch.equal(other.get_state(), self.get_state())
        self.replaced = True


class World:
    """What the stand-in is in."""

    log: list[str]
    current: Stream
    mode: int
    unended: bool
    generator: Generator


@contextmanager
def on(stream: Stream) -> Iterator[None]:
    before, World.current = World.current, stream
    try:
        yield
    finally:
        World.current = before


class Graph:
    def replay(self) -> None:
        World.log.append("replay")


class Capture:
    """As torch.cuda.graph: where its capture cannot be ended its stream stays the current one."""

    def __init__(self, graph: Graph, *, stream: Stream, capture_error_mode: str) -> None:
        assert isinstance(graph, Graph) and capture_error_mode == "thread_local"
        self.stream = stream

    def __enter__(self) -> None:
        self.before, World.current = World.current, self.stream
        World.log.append("capture begins")

    def __exit__(self, *error: object) -> None:
        if World.unended:
            raise RuntimeError("operation failed due to a previous error during capture")
        World.current = self.before
        World.log.append("capture ends")


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> CudaGraphs:
    World.log, World.current, World.mode, World.unended = [], Stream("main"), 0, False
    World.generator = Generator()
    for name, value in {
        "Stream": lambda at: Stream(),
        "device": lambda at: nullcontext(),
        "current_stream": lambda: World.current,
        "current_device": lambda: 0,
        "default_generators": [World.generator],
        "stream": on,
        "CUDAGraph": Graph,
        "graph": Capture,
        "get_sync_debug_mode": lambda: World.mode,
        "set_sync_debug_mode": lambda mode: setattr(World, "mode", mode),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value, raising=False)
    device = Cpu(torch.device("cpu"))
    monkeypatch.setattr(Cpu, "warm_up", lambda self: World.log.append(f"on {World.current.name}"))
    return CudaGraphs(device)


def test_the_warm_up_runs_on_the_stream_that_captures_in_order_with_the_others(
    graphs: CudaGraphs,
) -> None:
    made = torch.ones(2)

    def run() -> tuple[torch.Tensor, ...]:
        World.log.append(f"step on {World.current.name}, mode {World.mode}")
        return (made,)

    (output,), problem = graphs.warm_up(run)
    assert World.log == [
        "side waits for main", "on side", "step on side, mode warn", "main waits for side",
    ]  # fmt: skip
    assert (World.current.name, World.mode, problem) == ("main", 0, "")
    assert torch.equal(output, made) and output.data_ptr() != made.data_ptr()


def test_an_op_that_waits_for_the_gpu_is_noticed_and_other_warnings_are_passed_on(
    graphs: CudaGraphs,
) -> None:
    def run() -> tuple[torch.Tensor, ...]:
        warnings.warn("called a synchronizing CUDA operation (Triggered ...)", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
        return ()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, problem = graphs.warm_up(run)
    assert "called a synchronizing CUDA operation" in problem
    assert [str(w.message) for w in caught] == ["something else"]
    assert World.mode == 0


def test_what_torch_says_of_its_own_looking_for_such_ops_is_no_such_op(
    graphs: CudaGraphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch/csrc/cuda/Module.cpp says this in the first call of a process.
    notice = (
        "Synchronization debug mode is a prototype feature and does not yet detect all synchronizing "
        "operations"
    )

    def set_mode(mode: object) -> None:
        warnings.warn(notice, stacklevel=2)

    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", set_mode)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, problem = graphs.warm_up(tuple)
    assert problem == ""
    assert [w for w in caught if "prototype" not in str(w.message)] == []


def test_a_step_that_fails_while_it_warms_up_leaves_the_mode_as_it_was(graphs: CudaGraphs) -> None:
    with pytest.raises(ZeroDivisionError):
        graphs.warm_up(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert (World.current.name, World.mode) == ("main", 0)


def test_a_captured_step_is_replayed(graphs: CudaGraphs) -> None:
    made = torch.ones(2)
    captured = graphs.capture(lambda: (made,))
    captured.replay()
    assert captured.outputs[0] is made
    assert World.log == ["capture begins", "capture ends", "replay"]
    assert World.current.name == "main" and not World.generator.replaced


def test_a_capture_that_fails_says_why_and_leaves_stream_and_generator_usable(
    graphs: CudaGraphs,
) -> None:
    World.unended = True

    def run() -> Any:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    with pytest.raises(CaptureFailedError) as raised:
        graphs.capture(run)
    assert str(raised.value) == "CUDA error: operation not permitted when stream is capturing"
    assert World.current.name == "main" and World.generator.replaced


class Draws:
    """Of ops that run again."""

    def begin_capture(self, register: Callable[[Any], object]) -> Callable[[], None]:
        register("a generator of the graph's own")
        return lambda: World.log.append("set to the place of the first run")

    def end_capture(self) -> None:
        World.log.append("draws as ever")


def test_generators_of_repetitions_are_registered_before_a_capture_and_set_before_each_replay(
    graphs: CudaGraphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws: Any = Draws()
    graphs = CudaGraphs(graphs._device, draws)
    monkeypatch.setattr(
        Graph, "register_generator_state", lambda self, what: World.log.append(what), raising=False
    )
    captured = graphs.capture(tuple)
    for _ in range(2):
        captured.replay()
    assert World.log == [
        "a generator of the graph's own", "capture begins", "capture ends", "draws as ever",
        *["set to the place of the first run", "replay"] * 2,
    ]  # fmt: skip


def test_a_torch_whose_graphs_take_no_generators_has_no_graph_of_repetitions(
    graphs: CudaGraphs,
) -> None:
    draws: Any = Draws()
    graphs = CudaGraphs(graphs._device, draws)
    with pytest.raises(CaptureFailedError, match="cannot draw the same random numbers"):
        graphs.capture(tuple)
    assert World.log == []
