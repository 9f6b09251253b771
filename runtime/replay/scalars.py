"""The numbers that the optimizer's update takes, computed anew before each step.

Each formula is the very expression that ``torch.optim`` evaluates for single tensors, so that the
update is bitwise equal to it. ``group`` holds the hyperparameters of one parameter group, of which
``lr`` may be a tensor; ``count`` is the number of the step, 1 in the first.

Further numbers say where among the micro-batches of its step a replay is (guards of ops refer to them),
and by what a gradient is multiplied before all ranks add theirs up.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .errors import ReplayError

_FORMULAS: dict[str, Callable[[Mapping[str, Any], float], float]] = {
    "sgd.weight_decay": lambda group, count: group["weight_decay"],
    "sgd.momentum": lambda group, count: group["momentum"],
    "sgd.one_minus_dampening": lambda group, count: 1 - group["dampening"],
    "sgd.negative_lr": lambda group, count: -group["lr"],
    "adam.weight_decay": lambda group, count: group["weight_decay"],
    "adam.decay": lambda group, count: 1 - group["lr"] * group["weight_decay"],
    "adam.one_minus_beta1": lambda group, count: 1 - float(group["betas"][0]),
    "adam.beta2": lambda group, count: float(group["betas"][1]),
    "adam.one_minus_beta2": lambda group, count: 1 - float(group["betas"][1]),
    "adam.bias_correction2_sqrt": lambda group, count: (1 - float(group["betas"][1]) ** count) ** 0.5,
    "adam.eps": lambda group, count: group["eps"],
    "adam.negative_step_size": lambda group, count: (
        -(group["lr"] / (1 - float(group["betas"][0]) ** count))
    ),
    "fused.lr": lambda group, count: group["lr"],
    "fused.weight_decay": lambda group, count: group["weight_decay"],
    "fused.momentum": lambda group, count: group["momentum"],
    "fused.dampening": lambda group, count: group["dampening"],
    "fused.beta1": lambda group, count: group["betas"][0],
    "fused.beta2": lambda group, count: group["betas"][1],
    "fused.eps": lambda group, count: group["eps"],
}

_PLACES: dict[str, Callable[[int, int], bool]] = {
    "micro_batch.earlier": lambda index, count: index > 0,
    "micro_batch.first": lambda index, count: index == 0,
    "micro_batch.later": lambda index, count: index < count - 1,
}
"""Whether there are micro-batches before and after number ``index`` of ``count``."""

_SHARE = "ranks.share"

KINDS = frozenset((*_FORMULAS, *_PLACES, _SHARE))
"""All there are."""

WHOLE = (0, 1)
"""The place of a batch that is not divided: number 0 of 1."""


def scalar(
    kind: str,
    group: Mapping[str, Any],
    count: float,
    place: tuple[int, int] = WHOLE,
    ranks: int = 1,
) -> float:
    """The value of ``kind``; ``place``: which micro-batch of how many. Raises ReplayError.

    ``ranks``: how many train together.
    """
    if kind == _SHARE:
        return 1.0 / ranks
    if kind in _PLACES:
        return float(_PLACES[kind](*place))
    formula = _FORMULAS.get(kind)
    if formula is None:
        raise ReplayError(f"The plan needs the number {kind!r}, which this Bayplan does not know.")
    return float(formula(group, count))
