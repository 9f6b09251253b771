"""What a step does for data-parallel training: buffers from rank 0, gradients averaged over all ranks.

The step stands for one of ``torch.nn.parallel.DistributedDataParallel`` with torch's own defaults::

    forward     every buffer is rank 0's, by a broadcast (with micro-batches, before the first)
    backward    every gradient is divided by the number of ranks and all-reduced
                (with micro-batches, the sums are, after the last: the others are under no_sync())

The collectives are torch's own ops and work in place, so that they take no memory of the plan. A
gradient may not be touched between its ``all_reduce_`` and its ``wait_tensor``: both write it. Which
process group is meant is known when the step is loaded.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .errors import CaptureError
from .gradients import in_last_micro_batch
from .optimizers import ScalarReference
from .options import Options
from .provenance import Provenance
from .recorder import Recorder

GROUP = "ranks"
"""In place of a process group's name."""

_aten = torch.ops.aten


def broadcast_buffers(recorder: Recorder, options: Options, model: nn.Module) -> None:
    """Record that every buffer becomes rank 0's, as DistributedDataParallel has it by default."""
    _require_torch_distributed()
    ops = torch.ops._c10d_functional
    earlier = ScalarReference("micro_batch.earlier", 0, 0.0)
    with recorder.guarded(*([earlier] if options.micro_batches > 1 else [])), torch.no_grad():
        sent = []
        for buffer in model.buffers():
            # Collectives take the bytes as they lie.
            dense = bool(_aten.is_non_overlapping_and_dense.default(buffer))
            own = buffer if dense else recorder.call(_aten.clone.default, buffer)
            recorder.call(ops.broadcast_.default, own, 0, GROUP)
            sent.append((buffer, own))
        for buffer, own in sent:
            recorder.call(ops.wait_tensor.default, own)
            if own is not buffer:
                recorder.call(_aten.copy_.default, buffer, own)


def average_gradients(
    recorder: Recorder, provenance: Provenance, options: Options, gradients: Mapping[str, Tensor]
) -> None:
    """Record that gradients, whose memory is their own, become their mean over all ranks.

    The last layer's come first, as the backward pass makes them.
    """
    ops = torch.ops._c10d_functional
    share = ScalarReference("ranks.share", 0, 1.0)
    backwards = list(gradients.items())[::-1]
    with in_last_micro_batch(recorder, options):
        for name, gradient in backwards:
            provenance.enter_parameter(name)
            # Divided first, by a product, as DistributedDataParallel does.
            recorder.call(_aten.mul_.Scalar, gradient, share)
            recorder.call(ops.all_reduce_.default, gradient, "sum", GROUP)
        for name, gradient in backwards:
            provenance.enter_parameter(name)
            recorder.call(ops.wait_tensor.default, gradient)


def _require_torch_distributed() -> None:
    if not torch.distributed.is_available():
        raise CaptureError(
            f"This torch ({torch.__version__}) comes without torch.distributed, which a step with the "
            "option distributed needs."
        )
    # Its rules for fake tensors.
    from torch.distributed import _functional_collectives  # noqa: F401
