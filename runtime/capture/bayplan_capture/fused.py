"""The update of ``torch.optim`` with ``fused=True``: one op for each parameter.

The kernel works element by element, so that a list of one parameter gives the bits that torch's list
of all gives, and a gradient can go as soon as its parameter is updated::

    Adam, AdamW   for each group: _foreach_add_(steps, 1)
                  for each parameter: _fused_adam_ or _fused_adamw_
                  with loss scaling, for each group: _foreach_sub_(steps, found_inf)
    SGD           for each parameter: _fused_sgd_, never as its first step: the momentum starts at -0.0

With loss scaling the kernel itself leaves everything as it is where ``found_inf`` is not 0; no guard
is needed. The numbers are the group's hyperparameters, as scalars (``fused.lr``, ``fused.beta1`` ...)
which are read anew before each step. Where ``lr`` is a tensor it is a placeholder of the role
``hyperparameter``, and the step reads it on the device; all other numbers are then constants that may
not change, so that no number comes from Python.

Unlike in other updates Adam's step counts, ``NAME/step``, are placeholders too: they are on the
parameter's device, and the program itself counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .optimizers import Group, ScalarReference

_aten = torch.ops.aten


@dataclass(frozen=True)
class Updated:
    """One parameter with what its update needs; ``states`` by name."""

    parameter: Tensor
    gradient: Tensor
    states: Mapping[str, Tensor]


def record_fused(
    call: Callable[..., Any],
    name: str,
    number: int,
    group: Group,
    lr: Tensor | None,
    updated: Mapping[str, Updated],
    found_inf: Tensor | None,
    enter_parameter: Callable[[str], object],
) -> None:
    """Run the update of group ``number`` through ``call``; ``updated`` by parameter name.

    ``lr`` is the learning rate's tensor where it is one. ``enter_parameter`` is told whose ops follow.
    """
    if not updated:
        return
    values = group.hyperparameters
    numbers = _numbers(name, number, group, constant=lr is not None)
    numbers["lr"] = lr if lr is not None else ScalarReference("fused.lr", number, numbers["lr"])
    steps = [each.states["step"] for each in updated.values() if "step" in each.states]
    if steps:
        call(_aten._foreach_add_.Scalar, steps, 1)
    packet = {"sgd": _aten._fused_sgd_, "adam": _aten._fused_adam_, "adamw": _aten._fused_adamw_}[name]
    function = packet.tensor_lr if lr is not None else packet.default
    for key, each in updated.items():
        enter_parameter(key)
        if name == "sgd":
            states = [[each.states["momentum_buffer"]] if each.states else []]
            flags = {"nesterov": values["nesterov"], "is_first_step": False}
        else:
            keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")
            states = [[each.states[key]] if key in each.states else [] for key in keys]
            flags = {"amsgrad": values["amsgrad"]}
        more = {**numbers, **flags, "maximize": values["maximize"], "found_inf": found_inf}
        call(function, [each.parameter], [each.gradient], *states, **more)
    if steps and found_inf is not None:
        call(_aten._foreach_sub_.List, steps, [found_inf] * len(steps))


def _numbers(name: str, number: int, group: Group, *, constant: bool) -> dict[str, Any]:
    """The arguments of the fused op that are numbers."""
    values = group.hyperparameters
    keys = ("weight_decay", "momentum", "dampening") if name == "sgd" else ("weight_decay", "eps")
    numbers = {key: float(values[key]) for key in keys}
    if name != "sgd":
        numbers["beta1"], numbers["beta2"] = map(float, values["betas"])
    found: dict[str, Any] = dict(numbers)
    if not constant:
        found = {key: ScalarReference(f"fused.{key}", number, at) for key, at in numbers.items()}
    return {**found, "lr": float(values["lr"])}
