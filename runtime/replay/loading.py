"""``load``: the exported step as a function of the user's model, optimizer and data."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .arguments import ArgumentBinding
from .binding import ModelBinding, OptimizerBinding
from .device import device_for
from .engine import Engine
from .errors import ReplayError
from .extras import GradientSums, ScalerBinding
from .plan_reading import read_plan
from .ranks import ranks_for
from .report import Report
from .tensors import constant


class PlannedStep:
    """One step at its planned addresses: ``loss = step(inputs, target)``, ``out = step(inputs)``.

    Parameters, buffers, optimizer state and the scaler's scale are updated in place; ``.grad`` is not
    touched, and neither ``loss.backward()`` nor ``optimizer.step()`` nor anything of the scaler is to
    be called. A plan for micro-batches takes the whole batch, and runs its parts one after the other.
    """

    def __init__(
        self,
        engine: Engine,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer | None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        plan = engine.plan
        self.plan, self.engine = plan, engine
        self._ranks = engine.ranks.count
        if bool(plan.optimizer) != (optimizer is not None):
            wants = (
                "needs the optimizer: load(model, optimizer)" if plan.optimizer else "has no optimizer"
            )
            raise ReplayError(f"The step {plan.title} {wants}.")
        self._model = ModelBinding(plan, model, engine.device)
        self._optimizer = (
            OptimizerBinding(plan, model, optimizer, engine.device) if optimizer is not None else None
        )
        self._scaler = ScalerBinding(plan, scaler, engine.device.at)
        self._sums = GradientSums(plan, engine.device.at)
        device = str(engine.device.at)
        self._input = ArgumentBinding(plan, "input", device)
        self._target = ArgumentBinding(plan, "target", device)
        self._constants = [constant(c, device) for c in plan.constants]
        self._checked: list[tuple[int, int, torch.dtype, bool]] = []
        """Identity, address, dtype and whether a gradient is due, of the model's and optimizer's
        tensors when last checked."""
        bound = [*self._model.residents, *(self._optimizer.residents if self._optimizer else ())]
        bound += [*self._scaler.residents, *self._sums.residents]
        bound += [*self._input.residents, *self._target.residents]
        position = {id(resident): index for index, resident in enumerate(bound)}
        self._positions = [position[id(resident)] for resident in plan.residents]
        """Where each resident of the plan is among the tensors that are bound."""

    def join(self) -> None:
        """Begin as the other ranks do, with rank 0's parameters and buffers. Raises ReplayError."""
        self._model.release()  # What ranks exchange is on their devices.
        self.engine.ranks.join(self.plan, self._model.there())

    @property
    def report(self) -> Report:
        """How the step runs on this machine; complete after the first step."""
        return self.engine.report

    def release(self) -> None:
        """Weights and states of the optimizer that live in host memory go back to the device.

        To be called before the model or ``optimizer.step()`` is run eagerly; the next planned step
        takes them home again.
        """
        self._model.release()
        if self._optimizer is not None:
            self._optimizer.release()

    def __call__(self, inputs: Any, target: Any = None) -> Any:
        """One step on a batch. Training returns the loss; inference what the model returns.

        Raises ReplayError for a batch, model or optimizer that the plan was not made for.
        """
        return self._replay(self.engine.run, inputs, target)

    def traced(self, inputs: Any, target: Any = None) -> Any:
        """One step in program order, memory from PyTorch's own allocator; else as a call."""
        return self._replay(self.engine.run_traced, inputs, target)

    def unplanned(self, inputs: Any, target: Any = None) -> Any:
        """One step in the planned order, memory from PyTorch's own allocator; else as a call."""
        return self._replay(self.engine.run_unplanned, inputs, target)

    def _replay(
        self,
        run: Callable[[Sequence[Tensor], Sequence[float]], Sequence[Tensor]],
        inputs: Any,
        target: Any,
    ) -> Any:
        loss: Tensor | None = None
        outputs: Sequence[Tensor] = ()
        for index in range(self.plan.micro_batches):
            outputs = run(*self.bind(inputs, target, index))
            if self.plan.training:
                loss = outputs[0] if loss is None else loss + outputs[0]
        # What is skipped in fused updates is known on the device alone.
        fused = self._optimizer is not None and self._optimizer.fused
        skipped = bool(self._scaler.residents) and not fused and bool(outputs[1])
        if self._optimizer is not None:
            (self._optimizer.skip_step if skipped else self._optimizer.count_step)()
        return loss if self.plan.training else _rebuilt(self.plan.output_tree, outputs)

    def bind(self, inputs: Any, target: Any = None, index: int = 0) -> tuple[list[Tensor], list[float]]:
        """The step's residents (constants last) and scalars, checked against the plan.

        ``index``: which micro-batch of the batch.
        """
        place = (index, self.plan.micro_batches)
        own = self._model.tensors()
        state = self._optimizer.tensors(place) if self._optimizer is not None else []
        now = [(id(t), t.data_ptr(), t.dtype, t.requires_grad) for t in (*own, *state)]
        counters = self._optimizer.counters() if self._optimizer is not None else []
        now += [(id(c), 0, c.dtype, False) for group in counters for c in group]
        if now != self._checked:
            self._check_device(own)
            self._model.check(own)
            if self._optimizer is not None:
                self._optimizer.check(state)
            self._checked = now
        self._model.check_mode()
        scalars = self._optimizer.scalars(place, self._ranks) if self._optimizer is not None else []
        bound = [*own, *state, *self._scaler.tensors(), *self._sums.tensors()]
        bound += [*self._input.tensors(inputs, place), *self._target.tensors(target, place)]
        return [*(bound[at] for at in self._positions), *self._constants], scalars

    def _check_device(self, tensors: Sequence[Tensor]) -> None:
        device = self.engine.device.at
        moved = next((t for t in tensors if t.device != device), None)
        # What is on another type of device is named by the check of the model.
        if moved is not None and moved.device.type == device.type:
            raise ReplayError(
                f"The model was on {device} when the step was loaded and is on {moved.device} now. "
                "Load the step again."
            )


