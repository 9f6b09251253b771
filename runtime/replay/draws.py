"""Random numbers that are drawn twice: an op that runs again draws what its first run drew.

::

    keep(0)            where the generator stands, right before the first run
    dropout ...
    ...
    rewind(0)          there again
    dropout ...
    resume()           where it stood before: the repetition draws nothing from anybody

A CUDA graph fixes for each of its kernels how far from the generator's place at the replay it draws.
So a repetition that is captured draws from a generator of its own, which is set before each replay to
the place of the first run: that is as far from the step's beginning as it was in the steps before.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Draws(ABC):
    """The generator that the ops of a step draw from. Each ``keep`` has a number of its own."""

    @abstractmethod
    def begin(self) -> None:
        """A step begins."""

    @abstractmethod
    def keep(self, number: int) -> None:
        """The next op is going to run again."""

    @abstractmethod
    def rewind(self, number: int) -> None:
        """The next op draws what was drawn after ``keep(number)``."""

    @abstractmethod
    def resume(self) -> None:
        """That was all."""


class CpuDraws(Draws):
    """The generator of the CPU.

    Its states are tensors, which PyTorch makes. All of a step's live until the next one: what outlives
    a step is not the arena's.
    """

    def __init__(self) -> None:
        self._kept: dict[int, Tensor] = {}
        self._left: list[Tensor] = []

    def begin(self) -> None:
        self._left.clear()

    def keep(self, number: int) -> None:
        self._kept[number] = torch.default_generator.get_state()

    def rewind(self, number: int) -> None:
        self._left.append(torch.default_generator.get_state())
        torch.default_generator.set_state(self._kept[number])

    def resume(self) -> None:
        torch.default_generator.set_state(self._left[-1])


class CudaDraws(Draws):
    """The generator of one GPU: Philox, whose place is a number."""

    def __init__(self, at: torch.device) -> None:
        self._at = at
        self._start = 0
        """The place at the beginning of the step."""
        self._kept: dict[int, int] = {}
        """By number, how far from there."""
        self._rewound: list[int] = []
        """The numbers of the step's repetitions, in order."""
        self._left = 0
        self._own: list[torch.Generator] = []
        """Of each repetition in a step that is being captured, in order."""
        self._shared: torch.Generator | None = None
        """While such a step is captured, what all other ops draw from."""

    @property
    def _generator(self) -> torch.Generator:
        return torch.cuda.default_generators[self._at.index]

    @property
    def repeats(self) -> bool:
        """Whether any step has drawn again."""
        return bool(self._rewound)

    def begin(self) -> None:
        if self._shared is None:
            self._rewound.clear()
            self._start = self._generator.get_offset()

    def keep(self, number: int) -> None:
        if self._shared is None:
            self._kept[number] = self._generator.get_offset() - self._start

    def rewind(self, number: int) -> None:
        if self._shared is not None:
            self._generator.graphsafe_set_state(self._own.pop(0))
            return
        self._left = self._generator.get_offset()
        self._rewound.append(number)
        self._generator.set_offset(self._start + self._kept[number])

    def resume(self) -> None:
        if self._shared is not None:
            self._generator.graphsafe_set_state(self._shared)
        else:
            self._generator.set_offset(self._left)

    def begin_capture(self, register: Callable[[Any], object]) -> Callable[[], None]:
        """Between here and ``end_capture`` a step is captured by the graph that ``register`` is of.

        What is returned is to be called before each replay.
        """
        far = [self._kept[number] for number in self._rewound]
        own = [torch.Generator(self._at) for _ in far]
        for generator in own:
            register(generator)
        self._own, self._shared = list(own), self._generator.graphsafe_get_state()

        def before_replay() -> None:
            seed, place = self._generator.initial_seed(), self._generator.get_offset()
            for generator, distance in zip(own, far, strict=True):
                generator.manual_seed(seed)
                generator.set_offset(place + distance)

        return before_replay

    def end_capture(self) -> None:
        """The step was captured, or that failed."""
        self._own, self._shared = [], None


def draws_of(at: torch.device) -> Draws:
    """What the ops on that device draw from."""
    return CudaDraws(at) if at.type == "cuda" else CpuDraws()
