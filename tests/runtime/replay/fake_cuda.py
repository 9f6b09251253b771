"""CUDA without a GPU: a fake runtime and a fake libc10_cuda, built for the tests and loaded."""

import ctypes
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.replay import build, native

FAKES = Path(__file__).parent / "fakes"
COUNTS = (
    *("malloc", "free", "malloc_async", "free_async", "memset", "events", "trims", "mistakes", "bytes"),
)
"""In the order of fake_cudart.cpp."""

only_without_cuda = pytest.mark.skipif(
    torch.version.cuda is not None, reason="the real CUDA runtime would be found first"
)


class FakeCudart:
    """The runtime: what was called, and what waits for what. One per process: the first is found."""

    def __init__(self, folder: Path) -> None:
        path = folder / "libfake_cudart.so"
        compile_shared(FAKES / "fake_cudart.cpp", path, [])
        # For all libraries of the process, as torch loads the real one.
        self.library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        self.library.fake_torch_malloc.restype = ctypes.c_void_p
        self.library.fake_threshold.restype = ctypes.c_int64

    def reset(self) -> None:
        self.library.fake_reset()

    def counts(self) -> dict[str, int]:
        found = (ctypes.c_int64 * len(COUNTS))()
        self.library.fake_counts(found)
        return dict(zip(COUNTS, found, strict=True))

    def waits(self) -> list[tuple[int, int]]:
        """(earlier stream, later stream) in order."""
        found = (ctypes.c_int64 * 200)()
        count = self.library.fake_waits(found, ctypes.c_int64(100))
        return [(found[2 * at], found[2 * at + 1]) for at in range(count)]

    @contextmanager
    def capturing(self, stream: int) -> Iterator[None]:
        self.library.fake_capture(ctypes.c_int64(stream), 1)
        try:
            yield
        finally:
            self.library.fake_capture(ctypes.c_int64(stream), 0)

    @contextmanager
    def full(self) -> Iterator[None]:
        """While inside there is no memory."""
        self.library.fake_limit(ctypes.c_int64(self.counts()["bytes"]))
        try:
            yield
        finally:
            self.library.fake_limit(ctypes.c_int64(1 << 62))


def compile_shared(source: Path, path: Path, options: list[str]) -> None:
    done = subprocess.run(
        ["g++", "-O1", "-shared", "-fPIC", "-std=c++17", str(source), "-o", str(path), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def compile_fake_torch(folder: Path) -> None:
    """A folder of libraries with torch's libc10 and our libc10_cuda."""
    torch_folder = Path(torch.__file__).parent
    (folder / "libc10.so").symlink_to(torch_folder / "lib" / "libc10.so")
    declarations = Path(build.__file__).parent
    compile_shared(
        FAKES / "fake_c10_cuda.cpp",
        folder / "libc10_cuda.so",
        [
            *("-O0", "-DC10_CUDA_NO_CMAKE_CONFIGURE_FILE", "-Wl,-soname,libc10_cuda.so"),
            *(f"-I{torch_folder / 'include'}", f"-I{declarations}", f"-L{folder}", "-lc10"),
        ],
    )


class Block:
    """Memory that torch asked for; it is freed when the last reference goes, as a tensor's."""

    def __init__(self, of: "FakeTorch", handle: int) -> None:
        self._of, self._handle = of, handle
        self.pointer: int = of.library.fake_pointer(handle)

    @property
    def device(self) -> int:
        return int(self._of.library.fake_device(self._handle))

    def record_stream(self, stream: int) -> None:
        self._of.library.fake_record_stream(self._handle, stream)

    def __del__(self) -> None:
        self._of.library.fake_free(self._handle)


class FakeTorch:
    """What ops do with the allocator in libc10_cuda's slot."""

    def __init__(self, folder: Path) -> None:
        self.library: Any = ctypes.CDLL(str(folder / "libc10_cuda.so"), mode=ctypes.RTLD_GLOBAL)
        number, pointer, text = ctypes.c_int64, ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "allocate": (pointer, [number, text, number]),
            "pointer": (pointer, [pointer]),
            "device": (ctypes.c_int, [pointer]),
            "free": (None, [pointer]),
            "record_stream": (None, [pointer, number]),
            "raw_alloc": (pointer, [number]),
            "raw_delete": (None, [pointer]),
            "base": (number, [pointer]),
            "ipc_offset": (number, [pointer]),
            "allocated": (number, []),
            "mistakes": (number, []),
            "is_native": (ctypes.c_int, []),
            "set_stream": (None, [number]),
            "stream": (number, []),
            "set_device": (None, [ctypes.c_int]),
            "recorded": (ctypes.c_int, [pointer, number]),
            "call_all": (None, [text, number]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(self.library, f"fake_{name}")
            function.restype, function.argtypes = result, arguments

    def allocate(self, size: int) -> Block:
        message = ctypes.create_string_buffer(400)
        handle = self.library.fake_allocate(size, message, 400)
        if not handle:
            raise torch.OutOfMemoryError(message.value.decode())
        return Block(self, handle)

    @contextmanager
    def stream(self, stream: int) -> Iterator[None]:
        before = self.library.fake_stream()
        self.library.fake_set_stream(stream)
        try:
            yield
        finally:
            self.library.fake_set_stream(before)


def without_torch_cuda(patch: pytest.MonkeyPatch) -> None:
    """Arenas of fake devices: what they ask torch for is not there."""
    patch.setattr(native, "current_index", lambda device: 0)
    patch.setattr(native, "current_queue", lambda device, index: 0)