def load(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    *,
    process_group: Any = None,
    adapter: str = "auto",
    cuda_graph: bool = False,
    strict: bool = False,
) -> PlannedStep:
    """The step exported into ``folder``, bound to ``model`` and ``optimizer``.

    ``scaler``: the GradScaler of a step that scales its loss.

    ``process_group``: the ranks of a step that was captured with ``distributed``; None: the default
    group. All of them load the step at the same time, and get rank 0's parameters and buffers.

    ``adapter``: how the plan gets into PyTorch's allocator for CUDA: ``native`` decorates the caching
    allocator, ``pluggable`` replaces it and must be installed before it is first used, ``auto`` takes
    the native one where it can be built. ``cuda_graph``: replay the step as one graph where that is
    possible. ``step.report`` says what was chosen, and why.

    ``strict`` raises when any request of any step is not served as planned; without it that only
    costs memory. Raises ReplayError where the export is damaged or was made for another model or
    another device.
    """
    plan = read_plan(folder)
    if type(model).__name__ == "DistributedDataParallel":
        raise ReplayError(
            "The model is wrapped in DistributedDataParallel. Pass the model itself: the step of a "
            'plan captured with {"distributed": True} averages its gradients by itself.'
        )
    device = device_for(plan.device, [*model.parameters(), *model.buffers()])
    ranks = ranks_for(plan, process_group)
    engine = Engine(
        folder, plan, device, adapter=adapter, cuda_graph=cuda_graph, strict=strict, ranks=ranks
    )
    step = PlannedStep(engine, model, optimizer, scaler)
    step.join()
    return step


def _rebuilt(tree: Any, outputs: Sequence[Tensor]) -> Any:
    if isinstance(tree, list):
        return tuple(_rebuilt(item, outputs) for item in tree)
    if isinstance(tree, dict):
        if tree.keys() == {"value"} and type(tree["value"]) is int:
            return outputs[tree["value"]]
        return {key: _rebuilt(item, outputs) for key, item in tree.items()}
    return tree
