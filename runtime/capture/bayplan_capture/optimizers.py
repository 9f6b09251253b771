"""The update of SGD, Adam and AdamW, op by op as ``torch.optim`` runs it on single tensors.

The update is not traced, because its numbers change from step to step: it is written out here with
*scalars*, which whoever replays the step computes anew before each step. A replay is bitwise equal
to ``torch.optim`` (``foreach=False``; ``fused=True`` is ``bayplan_capture.fused``'s) only if it
computes them in exactly these expressions, where ``group`` is the ``torch.optim`` parameter group
(``lr`` may be a tensor; the result then becomes a float) and ``step`` is the group's step count as a
Python number, 1 in the first step::

    sgd.weight_decay            group["weight_decay"]
    sgd.momentum                group["momentum"]
    sgd.one_minus_dampening     1 - group["dampening"]
    sgd.negative_lr             -group["lr"]

    adam.weight_decay           group["weight_decay"]                          (Adam)
    adam.decay                  1 - group["lr"] * group["weight_decay"]        (AdamW)
    adam.one_minus_beta1        1 - group["betas"][0]
    adam.beta2                  group["betas"][1]
    adam.one_minus_beta2        1 - group["betas"][1]
    adam.bias_correction2_sqrt  (1 - group["betas"][1] ** step) ** 0.5
    adam.eps                    group["eps"]
    adam.negative_step_size     -(group["lr"] / (1 - group["betas"][0] ** step))

The update of one parameter ``p`` with gradient ``g``::

    all     g = g.neg()                                         only if maximize
    SGD     g = g.add(p, alpha=weight_decay)                    only if weight_decay != 0
            buf.mul_(momentum); buf.add_(g, alpha=one_minus_dampening)    only if momentum != 0
            g = buf, with nesterov g = g.add(buf, alpha=momentum)         only if momentum != 0
            p.add_(g, alpha=negative_lr)
    Adam    g = g.add(p, alpha=weight_decay)                    only if weight_decay != 0
    AdamW   p.mul_(decay)                                       only if weight_decay != 0
    both    exp_avg.lerp_(g, one_minus_beta1)
            exp_avg_sq.mul_(beta2); exp_avg_sq.addcmul_(g, g, value=one_minus_beta2)
            top = exp_avg_sq, with amsgrad max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
            denominator = top.sqrt().div(bias_correction2_sqrt); denominator.add_(eps)
            p.addcdiv_(exp_avg, denominator, value=negative_step_size)

What a replay has to know beyond that:

- Which lines are there is decided when the step is captured: whether ``weight_decay`` and
  ``momentum`` are zero, ``nesterov``, ``maximize`` and ``amsgrad`` must still be as in
  ``ParameterGroup.hyperparameters``; all other hyperparameters may change at any time (a learning
  rate schedule).
- Optimizer states are placeholders of the role ``optimizer`` with the keys
  ``NAME/momentum_buffer``, ``NAME/exp_avg``, ``NAME/exp_avg_sq`` and ``NAME/max_exp_avg_sq``, for
  those parameters only that get a gradient. Each has its parameter's shape, strides and dtype.
- A momentum buffer that does not exist yet starts at **-0.0**, not 0.0: torch's first step makes it
  a copy of the gradient, and ``-0.0 * momentum + g`` is ``g`` bit for bit, also where g is ±0.0.
  All others start at 0.0.
- Adam's ``step`` is a float32 scalar per parameter on the CPU. It is not in the program: the replay
  adds 1 before it computes the scalars. All parameters of a group must have the same count.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import _disable_current_modes

from .errors import CaptureError, NeedsRealTensorsError

SUPPORTED = "torch.optim.SGD, Adam and AdamW"


@dataclass(frozen=True)
class ScalarReference:
    """Stands in an op's arguments for a number that is computed before each step.

    ``kind`` and ``group`` as in the table above; ``value`` is the number of the first step, which
    the traced op gets.
    """

    kind: str
    group: int
    value: float


@dataclass(frozen=True)
class Group:
    """A parameter group: qualified names, and those hyperparameters that the update uses."""

    parameters: tuple[str, ...]
    hyperparameters: dict[str, Any]


@dataclass(frozen=True)
class Update:
    """Which update to record: ``name`` is ``sgd``, ``adam`` or ``adamw``."""

    name: str
    groups: tuple[Group, ...]
    rates: tuple[Tensor | None, ...]
    """The learning rate of each group, where the step is to read it from a tensor."""


CallOp = Callable[..., Any]
"""Runs and records one ATen overload: ``call(overload, *args, **kwargs)``."""


def describe(optimizer: torch.optim.Optimizer, names: Mapping[int, str]) -> Update:
    """The update that ``optimizer`` performs; ``names`` maps ``id(parameter)`` to its name.

    Raises CaptureError for optimizers and options that are not supported.
    """
    kind = type(optimizer)
    kinds: dict[type, str] = {
        torch.optim.SGD: "sgd",
        torch.optim.Adam: "adam",
        torch.optim.AdamW: "adamw",
    }
    if kind not in kinds:
        raise CaptureError(
            f"The optimizer is a {kind.__module__}.{kind.__qualname__}; supported are {SUPPORTED}."
        )
    name = kinds[kind]
    if name == "adam" and any(g.get("decoupled_weight_decay") for g in optimizer.param_groups):
        name = "adamw"
    groups = [_describe_group(name, group, names) for group in optimizer.param_groups]
    rates = [_rate(group) for group in optimizer.param_groups]
    return Update(name, tuple(groups), tuple(rates))


def _rate(group: dict[str, Any]) -> Tensor | None:
    """The learning rate as a tensor, where a fused update reads one."""
    lr = group["lr"]
    return lr if isinstance(lr, Tensor) and group.get("fused") else None


def _describe_group(name: str, group: dict[str, Any], names: Mapping[int, str]) -> Group:
    if group.get("differentiable"):
        raise CaptureError(
            "The optimizer has differentiable=True, which is not supported. "
            f"Supported are {SUPPORTED} without it."
        )
    if group.get("capturable") and not group.get("fused"):
        raise CaptureError(
            "The optimizer has capturable=True without fused=True. Add fused=True, whose steps can be "
            "captured in a CUDA graph if its lr is a tensor on the device."
        )
    if group.get("dampening"):
        raise CaptureError(
            f"The SGD optimizer has dampening={group['dampening']!r}; supported are momentum, "
            "weight_decay and nesterov with dampening=0."
        )
    keys = {
        "sgd": ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
        "adam": ("lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"),
    }["sgd" if name == "sgd" else "adam"]
    for key in keys:
        if key != "lr" and any(isinstance(item, Tensor) for item in _items(group[key])):
            raise CaptureError(
                f"The optimizer's {key} is a tensor; use a Python number, which the step then "
                "reads anew each time it runs."
            )
    parameters = []
    for parameter in group["params"]:
        if id(parameter) not in names:
            raise CaptureError(
                f"The optimizer has a parameter of shape {tuple(parameter.shape)} that is not one "
                "of the model's. Move it into the model, and make the optimizer after the model "
                "has its final parameters."
            )
        parameters.append(names[id(parameter)])
    hyperparameters = {
        key: list(group[key]) if isinstance(group[key], tuple) else group[key] for key in keys
    }
    if isinstance(group["lr"], Tensor):
        hyperparameters["lr"] = _number(group["lr"])
    if group.get("fused"):
        hyperparameters["fused"] = True
    return Group(tuple(parameters), hyperparameters)


def _number(tensor: Tensor) -> float:
    content = tensor.constant if isinstance(tensor, FakeTensor) else tensor
    if content is None:
        raise NeedsRealTensorsError
    with _disable_current_modes():
        return float(content)


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple | list) else (value,)


def state_names(update: Update, group: Group) -> tuple[str, ...]:
    """The states of each parameter of ``group``: tensors of its shape, but for ``step``."""
    values = group.hyperparameters
    if update.name == "sgd":
        return ("momentum_buffer",) if values["momentum"] != 0 else ()
    step = ("step",) if values.get("fused") else ()
    largest = ("max_exp_avg_sq",) if values["amsgrad"] else ()
    return (*step, "exp_avg", "exp_avg_sq", *largest)


def record_update(
    call: CallOp,
    update: Update,
    group_index: int,
    parameter: Tensor,
    gradient: Tensor,
    states: Mapping[str, Tensor],
) -> None:
    """Run the update of one parameter op by op through ``call``; ``states`` by state name."""
    values = update.groups[group_index].hyperparameters
    if values["maximize"]:
        gradient = call(torch.ops.aten.neg.default, gradient)
    if update.name == "sgd":
        _record_sgd(call, group_index, values, parameter, gradient, states)
    else:
        _record_adam(call, update.name, group_index, values, parameter, gradient, states)


def _record_sgd(
    call: CallOp,
    group: int,
    values: Mapping[str, Any],
    parameter: Tensor,
    gradient: Tensor,
    states: Mapping[str, Tensor],
) -> None:
    aten = torch.ops.aten
    momentum = ScalarReference("sgd.momentum", group, values["momentum"])
    if values["weight_decay"] != 0:
        decay = ScalarReference("sgd.weight_decay", group, values["weight_decay"])
        gradient = call(aten.add.Tensor, gradient, parameter, alpha=decay)
    if values["momentum"] != 0:
        buffer = states["momentum_buffer"]
        share = ScalarReference("sgd.one_minus_dampening", group, 1 - values["dampening"])
        call(aten.mul_.Tensor, buffer, momentum)
        call(aten.add_.Tensor, buffer, gradient, alpha=share)
        if values["nesterov"]:
            gradient = call(aten.add.Tensor, gradient, buffer, alpha=momentum)
        else:
            gradient = buffer
    negative_lr = ScalarReference("sgd.negative_lr", group, -values["lr"])
    call(aten.add_.Tensor, parameter, gradient, alpha=negative_lr)


def _record_adam(
    call: CallOp,
    name: str,
    group: int,
    values: Mapping[str, Any],
    parameter: Tensor,
    gradient: Tensor,
    states: Mapping[str, Tensor],
) -> None:
    aten = torch.ops.aten
    lr, eps, weight_decay = values["lr"], values["eps"], values["weight_decay"]
    beta1, beta2 = values["betas"]

    def scalar(kind: str, value: float) -> ScalarReference:
        return ScalarReference(f"adam.{kind}", group, value)

    if weight_decay != 0 and name == "adamw":
        call(aten.mul_.Tensor, parameter, scalar("decay", 1 - lr * weight_decay))
    elif weight_decay != 0:
        decay = scalar("weight_decay", weight_decay)
        gradient = call(aten.add.Tensor, gradient, parameter, alpha=decay)
    exp_avg, exp_avg_sq = states["exp_avg"], states["exp_avg_sq"]
    call(aten.lerp_.Scalar, exp_avg, gradient, scalar("one_minus_beta1", 1 - beta1))
    call(aten.mul_.Tensor, exp_avg_sq, scalar("beta2", beta2))
    share = scalar("one_minus_beta2", 1 - beta2)
    call(aten.addcmul_.default, exp_avg_sq, gradient, gradient, value=share)
    if values["amsgrad"]:
        largest = states["max_exp_avg_sq"]
        call(aten.maximum.out, largest, exp_avg_sq, out=largest)
        exp_avg_sq = largest
    root = call(aten.sqrt.default, exp_avg_sq)
    correction = scalar("bias_correction2_sqrt", (1 - beta2) ** 0.5)
    denominator = call(aten.div.Tensor, root, correction)
    call(aten.add_.Tensor, denominator, scalar("eps", eps))
    size = scalar("negative_step_size", -(lr / (1 - beta1)))
    call(aten.addcdiv_.default, parameter, exp_avg, denominator, value=size)
