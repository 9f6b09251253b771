"""Who the step's resident tensors are in the user's model and optimizer.

Both stay their owners: parameters, buffers and optimizer state are updated in place, so that
``state_dict``, evaluation and learning rate schedules work between steps as ever. Tensors are looked
up anew in every step, because loading a state may replace them; they are checked when they changed.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .device import Device
from .errors import ReplayError
from .homes import Homes
from .plan_data import PlanData, Resident
from .scalars import WHOLE, scalar
from .tensors import mismatch

_CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
_FUSED_STRUCTURAL = ("momentum", "nesterov", "maximize", "amsgrad", "fused")
_STRUCTURAL = ("weight_decay", *_FUSED_STRUCTURAL)
"""Hyperparameters that decide which ops the update has: whether each is zero may not change."""
_UNSUPPORTED = ("differentiable", "dampening")


class ModelBinding:
    """The model's parameters and buffers by name."""

    def __init__(self, plan: PlanData, model: torch.nn.Module, device: Device) -> None:
        """Raises ReplayError where ``model`` is not the one that the plan was made for."""
        self._plan, self._model = plan, model
        self._device, self._homes = device, Homes(device)
        self.residents = [r for r in plan.residents if r.role in ("parameter", "buffer")]
        self._getters = [_tensor_getter(model, r) for r in self.residents]
        self._links = _links(model, self.residents)
        self._trained = {name for group in plan.groups for name in group.parameters}
        planned = {r.key for r in self.residents}
        there = {n for n, _ in (*model.named_parameters(), *model.named_buffers())}
        if extra := sorted(there - planned):
            raise ReplayError(
                f"The model has {extra[0]!r}, which is not in the plan for {plan.title}. "
                "The plan is for another model."
            )
        self.check(self.tensors())
        self.check_mode()

    def there(self) -> list[Tensor]:
        """The tensors of ``residents``, as they are now, wherever that is."""
        for children, name, child in self._links:
            if children.get(name) is not child:
                raise ReplayError(
                    f"The model has another module {name!r} than when the step was loaded. Load the "
                    "step again."
                )
        return [get() for get in self._getters]

    def tensors(self) -> list[Tensor]:
        """The tensors of ``residents``, as they are now; those that live in host memory are there."""
        tensors = self.there()
        for resident, tensor in zip(self.residents, tensors, strict=True):
            if resident.home:
                home = self._homes.take(resident, tensor)
                if home is not tensor:
                    tensor.data = home
        return tensors

    def release(self) -> None:
        """Weights that live in host memory are on the device again, for what is run eagerly."""
        for resident, get in zip(self.residents, self._getters, strict=True):
            if resident.home:
                tensor = get()
                tensor.data = tensor.data.to(self._device.at)

    def check(self, tensors: list[Tensor]) -> None:
        """Raise ReplayError unless all are what the plan was made for."""
        memory: dict[int, Resident] = {}
        for resident, tensor in zip(self.residents, tensors, strict=True):
            what = mismatch(tensor, resident.spec, "cpu" if resident.home else self._plan.device)
            if what:
                raise ReplayError(
                    f"The {resident.role} {resident.key!r} {what}. "
                    f"The plan is for {self._plan.title}; capture and plan this model anew."
                )
            trained = resident.written and resident.key in self._trained
            if trained and resident.role == "parameter" and not tensor.requires_grad:
                raise ReplayError(
                    f"The parameter {resident.key!r} is frozen (requires_grad=False), and the plan "
                    "trains it. Capture and plan this model anew."
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
        if self._plan.mode and self._model.training != (self._plan.mode == "train"):
            raise ReplayError(
                f"The plan was made for the model after model.{self._plan.mode}(); call that first."
            )


def _links(
    model: torch.nn.Module, residents: list[Resident]
) -> list[tuple[dict[str, torch.nn.Module | None], str, torch.nn.Module]]:
    """How the modules of ``residents`` are reached: children, name and child, each link once."""
    found: dict[str, tuple[dict[str, torch.nn.Module | None], str, torch.nn.Module]] = {}
    for resident in residents:
        module, path = model, ""
        for name in resident.key.split(".")[:-1]:
            path, children = f"{path}.{name}", module._modules
            module = getattr(module, name)
            if children.get(name) is module:
                found[path] = (children, name, module)
    return list(found.values())


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
        self,
        plan: PlanData,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        device: Device,
    ) -> None:
        """Raises ReplayError where ``optimizer`` is not the one that the plan was made for."""
        self._plan, self._optimizer = plan, optimizer
        self._device, self._homes = device, Homes(device)
        expected = _CLASSES.get(plan.optimizer)
        if expected is None or type(optimizer) is not expected:
            wanted = f"torch.optim.{expected.__name__}" if expected else repr(plan.optimizer)
            raise ReplayError(
                f"The plan's update is that of {wanted}; the optimizer is a "
                f"{type(optimizer).__module__}.{type(optimizer).__name__}."
            )
        self._model = model
        self._check_groups()
        parameters = self._parameters()
        states = [r for r in plan.residents if r.role == "optimizer"]
        rates = [r for r in plan.residents if r.role == "hyperparameter"]
        self.residents = [*states, *rates]
        self._rated = [int(resident.key.partition("/")[0]) for resident in rates]
        """The groups whose learning rate the step reads from a tensor."""
        self.fused = any(group.hyperparameters.get("fused") for group in plan.groups)
        """Whether the step counts by itself, and skips by itself what has no finite gradient."""
        self._owners: list[tuple[Tensor, str]] = []
        """Parameter and key of each state."""
        for resident in states:
            name, _, key = resident.key.rpartition("/")
            if name not in parameters:
                raise ReplayError(
                    f"The model has no parameter {name!r}. The plan is for another model."
                )
            self._owners.append((parameters[name], key))
        stateful = {id(parameter) for parameter, _ in self._owners}
        counts = plan.optimizer != "sgd" and not self.fused
        self._counted = [
            [p for p in group["params"] if id(p) in stateful] if counts else []
            for group in optimizer.param_groups
        ]
        """For each group the parameters whose steps Adam counts outside the program."""
        self._started: list[Tensor] = []
        """Parameters that had no state before the step that runs."""

    def _parameters(self) -> dict[str, torch.nn.Parameter]:
        return dict(self._model.named_parameters(remove_duplicate=False))

    def _check_groups(self) -> None:
        """Raise ReplayError unless the optimizer has the plan's parameters, in its order."""
        parameters = self._parameters()
        found = [[id(p) for p in group["params"]] for group in self._optimizer.param_groups]
        due = [[id(parameters.get(name)) for name in group.parameters] for group in self._plan.groups]
        if found != due:
            raise ReplayError(
                f"The optimizer's {len(found)} parameter groups do not hold the parameters of the "
                f"plan's {len(due)}, in that order. Make the optimizer as it was captured."
            )

    def tensors(self, place: tuple[int, int] = WHOLE) -> list[Tensor]:
        """The tensors of ``residents``, as they are now; those that are missing are made.

        ``place``: for which micro-batch of how many.
        """
        if place[0] == 0:
            self._started.clear()
        state = self._optimizer.state
        result = []
        for resident, (parameter, key) in zip(self.residents, self._owners, strict=False):
            tensor = state[parameter].get(key)
            if tensor is None:
                tensor = self._start(parameter, key)
            if resident.home:
                tensor = state[parameter][key] = self._homes.take(resident, tensor)
            result.append(tensor)
        return result + [self._rate(group) for group in self._rated]

    def release(self) -> None:
        """States that live in host memory are on the device again, for an eager update."""
        for resident, (parameter, key) in zip(self.residents, self._owners, strict=False):
            state = self._optimizer.state[parameter]
            if resident.home and key in state:
                state[key] = state[key].to(self._device.at)

    def _rate(self, group: int) -> Tensor:
        lr = self._optimizer.param_groups[group]["lr"]
        if not isinstance(lr, Tensor):
            raise ReplayError(
                f"The learning rate of group {group} is {lr!r}; the plan reads it from a tensor. "
                "Make it one, or capture and plan the step anew."
            )
        return lr

    # A state that is made in inference mode could not be updated outside of it.
    @torch.inference_mode(False)
    def _start(self, parameter: Tensor, key: str) -> Tensor:
        """A state that torch would make in its first step."""
        state = self._optimizer.state[parameter]
        if not state:
            self._started.append(parameter)
        # -0.0: the first update then makes the momentum the gradient, bit for bit.
        start = -0.0 if key == "momentum_buffer" else 0.0
        if key == "step":
            state[key] = torch.zeros((), dtype=torch.float32, device=self._device.at)
            return state[key]  # type: ignore[no-any-return]
        if self._plan.optimizer != "sgd" and "step" not in state:
            double = torch.get_default_dtype() == torch.float64
            state["step"] = torch.zeros((), dtype=torch.float64 if double else torch.float32)
        # The parameter may live in host memory.
        made: Tensor = torch.full_like(parameter, start, requires_grad=False, device=self._device.at)
        state[key] = made
        return made

    def counters(self) -> list[list[Tensor]]:
        """For each group the step counts of its parameters, which only Adam and AdamW have."""
        state = self._optimizer.state
        return [[state[p]["step"] for p in parameters] for parameters in self._counted]

    def check(self, tensors: list[Tensor]) -> None:
        """Raise ReplayError unless all are what the plan was made for, and equally many steps old."""
        self._check_groups()
        for resident, tensor in zip(self.residents, tensors, strict=True):
            where = "cpu" if resident.home else self._plan.device
            if what := mismatch(tensor, resident.spec, where):
                raise ReplayError(f"The optimizer's {resident.key!r} {what}.")
        for index, counters in enumerate(self.counters()):
            counts = {float(counter) for counter in counters}
            if len(counts) > 1:
                raise ReplayError(
                    f"The parameters of group {index} have made different numbers of steps, "
                    f"{sorted(counts)}; a plan needs them to be equal."
                )

    def scalars(self, place: tuple[int, int] = WHOLE, ranks: int = 1) -> list[float]:
        """The numbers of the step that comes, from the hyperparameters as they are now.

        ``place``: which micro-batch of how many. ``ranks``: how many train together.
        """
        groups = self._optimizer.param_groups
        if len(groups) != len(self._plan.groups):
            self._check_groups()
        for group, captured in zip(groups, self._plan.groups, strict=True):
            for key in _FUSED_STRUCTURAL if captured.hyperparameters.get("fused") else _STRUCTURAL:
                if bool(group.get(key)) != bool(captured.hyperparameters.get(key)):
                    raise ReplayError(
                        f"The optimizer has {key}={group.get(key)!r}, the plan was made with "
                        f"{captured.hyperparameters.get(key)!r}. Capture and plan the step anew."
                    )
            for key in _UNSUPPORTED if group.get("fused") else (*_UNSUPPORTED, "capturable"):
                if group.get(key):
                    raise ReplayError(
                        f"The optimizer has {key}={group[key]!r}, which no plan supports."
                    )
        for number in self._rated:
            for key, value in self._plan.groups[number].hyperparameters.items():
                now = groups[number].get(key)
                if key not in ("lr", "fused") and (list(now) if type(now) is tuple else now) != value:
                    raise ReplayError(
                        f"The optimizer has {key}={now!r}, the plan was made with {value!r}. With a "
                        "learning rate that is a tensor only that can change; capture the step anew."
                    )
        counts = [float(counters[0]) + 1 if counters else 1.0 for counters in self.counters()]
        return [
            scalar(kind, groups[group], counts[group], place, ranks)
            for kind, group in self._plan.scalars
        ]

    def skip_step(self) -> None:
        """The step updated nothing: as for torch, states begin with the first one that does."""
        for parameter in self._started:
            del self._optimizer.state[parameter]
        self._started.clear()

    def count_step(self) -> None:
        """The step was made: count it where torch would have."""
        self._started.clear()
        counters = [counter for group in self.counters() for counter in group]
        if counters:
            torch._foreach_add_(counters, 1.0)
        # Learning rate schedulers warn when they move before the optimizer does.
        marked: Any = self._optimizer
        marked._opt_called = True
