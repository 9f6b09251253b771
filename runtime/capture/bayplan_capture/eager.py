"""The training step that a capture stands for, as eager PyTorch code: what ``verify`` compares with."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from .build import Model, call_model, first_size
from .errors import CaptureError
from .options import Options


def eager_step(model: Model) -> Any:
    """One step of ``model`` on its batch: the loss (of micro-batches, their mean), or the result."""
    module, optimizer, options = model.module, model.optimizer, model.options
    scaler = options.scaler
    if model.loss_fn is None or optimizer is None:
        with torch.no_grad():
            return call_model(module, model.inputs)
    module.zero_grad()
    total: Tensor | None = None
    for inputs, target in micro_batches(model):
        loss = micro_batch_loss(model, inputs, target)
        (loss if scaler is None else scaler.scale(loss)).backward()
        total = loss.detach() if total is None else total + loss.detach()
    if scaler is not None:
        scaler.unscale_(optimizer)
    if options.clip_grad_norm is not None:
        nn.utils.clip_grad_norm_(module.parameters(), options.clip_grad_norm)
    if options.clip_grad_value is not None:
        nn.utils.clip_grad_value_(module.parameters(), options.clip_grad_value)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    return total


def micro_batch_loss(model: Model, inputs: Any, target: Any) -> Any:
    """The part of the loss that comes from one micro-batch; the whole batch may be the only one."""
    assert model.loss_fn is not None
    device = next((p.device.type for p in model.module.parameters()), "cpu")
    with autocast(model.options, device):
        loss = model.loss_fn(call_model(model.module, inputs), target)
    count = model.options.micro_batches
    return loss / count if count > 1 and isinstance(loss, Tensor) else loss


def autocast(options: Options, device: str) -> AbstractContextManager[object]:
    """What model and loss function run in."""
    if options.autocast is None:
        return nullcontext()
    return torch.autocast(device, dtype=options.autocast)


def micro_batches(model: Model) -> list[tuple[Any, Any]]:
    """The batch in ``options.micro_batches`` parts (inputs, target).

    Tensors with as many rows as the first of the inputs are divided, as by ``torch.chunk``; all others
    go into every part. Raises CaptureError where they cannot be divided evenly.
    """
    count, rows = model.options.micro_batches, first_size(model.inputs)
    if count == 1:
        return [(model.inputs, model.target)]
    if rows % count:
        raise CaptureError(
            f"A batch of {rows} cannot be divided into {count} micro-batches of one size. Choose a "
            f"batch size that is a multiple of {count}."
        )

    def part(item: Any, index: int) -> Any:
        if isinstance(item, Tensor):
            divided = item.dim() > 0 and item.shape[0] == rows
            return item.narrow(0, index * rows // count, rows // count) if divided else item
        if isinstance(item, Mapping):
            return {key: part(each, index) for key, each in item.items()}
        if isinstance(item, tuple | list):
            return type(item)([part(each, index) for each in item])
        return item

    return [(part(model.inputs, index), part(model.target, index)) for index in range(count)]
