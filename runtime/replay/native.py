"""The allocator's C interface as Python objects: an arena with its table of requests."""

import ctypes
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch

from .build import NoCompilerError, built_library
from .errors import ReplayError

PASS = -1
"""Address of a request that is not the arena's: PyTorch's own allocator serves it."""
SCRATCH_BYTES = 64 << 20
"""Of the pool for requests that the table does not know; taken only when the first one comes."""
_RECORD, _RUN, _FLAT = 1, 2, 3
_NO_MEMORY = 2


@dataclass(frozen=True)
class AdapterKind:
    """One way into PyTorch's allocator of a device."""

    device: str
    """Type of the device whose memory it serves."""
    alignment: int
    """Bytes: what PyTorch's own allocator of that device aligns to, and kernels are chosen by."""
    takes_over: bool
    """Whether a tensor may be given the bytes of another one that still lives there."""
    graphs: bool
    """Whether what a captured graph uses outside the arena stays there as long as the graph."""


ADAPTERS = {
    "cpu": AdapterKind("cpu", 64, True, True),
    # In front of the caching allocator: at any time, with its statistics, pools and graphs.
    "cuda_native": AdapterKind("cuda", 512, True, True),
    # Instead of the caching allocator, before CUDA is used: needs no headers of torch's, but has no
    # statistics and no pools, and torch forgets a pointer when it is freed for the first time.
    "cuda_pluggable": AdapterKind("cuda", 512, False, False),
}


@dataclass(frozen=True)
class Counters:
    """What the allocator did during the last step; in the order of arena_core.hpp's Counters."""

    planned: int
    """Requests served at their planned address."""
    passed: int
    """Requests left to PyTorch's allocator, as planned (the loss, what outlives the step)."""
    missed: int
    """Requests that the table does not know."""
    overlapped: int
    """Requests whose planned bytes were still occupied."""
    overflowed: int
    """Missed or overlapped ones that did not fit into the scratch pool either."""
    foreign: int
    """Requests of other threads, devices or streams meanwhile."""
    arena_top: int
    """Bytes from the arena's start that were used."""
    scratch_peak: int
    """Bytes of the scratch pool in use at once."""
    taken: int
    """Planned ones that took over the bytes of a living block."""


@dataclass(frozen=True)
class Request:
    """One request of a recorded step. Events number allocations and frees in the order they happen."""

    slot: int
    size: int
    pointer: int
    allocated: int
    freed: int
    """Event, or -1: it was not freed before the step ended."""


@cache
def library(adapter: str = "cpu") -> ctypes.PyDLL:
    """The allocator of ``adapter``, built and in front of PyTorch's from now on.

    Raises NoCompilerError, and ReplayError where it cannot be put there.
    """
    path = built_library(adapter)
    try:
        loaded = bind(path)
    except OSError:
        # Damaged in the cache, as by a full disk: built once more.
        path.unlink(missing_ok=True)
        try:
            loaded = bind(built_library(adapter))
        except OSError as error:
            raise NoCompilerError(
                f"The planned-address allocator was compiled but cannot be loaded: {error}. The step "
                "runs in the planned order at any address."
            ) from None
    install(loaded, adapter)
    return loaded


