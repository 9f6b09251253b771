"""Times every op of a captured step on its device: the program is run once, op by op.

Each op runs several times on the tensors that the program gives it at that point, and the median
counts. Tensors from outside hold random numbers of the recorded shapes; whole numbers are zero, or an
index that the op can look up.
"""

import base64
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .errors import CaptureError

Json: TypeAlias = Any

_REPETITIONS = (3, 25)
"""At least and at most how often an op is run after the first time, which does not count."""
_SECONDS = 0.02
"""After this long an op is not run again, once it was run often enough."""
_QUEUED_CYCLES = 2_000_000
"""About a millisecond in which the device waits while the calls to be timed are queued: otherwise the
time of short kernels would be that of their launch."""
_SCALAR = 0.5
_INDEXED = {"aten.embedding.default": (1, 0, 0), "aten.nll_loss_forward.default": (1, 0, 1)}
"""Ops that look up numbers: which argument holds indices, and into which argument's dimension."""


def time_ops(step: Json, device: torch.device) -> list[float]:
    """Seconds of each of the step's ops on ``device``. Raises CaptureError where it does not fit."""
    try:
        with torch.enable_grad():  # Some kernels make what their backward needs only then.
            return _Run(step["program"], device).seconds()
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise CaptureError(
            "The ops cannot be timed: the step, run as it is, does not fit into the memory of "
            f"{_name(device)} ({str(error).splitlines()[0][:200]}). Choose a smaller batch, or capture "
            "it without --time."
        ) from None


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "this computer"


class _Run:
    """The values of a program while it runs; each is dropped after its last use."""

    def __init__(self, program: Json, device: torch.device) -> None:
        self._program, self._device = program, device
        self._uses = Counter(
            value for each in program["instructions"] for value in set(_references(each))
        )
        self._limits = _index_limits(program)
        self._values: dict[int, Tensor] = {}
        self._generator = torch.Generator(device).manual_seed(0)
        for placeholder in program["placeholders"]:
            self._values[placeholder["value"]] = self._made(**placeholder)
        for constant in program["constants"]:
            self._values[constant["value"]] = self._constant(**constant)

    def seconds(self) -> list[float]:
        """Run all instructions; the time of each op."""
        result = []
        for instruction in self._program["instructions"]:
            namespace, name, overload = instruction["target"].split(".")
            function = getattr(getattr(getattr(torch.ops, namespace), name), overload)
            args = [self._decoded(each) for each in instruction["args"]]
            kwargs = {key: self._decoded(each) for key, each in instruction["kwargs"].items()}
            # What a collective takes depends on the other ranks, which are not here.
            alone = namespace == "_c10d_functional"
            made = args[0] if alone else function(*args, **kwargs)
            if alone:
                result.append(0.0)
            elif instruction["op"] >= 0:
                result.append(_median(partial(function, *args, **kwargs), self._device))
            results = made if instruction["tuple_result"] else (made,)
            for output, tensor in zip(instruction["outputs"], results, strict=True):
                if output is not None and self._uses[output]:
                    self._values[output] = tensor
            del args, kwargs, made, results
            for value in set(_references(instruction)):
                self._uses[value] -= 1
                if not self._uses[value]:
                    del self._values[value]
        return result

    def _made(self, value: int, role: str, key: str) -> Tensor:
        about = self._program["values"][value]
        dtype = getattr(torch, about["dtype"])
        tensor = torch.empty_strided(about["shape"], about["stride"], dtype=dtype, device=self._device)
        if dtype.is_floating_point or dtype.is_complex:
            tensor.uniform_(generator=self._generator)
            return tensor.sub_(0.5).mul_(0.1) if role == "parameter" else tensor
        if dtype == torch.bool:
            return tensor.fill_(True)
        limit = self._limits.get(about["storage"], 1)
        return tensor.random_(0, max(limit, 1), generator=self._generator)

    def _constant(self, value: int, data: str) -> Tensor:
        about = self._program["values"][value]
        dtype = getattr(torch, about["dtype"])
        tensor = torch.empty_strided(about["shape"], about["stride"], dtype=dtype, device=self._device)
        raw = bytearray(base64.b64decode(data))
        if not raw:
            return tensor
        return tensor.copy_(torch.frombuffer(raw, dtype=dtype).reshape(about["shape"]))

    def _decoded(self, item: Json) -> Any:
        if isinstance(item, list):
            return [self._decoded(each) for each in item]
        if not isinstance(item, dict):
            return item
        ((kind, content),) = item.items()
        if kind == "value":
            return self._values[content]
        if kind == "scalar":
            return _SCALAR
        if kind == "device":
            return torch.device(content)
        return float(content) if kind == "float" else getattr(torch, content)


def _median(call: Callable[[], object], device: torch.device) -> float:
    least, most = _REPETITIONS
    if device.type == "cuda":
        return _median_on_cuda(call, most)
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < least or (len(times) < most and time.perf_counter() - begin < _SECONDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _median_on_cuda(call: Callable[[], object], count: int) -> float:
    cuda: Any = torch.cuda
    events = [[cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(count)]
    cuda._sleep(_QUEUED_CYCLES)
    for start, end in events:
        start.record()
        call()
        end.record()
    cuda.synchronize()
    return statistics.median(float(start.elapsed_time(end)) for start, end in events) / 1e3


def _index_limits(program: Json) -> dict[int, int]:
    """By storage of whole numbers how many there are of what they look up."""
    values = program["values"]
    limits: dict[int, int] = {}
    for instruction in program["instructions"]:
        if instruction["target"] not in _INDEXED:
            continue
        index, looked_up, dimension = _INDEXED[instruction["target"]]
        shape = values[instruction["args"][looked_up]["value"]]["shape"]
        storage = values[instruction["args"][index]["value"]]["storage"]
        if dimension < len(shape):
            limits[storage] = min(limits.get(storage, shape[dimension]), shape[dimension])
    return limits


def _references(item: Json) -> Iterator[int]:
    """Values among an instruction's arguments."""
    pending = [item["args"], list(item["kwargs"].values())]
    while pending:
        each = pending.pop()
        if isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, dict) and "value" in each:
            yield each["value"]
