"""The CUDA adapter in front of a fake native allocator: it serves, forwards and orders streams.

Compiled against torch's own headers, so that this is what it does where the real ones are.
"""

import ctypes
import gc
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from runtime.replay import build, native
from runtime.replay.errors import ReplayError
from runtime.replay.native import PASS, Arena
from tests.runtime.replay.fake_cuda import (
    Block,
    FakeCudart,
    FakeTorch,
    compile_fake_torch,
    compile_shared,
    only_without_cuda,
    without_torch_cuda,
)

pytestmark = only_without_cuda
SIDE, OTHER = 16, 32
"""Streams beside the default one, which is 0."""


@pytest.fixture(scope="module")
def installed(
    fake_cudart: FakeCudart, native_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[FakeCudart, FakeTorch]]:
    """The adapter, built as on a machine with a GPU, in front of the fake."""
    folder = tmp_path_factory.mktemp("torch")
    with pytest.MonkeyPatch.context() as patch:
        compile_fake_torch(folder)
        fake = FakeTorch(folder)
        patch.setattr(build, "_torch_libraries", lambda: folder)
        without_torch_cuda(patch)
        patch.setattr(native, "current_queue", lambda device, index: fake.library.fake_stream())
        native.library("cuda_native")
        yield fake_cudart, fake
        native.library.cache_clear()


@pytest.fixture
def cudart(installed: tuple[FakeCudart, FakeTorch]) -> Iterator[FakeCudart]:
    """The runtime, in which nothing has happened; in the end nothing was done wrong."""
    installed[0].reset()
    yield installed[0]
    gc.collect()
    assert installed[0].counts()["mistakes"] == 0


@pytest.fixture
def fake(installed: tuple[FakeCudart, FakeTorch], cudart: FakeCudart) -> Iterator[FakeTorch]:
    """torch, whose memory is all given back in the end."""
    yield installed[1]
    gc.collect()
    assert installed[1].library.fake_mistakes() == 0
    assert installed[1].library.fake_allocated() == 0


def arena_of(capacity: int, table: list[list[tuple[int, int]]], **options: object) -> Arena:
    return Arena(capacity, table, adapter="cuda_native", **options)  # type: ignore[arg-type]


def place(arena: Arena, block: Block) -> int:
    return block.pointer - arena.base


def test_planned_requests_lie_in_the_arena_and_are_freed_there(fake: FakeTorch) -> None:
    arena = arena_of(8192, [[(1024, 4096), (2048, 0)], [(1024, 4096)]])
    with arena.running():
        arena.arm(0)
        blocks = [fake.allocate(1024), fake.allocate(2048)]
        assert [place(arena, block) for block in blocks] == [4096, 0]
        assert blocks[0].device == 0
        del blocks[0]
        arena.arm(1)
        blocks.append(fake.allocate(1024))
        assert place(arena, blocks[1]) == 4096
    assert arena.counters().planned == 3
    assert arena.live_blocks == 2
    del blocks
    assert arena.live_blocks == 0


def test_statistics_count_the_arena_and_the_scratch_pool_and_nothing_twice(fake: FakeTorch) -> None:
    arena = arena_of(8192, [[(1024, 0)]], scratch=4096)
    assert fake.library.fake_allocated() == 8192
    with arena.running():
        arena.arm(0)
        planned = fake.allocate(1024)
        assert fake.library.fake_allocated() == 8192
        missed = fake.allocate(100)
        assert fake.library.fake_allocated() == 8192 + 4096
    del planned, missed, arena
    gc.collect()
    assert fake.library.fake_allocated() == 0


def test_what_is_not_planned_is_the_native_allocators_own(fake: FakeTorch) -> None:
    arena = arena_of(1024, [[(2048, PASS)]])
    before = fake.allocate(512)
    with arena.running():
        arena.arm(0)
        escaped = fake.allocate(2048)
    after = fake.allocate(512)
    assert fake.library.fake_allocated() == 1024 + 512 + 2048 + 512
    assert arena.counters().passed == 1
    del before, escaped, after


