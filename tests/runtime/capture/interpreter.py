"""Runs a captured program with real tensors, one eager ATen call after the other."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from runtime.replay.own_ops import OWN_OPS
from solver.step import Json, Program, Step, Value


def scalar(kind: str, group: dict[str, Any], step: int) -> float:
    """The table in ``bayplan_capture.optimizers``, once more."""
    beta1, beta2 = group.get("betas", (0.0, 0.0))
    formulas: dict[str, Callable[[], float]] = {
        "sgd.weight_decay": lambda: group["weight_decay"],
        "sgd.momentum": lambda: group["momentum"],
        "sgd.one_minus_dampening": lambda: 1 - group["dampening"],
        "sgd.negative_lr": lambda: -group["lr"],
        "adam.weight_decay": lambda: group["weight_decay"],
        "adam.decay": lambda: 1 - group["lr"] * group["weight_decay"],
        "adam.one_minus_beta1": lambda: 1 - beta1,
        "adam.beta2": lambda: beta2,
        "adam.one_minus_beta2": lambda: 1 - beta2,
        "adam.bias_correction2_sqrt": lambda: (1 - beta2**step) ** 0.5,
        "adam.eps": lambda: group["eps"],
        "adam.negative_step_size": lambda: -(group["lr"] / (1 - beta1**step)),
    }
    return formulas[kind]()


def part(data: Any, key: str) -> Any:
    """What lies at a placeholder's path in the inputs or the target."""
    for name in key.split(".") if key else ():
        data = data[int(name)] if isinstance(data, tuple | list) else data[name]
    return data


@dataclass
class Interpreter:
    """A captured step with a model's parameters and buffers, and optimizer states of its own."""

    step: Step
    module: nn.Module
    groups: list[dict[str, Any]]
    count: int = 0
    substitutes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """What to call in place of ops, by target, where the step is for a device that is not here."""

    def __post_init__(self) -> None:
        self.states: dict[str, Tensor] = {}
        parameters = dict(self.module.named_parameters())
        for placeholder in self.program.placeholders:
            if placeholder.role == "optimizer":
                name, _, state = placeholder.key.rpartition("/")
                start = -0.0 if state == "momentum_buffer" else 0.0
                self.states[placeholder.key] = torch.full_like(parameters[name].detach(), start)

    @property
    def program(self) -> Program:
        assert self.step.program is not None
        return self.step.program

    @torch.enable_grad()
    def run(self, inputs: Any, target: Any = None) -> list[Tensor]:
        """One step; the program's outputs.

        Nothing requires a gradient, yet gradients are enabled: some kernels (that of recurrent
        layers) make what their backward needs only then.
        """
        self.count += 1
        program = self.program
        scalars = [scalar(s.kind, self.groups[s.group], self.count) for s in program.scalars]
        values: dict[int, Tensor] = {}
        sources: dict[str, Callable[[str], Tensor]] = {
            "parameter": lambda key: self.module.get_parameter(key).detach(),
            "buffer": lambda key: self.module.get_buffer(key),
            "optimizer": lambda key: self.states[key],
            "input": lambda key: part(inputs, key),
            "target": lambda key: part(target, key),
        }
        for placeholder in program.placeholders:
            values[placeholder.value] = sources[placeholder.role](placeholder.key)
        for constant in program.constants:
            about = program.values[constant.value]
            data = bytearray(base64.b64decode(constant.data))
            flat = torch.frombuffer(data, dtype=getattr(torch, about.dtype))
            strided = torch.empty_strided(about.shape, about.stride, dtype=flat.dtype)
            values[constant.value] = strided.copy_(flat.reshape(about.shape))
        for instruction in program.instructions:
            function = self.substitutes.get(instruction.target) or operator(instruction.target)
            args = [decode(each, values, scalars) for each in instruction.args]
            kwargs = {key: decode(each, values, scalars) for key, each in instruction.kwargs.items()}
            result = function(*args, **kwargs)
            results = result if instruction.tuple_result else (result,)
            for index, tensor in zip(instruction.outputs, results, strict=True):
                if index is not None:
                    about = program.values[index]
                    assert tuple(tensor.shape) == about.shape, (instruction.target, index)
                    assert strides(tensor) == strides(about), (instruction.target, about)
                    assert tensor.storage_offset() == about.offset
                    assert str(tensor.dtype) == f"torch.{about.dtype}"
                    if instruction.target.startswith("bayplan."):
                        size = self.step.storages[about.storage].size
                        assert tensor.untyped_storage().nbytes() == size, instruction.target
                    values[index] = tensor
        return [values[index].clone() for index in program.outputs]


def operator(target: str) -> Callable[..., Any]:
    """The op of ATen or of our own that is called so."""
    namespace, name, overload = target.split(".")
    if namespace == "bayplan":
        return OWN_OPS[name]
    found: Callable[..., Any] = getattr(getattr(getattr(torch.ops, namespace), name), overload)
    return found


def strides(tensor: Tensor | Value) -> tuple[int, ...]:
    """Those that decide where elements lie: a dimension of size 1 may have any."""
    stride = tensor.stride if isinstance(tensor, Value) else tensor.stride()
    if 0 in tensor.shape:
        return ()
    return tuple(step for size, step in zip(tensor.shape, stride, strict=True) if size != 1)


def decode(item: Json, values: dict[int, Tensor], scalars: list[float]) -> Any:
    """An argument of an instruction."""
    if isinstance(item, list):
        return [decode(each, values, scalars) for each in item]
    if not isinstance(item, dict):
        return item
    ((kind, content),) = item.items()
    match kind:
        case "value":
            return values[content]
        case "scalar":
            return scalars[content]
        case "device":
            return torch.device("cpu")
        case "float":
            return float(content)
        case _:
            return getattr(torch, content)
