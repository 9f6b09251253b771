"""Builds the model that a source names: a zoo entry, or a function of the user's own.

A function of the user's own returns the model, one batch, the loss function and the optimizer; the
loss is then ``loss_fn(model(inputs), target)``::

    # train.py
    import torch
    from torch import nn

    def build(batch=32):
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        inputs = torch.rand(batch, 784)
        target = torch.randint(10, (batch,))
        return model, (inputs, target), nn.CrossEntropyLoss(), optimizer

    # bayplan capture train.py:build --batch 64 -o mlp.step

``inputs`` may be a tensor, a tuple (``model(*inputs)``) or a dict (``model(**inputs)``); with
``return model, inputs`` the step is an inference step, as is that of ``FILE.pt2``, which
``torch.export.save`` wrote. A parameter called ``batch`` gets the value
of ``--batch``.

A fifth element, a dict of options, says what else the training step does::

    options = {
        "autocast": torch.bfloat16,               # or torch.float16: model and loss under autocast
        "scaler": torch.amp.GradScaler("cuda"),   # loss scaling; True: one with torch's own numbers
        "clip_grad_norm": 1.0,                    # or "clip_grad_value": 0.5
        "micro_batches": 4,                       # gradients of 4 parts of the batch are added up
        "distributed": True,                      # gradients are averaged over the ranks
    }
    return model, (inputs, target), nn.CrossEntropyLoss(), optimizer, options

With all of them the captured step is, bit for bit (without an option, its lines go)::

    model.zero_grad()
    for x, y in zip(inputs.chunk(4), target.chunk(4)):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = loss_fn(model(x), y)
        loss = loss / 4
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)                        # skipped where a gradient is not finite
    scaler.update()

With ``distributed`` the model in this code is ``DistributedDataParallel(model)`` with its defaults, and
all but the last micro-batch are under ``no_sync()``.

``bayplan_capture.eager`` is this code, run by ``bayplan verify``. Learning rates are read anew in each
step; an optimizer made with ``fused=True`` and ``lr=torch.tensor(1e-3)`` on the model's device keeps
them there, so that no number comes from Python (which a CUDA graph needs).
"""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from .errors import CaptureError
from .options import NONE, Options, read_options

EXPECTED = (
    "`model, (inputs, target), loss_fn, optimizer`, followed by a dict of options where there are any, "
    "or, for inference, `model, inputs`"
)
OPTIMIZERS = ("sgd", "adam", "adamw")
EXPORTED = ".pt2"
"""What the name of a torch.export program ends with."""
DEFAULT_BATCH = 32
"""Of zoo models, where none is given."""


@dataclass(frozen=True)
class Model:
    """A model with one batch; without a loss function and an optimizer it is only to be run."""

    module: nn.Module
    inputs: Any
    target: Any
    loss_fn: Callable[..., Any] | None
    optimizer: torch.optim.Optimizer | None
    name: str
    batch: int
    options: Options = NONE


def build_model(
    source: str, batch: int | None, optimizer: str | None, *, fake: bool, seed: int = 0
) -> tuple[nn.Module, Any, Any, Callable[..., Any] | None, torch.optim.Optimizer | None]:
    """The model, inputs, target, loss function and optimizer of ``source``, in the captured state.

    ``source`` is ``zoo:NAME`` or ``FILE.py:FUNCTION``; ``optimizer`` is the name of a zoo model's
    (None: sgd, empty: an inference step). With ``fake`` the tensors have no memory, otherwise they
    are real, drawn from ``seed``; a capture uses seed 0, which matters to a program only where the
    model holds random tensors that are neither parameters nor buffers. Target, loss function and
    optimizer are None for an inference step.
    Raises CaptureError.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True) if fake else None
    model = build(source, batch, optimizer, mode, seed)
    return model.module, model.inputs, model.target, model.loss_fn, model.optimizer


def build(
    source: str,
    batch: int | None,
    optimizer: str | None,
    mode: FakeTensorMode | None,
    seed: int,
    options: Mapping[str, Any] | None = None,
    target: str = "cpu",
) -> Model:
    """As ``build_model``, in a given fake mode or, where that is None, with real tensors.

    ``options`` are a zoo model's, as a build function would return them. ``target`` is where the step
    is to run, which need not be there.
    """
    if batch is not None and batch < 1:
        raise CaptureError(f"The batch size is {batch}; it must be at least 1.")
    torch.manual_seed(seed)
    kind, _, rest = source.partition(":")
    if kind == "zoo":
        return _build_zoo(rest, batch, optimizer, mode, options or {})
    if options:
        raise CaptureError(
            f"The options {', '.join(options)} can be chosen for zoo models only. Return them from "
            "your function as its fifth element."
        )
    if source.endswith(EXPORTED):
        return _build_exported(Path(source).expanduser().resolve(), batch, optimizer, mode)
    return _build_user(source, batch, optimizer, mode, target)


@contextmanager
def _building(mode: FakeTensorMode | None) -> Iterator[None]:
    """Make tensors in ``mode``, without drawing weights in ways that need their content."""
    if mode is None:
        yield
        return
    with mode, patch.object(nn.init, "_no_grad_trunc_normal_", lambda tensor, *rest, **more: tensor):
        yield


def call_model(module: nn.Module, inputs: Any) -> Any:
    """The model's result for a tensor, a tuple or list, or a dict of inputs."""
    if isinstance(inputs, Mapping):
        return module(**inputs)
    if isinstance(inputs, tuple | list):
        return module(*inputs)
    return module(inputs)


