"""Runs one step of a model on fake tensors, under the recorder: forward, backward, update."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from .build import Model, call_model
from .cuda_kernels import cuda_kernels
from .distributed import broadcast_buffers
from .eager import micro_batch_loss, micro_batches
from .errors import CaptureError
from .gradients import LossScale
from .hidden import Held, refuse_checkpoints, refuse_hooks, refuse_inner_backward
from .nested import tensors
from .optimizers import Update, describe
from .provenance import Construction, Provenance
from .randomness import refuse_other_randomness
from .recorder import Json, Recorder
from .target import Target
from .update import record_end


@dataclass(frozen=True)
class Trace:
    """What was recorded, and what is known about it beyond the calls."""

    recorder: Recorder
    outputs: tuple[int, ...]
    output_tree: Json
    update: Update | None
    names: dict[int, str]
    """Storages that are known under a name: ``conv1 · out``, ``∂ conv1.weight``."""


def trace(model: Model, fake: FakeTensorMode, construction: Construction, target: Target) -> Trace:
    """Record one step of ``model`` for ``target``; its tensors may be real or of the mode ``fake``.

    ``construction`` was followed while the model was made.

    Raises CaptureError where the step cannot be captured, and NeedsRealTensorsError where it could
    if the model were built with real tensors.
    """
    provenance = Provenance(model.module, construction)
    recorder = Recorder(fake, provenance, target)
    names: dict[int, str] = {}

    def name_output(module: str, output: object) -> None:
        for tensor in tensors(output):
            index = recorder.storage(tensor)
            if index is not None and not recorder.storages[index].role:
                names.setdefault(index, f"{module} · out")

    provenance.on_module_output = name_output
    buffers = dict(model.module.named_buffers())
    held = Held(model.module)
    with fake:
        parameters = _add_placeholders(recorder, model)
        inputs, targets = _add_inputs(recorder, model)
        scale = LossScale(recorder, model.options) if model.options.scaler is not None else None
        if model.options.distributed:
            broadcast_buffers(recorder, model.options, model.module)
        with (
            cuda_kernels(recorder.error) if target.steered else nullcontext(),
            provenance.following(),
            recorder,
            refuse_other_randomness(recorder),
            refuse_inner_backward(),
        ):
            if model.loss_fn is None or model.optimizer is None:
                with torch.no_grad():
                    result = call_model(model.module, inputs)
                outputs: list[int] = []
                tree = _tree(recorder, result, outputs)
                _store_replaced_buffers(model.module, buffers)
                held.refuse_replaced(recorder)
                return Trace(recorder, tuple(outputs), tree, None, names)
            refuse_hooks(model.optimizer, parameters)
            update = describe(model.optimizer, {id(p): name for name, p in parameters.items()})
            loss = micro_batch_loss(model, inputs, targets)
            gradients = _backward(recorder, provenance, loss, scale, parameters)
            _store_replaced_buffers(model.module, buffers)
            held.refuse_replaced(recorder)
        for name, gradient in gradients.items():
            index = recorder.storage(gradient)
            if index is not None and not recorder.storages[index].role:
                names[index] = f"∂ {name}"
        with torch.no_grad():
            record_end(recorder, provenance, update, model.options, scale, parameters, gradients)
        value = recorder.value(loss.detach())
        left = (value,) if scale is None else (value, recorder.value(scale.found_inf))
        return Trace(recorder, left, {"value": value}, update, names)


def _add_placeholders(recorder: Recorder, model: Model) -> dict[str, nn.Parameter]:
    parameters = dict(model.module.named_parameters())
    for name, tensor in (*parameters.items(), *model.module.named_buffers()):
        if tensor.device.type != recorder.target.device.type:
            raise CaptureError(
                f"{name} is on the device {tensor.device}; here steps for {recorder.target.name} are "
                f"traced with tensors on {recorder.target.device}. Build the model without naming a "
                "device."
            )
    for name, parameter in parameters.items():
        recorder.add_placeholder(parameter, "parameter", name, name)
    for name, buffer in model.module.named_buffers():
        recorder.add_placeholder(buffer, "buffer", name, name)
    return parameters


def _add_inputs(recorder: Recorder, model: Model) -> tuple[Any, Any]:
    """Inputs and target as fake tensors, each with a storage of its own: at run time they differ."""

    def add(item: Any, role: str, path: tuple[str, ...]) -> Any:
        if isinstance(item, Tensor):
            if item.layout is not torch.strided or item.is_quantized:
                what = " ".join(filter(None, (role, ".".join(path))))
                raise CaptureError(
                    f"The {what} is {item.layout}; only dense (strided) tensors are supported."
                )
            device = recorder.target.device
            own = torch.empty_strided(item.shape, item.stride(), dtype=item.dtype, device=device)
            key = ".".join(path)
            known = recorder.add_placeholder(own, role, key, f"{role} {key}".strip())
            return known.requires_grad_(item.requires_grad)
        if isinstance(item, Mapping):
            return {key: add(each, role, (*path, str(key))) for key, each in item.items()}
        if isinstance(item, tuple | list):
            return type(item)([add(each, role, (*path, str(i))) for i, each in enumerate(item)])
        return item

    inputs, target = micro_batches(model)[0]
    return add(inputs, "input", ()), add(target, "target", ())


def _backward(
    recorder: Recorder,
    provenance: Provenance,
    loss: Any,
    scale: LossScale | None,
    parameters: Mapping[str, nn.Parameter],
) -> dict[str, Tensor]:
    """Gradients by parameter name, laid out as ``loss.backward()`` leaves them in ``.grad``."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise CaptureError(f"The loss function returned {found}; it must return a single number.")
    if scale is not None:
        loss = loss * scale.scale
    trained = {name: p for name, p in parameters.items() if p.requires_grad}
    if loss.grad_fn is None or not trained:
        raise CaptureError(
            "The loss does not depend on any parameter that requires a gradient, so that there is "
            "nothing to train. Return only `model, inputs` for an inference step."
        )
    provenance.phase = "backward"
    refuse_checkpoints(loss)
    provenance.watch_backward(loss)
    # What backward() makes by ones_like(loss), which would wait for the loss: where that is a sum over
    # micro-batches, one's backward pass would have to wait for the forward passes of all others.
    one = torch.ones(loss.shape, dtype=loss.dtype, device=loss.device)
    results = torch.autograd.grad(loss, list(trained.values()), one, allow_unused=True)
    gradients = {}
    with torch.no_grad():
        for (name, parameter), gradient in zip(trained.items(), results, strict=True):
            if gradient is not None:
                gradients[name] = _laid_out(gradient, parameter)
    provenance.leave_backward()
    return gradients


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """The gradient as autograd accumulates it: copied where its strides are not the parameter's.

    The rule is that of ``torch/csrc/autograd/functions/accumulate_grad.h``.
    """
    dense = torch.ops.aten.is_non_overlapping_and_dense.default(parameter)
    if not dense:
        return gradient if gradient.is_contiguous() else gradient.contiguous()
    strides = zip(gradient.shape, gradient.stride(), parameter.stride(), strict=True)
    if all(size == 1 or mine == its for size, mine, its in strides):
        return gradient
    copy = gradient.new_empty_strided(parameter.shape, parameter.stride())
    return copy.copy_(gradient)


