"""Who the step's resident tensors are in the user's model, optimizer, inputs and targets.

Model and optimizer stay their owners: parameters, buffers and optimizer state are updated in place,
so that ``state_dict``, evaluation and learning rate schedules work between steps as ever.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import PlanData, Resident
from .scalars import scalar
from .tensors import mismatch, same_strides

_CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_STRUCTURAL = ("weight_decay", "momentum", "nesterov")
"""Hyperparameters that decide which ops the update has: whether each is zero may not change."""
_UNSUPPORTED = ("maximize", "differentiable", "capturable", "amsgrad", "fused")


class ModelBinding:
    """The model's parameters and buffers by name, looked up anew in every step."""

    def __init__(self, plan: PlanData, model: torch.nn.Module) -> None:
        """Raises ReplayError where ``model`` is not the one that the plan was made for."""
        self._plan = plan
        self._getters = [
            _tensor_getter(model, r) for r in plan.residents if r.role in ("parameter", "buffer")
        ]
        self.model = model
        planned = {r.key for r in plan.residents if r.role in ("parameter", "buffer")}
        there = {n for n, _ in (*model.named_parameters(), *model.named_buffers())}
        if extra := sorted(there - planned):
            raise ReplayError(
                f"The model has {extra[0]!r}, which is not in the plan for {plan.title}. "
                "The plan is for another model."
            )
        self.check()

    def tensors(self) -> Iterator[tuple[Resident, Tensor]]:
        """Parameters and buffers in the plan's order."""
        residents = [r for r in self._plan.residents if r.role in ("parameter", "buffer")]
        for resident, get in zip(residents, self._getters, strict=True):
            yield resident, get()

    def check(self) -> None:
        """Raise ReplayError unless all tensors are what the plan was made for."""
        memory: dict[int, Resident] = {}
        for resident, tensor in self.tensors():
            what = mismatch(tensor, resident.spec, self._plan.device)
            if what:
                raise ReplayError(
                    f"The {resident.role} {resident.key!r} {what}. "
                    f"The plan is for {self._plan.title}; capture and plan this model anew."
                )
            if tensor.numel() == 0:
                continue
            other = memory.setdefault(tensor.data_ptr(), resident)
            if other.storage != resident.storage and (other.written or resident.written):
                raise ReplayError(
                    f"{other.key!r} and {resident.key!r} share memory in this model and do not in the "
                    "plan's. Capture and plan this model anew."
                )

    def check_mode(self) -> None:
        """Raise ReplayError unless the model is in the mode, training or evaluation, of the plan."""
        if self._plan.mode and self.model.training != (self._plan.mode == "train"):
            raise ReplayError(
                f"The plan was made for the model after model.{self._plan.mode}(); call that first."
            )


def _tensor_getter(model: torch.nn.Module, resident: Resident) -> Callable[[], Tensor]:
    path, _, leaf = resident.key.rpartition(".")
    try:
        module = model.get_submodule(path)
    except AttributeError:
        module = None
    kind = "_parameters" if resident.role == "parameter" else "_buffers"
    owners: dict[str, Tensor | None] = getattr(module, kind, {})
    if not isinstance(owners.get(leaf), Tensor):
        raise ReplayError(
            f"The model has no {resident.role} {resident.key!r}. The plan is for another model."
        )

    def get() -> Tensor:
        found = owners.get(leaf)
        if found is None:
            raise ReplayError(f"The model has no {resident.role} {resident.key!r} any more.")
        return found

    return get