def _build_zoo(
    name: str,
    batch: int | None,
    optimizer: str | None,
    mode: FakeTensorMode | None,
    options: Mapping[str, Any],
) -> Model:
    from .zoo import zoo_model

    if optimizer is None:
        optimizer = "sgd"
    if optimizer not in (*OPTIMIZERS, ""):
        raise CaptureError(f"The optimizer is {optimizer!r}; supported are {', '.join(OPTIMIZERS)}.")
    size = batch or DEFAULT_BATCH
    with _building(mode):
        module, inputs, target, loss_fn = zoo_model(name, size)
        if not optimizer:
            if options:
                raise CaptureError(f"An inference step has no {', '.join(options)}.")
            return Model(module.eval(), inputs, None, None, None, name, size)
        parameters = module.parameters()
        made: torch.optim.Optimizer
        if optimizer == "sgd":
            made = torch.optim.SGD(parameters, lr=0.01)
        elif optimizer == "adam":
            made = torch.optim.Adam(parameters, lr=1e-3)
        else:
            made = torch.optim.AdamW(parameters, lr=1e-3)
    chosen = read_options(options, name, "cpu")
    return Model(module.train(), inputs, target, loss_fn, made, name, size, chosen)


def _build_exported(
    path: Path, batch: int | None, optimizer: str | None, mode: FakeTensorMode | None
) -> Model:
    from .exported import build_exported

    if not path.is_file():
        raise CaptureError(f"There is no file {path}.")
    if optimizer:
        raise CaptureError(f"{path.name} is an exported program: it can be run, not trained.")
    with _building(mode):
        module, inputs = build_exported(path)
    size = max(first_size(inputs), 1)
    if batch is not None and batch != size:
        raise CaptureError(
            f"{path.name} was exported with the batch size {size}; export it again for {batch}."
        )
    return Model(module, inputs, None, None, None, path.stem, size)


def _build_user(
    source: str, batch: int | None, optimizer: str | None, mode: FakeTensorMode | None, target: str
) -> Model:
    file, _, name = source.rpartition(":")
    if not file or not name or not file.endswith(".py"):
        raise CaptureError(
            f"{source!r} is not a source; use zoo:NAME, FILE.py:FUNCTION for your own model, or "
            "FILE.pt2 for an exported program."
        )
    path = Path(file).expanduser().resolve()
    with _building(mode):
        function = _function(_load(path), path, name)
        arguments, size = _arguments(function, path.name, name, batch)
        try:
            returned = function(**arguments)
        except CaptureError:
            raise
        except Exception as error:
            raise CaptureError(
                f"{name} in {path.name} failed: {describe_error(error)}", user_traceback(error)
            ) from error
    what = f"{name} in {path.name}"
    module, inputs, labels, loss_fn, made, given = _unpack(returned, what)
    options = read_options(given, what, target)
    if made is None:
        module.eval()
    _check_optimizer(made, optimizer, what)
    found = first_size(inputs)
    if found == 0:
        raise CaptureError(f"{name} in {path.name} returns an empty batch; give it at least 1 sample.")
    if size is None:
        size = found
        if batch is not None and size != batch:
            raise CaptureError(
                f"{name} in {path.name} has no parameter called batch, so that the batch size "
                f"{batch} cannot be passed to it; its inputs have {size}."
            )
    return Model(module, inputs, labels, loss_fn, made, type(module).__name__, size, options)


