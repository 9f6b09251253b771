"""Refuses steps that do something that no call of an operator shows, so that the program lacks it.

Such a step would be captured without complaint and train otherwise than the model does: hooks that
run when a gradient is stored, backward passes within the step, tensors that the model exchanges.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from .errors import CaptureError
from .recorder import Recorder


class Held:
    """The tensors that a model held before its step."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._attributes = [
            (module, f"{path}.{key}".lstrip("."), key, item)
            for path, module in model.named_modules()
            for key, item in vars(module).items()
            if isinstance(item, Tensor)
        ]
        self._memory = {name: (t, t.untyped_storage()._cdata) for name, t in _own(model)}

    def refuse_replaced(self, recorder: Recorder) -> None:
        """Raise CaptureError where the step read a tensor that is another one in the next step."""
        for module, name, key, before in self._attributes:
            if vars(module).get(key) is not before and recorder.is_constant(before):
                raise CaptureError(
                    f"The model reads the tensor {name} and then replaces it, so that the next step "
                    f'differs. Register it with register_buffer("{key}", ...).'
                )
        for name, now in _own(self._model):
            tensor, memory = self._memory.get(name, (None, 0))
            if now is tensor and now.untyped_storage()._cdata != memory:
                raise CaptureError(
                    f"The model gives {name} other memory in its step (as `{name}.data = ...` does). "
                    "Change it in place, as copy_() does, within torch.no_grad()."
                )


def _own(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.layout is torch.strided and not nn.parameter.is_lazy(tensor):
            yield name, tensor


def refuse_hooks(optimizer: torch.optim.Optimizer, parameters: Mapping[str, Tensor]) -> None:
    """Raise CaptureError for hooks that run between the gradients and the update."""
    for name, parameter in parameters.items():
        if parameter._post_accumulate_grad_hooks:
            raise CaptureError(
                f"The parameter {name} has a post-accumulate-grad hook, which a captured step cannot "
                "run. Change the gradient with register_hook() instead."
            )
    hooks: Any = optimizer
    if hooks._optimizer_step_pre_hooks or hooks._optimizer_step_post_hooks:
        raise CaptureError(
            "The optimizer has a hook on its step, which a captured step cannot run. Remove it, or "
            "change gradients with register_hook() of the parameters."
        )


@contextmanager
def refuse_inner_backward() -> Iterator[None]:
    """Raise CaptureError when the block adds to ``.grad``, which a captured step does not have."""

    def refuse(*_: object, **__: object) -> None:
        raise CaptureError(
            "The model calls backward() in its step. Return a loss, whose gradients the captured step "
            "computes, or use torch.autograd.grad()."
        )

    with patch.object(torch.autograd, "backward", refuse):
        yield


def refuse_checkpoints(loss: Tensor) -> None:
    """Raise CaptureError where the graph of ``loss`` has a reentrant checkpoint.

    Its parameters are not in the graph: it adds to their ``.grad`` in a backward pass of its own.
    """
    pending, seen = [loss.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() == "CheckpointFunctionBackward":
            raise CaptureError(
                "The model uses torch.utils.checkpoint with use_reentrant=True. Pass "
                "use_reentrant=False, or leave the checkpoint out: a plan may recompute by itself."
            )
        pending.extend(following for following, _ in node.next_functions)