def _store_replaced_buffers(model: nn.Module, before: Mapping[str, Tensor]) -> None:
    """Copy into its buffer what the model assigned to it (``self.mean = 0.9 * self.mean + x``)."""
    for name, now in model.named_buffers():
        original = before.get(name)
        if original is None:
            raise CaptureError(
                f"The model registers the buffer {name} while it runs; register it when it is made."
            )
        if now is original:
            continue
        if now.shape != original.shape or now.dtype != original.dtype:
            raise CaptureError(
                f"The model replaces the buffer {name} of shape {tuple(original.shape)} by a tensor "
                f"of shape {tuple(now.shape)}; a buffer must keep its shape and dtype."
            )
        with torch.no_grad():
            original.copy_(now)


def _tree(recorder: Recorder, result: Any, outputs: list[int]) -> Json:
    """How the result is put together; its values are added to ``outputs``."""
    if isinstance(result, Tensor):
        value = recorder.known_value(result)
        if value not in outputs:
            outputs.append(value)
        return {"value": value}
    if isinstance(result, tuple | list):
        return [_tree(recorder, item, outputs) for item in result]
    if isinstance(result, Mapping):
        return {str(key): _tree(recorder, item, outputs) for key, item in result.items()}
    if result is None or isinstance(result, bool | int | float | str):
        return result
    raise CaptureError(
        f"The model returned a {type(result).__qualname__}; supported are tensors, and tuples, "
        "lists and dicts of them."
    )
