"""Trips to host memory: copies that run beside the ops, and who waits for whom.

::

    ops      a  b │offload x│  c  d  │wait│ e    g  │prefetch x│  h  i  │wait│  j reads x
                  └──────┐           ┌─┘ (e gets x's bytes)  └──────┐   ┌─┘
    copies               │x → host │─┘                              │host → x│

All copies are made one after the other, in the order in which they are issued. A copy begins when the
ops issued before it are done: they have written what it reads, or are done with the bytes that it
fills. What is issued after a *wait* begins when that copy, and so all before it, are done: the
generated step waits before anything writes or gets the bytes that a copy reads, and before anything
uses what a copy fills. A step ends when its copies have.

``late``: copies come as late as the waits let them, so that a missing wait shows in the results; *at
once*: each ends before the next op begins, so that results depend on no wait. What both give is equal
where no wait is missing.
"""

import ctypes
import mmap
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .device import Device
from .errors import ReplayError
from .plan_data import PlanData

LATE_CYCLES = 30_000_000
"""For which a late copy of a GPU is held up, some 20 ms: more than the ops take that it delays."""


class Copies(ABC):
    """Copies of raw bytes beside the ops of one device, numbered as the plan's transfers are."""

    late = False
    """Whether they come as late as the waits let them."""
    at_once = False
    """Whether each ends before the next op begins. Memory that is not the arena's is given back when
    a tensor goes, and a step that forgot to wait must not read or write it then."""

    @abstractmethod
    def start(self, number: int, target: Tensor, source: Tensor) -> None:
        """Copy once the ops that were issued before are done; both are bytes, of one length."""

    @abstractmethod
    def wait(self, number: int) -> None:
        """The ops that are issued from now on come after copy ``number``."""

    @abstractmethod
    def join(self) -> None:
        """The ops that are issued from now on come after all copies."""


@dataclass(frozen=True)
class _Layout:
    """How a tensor lies in its storage."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


class Transfers:
    """The transfers of one plan and their host block. Not for use by two threads at a time."""

    def __init__(self, plan: PlanData, device: Device, copies: Copies | None = None) -> None:
        """``copies``: None takes those of the device. Raises ReplayError: no host memory is left."""
        self._plan, self._device = plan, device
        with device.entered():
            self._copies = copies or copies_for(device, len(plan.transfers))
            self._block = host_block(device, plan.host_bytes)
        self._larger: dict[int, Tensor] = {}
        """By host slot: what is larger here than the plan knows, as an op's statistics in float32."""
        self._parked: dict[int, tuple[int, tuple[_Layout, ...]]] = {}
        """By host slot the bytes that lie there, and the tensors that are made of them."""

    @contextmanager
    def running(self, *, late: bool, at_once: bool) -> Iterator[None]:
        """Around one step. ``late`` and ``at_once``: as in ``Copies``."""
        self._copies.late, self._copies.at_once = late, at_once
        try:
            yield
        finally:
            self._copies.join()
            self._parked.clear()

    @property
    def host_bytes(self) -> int:
        """Host memory that is taken: the block, and what is larger here than planned."""
        return sum(block.numel() for block in (self._block, *self._larger.values()))

    def fill(self, value: int) -> None:
        """Set every byte of host memory, between the steps on the device."""
        for block in (self._block, *self._larger.values()):
            block.fill_(value)

    def offload(self, number: int, *tensors: Tensor) -> None:
        """Start transfer ``number``, of the storage that all ``tensors`` are on."""
        host = self._plan.transfers[number].host
        source = _raw(tensors[0])
        layouts = (
            _Layout(t.dtype, tuple(t.shape), t.stride(), int(t.storage_offset())) for t in tensors
        )
        self._parked[host] = source.numel(), tuple(layouts)
        self._copies.start(number, self._slot(host, source.numel()), source)

    def prefetch(self, number: int) -> tuple[Tensor, ...]:
        """Start transfer ``number``: new tensors, laid out as those that went to its host slot."""
        host = self._plan.transfers[number].host
        size, layouts = self._parked[host]
        # The one request of this transfer: the arena serves it at the planned address.
        target = torch.empty(size, dtype=torch.uint8, device=self._device.at)
        self._copies.start(number, target, self._slot(host, size))
        storage = target.untyped_storage()
        return tuple(
            torch.empty(0, dtype=of.dtype, device=self._device.at).set_(
                storage, of.offset, of.shape, of.stride
            )
            for of in layouts
        )

    def take_home(self, number: int, tensor: Tensor, home: Tensor) -> None:
        """Start transfer ``number``: a resident that lives in host memory goes back to there."""
        self._copies.start(number, _raw(home), _raw(tensor))

    def bring(self, number: int, home: Tensor) -> Tensor:
        """Start transfer ``number``: a new tensor, laid out and filled as the resident at ``home``."""
        source = _raw(home)
        target = torch.empty(source.numel(), dtype=torch.uint8, device=self._device.at)
        self._copies.start(number, target, source)
        return torch.empty(0, dtype=home.dtype, device=self._device.at).set_(
            target.untyped_storage(), int(home.storage_offset()), tuple(home.shape), home.stride()
        )

    def wait(self, number: int) -> None:
        """What is issued from now on comes after transfer ``number``."""
        self._copies.wait(number)

    def _slot(self, host: int, size: int) -> Tensor:
        planned = self._plan.host_slots[host]
        if size <= planned.size:
            return self._block[planned.address : planned.address + size]
        if host not in self._larger or self._larger[host].numel() < size:
            self._larger[host] = host_block(self._device, size)
        return self._larger[host][:size]


