"""Compile the allocator and the placer on first use; keep them in the user's cache, named by content.

A library is loaded into the process, so the cache must be nobody else's: folders and files are
private and their owner is checked. Several processes may build at once: each writes a file of its
own and renames it into place.
"""

import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from .errors import ReplayError

_CORE = ("arena_backing.hpp", "arena_scratch.hpp", "arena_core.hpp", "arena_interface.hpp")
_CUDA_SOURCES = (*_CORE, "arena_cudart.hpp")
_DECLARATIONS = ("cuda.h", "cuda_runtime.h", "cuda_runtime_api.h")
SOURCES = {
    "cpu": (*_CORE, "arena_cpu.cpp"),
    "cuda_native": (*_CUDA_SOURCES, "arena_cuda.cpp", *_DECLARATIONS),
    "cuda_pluggable": (*_CUDA_SOURCES, "arena_pluggable.cpp"),
}
"""What each adapter is made of; the only one with a ``.cpp`` is compiled."""
_FLAGS = ("-O2", "-shared", "-fPIC", "-std=c++17", "-fvisibility=hidden")
BUILD_SECONDS = 300.0
"""A compiler that takes longer is stuck."""


class NoCompilerError(ReplayError):
    """The allocator cannot be built here, so the step can only run without addresses."""


def cache_folder() -> Path:
    """Where built allocators are kept; ``XDG_CACHE_HOME`` moves it."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "bayplan" / "native"


def built_library(adapter: str = "cpu") -> Path:
    """The shared library of the ``adapter``, built now unless it is in the cache.

    Raises NoCompilerError where it cannot be built.
    """
    # Who asks for an allocator will need the placer: both are there, or neither.
    built_placer()
    return _built(f"arena_{adapter}", _command(adapter), SOURCES[adapter])


def built_placer() -> Path:
    """The same for the library that places recorded requests, which knows nothing of torch."""
    if sys.platform != "linux":
        raise NoCompilerError(
            f"Planned addresses need Linux; this is {sys.platform}. The step runs in the planned order."
        )
    here = Path(__file__).parent
    sources = sorted(path.name for path in here.glob("placing*.?pp"))
    return _built("placing", [*_compiler(), *_FLAGS, str(here / "placing.cpp")], sources)


def _built(name: str, command: list[str], sources: Sequence[str]) -> Path:
    """The library that the compiler call ``command`` makes, from the cache where it is there."""
    path = _private_folder(cache_folder()) / f"{name}-{_digest(command, sources)}.so"
    if not _is_trusted(path):
        _build(command, path)
    return path


def _command(adapter: str) -> list[str]:
    """The compiler call without its output file."""
    here = Path(__file__).parent
    source = next(here / name for name in SOURCES[adapter] if name.endswith(".cpp"))
    command = [*_compiler(), *_FLAGS]
    if adapter == "cuda_pluggable":
        return [*command, str(source), "-ldl"]
    libraries = _torch_libraries()
    command += [
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        f"-I{Path(torch.__file__).parent / 'include'}",
    ]
    if adapter == "cpu":
        return [*command, str(source), f"-L{libraries}", "-lc10"]
    if not (libraries / "libc10_cuda.so").is_file():
        raise NoCompilerError(
            f"Planned addresses on a GPU need a torch with CUDA: this one ({torch.__version__}) has no "
            f"{libraries / 'libc10_cuda.so'}. The step runs in the planned order at any address."
        )
    # CUDA's headers are not needed: ours declare what torch's name of them. C10_CUDA_...: a file that
    # torch leaves out of some of its packages, and that matters on Windows only.
    command += [f"-I{here}", "-DC10_CUDA_NO_CMAKE_CONFIGURE_FILE"]
    return [*command, str(source), f"-L{libraries}", "-lc10_cuda", "-lc10", "-ldl"]


def _torch_libraries() -> Path:
    """The folder of torch's own shared libraries."""
    return Path(torch.__file__).parent / "lib"


def _compiler() -> list[str]:
    """``$CXX``, or the first C++ compiler there is."""
    asked = shlex.split(os.environ.get("CXX", ""))
    for candidate in [asked] if asked else [["g++"], ["c++"], ["clang++"]]:
        found = shutil.which(candidate[0])
        if found:
            return [found, *candidate[1:]]
    wanted = f"$CXX is {asked[0]!r}, which is not there" if asked else "no C++ compiler was found"
    raise NoCompilerError(
        f"Planned addresses need a C++ compiler, and {wanted}. Install one (on Debian: apt-get "
        "install g++); until then the step runs in the planned order at any address."
    )


def _digest(command: list[str], sources: Sequence[str]) -> str:
    """What the library depends on: sources, compiler and its flags, torch, Python, machine."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update((Path(__file__).parent / source).read_bytes() + b"\0")
    # The copy of the sources that is compiled lies elsewhere in every export.
    parts = [part for part in command if str(Path(__file__).parent) not in part]
    parts += [torch.__version__, str(sysconfig.get_config_var("SOABI")), platform.machine()]
    digest.update("\0".join(parts).encode())
    return digest.hexdigest()[:24]


def _private_folder(folder: Path) -> Path:
    """``folder``, made where missing; where it is not ours alone, a new private one."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and _is_ours(found):
            return folder
    except OSError:
        pass  # A read-only home.
    return _own_folder()


@cache
def _own_folder() -> Path:
    """A folder of this process, where the cache cannot be used."""
    return Path(tempfile.mkdtemp(prefix="bayplan-"))


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody but this user (or root) can write there."""
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_trusted(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0 and _is_ours(found)


def _build(command: list[str], path: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        done = subprocess.run(
            [*command, "-o", str(temporary)],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise NoCompilerError(
                "The planned-address allocator could not be compiled; the step runs in the planned "
                f"order at any address. The compiler said:\n{done.stderr.strip()[-2000:]}"
            )
        temporary.chmod(0o700)
        temporary.replace(path)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompilerError(
            f"The planned-address allocator could not be compiled: {error}. The step runs in the "
            "planned order at any address."
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
