"""The CUDA adapter for CUDAPluggableAllocator against a fake CUDA runtime, called as torch calls it."""

import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.replay import build, native
from runtime.replay.errors import ReplayError
from runtime.replay.native import PASS, Arena
from tests.runtime.replay.fake_cuda import FakeCudart, only_without_cuda, without_torch_cuda

pytestmark = only_without_cuda
SIDE = 16
"""A stream beside the default one, which is 0."""


class Caller:
    """torch's side: allocates, and frees what it knows."""

    def __init__(self, cudart: FakeCudart, library: ctypes.PyDLL) -> None:
        self.library, self.adapter = cudart.library, library
        functions = (library.bayplan_alloc, library.bayplan_free)
        self.library.fake_torch_use(*(ctypes.cast(f, ctypes.c_void_p) for f in functions))

    def malloc(self, size: int, *, device: int = 0, stream: int = 0) -> int:
        message = ctypes.create_string_buffer(400)
        wide = ctypes.c_int64
        pointer = self.library.fake_torch_malloc(wide(size), device, wide(stream), message, wide(400))
        if message.value:
            raise RuntimeError(message.value.decode())
        return pointer or 0

    def delete(self, pointer: int) -> None:
        assert self.library.fake_torch_delete(ctypes.c_void_p(pointer)), "torch does not know it"

    def record_stream(self, pointer: int, stream: int) -> None:
        self.adapter.bayplan_record_stream(ctypes.c_void_p(pointer), ctypes.c_void_p(stream))