def test_blocks_from_before_the_step_can_be_freed_in_it_and_the_other_way(fake: FakeTorch) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    blocks = [fake.allocate(512)]
    with arena.running():
        arena.arm(0)
        blocks.append(fake.allocate(1024))
        del blocks[0]
    del blocks
    assert arena.live_blocks == 0


def test_raw_requests_of_ops_are_planned_too(fake: FakeTorch) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        pointer = fake.library.fake_raw_alloc(1024)
        assert pointer == arena.base
        fake.library.fake_raw_delete(pointer)
    assert arena.live_blocks == 0
    pointer = fake.library.fake_raw_alloc(64)
    fake.library.fake_raw_delete(pointer)


def test_a_recording_sees_requests_raw_ones_too_and_their_frees(fake: FakeTorch) -> None:
    arena = arena_of(0, [[], []])
    with arena.running(record=True):
        arena.arm(0)
        kept = fake.allocate(1000)
        arena.arm(1)
        pointer = fake.library.fake_raw_alloc(2000)
        fake.library.fake_raw_delete(pointer)
        escaped = fake.allocate(3000)
        del kept
    found = [(r.slot, r.size, r.allocated, r.freed) for r in arena.requests()]
    assert found == [(0, 1000, 0, 4), (1, 2000, 1, 2), (1, 3000, 3, -1)]
    assert arena.requests()[2].pointer == escaped.pointer


def test_a_recorded_block_is_known_to_the_native_allocator(fake: FakeTorch) -> None:
    arena = arena_of(0, [[]])
    with arena.running(record=True):
        arena.arm(0)
        block = fake.allocate(1000)
        block.record_stream(SIDE)
    assert fake.library.fake_recorded(block.pointer, SIDE)


def test_other_streams_threads_and_devices_are_not_served(fake: FakeTorch) -> None:
    arena = arena_of(4096, [[(1024, 0), (1024, 1024)]])
    found: list[Block] = []
    with arena.running():
        arena.arm(0)
        with fake.stream(SIDE):
            found.append(fake.allocate(1024))
        fake.library.fake_set_device(1)
        found.append(fake.allocate(1024))
        fake.library.fake_set_device(0)
        thread = threading.Thread(target=lambda: found.append(fake.allocate(1024)))
        thread.start()
        thread.join()
        planned = fake.allocate(1024)
        assert place(arena, planned) == 0
    assert not any(0 <= place(arena, block) < 4096 for block in found)
    assert [block.device for block in found] == [0, 1, 0]
    assert arena.counters().foreign == 3