def _raw(tensor: Tensor) -> Tensor:
    """The bytes of the storage that ``tensor`` is on."""
    return torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())


class CpuCopies(Copies):
    """Copies of a thread. Ops of the CPU are done when they return, so it need not wait for them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "bayplan-copies")
        self._issued: dict[int, Future[object]] = {}
        self._held: dict[int, Callable[[], object]] = {}
        """Late ones that nobody waits for yet, in order."""

    def start(self, number: int, target: Tensor, source: Tensor) -> None:
        copy = partial(ctypes.memmove, target.data_ptr(), source.data_ptr(), source.numel())
        if self.at_once:
            copy()
        elif self.late:
            self._held[number] = copy
        else:
            self._issued[number] = self._thread.submit(copy)

    def wait(self, number: int) -> None:
        while number in self._held:
            first = next(iter(self._held))
            self._issued[first] = self._thread.submit(self._held.pop(first))
        if number in self._issued:
            self._issued.pop(number).result()

    def join(self) -> None:
        for number in [*self._issued, *self._held]:
            self.wait(number)


class CudaCopies(Copies):
    """Copies of a stream of its own. In a captured step it is a branch of the graph."""

    def __init__(self, at: torch.device, count: int) -> None:
        self._at = at
        self._stream = torch.cuda.Stream(at)  # type: ignore[no-untyped-call]
        new_event: Callable[[], torch.cuda.Event] = torch.cuda.Event
        self._ops = [new_event() for _ in range(count)]
        """What each copy waits for."""
        self._copies = [new_event() for _ in range(count)]
        """What waits for each copy."""
        self._pending = False

    def start(self, number: int, target: Tensor, source: Tensor) -> None:
        self._ops[number].record(torch.cuda.current_stream(self._at))
        self._stream.wait_event(self._ops[number])
        with torch.cuda.stream(self._stream):
            if self.late:
                torch.cuda._sleep(LATE_CYCLES)  # type: ignore[no-untyped-call]
            target.copy_(source, non_blocking=True)
        self._copies[number].record(self._stream)
        self._pending = True
        if self.at_once:
            self.wait(number)

    def wait(self, number: int) -> None:
        torch.cuda.current_stream(self._at).wait_event(self._copies[number])

    def join(self) -> None:
        if self._pending:
            # A graph is complete only with all its branches.
            torch.cuda.current_stream(self._at).wait_stream(self._stream)
        self._pending = False


def copies_for(device: Device, count: int) -> Copies:
    """What makes the copies of ``count`` transfers on ``device``."""
    return CudaCopies(device.at, count) if device.at.type == "cuda" else CpuCopies()


def host_block(device: Device, size: int) -> Tensor:
    """``size`` bytes of host memory that copies of ``device`` use: pinned for a GPU.

    Not from PyTorch, whose allocator of the CPU may be the arena's, and whose pinned memory has a power
    of two of bytes. Raises ReplayError where there is no memory for it.
    """
    if not size:
        return torch.empty(0, dtype=torch.uint8)
    try:
        memory = mmap.mmap(-1, size)
        block = torch.frombuffer(memory, dtype=torch.uint8)
        if device.at.type == "cuda":
            _pin(block, memory)
        return block
    except (RuntimeError, OSError, ValueError, MemoryError) as error:
        raise ReplayError(
            f"The host block of {size:,} bytes cannot be made: {error}. Free host memory, or use a "
            "plan that offloads less."
        ) from None


def _pin(block: Tensor, memory: mmap.mmap) -> None:
    cudart: Any = torch.cuda.cudart()  # type: ignore[no-untyped-call]
    torch.cuda.check_error(int(cudart.cudaHostRegister(block.data_ptr(), block.numel(), 0)))
    # Slices keep the memory, but not the block: it is held, with them, by who made it.
    weakref.finalize(block, _unpin, cudart, block.data_ptr(), memory)


def _unpin(cudart: Any, address: int, memory: mmap.mmap) -> None:
    torch.cuda.synchronize()
    cudart.cudaHostUnregister(address)
