"""The numbers that the optimizer's update takes, computed anew before each step.

Each formula is the very float expression that ``torch.optim`` evaluates for single tensors, so that
the update is bitwise equal to it. ``group`` holds the hyperparameters of one parameter group;
``count`` is the number of the step, 1 in the first.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .errors import ReplayError

_FORMULAS: dict[str, Callable[[Mapping[str, Any], float], float]] = {
    "sgd.weight_decay": lambda group, count: group["weight_decay"],
    "sgd.momentum": lambda group, count: group["momentum"],
    "sgd.one_minus_dampening": lambda group, count: 1 - group["dampening"],
    "sgd.negative_lr": lambda group, count: -float(group["lr"]),
    "adam.weight_decay": lambda group, count: group["weight_decay"],
    "adam.decay": lambda group, count: 1 - float(group["lr"]) * group["weight_decay"],
    "adam.one_minus_beta1": lambda group, count: 1 - float(group["betas"][0]),
    "adam.beta2": lambda group, count: float(group["betas"][1]),
    "adam.one_minus_beta2": lambda group, count: 1 - float(group["betas"][1]),
    "adam.bias_correction2_sqrt": lambda group, count: (1 - float(group["betas"][1]) ** count) ** 0.5,
    "adam.eps": lambda group, count: group["eps"],
    "adam.negative_step_size": lambda group, count: (
        -(float(group["lr"]) / (1 - float(group["betas"][0]) ** count))
    ),
}

KINDS = frozenset(_FORMULAS)
"""All formulas there are."""


def scalar(kind: str, group: Mapping[str, Any], count: float) -> float:
    """The value of formula ``kind``. Raises ReplayError where it is not known."""
    formula = _FORMULAS.get(kind)
    if formula is None:
        raise ReplayError(f"The plan needs the number {kind!r}, which this Bayplan does not know.")
    return formula(group, count)
