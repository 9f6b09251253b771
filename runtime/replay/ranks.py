"""The processes that train together: collectives of a step, by torch.distributed.

A program has torch's own collectives in place, with a name in place of the process group. Here they
are calls of torch.distributed for the group that the running step was loaded with::

    all_reduce_(gradient, "sum", "ranks")    begins: the bytes are not to be touched
    wait_tensor(gradient)                    has ended; on a GPU: what is issued from now on waits

A plan is one order of ops, so that all ranks begin their collectives in the same order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import PlanData

_running: "list[Ranks]" = []
"""Of the step that runs; empty between steps."""


class Ranks:
    """This process and those it trains with; ``group`` None: this process alone."""

    def __init__(self, group: Any = None) -> None:
        self._group = group
        self._begun: dict[int, Any] = {}
        """The work that is under way on the tensor at each address."""
        self._silent = group is None

    @property
    def count(self) -> int:
        """How many processes."""
        return 1 if self._group is None else int(torch.distributed.get_world_size(self._group))

    @contextmanager
    def running(self) -> Iterator[None]:
        """The collectives of a step that runs inside are those of these ranks."""
        _running.append(self)
        try:
            yield
        finally:
            _running.pop()
            self._begun.clear()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Steps inside are this process's alone: their collectives do nothing.

        They ask for no memory, so that such a step makes the very requests of one that communicates.
        """
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def join(self, plan: PlanData, tensors: list[Tensor]) -> None:
        """Begin alike: raise ReplayError on every rank unless all have this very plan, then take over
        rank 0's ``tensors``, as DistributedDataParallel does when it is made."""
        if self._group is None:
            return
        device = tensors[0].device
        digest = [int(plan.digest[at : at + 8], 16) for at in range(0, 64, 8)]
        least, most = (torch.tensor(digest, dtype=torch.int64, device=device) for _ in range(2))
        operations = torch.distributed.ReduceOp
        torch.distributed.all_reduce(least, operations.MIN, group=self._group)
        torch.distributed.all_reduce(most, operations.MAX, group=self._group)
        if not torch.equal(least, most):
            raise ReplayError(
                f"The ranks have different plans; this one has that of {plan.title} with the digest "
                f"{plan.digest[:16]}. Give the same exported folder to all of them."
            )
        with torch.no_grad():
            for tensor in tensors:
                if tensor.numel() == 0:
                    continue
                dense = torch.ops.aten.is_non_overlapping_and_dense.default(tensor)
                own = tensor.detach() if dense else tensor.detach().contiguous()
                torch.distributed.broadcast(own, group_src=0, group=self._group)
                if not dense:
                    tensor.detach().copy_(own)

    def begin(self, name: str, tensor: Tensor) -> None:
        """Begin the collective ``name`` on ``tensor``, in place."""
        if self._silent or tensor.numel() == 0:
            return
        lent = _lent(tensor) if tensor.device.type == "cpu" else tensor
        if name == "all_reduce_":
            work = torch.distributed.all_reduce(lent, group=self._group, async_op=True)
        else:
            work = torch.distributed.broadcast(lent, group_src=0, group=self._group, async_op=True)
        self._begun[tensor.data_ptr()] = work

    def end(self, tensor: Tensor) -> None:
        """Wait for the collective on ``tensor``."""
        work = self._begun.pop(tensor.data_ptr(), None)
        if work is not None:
            work.wait()


def ranks_for(plan: PlanData, group: Any) -> Ranks:
    """The ranks that ``plan`` is to run on; ``group`` None: those of the default group.

    Raises ReplayError where that does not fit: a step must not train on its own by mistake.
    """
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not plan.options.get("distributed"):
        if group is None:
            return Ranks()
        raise ReplayError(
            f"The step {plan.title} does not communicate: it was captured without the option "
            'distributed. Capture it with {"distributed": True} to train on several ranks.'
        )
    if not distributed:
        raise ReplayError(
            f"The step {plan.title} averages its gradients over the ranks of a process group, and "
            "there is none. Call torch.distributed.init_process_group() before load()."
        )
    group = torch.distributed.group.WORLD if group is None else group
    if torch.distributed.get_rank(group) < 0:
        raise ReplayError("This process is not a rank of the process group that was given to load().")
    return Ranks(group)


def collective(name: str) -> Any:
    """What a generated step calls for ``_c10d_functional.NAME``, or None where it is not known."""
    return _COLLECTIVES.get(name)


def _all_reduce(tensor: Tensor, operation: str, group: str) -> Tensor:
    assert operation == "sum"
    _running[-1].begin("all_reduce_", tensor)
    return tensor


def _broadcast(tensor: Tensor, source: int, group: str) -> Tensor:
    assert source == 0
    _running[-1].begin("broadcast_", tensor)
    return tensor


def _wait(tensor: Tensor) -> Tensor:
    _running[-1].end(tensor)
    return tensor


_COLLECTIVES = {"all_reduce_": _all_reduce, "broadcast_": _broadcast, "wait_tensor": _wait}


def _lent(tensor: Tensor) -> Tensor:
    """The bytes of ``tensor``, which is dense, in one row that does not own them.

    Gloo's threads drop what they were given a little after its work has ended; by then the plan may
    have given the bytes to another tensor.
    """
    size = tensor.numel() * tensor.element_size()
    make: Any = torch._C._construct_storage_from_data_pointer
    storage = make(tensor.data_ptr(), tensor.device, size)
    row = torch.empty(0, dtype=tensor.dtype)
    return row.set_(storage, 0, (tensor.numel(),), (1,))
