"""The end of a training step: from gradients to new parameters, or to none where one is not finite."""

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from .distributed import average_gradients
from .errors import CaptureError
from .fused import Updated, record_fused
from .gradients import LossScale, added_up, clip, in_last_micro_batch, in_optimizer_order, own_memory
from .optimizers import Group, Update, record_update, state_names
from .options import Options
from .provenance import Provenance
from .recorder import Recorder


def record_end(
    recorder: Recorder,
    provenance: Provenance,
    update: Update,
    options: Options,
    scale: LossScale | None,
    parameters: Mapping[str, nn.Parameter],
    gradients: Mapping[str, Tensor],
) -> None:
    """Record all that follows the backward pass; ``gradients`` by parameter name, in model order."""
    if options.micro_batches > 1:
        gradients = added_up(recorder, provenance, parameters, gradients)
    elif options.changes_gradients or any(g.hyperparameters.get("fused") for g in update.groups):
        # Fused updates change them by their schema.
        with recorder:
            gradients = own_memory(recorder, gradients)
    if options.distributed:
        average_gradients(recorder, provenance, options, gradients)
    provenance.phase = "update"
    rates = _rates(recorder, update)
    if scale is not None:
        with recorder:
            scale.start()
    found_inf = None if scale is None else scale.found_inf
    with in_last_micro_batch(recorder, options):
        with recorder:
            if scale is not None:
                scale.unscale(in_optimizer_order(update, gradients))
            clip(recorder, options, list(gradients.values()))
        for index, group in enumerate(update.groups):
            updated = {
                name: Updated(p, gradients[name], _states(recorder, update, group, name, p))
                for name, p in ((name, parameters[name]) for name in group.parameters)
                if name in gradients
            }
            _record_group(recorder, provenance, update, index, rates[index], updated, found_inf)
        if scale is not None:
            with recorder:
                scale.update()


def _rates(recorder: Recorder, update: Update) -> list[Tensor | None]:
    """The learning rates that are tensors, as placeholders."""
    result: list[Tensor | None] = []
    for index, rate in enumerate(update.rates):
        if rate is not None:
            if rate.device.type != recorder.target.device.type:
                raise CaptureError(
                    f"The optimizer's lr is a tensor on {rate.device}; the step is traced with tensors "
                    f"on {recorder.target.device}. Make it on the device of the parameters."
                )
            key = f"{index}/lr"
            like = torch.empty_strided(rate.shape, rate.stride(), dtype=rate.dtype, device=rate.device)
            rate = recorder.add_placeholder(like, "hyperparameter", key, f"lr of group {index}")
        result.append(rate)
    return result


def _states(
    recorder: Recorder, update: Update, group: Group, name: str, parameter: Tensor
) -> dict[str, Tensor]:
    """The states of the parameter called ``name``, as placeholders."""
    result = {}
    for state in state_names(update, group):
        like = torch.empty_like(parameter, memory_format=torch.preserve_format)
        if state == "step":
            like = torch.empty((), dtype=torch.float32, device=parameter.device)
        key = f"{name}/{state}"
        result[state] = recorder.add_placeholder(like.detach(), "optimizer", key, key)
    return result


def _record_group(
    recorder: Recorder,
    provenance: Provenance,
    update: Update,
    index: int,
    rate: Tensor | None,
    updated: Mapping[str, Updated],
    found_inf: Tensor | None,
) -> None:
    group = update.groups[index]
    if group.hyperparameters.get("fused"):
        enter = provenance.enter_parameter
        record_fused(
            recorder.call, update.name, index, group, rate, updated, found_inf, enter_parameter=enter
        )
        return
    with recorder.guarded(found_inf) if found_inf is not None else nullcontext():
        for name, each in updated.items():
            provenance.enter_parameter(name)
            record_update(recorder.call, update, index, each.parameter, each.gradient, each.states)
