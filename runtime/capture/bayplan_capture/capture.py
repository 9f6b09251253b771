"""Captures one step: builds the model, on fake tensors where that works, and traces it."""

import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from .build import EXPORTED, Model, build, describe_error, user_traceback
from .cuda_autocast import renamed_autocast
from .errors import CaptureError, NeedsRealTensorsError
from .program import step_json
from .provenance import Construction
from .target import Target, find_target
from .timing import time_ops
from .trace import Trace, trace

__all__ = ["CaptureError", "capture_step"]

_NO_DEVICE = "Build the model without naming a device: it is captured for CUDA all the same."


def capture_step(
    source: str,
    batch: int | None,
    optimizer: str | None,
    options: Mapping[str, Any] | None = None,
    target_name: str = "cpu",
    timed: bool = False,
) -> dict[str, Any]:
    """The content of a step file for ``source`` on the device ``target_name``; raises CaptureError.

    ``options``: a zoo model's. With ``timed`` the ops carry the time they take on that device.
    """
    start = time.monotonic()
    target = find_target(target_name)
    if timed and target.steered:
        raise CaptureError(
            f"Ops can be timed only on the device they are for, and {sys.executable} has no "
            f"{target.name} device. Capture the step without --time, or where there is one."
        )
    if source.endswith(EXPORTED):
        source = str(Path(source).expanduser().resolve())
    elif not source.startswith("zoo:"):
        file, colon, function = source.rpartition(":")
        source = f"{Path(file).expanduser().resolve()}{colon}{function}" if file else source
    with warnings.catch_warnings():
        # Copying a module of fake tensors (as nn.Transformer does) warns, and works.
        warnings.filterwarnings("ignore", message="Accessing the data pointer of FakeTensor")
        model, traced = _trace_source(source, batch, optimizer, options, target)
    training = traced.update is not None
    calls = traced.recorder.calls
    dtypes = [p.dtype for p in model.module.parameters() if p.is_floating_point()]
    origin = {
        "model": model.name,
        "source": source,
        "batch": model.batch,
        "optimizer": traced.update.name if traced.update else "",
        "training": training,
        "target": target.name,
        "dtype": str(dtypes[0] if dtypes else torch.get_default_dtype()).removeprefix("torch."),
        "torch": str(torch.__version__),
        "captured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(time.monotonic() - start, 3),
        "options": model.options.as_json(),
    }
    step = step_json(traced, origin, traced.recorder.provenance.sources)
    if timed:
        _say(f"Timing {len(step['ops']):,} ops")
        for op, seconds in zip(step["ops"], time_ops(step, target.device), strict=True):
            op["seconds"] = seconds
    _say(f"{len(step['ops']):,} ops of {len(calls):,} calls, {len(step['storages']):,} storages")
    return {"format": "bayplan-step", "version": 1, "step": step}


def _trace_source(
    source: str,
    batch: int | None,
    optimizer: str | None,
    options: Mapping[str, Any] | None,
    target: Target,
) -> tuple[Model, Trace]:
    """Build on fake tensors, which take no memory; again on real ones where that does not work."""
    try:
        return _build_and_trace(source, batch, optimizer, options, target, real=False)
    except CaptureError as error:
        if source.startswith("zoo:") or source.endswith(EXPORTED) or error.__cause__ is None:
            raise
    except NeedsRealTensorsError:
        pass
    _say("This does not work on fake tensors; building it again on real ones")
    return _build_and_trace(source, batch, optimizer, options, target, real=True)


def _build_and_trace(
    source: str,
    batch: int | None,
    optimizer: str | None,
    options: Mapping[str, Any] | None,
    target: Target,
    *,
    real: bool,
) -> tuple[Model, Trace]:
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    _say(f"Building {source}")
    construction = Construction()
    # With CUDA here, what is made without naming a device is made there.
    default = nullcontext() if target.device.type == "cpu" else target.device
    with (
        construction.following(),
        default,
        renamed_autocast() if target.steered else nullcontext(),
    ):
        try:
            mode = None if real else fake
            model = build(source, batch, optimizer, mode, 0, options, target.name)
        except CaptureError as error:
            if not target.steered or "CUDA" not in str(error):
                raise
            raise CaptureError(f"{error} {_NO_DEVICE}", error.details) from error.__cause__
    by = ", by rules" if target.steered else ""
    _say(f"Tracing {model.name}, batch {model.batch}, for {target.name}{by}")
    try:
        return model, trace(model, fake, construction, target)
    except (CaptureError, NeedsRealTensorsError):
        raise
    except Exception as error:
        raise CaptureError(
            f"The step of {model.name} failed while it was traced: {describe_error(error)}",
            user_traceback(error),
        ) from error


def _say(line: str) -> None:
    """A line for the log that the user watches."""
    print(line, flush=True)  # noqa: T201
