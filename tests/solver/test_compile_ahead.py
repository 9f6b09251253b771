"""Compiling all kernels ahead, in processes of their own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from solver import compile_ahead

ROOT = Path(__file__).resolve().parents[2]

COVERAGE = """
import importlib, sys
from pathlib import Path
for path in Path("solver").rglob("*.py"):
    if "\\n@kernel\\n" in path.read_text():
        importlib.import_module(".".join(path.with_suffix("").parts))
from solver import compile_ahead, warm_up
for group in compile_ahead.GROUPS + compile_ahead.PLACEMENT:
    for part in group:
        getattr(warm_up, part.partition(":")[2])()
from solver.compiled import KERNELS
def called(kernel):
    yield kernel
    for name in kernel.py_func.__code__.co_names:
        if (inner := kernel.py_func.__globals__.get(name)) in KERNELS:
            yield from called(inner)
compiled = {inner for kernel in KERNELS if kernel.signatures for inner in called(kernel)}
print([k.__name__ for k in KERNELS if k not in compiled])
known = {k: list(k.signatures) for k in KERNELS}
from random_steps import random_step
from solver.planning_step import load_any_step
from solver.solve import solve
for step in (random_step(9, 1), random_step(11, 4), *map(load_any_step, map(Path, sys.argv[1:]))):
    solve(step)
from solver.budget.devices import V100
from solver.budget.solve import solve_budget
from solver.terms import Choice
from tests.solver.budget.chain_steps import chain_step
step = chain_step(12)
needed = step.resident_bytes + solve(step).plan.height_bytes * 7 // 10
assert solve_budget(step, needed, device=V100, allowed=tuple(Choice), deadline=4.0).plan
print([(k.__name__, k.signatures) for k in KERNELS if known.get(k) != k.signatures])
print([(k.__name__, k.signatures) for k in KERNELS if len(k.signatures) > 1])
"""


def test_every_kernel_of_the_solver_is_compiled_ahead_for_the_types_that_a_solve_needs(
    cases: Path,
) -> None:
    steps = [cases / "steps" / f"{name}.json.gz" for name in ("bert_b1_adam", "transformer_b1_sgd")]
    done = subprocess.run(
        [sys.executable, "-c", COVERAGE, *map(str, steps)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'solver'}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    missing, more, several = done.stdout.splitlines()
    assert missing == "[]", "solver.warm_up does not call these"
    assert more == "[]", "solver.warm_up calls these with other types than a solve"
    assert several == "[]", "each kernel has one form, or compiling takes longer than it must"


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, empty; nothing was started yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compile_ahead, "_processes", [])
    return tmp_path


def wait() -> None:
    until = time.monotonic() + 60
    while compile_ahead.running() and time.monotonic() < until:
        time.sleep(0.05)
    assert not compile_ahead.running()


def test_it_is_done_once_on_a_machine(empty_cache: Path) -> None:
    part = "solver.warm_up:_step"  # It has no kernels, so this is quick.
    assert not compile_ahead.running()
    compile_ahead.start([(part,)], niceness=5)
    assert compile_ahead.running()
    wait()
    assert compile_ahead.stamp(part).exists()
    compile_ahead.start([(part,)])
    assert not compile_ahead.running()


def test_what_fails_is_tried_again_and_harms_nobody(empty_cache: Path) -> None:
    compile_ahead.start([("solver.warm_up:no_such_part",)])
    wait()
    assert not list(empty_cache.rglob("*.done"))


def test_without_an_interpreter_to_start_nothing_happens(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(empty_cache / "python"))
    compile_ahead.start()
    assert not compile_ahead.running()
    monkeypatch.setattr(sys, "executable", "")
    compile_ahead.start()
    assert not compile_ahead.running()


WAITS = """
import numba.core.event as event
from solver import compile_ahead
compile_ahead.start([("solver.warm_up:greedy",)])
from solver.kernel_cache import WAITING
with event.install_recorder("numba:compile") as compiled, event.install_recorder(WAITING) as waited:
    from solver import warm_up
    warm_up.greedy()
print(len(compiled.buffer), len(waited.buffer))
"""


def test_who_needs_a_kernel_meanwhile_waits_for_it_and_compiles_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITS],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    compiled, waited = map(int, done.stdout.split())
    assert compiled == 0
    assert waited > 0
