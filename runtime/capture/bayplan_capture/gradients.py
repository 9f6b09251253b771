"""What becomes of the gradients between the backward pass and the update.

In the order of ``bayplan_capture.eager``, each only where it is wanted::

    added up     over micro-batches, in placeholders of the role ``gradient``
    unscaled     and searched for what is not finite, by torch's own op for GradScaler
    clipped      by torch.nn.utils

With micro-batches the program is that of one of them, and is replayed for each. What belongs to the
first or the last of them alone has a guard: a scalar that is 0 where it is to run::

    micro_batch.earlier   0 in the first, else 1
    micro_batch.first     1 in the first, else 0
    micro_batch.later     0 in the last, else 1
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from .errors import CaptureError
from .optimizers import ScalarReference, Update
from .options import Options, scaler_factors
from .provenance import Provenance
from .recorder import Recorder

_aten = torch.ops.aten


class LossScale:
    """The scale of a GradScaler, in the step: placeholders of the role ``scaler``."""

    def __init__(self, recorder: Recorder, options: Options) -> None:
        assert options.scaler is not None
        self._factors = scaler_factors(options.scaler)
        device = recorder.target.device

        def placeholder(key: str, dtype: torch.dtype) -> Tensor:
            like = torch.empty((), dtype=dtype, device=device)
            return recorder.add_placeholder(like, "scaler", key, f"GradScaler · {key}")

        self.scale = placeholder("scale", torch.float32)
        self._growth_tracker = placeholder("growth_tracker", torch.int32)
        self.found_inf: Tensor
        """Whether some gradient is not finite: 1, else 0. ``start`` makes it."""

    def start(self) -> None:
        """No gradient is known yet that is not finite."""
        self.found_inf = torch.full((), 0.0, dtype=torch.float32, device=self.scale.device)

    def unscale(self, gradients: Sequence[Tensor]) -> None:
        """As ``GradScaler.unscale_`` of an optimizer with these gradients, in its order."""
        inverse = self.scale.double().reciprocal().float()
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for gradient in gradients:
            if gradient.dtype == torch.float16:
                raise CaptureError(
                    "The model has float16 parameters, whose gradients torch.amp.GradScaler refuses to "
                    "unscale. Keep the parameters in float32 and use autocast."
                )
            by_dtype.setdefault(gradient.dtype, []).append(gradient)
        for each in by_dtype.values():
            torch._amp_foreach_non_finite_check_and_unscale_(each, self.found_inf, inverse)

    def update(self) -> None:
        """As ``GradScaler.update``."""
        torch._amp_update_scale_(
            self.scale,
            self._growth_tracker,
            self.found_inf,
            self._factors["growth_factor"],
            self._factors["backoff_factor"],
            int(self._factors["growth_interval"]),
        )


def added_up(
    recorder: Recorder,
    provenance: Provenance,
    parameters: Mapping[str, Tensor],
    gradients: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """The sums of the gradients of this micro-batch and those before it."""
    sums = {}
    for name, gradient in gradients.items():
        like = torch.empty_like(parameters[name].detach(), memory_format=torch.preserve_format)
        total = recorder.add_placeholder(like, "gradient", name, f"∂ {name}, added up")
        provenance.enter_parameter(name)
        with recorder.guarded(ScalarReference("micro_batch.earlier", 0, 0.0)):
            recorder.call(_aten.copy_.default, total, gradient)
        with recorder.guarded(ScalarReference("micro_batch.first", 0, 0.0)):
            recorder.call(_aten.add_.Tensor, total, gradient)
        sums[name] = total
    return sums


@contextmanager
def in_last_micro_batch(recorder: Recorder, options: Options) -> Iterator[None]:
    """Let what is within run in the last micro-batch alone, where there is more than one."""
    if options.micro_batches == 1:
        yield
        return
    with recorder.guarded(ScalarReference("micro_batch.later", 0, 0.0)):
        yield


def own_memory(recorder: Recorder, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradients as tensors that may be changed in place, as ``backward()`` leaves them."""
    seen: set[int] = set()
    result = {}
    for name, gradient in gradients.items():
        index = recorder.storage(gradient)
        foreign = index is not None and bool(recorder.storages[index].role)
        # One tensor may be the gradient of two parameters; autograd then copies it.
        result[name] = gradient.clone() if foreign or id(gradient) in seen else gradient
        seen.add(id(gradient))
    return result


def clip(recorder: Recorder, options: Options, gradients: Sequence[Tensor]) -> None:
    """Clip in place, with the ops that torch takes on the target: lists of tensors on CUDA alone."""
    holders = [SimpleNamespace(grad=gradient) for gradient in gradients]
    lists = True if recorder.target.name == "cuda" else None
    if options.clip_grad_norm is not None:
        nn.utils.clip_grad_norm_(holders, options.clip_grad_norm, foreach=lists)  # type: ignore[arg-type]
    if options.clip_grad_value is not None:
        nn.utils.clip_grad_value_(holders, options.clip_grad_value, foreach=lists)  # type: ignore[arg-type]


def in_optimizer_order(update: Update, gradients: Mapping[str, Tensor]) -> list[Tensor]:
    """The gradients of the optimizer's parameters, group by group."""
    names = [name for group in update.groups for name in group.parameters]
    return [gradients[name] for name in names if name in gradients]
