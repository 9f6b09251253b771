"""Refuses steps whose random numbers a replay of the program would not draw the same way.

Numbers from Python's or numpy's generators would be frozen into the program. Numbers that torch
draws a second time, after its generator was set back (activation checkpointing does that to repeat
dropout), would be new ones in the program, which only ever draws on.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from .errors import CaptureError
from .provenance import Provenance
from .recorder import Recorder

_NOT_DRAWING = frozenset(("seed", "getstate", "setstate", "get_state", "set_state"))


@contextmanager
def refuse_other_randomness(recorder: Recorder) -> Iterator[None]:
    """Raise CaptureError when the block draws random numbers that a replay could not draw."""
    provenance = recorder.provenance
    numpy = sys.modules.get("numpy")
    before = _states(numpy)
    with ExitStack() as stack:
        for module in filter(None, (random, getattr(numpy, "random", None))):
            for name in module.__all__:
                function = getattr(module, name)
                if not isinstance(function, type) and name not in _NOT_DRAWING:
                    refusal = _refusal(function, f"{module.__name__}.{name}", provenance)
                    stack.enter_context(patch.object(module, name, refusal))
        _follow_generator(recorder, stack)
        yield
    # Functions that the model imported by name are not patched, but their generator has moved on.
    for name, state in _states(numpy).items():
        if state != before[name]:
            raise CaptureError(_message(f"a generator of {name}", ""))


def _follow_generator(recorder: Recorder, stack: ExitStack) -> None:
    """Keep ``recorder.draws`` at what torch's generator has drawn, as the model sets it back."""
    states: list[tuple[Tensor, int]] = []
    get_state, set_state = torch.get_rng_state, torch.set_rng_state

    def get_rng_state() -> Tensor:
        state = get_state()
        # Fake random ops draw nothing, so that all states look the same; their identity tells.
        states.append((state, recorder.draws))
        return state

    def set_rng_state(state: Tensor) -> None:
        recorder.draws = next((draws for known, draws in states if known is state), -1)
        set_state(state)

    def manual_seed(seed: int) -> torch.Generator:
        recorder.draws = -1
        return torch.default_generator

    for module in (torch, torch.random):
        for function in (get_rng_state, set_rng_state, manual_seed):
            stack.enter_context(patch.object(module, function.__name__, function))
    if recorder.target.device.type != "cuda":
        return
    get_cuda_state, set_cuda_state = torch.cuda.get_rng_state, torch.cuda.set_rng_state

    def get_rng_state_of(device: Any = "cuda") -> Tensor:
        state = get_cuda_state(device)
        states.append((state, recorder.draws))
        return state

    def set_rng_state_of(state: Tensor, device: Any = "cuda") -> None:
        recorder.draws = next((draws for known, draws in states if known is state), -1)
        set_cuda_state(state, device)

    for module in (torch.cuda, torch.cuda.random):
        stack.enter_context(patch.object(module, "get_rng_state", get_rng_state_of))
        stack.enter_context(patch.object(module, "set_rng_state", set_rng_state_of))


def _states(numpy: Any) -> dict[str, object]:
    states: dict[str, object] = {"Python's random module": random.getstate()}
    if numpy is not None:
        kind, keys, *rest = numpy.random.get_state()
        states["numpy.random"] = (kind, keys.tobytes(), *rest)
    return states


def _refusal(function: Callable[..., Any], name: str, provenance: Provenance) -> Callable[..., Any]:
    @wraps(function)
    def refuse(*args: object, **kwargs: object) -> Any:
        line = provenance.line()
        if not line:
            # Drawn by a library on its own account, such as a name for a temporary file.
            return function(*args, **kwargs)
        raise CaptureError(_message(f"{name}()", line))

    return refuse


def _message(what: str, line: str) -> str:
    where = f" (at {line})" if line else ""
    return (
        f"The step draws random numbers outside torch, from {what}{where}, so that it differs each "
        "time it runs. Draw them with torch (such as torch.rand), or before the step."
    )