def test_bytes_that_another_stream_uses_are_waited_for_when_they_are_freed(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    arena = arena_of(1024, [[(1024, 0)], [(1024, 0)]])
    with arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        block.record_stream(SIDE)
        block.record_stream(SIDE)
        block.record_stream(0)  # the step's own
        assert cudart.waits() == []
        del block
        assert cudart.waits() == [(SIDE, 0)]
        arena.arm(1)
        assert place(arena, fake.allocate(1024)) == 0
    assert cudart.waits() == [(SIDE, 0)]
    assert fake.library.fake_recorded(arena.base, SIDE)  # until the arena itself is given back


def test_bytes_that_another_stream_uses_are_waited_for_when_they_are_taken_over(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    arena = arena_of(1024, [[(1024, 0)], [(1024, 0)]], takes={(1, 0)})
    with arena.running():
        arena.arm(0)
        old = fake.allocate(1024)
        old.record_stream(SIDE)
        arena.arm(1)
        new = fake.allocate(1024)
        assert place(arena, new) == 0
        assert cudart.waits() == [(SIDE, 0)]
    del old, new
    assert cudart.waits() == [(SIDE, 0)]
    assert arena.counters().taken == 1


def test_scratch_memory_that_another_stream_uses_is_waited_for(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    arena = arena_of(0, [[]])
    with arena.running():
        arena.arm(0)
        block = fake.allocate(100)
        block.record_stream(SIDE)
        del block
    assert cudart.waits() == [(SIDE, 0)]


def test_a_captured_step_never_waits_for_streams_outside_of_the_capture(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    arena = arena_of(1024, [[(1024, 0)], [(1024, 0)]])
    with fake.stream(OTHER), cudart.capturing(OTHER), arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        block.record_stream(SIDE)
        del block
        arena.arm(1)
        second = fake.allocate(1024)  # SIDE may still use the planned bytes
        assert not 0 <= place(arena, second) < 1024
        del second
    assert cudart.waits() == []
    assert arena.live_blocks == 0
    # After the capture the bytes are waited for and used again.
    with arena.running():
        arena.arm(0)
        assert place(arena, fake.allocate(1024)) == 0
    assert cudart.waits() == [(OTHER, 0), (SIDE, 0)]


def test_streams_inside_a_capture_wait_for_one_another(fake: FakeTorch, cudart: FakeCudart) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with fake.stream(OTHER), cudart.capturing(OTHER), cudart.capturing(SIDE), arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        block.record_stream(SIDE)
        del block
        assert cudart.waits() == [(SIDE, OTHER)]


def test_addresses_are_the_same_in_a_capture(fake: FakeTorch, cudart: FakeCudart) -> None:
    arena = arena_of(4096, [[(1024, 2048)], [(512, 0)]])
    found = []
    for stream in (0, OTHER, OTHER):
        with fake.stream(stream), arena.running():
            blocks = []
            for slot, size in enumerate((1024, 512)):
                arena.arm(slot)
                blocks.append(fake.allocate(size))
            found.append([block.pointer for block in blocks])
            del blocks
    assert found[0] == found[1] == found[2] == [arena.base + 2048, arena.base]


def test_a_step_on_another_stream_waits_for_the_one_before(fake: FakeTorch, cudart: FakeCudart) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        pass
    with fake.stream(SIDE), arena.running():
        arena.arm(0)
        assert place(arena, fake.allocate(1024)) == 0
    assert cudart.waits() == [(0, SIDE)]
    assert fake.library.fake_recorded(arena.base, SIDE)
    with arena.running():
        pass
    assert cudart.waits() == [(0, SIDE), (SIDE, 0)]


def test_tensors_keep_the_memory_of_an_arena_that_is_gone(fake: FakeTorch) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        block.record_stream(SIDE)
    del arena
    gc.collect()
    assert fake.library.fake_allocated() == 1024
    del block
    assert fake.library.fake_allocated() == 0


def test_no_memory_for_the_arena_is_an_error_that_names_its_bytes(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    with cudart.full(), pytest.raises(ReplayError, match=r"1,048,576 bytes.*on cuda:0"):
        arena_of(1 << 20, [[]])


def test_without_memory_the_ops_own_error_comes_through(fake: FakeTorch, cudart: FakeCudart) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        with cudart.full():
            with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate 4096"):
                fake.allocate(4096)
            assert place(arena, fake.allocate(1024)) == 0
    assert arena.counters().overflowed == 1


def test_the_arena_is_filled_on_the_current_stream_and_only_when_empty(
    fake: FakeTorch, cudart: FakeCudart
) -> None:
    arena = arena_of(1024, [[(1024, 0)]])
    with fake.stream(SIDE):
        assert arena.fill(0xFF)
    assert cudart.waits() == [(0, SIDE)]
    assert cudart.counts()["memset"] == 1
    with arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        assert not arena.fill(0)
        del block


def test_a_block_of_the_arena_can_be_shared_with_another_process(fake: FakeTorch) -> None:
    arena = arena_of(4096, [[(1024, 1024)]])
    with arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
        assert fake.library.fake_base(block.pointer) == arena.base
        assert fake.library.fake_ipc_offset(block.pointer) == 1024
        del block


def test_many_threads_free_while_the_step_runs(fake: FakeTorch, cudart: FakeCudart) -> None:
    slots = 300
    arena = arena_of(512 * slots, [[(512, 512 * i)] for i in range(slots)], scratch=512 * slots)
    made: list[Block] = []
    done = threading.Event()

    def free() -> None:
        while made or not done.is_set():
            if made:
                try:
                    block = made.pop()
                except IndexError:  # another thread was faster
                    continue
                if block.pointer % 1024:
                    block.record_stream(SIDE)
                del block

    threads = [threading.Thread(target=free) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(6):
        with fake.stream(OTHER if step % 2 else 0), arena.running(flat=step % 3 == 0):
            for slot in range(slots):
                arena.arm(slot)
                made.append(fake.allocate(512))
    done.set()
    for thread in threads:
        thread.join()
    made.clear()
    assert arena.live_blocks == 0
    assert arena.fill(0)


def test_everything_else_reaches_the_native_allocator(fake: FakeTorch) -> None:
    names = ctypes.create_string_buffer(4000)
    fake.library.fake_call_all(names, 4000)
    assert set(names.value.decode().split()) == declared_functions()


def declared_functions() -> set[str]:
    """The virtual functions of a CUDA allocator in this torch's headers."""
    include = Path(torch.__file__).parent / "include" / "c10"
    found: set[str] = set()
    for path, name in (
        ("cuda/CUDACachingAllocator.h", "CUDAAllocator"),
        ("core/CachingDeviceAllocator.h", "DeviceAllocator"),
        ("core/Allocator.h", "Allocator"),
    ):
        text = (include / path).read_text()
        head = rf"(?:class|struct)(?: C10_API)? {name} (?:: public [\w:]+ )?"
        body = re.search(head + r"\{(.*?)\n\};", text, re.S)
        assert body is not None, path
        found |= set(re.findall(r"virtual [^;{}()]*?(\w+)\(", re.sub(r"//.*", "", body[1])))
    # Destructors, and what no allocator of CUDA memory overrides.
    return found - {"Allocator", "is_simple_data_ptr", "clone"}


def test_it_overrides_every_function_that_torch_declares() -> None:
    source = (Path(build.__file__).parent / "arena_cuda.cpp").read_text()
    overridden = set(re.findall(r"(\w+)\([^;{}]*\) (?:const )?override", source))
    assert declared_functions() - overridden == set()


def test_it_can_be_taken_away_and_put_back(fake: FakeTorch) -> None:
    library = native.library("cuda_native")
    arena = arena_of(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        block = fake.allocate(1024)
    assert native.uninstall(library)
    assert fake.library.fake_is_native()
    assert not native.uninstall(library)
    with arena.running():
        arena.arm(0)
        assert not 0 <= place(arena, fake.allocate(1024)) < 1024
    del block  # freed in the arena all the same
    assert arena.live_blocks == 0
    native.install(library, "cuda_native")
    assert not fake.library.fake_is_native()
    with arena.running():
        arena.arm(0)
        assert place(arena, fake.allocate(1024)) == 0


def test_a_torch_without_cuda_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(build, "_torch_libraries", lambda: tmp_path)
    with pytest.raises(build.NoCompilerError, match=r"has no .*libc10_cuda\.so.*planned order"):
        build.built_library("cuda_native")


def test_the_declarations_stand_for_cudas_own_headers(
    installed: tuple[FakeCudart, FakeTorch], tmp_path: Path
) -> None:
    """With the real ones the compiler asks for the same functions of CUDA."""
    real = Path("/usr/local/cuda/include")
    if not (real / "cuda_runtime_api.h").is_file():
        pytest.skip("no CUDA headers here")
    with_real = tmp_path / "real.so"
    include = Path(torch.__file__).parent / "include"
    options = ["-DC10_CUDA_NO_CMAKE_CONFIGURE_FILE", f"-I{include}", f"-I{real}", "-O2"]
    compile_shared(Path(build.__file__).parent / "arena_cuda.cpp", with_real, options)
    ours = build.built_library("cuda_native")
    assert functions_of_cuda(with_real) == functions_of_cuda(ours)


def functions_of_cuda(library: Path) -> set[str]:
    """The symbols of CUDA and of torch's part for it that the library needs."""
    listed = subprocess.run(["nm", "-D", library], capture_output=True, text=True, check=True).stdout
    needed = {line.split()[-1] for line in listed.splitlines() if " U " in line}
    return {symbol for symbol in needed if "cuda" in symbol}
