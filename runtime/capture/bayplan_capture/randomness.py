"""Refuses steps that draw random numbers outside torch: they would be frozen into the program."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

from .errors import CaptureError
from .provenance import Provenance

_NOT_DRAWING = frozenset(("seed", "getstate", "setstate", "get_state", "set_state"))


@contextmanager
def refuse_other_randomness(provenance: Provenance) -> Iterator[None]:
    """Raise CaptureError when the block draws from Python's or numpy's generators."""
    numpy = sys.modules.get("numpy")
    before = _states(numpy)
    with ExitStack() as stack:
        for module in filter(None, (random, getattr(numpy, "random", None))):
            for name in module.__all__:
                function = getattr(module, name)
                if not isinstance(function, type) and name not in _NOT_DRAWING:
                    refusal = _refusal(function, f"{module.__name__}.{name}", provenance)
                    stack.enter_context(patch.object(module, name, refusal))
        yield
    # Functions that the model imported by name are not patched, but their generator has moved on.
    for name, state in _states(numpy).items():
        if state != before[name]:
            raise CaptureError(_message(f"a generator of {name}", ""))


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