def bind(path: Path) -> ctypes.PyDLL:
    """The library at ``path`` with its signatures. Raises OSError."""
    # PyDLL keeps the GIL: arming takes less time than giving it up.
    loaded = ctypes.PyDLL(str(path))
    number, handle = ctypes.c_int64, ctypes.c_void_p
    numbers = ctypes.POINTER(number)
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "install": (ctypes.c_int, []),
        "create": (handle, [*[number] * 3, *[numbers] * 4, number, number, numbers]),
        "retire": (None, [handle]),
        "begin": (ctypes.c_int, [handle, number, number]),
        "arm": (None, [number]),
        "end": (None, []),
        "fill": (ctypes.c_int, [handle, ctypes.c_int, number]),
        "base": (number, [handle]),
        "live_blocks": (number, [handle]),
        "counters": (None, [handle, numbers]),
        "misses": (number, [handle, numbers, number]),
        "request_count": (number, [handle]),
        "requests": (None, [handle, numbers]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(loaded, f"bayplan_{name}")
        function.restype, function.argtypes = result, arguments
    return loaded


def install(loaded: ctypes.PyDLL, adapter: str) -> None:
    """Put the library in front of PyTorch's allocator. Raises ReplayError where that cannot be."""
    reached = loaded.bayplan_install()
    if reached < 0:
        raise ReplayError(
            f"The CUDA runtime is not loaded by this torch ({torch.__version__}), so that there are no "
            "planned addresses on a GPU. Install a torch for CUDA."
        )
    if not reached:
        device = ADAPTERS[adapter].device
        raise ReplayError(
            f"Another allocator sits in front of PyTorch's {device.upper()} allocator and does not "
            "pass requests on. Remove it to run with planned addresses."
        )
    if adapter == "cuda_pluggable":
        _install_pluggable(loaded)


def _install_pluggable(loaded: ctypes.PyDLL) -> None:
    in_use = ctypes.c_int.in_dll(loaded, "bayplan_in_use")
    if in_use.value:
        return  # by another export of this process
    try:
        allocator: Any = torch.cuda.memory.CUDAPluggableAllocator(
            loaded._name, "bayplan_alloc", "bayplan_free"
        )
        inner = allocator.allocator()
        inner.set_record_stream_fn(_address(loaded.bayplan_record_stream))
        inner.set_reset_fn(_address(loaded.bayplan_empty_cache))
        torch.cuda.memory.change_current_allocator(allocator)
        in_use.value = 1
    except (RuntimeError, AttributeError) as error:
        raise ReplayError(
            f"PyTorch does not take another CUDA allocator now: {error}. Load the plan before anything "
            'else of the process uses CUDA memory, or use adapter="native".'
        ) from None


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def uninstall(loaded: ctypes.PyDLL) -> bool:
    """Put PyTorch's own allocator in front again, for ``cuda_native``; False: ours was not in front.

    What lives in an arena stays there and is freed as ever. ``install`` undoes it.
    """
    return bool(loaded.bayplan_uninstall())


def current_index(device: str) -> int:
    """Which device of that type this thread uses; there is one CPU."""
    return 0 if device == "cpu" else torch.cuda.current_device()


def current_queue(device: str, index: int) -> int:
    """The stream that this thread issues work to on that device, as a number; the CPU has none."""
    return 0 if device == "cpu" else torch._C._cuda_getCurrentRawStream(index)


class Arena:
    """One block of memory and the table that says which request gets which bytes of it."""

    def __init__(
        self,
        capacity: int,
        table: Sequence[Sequence[tuple[int, int]]],
        *,
        takes: Collection[tuple[int, int]] = (),
        scratch: int = SCRATCH_BYTES,
        adapter: str = "cpu",
    ) -> None:
        """``table[slot]`` lists the (size, address) of the slot's requests in order.

        ``takes``: (slot, position) of the requests that may take over a block of their size that lives
        at their address. The memory is the current device's. Raises ReplayError where it has less than
        ``capacity`` bytes or an entry lies outside.
        """
        self._library = library(adapter)
        self._device = ADAPTERS[adapter].device
        index = self._index = current_index(self._device)
        first, sizes, addresses, taking = [0], [], [], []
        for slot, entries in enumerate(table):
            sizes += [size for size, _ in entries]
            addresses += [address for _, address in entries]
            taking += [int((slot, position) in takes) for position in range(len(entries))]
            first.append(len(sizes))
        self.capacity = capacity
        self._entries = len(sizes)
        problem = _array([0])
        self._handle = self._library.bayplan_create(
            capacity,
            scratch,
            len(table),
            _array(first),
            _array(sizes),
            _array(addresses),
            _array(taking),
            index,
            self._queue(),
            problem,
        )
        if not self._handle:
            where = self._device if self._device == "cpu" else f"{self._device}:{index}"
            raise ReplayError(
                f"The arena of {capacity:,} bytes cannot be made: there is no memory for it on {where}."
                " Use a smaller batch or a plan with a smaller arena."
                if problem[0] == _NO_MEMORY
                else f"The table of an arena of {capacity:,} bytes names bytes outside it."
            )

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.bayplan_retire(self._handle)

    @property
    def arm(self) -> Callable[[int], None]:
        """Called before each op with its slot."""
        arm: Callable[[int], None] = self._library.bayplan_arm
        return arm

    @contextmanager
    def running(self, *, record: bool = False, flat: bool = False) -> Iterator[None]:
        """While inside, this thread's requests on its current stream are served from the table.

        ``record``: they are recorded instead. ``flat``: no op is armed; the requests are the table's
        from the first to the last, and whatever differs is missed. For steps that repeat exactly.
        """
        mode = _RECORD if record else _FLAT if flat else _RUN
        refused = self._library.bayplan_begin(self._handle, mode, self._queue())
        if refused:
            where = "in another thread" if refused == 1 else "around this call"
            raise ReplayError(f"A planned step is still running {where}; let it end first.")
        try:
            yield
        finally:
            self._library.bayplan_end()

    @property
    def base(self) -> int:
        """Address of the arena's first byte in this process."""
        return int(self._library.bayplan_base(self._handle))

    @property
    def live_blocks(self) -> int:
        """Requests that were served from the arena or the scratch pool and are not freed yet."""
        return int(self._library.bayplan_live_blocks(self._handle))

    def fill(self, value: int) -> bool:
        """Set every byte of arena and scratch pool to ``value``; False while something lives there."""
        return bool(self._library.bayplan_fill(self._handle, value, self._queue()))

    def counters(self) -> Counters:
        """Of the step that ran last."""
        found = (ctypes.c_int64 * len(fields(Counters)))()
        self._library.bayplan_counters(self._handle, found)
        return Counters(*found)

    @property
    def repeated(self) -> bool:
        """Whether the last step's requests were the table's one by one: the next may run flat."""
        found = self.counters()
        served = found.planned + found.passed
        return served == self._entries and not found.missed and not found.overlapped

    def misses(self) -> list[tuple[int, int]]:
        """(slot, size) of the first requests of the last step that the table did not know."""
        found = (ctypes.c_int64 * 128)()
        count = self._library.bayplan_misses(self._handle, found, 64)
        return [(found[2 * at], found[2 * at + 1]) for at in range(count)]

    def requests(self) -> list[Request]:
        """What was recorded, in order."""
        count = self._library.bayplan_request_count(self._handle)
        found = (ctypes.c_int64 * max(1, 5 * count))()
        self._library.bayplan_requests(self._handle, found)
        return [Request(*found[5 * at : 5 * at + 5]) for at in range(count)]

    def _queue(self) -> int:
        return current_queue(self._device, self._index)


def _array(numbers: list[int]) -> Any:
    return (ctypes.c_int64 * max(1, len(numbers)))(*numbers)
