"""The step's inputs and targets: the tensors in what the user passes, by key."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import PlanData, Resident
from .scalars import WHOLE
from .tensors import mismatch, same_strides


class ArgumentBinding:
    """What the user passes for one role, ``input`` or ``target``."""

    def __init__(self, plan: PlanData, role: str, device: str) -> None:
        """``device``: where the step runs, with its index."""
        self._role, self._device = role, device
        self._rows = plan.batch
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
            spec = resident.spec
            tensor = found[resident.key].detach()
            what = self._undivided(tensor, resident, place)
            tensor = self._part(tensor, place)
            if what := what or mismatch(tensor, spec, self._device, strides=False):
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

    def _part(self, tensor: Tensor, place: tuple[int, int]) -> Tensor:
        """The micro-batch at ``place``; as in a capture all get what has not the batch's rows."""
        index, count = place
        if count == 1 or tensor.shape[:1] != (self._rows,):
            return tensor
        rows = self._rows // count
        return tensor.narrow(0, index * rows, rows)

    def _undivided(self, tensor: Tensor, resident: Resident, place: tuple[int, int]) -> str:
        """What is wrong with a tensor that should be divided and cannot be; empty: nothing.

        A micro-batch in place of the whole batch must not be taken for all its parts. Only of further
        inputs it cannot be told: a mask may have as many rows as a micro-batch and go into each.
        """
        count, due = place[1], resident.spec.shape
        first = self._role == "target" or resident is self.residents[0]
        divided = count > 1 and first and due[:1] == (self._rows // count,)
        if not divided or tensor.shape[:1] == (self._rows,):
            return ""
        whole = (self._rows, *due[1:])
        return (
            f"has shape {tuple(tensor.shape)}, the plan was made for {whole}, run as {count} "
            "micro-batches"
        )


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