def _load(path: Path) -> ModuleType:
    """Import the user's file as Python would run it: with its folder first on the path."""
    if not path.is_file():
        raise CaptureError(f"There is no file {path}.")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # Its own name where that is free, so that its classes are what other modules import.
    other = sys.modules.get(path.stem)
    taken = other is not None and getattr(other, "__file__", None) != str(path)
    name = f"bayplan_user_{path.stem}" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CaptureError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise CaptureError(
            f"{path.name} cannot be imported: {describe_error(error)}", user_traceback(error)
        ) from error
    return module


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    if function is not None:
        raise CaptureError(f"{name} in {path.name} is a {type(function).__name__}, not a function.")
    own = [
        key
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    hint = f"; it has {', '.join(sorted(own))}" if own else ""
    raise CaptureError(f"{path.name} has no function {name}{hint}.")


def _arguments(
    function: Callable[..., Any], file: str, name: str, batch: int | None
) -> tuple[dict[str, int], int | None]:
    """What to call the user's function with, and the batch size where it says so."""
    parameters = inspect.signature(function).parameters
    required = [
        key
        for key, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and key != "batch"
    ]
    if required:
        raise CaptureError(
            f"{name} in {file} needs the arguments {', '.join(required)}; only a parameter called "
            "batch can be passed. Give the others defaults."
        )
    if "batch" not in parameters:
        return {}, None
    if batch is not None:
        return {"batch": batch}, batch
    default = parameters["batch"].default
    if default is parameters["batch"].empty:
        raise CaptureError(f"{name} in {file} needs a batch size; pass one with --batch.")
    return {}, default if type(default) is int else None


def _unpack(
    returned: Any, what: str
) -> tuple[nn.Module, Any, Any, Callable[..., Any] | None, torch.optim.Optimizer | None, Any]:
    def wrong(found: str) -> CaptureError:
        return CaptureError(f"{what} returned {found}; it must return {EXPECTED}.")

    if not isinstance(returned, tuple | list) or len(returned) not in (2, 4, 5):
        raise wrong(_describe(returned))
    module = returned[0]
    if not isinstance(module, nn.Module):
        raise wrong(f"{_describe(module)} in the first place, where the model must be")
    if len(returned) == 2:
        return module, _checked_inputs(returned[1], what), None, None, None, {}
    data, loss_fn, optimizer = returned[1:4]
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise wrong(f"{_describe(data)} in the second place, where (inputs, target) must be")
    if not callable(loss_fn):
        raise wrong(f"{_describe(loss_fn)} in the third place, where the loss function must be")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise wrong(f"{_describe(optimizer)} in the fourth place, where the optimizer must be")
    options = returned[4] if len(returned) == 5 else {}
    return module, _checked_inputs(data[0], what), data[1], loss_fn, optimizer, options


def _checked_inputs(inputs: Any, what: str) -> Any:
    if isinstance(inputs, Tensor | tuple | list | Mapping) and first_size(inputs) >= 0:
        return inputs
    raise CaptureError(
        f"{what} returned the inputs {_describe(inputs)}; they must be a tensor, or a tuple or a "
        "dict with tensors."
    )


def _check_optimizer(made: torch.optim.Optimizer | None, wanted: str | None, what: str) -> None:
    found = type(made).__name__.lower() if made is not None else ""
    if wanted is not None and wanted != found:
        has = f"its own optimizer, {type(made).__name__}" if made is not None else "no optimizer"
        raise CaptureError(
            f"{what} returns {has}; the optimizer {wanted!r} can be chosen for zoo models only."
        )


def first_size(inputs: Any) -> int:
    """The first dimension of the first tensor in ``inputs`` (1 for a number), -1 without tensors."""
    if isinstance(inputs, Tensor):
        return int(inputs.shape[0]) if inputs.dim() else 1
    items = inputs.values() if isinstance(inputs, Mapping) else inputs
    if isinstance(items, tuple | list) or isinstance(inputs, Mapping):
        return next((size for size in map(first_size, items) if size >= 0), -1)
    return -1


def _describe(value: Any) -> str:
    if isinstance(value, tuple | list):
        inside = ", ".join(_type_name(item) for item in value)
        return f"a {type(value).__name__} of {len(value)} ({inside})"
    return "None" if value is None else f"a {_type_name(value)}"


def _type_name(value: Any) -> str:
    # A fake tensor is a tensor to the user.
    return "Tensor" if isinstance(value, Tensor) else type(value).__name__


def describe_error(error: BaseException) -> str:
    """An exception in one line: ``ValueError: too large``."""
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def user_traceback(error: BaseException) -> str:
    """The traceback from the user's first frame on, without this package's own."""
    here = str(Path(__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    internal = (here, "<frozen importlib")
    while frames and frames[0].filename.startswith(internal):
        frames.pop(0)
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    return "".join([*(lines if frames else []), *traceback.format_exception_only(error)])
