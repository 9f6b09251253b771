"""An op that runs again draws what its first run drew, and nobody else's numbers change by it.

The generator of a GPU and the graph that repeats its kernels are stand-ins, written from torch's note
on random numbers in CUDA graphs: a captured kernel draws so far from the place of its generator at the
replay, and a replay moves on every registered generator by what was drawn from it.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from runtime.replay.draws import CpuDraws, CudaDraws, Draws, draws_of

Drawn = tuple[int, int, int]
"""Seed, place and count."""


class State:
    def __init__(self) -> None:
        self.seed, self.place = 7, 40
        self.within = 0
        """Drawn from it by the graph that is being captured."""


class Graph:
    def __init__(self) -> None:
        self.states: list[State] = []
        self.kernels: list[tuple[State, int, int]] = []

    def register(self, generator: "Generator") -> None:
        assert World.capturing is None
        self.states.append(generator.state)
        generator.state.within = 0

    def replay(self) -> list[Drawn]:
        drawn = [(s.seed, s.place + far, count) for s, far, count in self.kernels]
        for state in self.states:
            state.place += state.within
        return drawn


class Generator:
    """As torch.Generator of a GPU."""

    def __init__(self, at: object = None, state: State | None = None) -> None:
        self.state = state or State()

    def get_offset(self) -> int:
        assert World.capturing is None
        return self.state.place

    def set_offset(self, place: int) -> None:
        assert World.capturing is None
        self.state.place = place

    def initial_seed(self) -> int:
        assert World.capturing is None
        return self.state.seed

    def manual_seed(self, seed: int) -> None:
        assert World.capturing is None
        self.state.seed, self.state.place = seed, 0

    def graphsafe_get_state(self) -> "Generator":
        return Generator(state=self.state)

    def graphsafe_set_state(self, other: "Generator") -> None:
        self.state = other.state


class World:
    default: Generator
    capturing: Graph | None


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[CudaDraws]:
    World.default, World.capturing = Generator(), None
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(torch.cuda, "default_generators", (World.default,))
    found = draws_of(torch.device("cuda", 0))
    assert isinstance(found, CudaDraws)
    yield found


def kernel(count: int) -> Drawn:
    """An op that draws."""
    state = World.default.state
    if World.capturing is not None:
        assert state in World.capturing.states
        World.capturing.kernels.append((state, state.within, count))
        state.within += count
        return 0, 0, 0
    state.place += count
    return state.seed, state.place - count, count


def step(draws: Draws) -> list[Drawn]:
    """Ops 0, 1 and 4 once, op 2 three times, op 3 twice, one within the other's stretch."""
    draws.begin()
    found = [kernel(4), kernel(12)]
    draws.keep(0)
    found.append(kernel(8))
    draws.keep(1)
    found.append(kernel(16))
    for number, count in ((1, 16), (0, 8), (0, 8)):
        draws.rewind(number)
        found.append(kernel(count))
        draws.resume()
    return [*found, kernel(4)]


def due(place: int) -> list[Drawn]:
    """What the step draws where the generator stands at ``place``."""
    first = [(7, place, 4), (7, place + 4, 12), (7, place + 16, 8), (7, place + 24, 16)]
    return [*first, first[3], first[2], first[2], (7, place + 40, 4)]


def test_a_gpu_draws_the_same_numbers_again_and_then_goes_on(cuda: CudaDraws) -> None:
    assert step(cuda) == due(40)
    assert step(cuda) == due(84)
    assert World.default.state.place == 128


def captured(cuda: CudaDraws) -> tuple[Graph, Any]:
    graph = Graph()
    graph.register(World.default)
    before_replay = cuda.begin_capture(graph.register)
    World.capturing = graph
    step(cuda)
    World.capturing = None
    cuda.end_capture()
    return graph, before_replay


def test_replays_of_a_graph_differ_and_each_repetition_equals_its_first_run(cuda: CudaDraws) -> None:
    step(cuda)
    graph, before_replay = captured(cuda)
    assert World.default.state.place == 84
    for place in (84, 128, 172):
        before_replay()
        assert graph.replay() == due(place)
    World.default.manual_seed(7)
    assert step(cuda) == due(0)
    before_replay()
    assert graph.replay() == due(44)


def test_several_graphs_of_one_step_stand_side_by_side(cuda: CudaDraws) -> None:
    step(cuda)
    (one, before_one), (other, before_other) = captured(cuda), captured(cuda)
    # Both register the one generator, whose stand-in knows one capture at a time: equal here.
    assert one.kernels[0] == other.kernels[0]
    for place in (84, 128):
        graph, before = (one, before_one) if place == 84 else (other, before_other)
        before()
        assert graph.replay() == due(place)


def test_after_a_capture_that_failed_steps_draw_as_before_it(cuda: CudaDraws) -> None:
    step(cuda)
    graph = Graph()
    graph.register(World.default)
    cuda.begin_capture(graph.register)
    cuda.end_capture()
    assert step(cuda) == due(84)


def test_the_cpu_draws_the_same_numbers_again_and_then_goes_on() -> None:
    def drawn(draws: Draws | None) -> list[torch.Tensor]:
        torch.manual_seed(3)
        found = [torch.rand(3)]
        for _ in range(2):
            if draws:
                draws.begin()
                draws.keep(0)
            found.append(torch.rand(1000))
            if draws:
                draws.keep(1)
            # A normal number of which the second is kept for later.
            found.append(torch.randn(5))
            for number, size in ((1, 5), (0, 1000)) if draws else ():
                draws.rewind(number)
                again = torch.rand(size) if number == 0 else torch.randn(size)
                draws.resume()
                assert torch.equal(again, found[-2 + number])
        return [*found, torch.rand(3)]

    draws = draws_of(torch.device("cpu"))
    assert isinstance(draws, CpuDraws)
    once, again = drawn(None), drawn(draws)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
