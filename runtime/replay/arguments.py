"""The step's inputs and targets: the tensors in what the user passes, by key."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import PlanData, TensorSpec
from .scalars import WHOLE
from .tensors import mismatch, same_strides


class ArgumentBinding:
    """What the user passes for one role, ``input`` or ``target``."""

    def __init__(self, plan: PlanData, role: str, device: str) -> None:
        """``device``: where the step runs, with its index."""
        self._role, self._device = role, device
        self.residents = [r for r in plan.residents if r.role == role]
        self._keys = [r.key for r in self.residents]

    def tensors(self, argument: Any, place: tuple[int, int] = WHOLE) -> list[Tensor]:
        """The tensors of ``residents`` in ``argument``, laid out as they were captured.

        ``place``: which of how many micro-batches of ``argument``. Raises ReplayError where it has
        other tensors, shapes, dtypes or devices.
        """
        found = dict(_leaves(argument, ""))
        if found.keys() != set(self._keys):
            raise ReplayError(
                f"The {self._role} has {_listed(found)}, the plan was made for {_listed(self._keys)}."
            )
        result = []
        for resident in self.residents:
            tensor, spec = _part(found[resident.key].detach(), resident.spec, place), resident.spec
            if what := mismatch(tensor, spec, self._device, strides=False):
                name = f"{self._role} {resident.key!r}" if resident.key else self._role
                raise ReplayError(
                    f"The {name} {what}. Pass a batch as it was captured, or plan for this one."
                )
            if not same_strides(tensor, spec):
                # Another layout would choose other kernels, and ask for other bytes.
                laid_out = torch.empty_strided(
                    spec.shape, spec.stride, dtype=tensor.dtype, device=tensor.device
                )
                tensor = laid_out.copy_(tensor)
            result.append(tensor)
        return result


def _part(tensor: Tensor, spec: TensorSpec, place: tuple[int, int]) -> Tensor:
    """The micro-batch at ``place``; the tensor itself where all of them get it, or it does not fit."""
    index, count = place
    shape = tuple(tensor.shape)
    if shape == spec.shape or not shape or not spec.shape or shape[0] != spec.shape[0] * count:
        return tensor
    return tensor.narrow(0, index * spec.shape[0], spec.shape[0])


def _leaves(argument: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    """Tensors in nested tuples, lists and dicts, by dotted path."""
    if isinstance(argument, Tensor):
        yield path, argument
        return
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(argument, Mapping):
        items = argument.items()
    elif isinstance(argument, (tuple, list)):
        items = enumerate(argument)
    for key, item in items:
        yield from _leaves(item, f"{path}.{key}" if path else str(key))


def _listed(keys: Iterable[str]) -> str:
    named = [repr(key) if key else "a single tensor" for key in sorted(keys)]
    return ", ".join(named) or "no tensors"