@pytest.fixture(scope="module")
def installed(fake_cudart: FakeCudart, native_cache: Path) -> Iterator[tuple[FakeCudart, Caller]]:
    """The adapter, built as on a machine with a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        without_torch_cuda(patch)
        patch.setattr(native, "install", lambda library, adapter: library.bayplan_install())
        yield fake_cudart, Caller(fake_cudart, native.library("cuda_pluggable"))
        native.library.cache_clear()


@pytest.fixture
def cudart(installed: tuple[FakeCudart, Caller]) -> Iterator[FakeCudart]:
    """The runtime, in which nothing has happened; in the end all memory is back and nothing wrong."""
    installed[0].reset()
    yield installed[0]
    gc.collect()
    found = installed[0].counts()
    assert (found["mistakes"], found["bytes"]) == (0, 0)


@pytest.fixture
def caller(installed: tuple[FakeCudart, Caller], cudart: FakeCudart) -> Caller:
    return installed[1]


def arena_of(capacity: int, table: list[list[tuple[int, int]]], **options: Any) -> Arena:
    return Arena(capacity, table, adapter="cuda_pluggable", **options)


def test_planned_requests_lie_in_the_arena(caller: Caller, cudart: FakeCudart) -> None:
    arena = arena_of(8192, [[(1024, 4096), (2048, 0)], [(1024, 4096)]])
    assert arena.base % 512 == 0
    with arena.running():
        arena.arm(0)
        first, second = caller.malloc(1024), caller.malloc(2048)
        assert (first, second) == (arena.base + 4096, arena.base)
        caller.delete(first)
        arena.arm(1)
        assert caller.malloc(1024) == first
    counts = cudart.counts()
    assert (counts["malloc"], counts["malloc_async"], counts["free_async"]) == (1, 0, 0)
    caller.delete(first)
    caller.delete(second)
    assert arena.live_blocks == 0


def test_everything_else_is_cudas_whose_pool_keeps_its_memory(
    caller: Caller, cudart: FakeCudart
) -> None:
    arena = arena_of(1024, [[(2048, PASS)]])
    pointers = [caller.malloc(512)]
    with arena.running():
        arena.arm(0)
        pointers += [caller.malloc(2048), caller.malloc(1024, stream=SIDE)]
    counts = cudart.counts()
    assert (counts["malloc"], counts["malloc_async"]) == (1, 3)
    assert cudart.library.fake_threshold() == -1  # all bits: as much as there is
    for pointer in pointers:
        caller.delete(pointer)
    assert cudart.counts()["free_async"] == 3
    assert (arena.counters().passed, arena.counters().foreign) == (1, 1)


def test_devices_without_a_pool_are_served_by_plain_malloc(caller: Caller, cudart: FakeCudart) -> None:
    cudart.library.fake_pools(0)
    pointer = caller.malloc(512, device=7)  # whether it has a pool is asked once per device
    cudart.library.fake_pools(1)
    caller.delete(pointer)
    counts = cudart.counts()
    assert (counts["malloc"], counts["free"], counts["malloc_async"]) == (1, 1, 0)


def test_cudas_pools_give_back_what_is_not_used_when_torch_empties_its_cache(
    caller: Caller, cudart: FakeCudart
) -> None:
    caller.delete(caller.malloc(512))
    caller.adapter.bayplan_empty_cache()
    assert cudart.counts()["trims"] == 1


def test_a_request_for_nothing_gets_nothing(caller: Caller) -> None:
    assert caller.malloc(0) == 0


def test_bytes_are_never_taken_over_because_torch_forgets_a_pointer_when_it_is_freed(
    caller: Caller,
) -> None:
    arena = arena_of(1024, [[(1024, 0)], [(1024, 0)]], takes={(1, 0)})
    assert not native.ADAPTERS["cuda_pluggable"].takes_over
    with arena.running():
        arena.arm(0)
        old = caller.malloc(1024)
        arena.arm(1)
        new = caller.malloc(1024)
        assert old != new
    caller.delete(old)
    caller.delete(new)
    assert (arena.counters().taken, arena.counters().overlapped) == (0, 1)


def test_a_recording_lists_requests_with_their_lifetimes(caller: Caller) -> None:
    arena = arena_of(0, [[], []])
    with arena.running(record=True):
        arena.arm(0)
        kept = caller.malloc(1000)
        arena.arm(1)
        caller.delete(caller.malloc(2000))
        caller.delete(kept)
        escaped = caller.malloc(3000)
    found = [(r.slot, r.size, r.allocated, r.freed) for r in arena.requests()]
    assert found == [(0, 1000, 0, 3), (1, 2000, 1, 2), (1, 3000, 4, -1)]
    caller.delete(escaped)


def test_without_memory_the_error_names_the_bytes(caller: Caller, cudart: FakeCudart) -> None:
    with cudart.full():
        with pytest.raises(RuntimeError, match=r"CUDA out of memory\. Tried to allocate 4096 bytes"):
            caller.malloc(4096)
        with pytest.raises(ReplayError, match="no memory for it on cuda:0"):
            arena_of(4096, [[]])


def test_blocks_that_other_streams_use_are_waited_for(caller: Caller, cudart: FakeCudart) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        planned = caller.malloc(1024)
    passed = caller.malloc(512)
    for pointer in (planned, passed):
        caller.record_stream(pointer, SIDE)
    assert cudart.waits() == []
    caller.delete(planned)
    assert cudart.waits() == [(SIDE, 0)]
    caller.delete(passed)
    assert cudart.waits() == [(SIDE, 0)] * 2
    assert cudart.counts()["free_async"] == 1


def test_what_cannot_be_waited_for_yet_is_freed_later(caller: Caller, cudart: FakeCudart) -> None:
    passed, other = caller.malloc(512), caller.malloc(512)
    caller.record_stream(passed, SIDE)
    with cudart.capturing(SIDE):
        caller.delete(passed)
        assert cudart.counts()["free_async"] == 0
    caller.delete(other)
    assert cudart.counts()["free_async"] == 2
    assert cudart.waits() == [(SIDE, 0)]


def test_the_arena_is_given_back_when_nothing_lives_in_it(caller: Caller, cudart: FakeCudart) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        pointer = caller.malloc(1024)
    del arena
    gc.collect()
    assert cudart.counts()["free"] == 0
    caller.delete(pointer)
    assert cudart.counts()["free"] == 1


def test_torch_is_given_the_librarys_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    class FromTorch:
        def __init__(self, path: str, alloc: str, free: str) -> None:
            loaded = ctypes.CDLL(path)
            given.append([bool(getattr(loaded, name)) for name in (alloc, free)])

        def allocator(self) -> "FromTorch":
            return self

        def set_record_stream_fn(self, function: int) -> None:
            given.append(function)

        set_reset_fn = set_record_stream_fn

    monkeypatch.setattr(torch.cuda.memory, "CUDAPluggableAllocator", FromTorch)
    monkeypatch.setattr(torch.cuda.memory, "change_current_allocator", given.append)
    library = native.bind(build.built_library("cuda_pluggable"))
    INSTALL(library, "cuda_pluggable")
    functions = (library.bayplan_record_stream, library.bayplan_empty_cache)
    addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in functions]
    assert given[:3] == [[True, True], *addresses]
    assert isinstance(given[3], FromTorch)
    # Another export of the same process finds it there: torch takes no second one.
    INSTALL(native.bind(build.built_library("cuda_pluggable")), "cuda_pluggable")
    assert len(given) == 4
    ctypes.c_int.in_dll(library, "bayplan_in_use").value = 0


def test_a_torch_that_has_used_cuda_already_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Can't swap an already initialized allocator")

    monkeypatch.setattr(torch.cuda.memory, "CUDAPluggableAllocator", refuse)
    library = native.bind(build.built_library("cuda_pluggable"))
    with pytest.raises(ReplayError, match=r'before anything else.*adapter="native"'):
        INSTALL(library, "cuda_pluggable")


def test_it_needs_no_headers_but_the_compilers(installed: tuple[FakeCudart, Caller]) -> None:
    here = Path(build.__file__).parent
    included = [
        line
        for name in build.SOURCES["cuda_pluggable"]
        for line in (here / name).read_text().splitlines()
        if line.startswith("#include")
    ]
    assert not [line for line in included if "c10" in line or "torch" in line or "cuda_" in line]


INSTALL = native.install
"""Before it is replaced for the other tests."""
