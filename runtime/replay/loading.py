"""``load``: the exported step as a function of the user's model, optimizer and data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .arguments import ArgumentBinding
from .binding import ModelBinding, OptimizerBinding
from .engine import Engine, Report
from .errors import ReplayError
from .plan_data import read_plan
from .tensors import constant


class PlannedStep:
    """One step at its planned addresses: ``loss = step(inputs, target)``, ``out = step(inputs)``.

    Parameters, buffers and optimizer state are updated in place; ``.grad`` is not touched, and
    neither ``loss.backward()`` nor ``optimizer.step()`` is to be called.
    """

    def __init__(
        self, engine: Engine, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None
    ) -> None:
        plan = engine.plan
        self.plan, self.engine = plan, engine
        if bool(plan.optimizer) != (optimizer is not None):
            wants = (
                "needs the optimizer: load(model, optimizer)" if plan.optimizer else "has no optimizer"
            )
            raise ReplayError(f"The step {plan.title} {wants}.")
        self._model = ModelBinding(plan, model)
        self._optimizer = OptimizerBinding(plan, model, optimizer) if optimizer is not None else None
        self._input, self._target = ArgumentBinding(plan, "input"), ArgumentBinding(plan, "target")
        self._constants = [constant(c, plan.device) for c in plan.constants]
        self._checked: list[tuple[int, int, torch.dtype, bool]] = []
        """Identity, address, dtype and whether a gradient is due, of the model's and optimizer's
        tensors when last checked."""
        bound = [*self._model.residents, *(self._optimizer.residents if self._optimizer else ())]
        bound += [*self._input.residents, *self._target.residents]
        position = {id(resident): index for index, resident in enumerate(bound)}
        self._positions = [position[id(resident)] for resident in plan.residents]
        """Where each resident of the plan is among the tensors that are bound."""

    @property
    def report(self) -> Report:
        """How the step runs on this machine; complete after the first step."""
        return self.engine.report

    def __call__(self, inputs: Any, target: Any = None) -> Any:
        """One step on a batch. Training returns the loss; inference what the model returns.

        Raises ReplayError for a batch, model or optimizer that the plan was not made for.
        """
        residents, scalars = self.bind(inputs, target)
        outputs = self.engine.run(residents, scalars)
        self.count_step()
        return self.result(outputs)

    def bind(self, inputs: Any, target: Any = None) -> tuple[list[Tensor], list[float]]:
        """The step's residents (constants last) and scalars, checked against the plan."""
        own = self._model.tensors()
        state = self._optimizer.tensors() if self._optimizer is not None else []
        now = [(id(t), t.data_ptr(), t.dtype, t.requires_grad) for t in (*own, *state)]
        counters = self._optimizer.counters() if self._optimizer is not None else []
        now += [(id(c), 0, c.dtype, False) for group in counters for c in group]
        if now != self._checked:
            self._model.check(own)
            if self._optimizer is not None:
                self._optimizer.check(state)
            self._checked = now
        self._model.check_mode()
        scalars = self._optimizer.scalars() if self._optimizer is not None else []
        bound = [*own, *state, *self._input.tensors(inputs), *self._target.tensors(target)]
        return [*(bound[at] for at in self._positions), *self._constants], scalars

    def count_step(self) -> None:
        """A step was made: the optimizer counts it."""
        if self._optimizer is not None:
            self._optimizer.count_step()

    def result(self, outputs: Sequence[Tensor]) -> Any:
        """What the caller gets: the loss, or the model's result put together again."""
        return outputs[0] if self.plan.training else _rebuilt(self.plan.output_tree, outputs)


def load(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    *,
    strict: bool = False,
) -> PlannedStep:
    """The step exported into ``folder``, bound to ``model`` and ``optimizer``.

    ``strict`` raises when any request of any step is not served as planned; without it that only
    costs memory. Raises ReplayError where the export is damaged or was made for another model.
    """
    return PlannedStep(Engine(folder, read_plan(folder), strict=strict), model, optimizer)


def _rebuilt(tree: Any, outputs: Sequence[Tensor]) -> Any:
    if isinstance(tree, list):
        return tuple(_rebuilt(item, outputs) for item in tree)
    if isinstance(tree, dict):
        if tree.keys() == {"value"} and type(tree["value"]) is int:
            return outputs[tree["value"]]
        return {key: _rebuilt(item, outputs) for key, item in tree.items()}
    return tree