class OptimizerBinding:
    """The optimizer's state by parameter name, and the numbers that its update takes."""

    def __init__(
        self, plan: PlanData, model: torch.nn.Module, optimizer: torch.optim.Optimizer
    ) -> None:
        """Raises ReplayError where ``optimizer`` is not the one that the plan was made for."""
        self._plan, self._optimizer = plan, optimizer
        expected = _CLASSES.get(plan.optimizer)
        if expected is None or type(optimizer) is not expected:
            raise ReplayError(
                f"The plan's update is {plan.optimizer!r}; it needs a torch.optim."
                f"{expected.__name__ if expected else '?'}, not a {type(optimizer).__name__}."
            )
        self._parameters = dict(model.named_parameters(remove_duplicate=False))
        found = [[id(p) for p in group["params"]] for group in optimizer.param_groups]
        due = [[id(self._parameters.get(name)) for name in group.parameters] for group in plan.groups]
        if found != due:
            raise ReplayError(
                f"The optimizer's {len(found)} parameter groups do not hold the parameters of the "
                f"plan's {len(due)}, in that order. Make the optimizer as it was captured."
            )
        self._states = [r for r in plan.residents if r.role == "optimizer"]
        self._names = [
            list(
                dict.fromkeys(
                    _state_owner(r)[0] for r in self._states if _state_owner(r)[0] in g.parameters
                )
            )
            for g in plan.groups
        ]
        """Names of the parameters that have state, by group."""

    def tensors(self) -> Iterator[tuple[Resident, Tensor]]:
        """The optimizer's state in the plan's order, made where it is missing."""
        for resident in self._states:
            name, key = _state_owner(resident)
            parameter = self._parameters[name]
            state = self._optimizer.state[parameter]
            if state.get(key) is None:
                # -0.0: the first update then makes the momentum the gradient, bit for bit.
                start = -0.0 if key == "momentum_buffer" else 0.0
                state[key] = torch.full_like(parameter, start, requires_grad=False)
                if self._plan.optimizer != "sgd" and "step" not in state:
                    state["step"] = torch.zeros((), dtype=_count_dtype())
            tensor: Tensor = state[key]
            if what := mismatch(tensor, resident.spec, self._plan.device):
                raise ReplayError(f"The optimizer's {key} of {name!r} {what}.")
            yield resident, tensor

    def scalars(self) -> list[float]:
        """The numbers of the step that comes, from the hyperparameters as they are now."""
        for group, captured in zip(self._optimizer.param_groups, self._plan.groups, strict=True):
            for key in _STRUCTURAL:
                if bool(group.get(key)) != bool(captured.hyperparameters.get(key)):
                    raise ReplayError(
                        f"The optimizer has {key}={group.get(key)!r}, the plan was made with "
                        f"{captured.hyperparameters.get(key)!r}. Capture and plan the step anew."
                    )
            for key in _UNSUPPORTED:
                if group.get(key):
                    raise ReplayError(
                        f"The optimizer has {key}={group[key]!r}, which no plan supports."
                    )
            if group.get("dampening"):
                raise ReplayError("The optimizer has dampening, which no plan supports.")
        counts = [self._count(group) + 1 for group in range(len(self._plan.groups))]
        groups = self._optimizer.param_groups
        return [scalar(kind, groups[group], counts[group]) for kind, group in self._plan.scalars]

    def _count(self, group: int) -> float:
        """Steps that the group has made so far; only Adam and AdamW count."""
        if self._plan.optimizer == "sgd" or not self._names[group]:
            return 0.0
        counts = {float(step) for step in self._counters(group)}
        if len(counts) != 1:
            raise ReplayError(
                f"The parameters of group {group} have made different numbers of steps, "
                f"{sorted(counts)}; a plan needs them to be equal."
            )
        return counts.pop()

    def _counters(self, group: int) -> list[Tensor]:
        return [self._optimizer.state[self._parameters[n]]["step"] for n in self._names[group]]

    def count_step(self) -> None:
        """The step was made: count it where torch would have."""
        if self._plan.optimizer != "sgd":
            counters = [c for group in range(len(self._names)) for c in self._counters(group)]
            if counters:
                torch._foreach_add_(counters, 1.0)
        # Learning rate schedulers warn when they move before the optimizer does.
        self._optimizer._opt_called = True  # type: ignore[attr-defined]


def _count_dtype() -> torch.dtype:
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def _state_owner(resident: Resident) -> tuple[str, str]:
    name, _, key = resident.key.rpartition("/")
    return name, key


def bind_arguments(plan: PlanData, role: str, argument: Any) -> dict[str, Tensor]:
    """The tensors of ``argument`` (the inputs or the target) by key, as the plan wants them.

    Raises ReplayError where it has other tensors, shapes, dtypes or devices than were captured.
    """
    wanted = [r for r in plan.residents if r.role == role]
    found = dict(_leaves(argument))
    due = {r.key for r in wanted}
    if found.keys() != due:
        raise ReplayError(
            f"The {role} has the tensors {_listed(found)}, the plan was made for {_listed(due)}."
        )
    result: dict[str, Tensor] = {}
    for resident in wanted:
        tensor = found[resident.key]
        name = f"The {role} {resident.key!r}" if resident.key else f"The {role}"
        if what := mismatch(tensor, resident.spec, plan.device, strides=False):
            raise ReplayError(f"{name} {what}. Use the batch that was captured, or plan for this one.")
        if not same_strides(tensor, resident.spec):
            # Laid out as captured: another layout would choose other kernels, and other bytes.
            laid_out = torch.empty_strided(
                resident.spec.shape, resident.spec.stride, dtype=tensor.dtype
            )
            tensor = laid_out.copy_(tensor)
        result[resident.key] = tensor.detach()
    return result


def _leaves(argument: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors in nested tuples, lists and dicts, by dotted path."""
    if isinstance(argument, Tensor):
        yield path, argument
        return
    items: Any = ()
    if isinstance(argument, Mapping):
        items = argument.items()
    elif isinstance(argument, (tuple, list)):
        items = enumerate(argument)
    for key, item in items:
        yield from _leaves(item, f"{path}.{key}" if path else str(key))


def _listed(keys: Any) -> str:
    return ", ".join(repr(key) if key else "a single tensor" for key in sorted(keys)) or "none"
