"""Compiled kernels on disk: found again by the next process, never stale, damaged ones made anew."""

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import pytest

import app.map
import solver
from solver.kernel_cache import contents

ROOT = Path(__file__).resolve().parents[2]

MODULE = """
from solver.compiled import kernel
STEP = 3

@kernel
def one_more(number):
    return number + STEP

@kernel
def twice(number):
    return one_more(one_more(number))
"""
CALL = """
import numba.core.event as event
from kernels import twice
with event.install_recorder("numba:compile") as recorder:
    print(twice(1), sum(1 for _, e in recorder.buffer if e.is_start))
"""


@pytest.fixture
def call(tmp_path: Path) -> Callable[[], list[int]]:
    """Calls ``twice(1)`` in a new process: its result, and how many functions were compiled for it."""
    (tmp_path / "kernels.py").write_text(MODULE)

    def run() -> list[int]:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            [sys.executable, "-c", CALL], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return [int(word) for word in done.stdout.split()]

    return run


def test_a_kernel_is_compiled_once_and_loaded_by_other_processes(
    call: Callable[[], list[int]], tmp_path: Path
) -> None:
    assert call() == [7, 2]
    files = sorted((tmp_path / "cache" / "bayplan" / "kernels").iterdir())
    assert [file.name.partition("-")[0] for file in files] == ["one_more", "twice"]
    assert call() == [7, 0]
    # A constant that only the called kernel knows: both are other kernels then.
    (tmp_path / "kernels.py").write_text(MODULE.replace("STEP = 3", "STEP = 4"))
    assert call() == [9, 2]
    # What it was before lies there still.
    (tmp_path / "kernels.py").write_text("# The lines move.\n\n" + MODULE)
    assert call() == [7, 0]


def test_damaged_files_are_compiled_anew(call: Callable[[], list[int]], tmp_path: Path) -> None:
    call()
    folder = tmp_path / "cache" / "bayplan" / "kernels"
    for file in folder.iterdir():
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content if file.name.startswith("twice") else content[:1000])
    assert call() == [7, 2]
    assert call() == [7, 0]


@pytest.mark.parametrize("reason", ["a file is in its place", "others may write there"])
def test_without_a_folder_of_its_own_it_compiles_and_keeps_nothing(
    call: Callable[[], list[int]], tmp_path: Path, reason: str
) -> None:
    folder = tmp_path / "cache" / "bayplan" / "kernels"
    folder.parent.mkdir(parents=True)
    if reason == "a file is in its place":
        folder.write_bytes(b"")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    assert call() == [7, 2]
    assert folder.is_file() or not list(folder.iterdir())


INNER = """
from kernels import one_more, twice
print(twice(1))
try:
    print(one_more(1))
except TypeError as error:
    print(error)
"""


def test_a_kernel_that_only_kernels_call_has_no_form_for_python(
    call: Callable[[], list[int]], tmp_path: Path
) -> None:
    inner = MODULE.replace("import kernel", "import inner_kernel, kernel").replace(
        "@kernel", "@inner_kernel", 1
    )
    (tmp_path / "kernels.py").write_text(inner)
    assert call() == [7, 2]
    assert call() == [7, 0]
    assert called_directly(tmp_path) == "7\nthe kernel one_more can be called by kernels only\n"
    # The file of that form is not taken for one that Python can call.
    (tmp_path / "kernels.py").write_text(MODULE)
    assert called_directly(tmp_path) == "7\n4\n"


def called_directly(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", INNER],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "XDG_CACHE_HOME": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(source: str, name: str) -> Callable[..., object]:
    """A function of that name, with the module that ``source`` is as its globals."""
    module: dict[str, object] = {}
    exec(source, module)
    made = module[name]
    assert isinstance(made, FunctionType)
    return made


def test_what_is_for_people_does_not_decide() -> None:
    plain = make("def f(a):\n    return a + 1\n", "f")
    told = make('\n\ndef f(a):\n    "Adds."\n    # One.\n    return a + 1\n', "f")
    other = make("def f(a):\n    return a + 2\n", "f")
    assert list(contents(plain)) == list(contents(told))
    assert list(contents(plain)) != list(contents(other))


class _Compiled:
    """As far as ``contents`` looks: what a kernel is among the globals of another."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.py_func = function


def test_a_kernel_that_calls_itself_is_refused() -> None:
    def recursive(source: str) -> Callable[..., object]:
        first = make(source, "first")
        for name, value in list(first.__globals__.items()):
            if isinstance(value, FunctionType):
                first.__globals__[name] = _Compiled(value)
        return first

    with pytest.raises(ValueError, match="first calls itself"):
        list(contents(recursive("def first(a):\n    return first(a - 1)\n")))
    with pytest.raises(ValueError, match="first calls itself"):
        list(
            contents(
                recursive("def first(a):\n    return second(a)\ndef second(a):\n    return first(a)\n")
            )
        )


def test_no_kernel_of_the_program_calls_itself() -> None:
    from solver.compiled import KERNELS

    for package in (solver, app.map):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            path = ROOT / f"{module.name.replace('.', '/')}.py"
            if not module.ispkg and b"\n@kernel\n" in path.read_bytes():
                importlib.import_module(module.name)
    own = [kernel.py_func for kernel in KERNELS]
    assert {"minimum_cut", "first_fit", "raster"} <= {function.__name__ for function in own}
    for function in own:
        assert list(contents(function))
