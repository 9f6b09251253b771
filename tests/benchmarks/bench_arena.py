"""What the planned-address allocator costs: ``python -m tests.benchmarks.bench_arena``.

CPU time in nanoseconds, the least of several rounds: arming an op, a request and its free when PyTorch
serves it, when the arena does in an armed step and in a flat one, and a whole exported step with and
without arming where a folder is given.
"""

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path

import torch

from runtime.replay.engine import Engine
from runtime.replay.generated import StepFunction
from runtime.replay.native import Arena
from runtime.replay.plan_reading import read_plan
from runtime.replay.selftest import random_residents, scalars_of_step

OPS, BYTES = 5_000, 1024
ROUNDS = 15


def least(work: Callable[[], object], count: int) -> float:
    """Nanoseconds of CPU time per item, the least of several rounds."""
    times = []
    gc.disable()
    for _ in range(ROUNDS):
        begin = time.process_time_ns()
        work()
        times.append(time.process_time_ns() - begin)
    gc.enable()
    return min(times) / count


def requests() -> None:
    """As many requests as ops, each freed before the next."""
    empty = torch.empty
    for _ in range(OPS):
        empty(BYTES // 4)


def of_allocator() -> dict[str, float]:
    """Figures by their description."""
    arena = Arena(OPS * BYTES, [[(BYTES, BYTES * slot)] for slot in range(OPS)])
    arm = arena.arm

    def arming() -> None:
        for slot in range(OPS):
            arm(slot)

    def nothing() -> None:
        for _slot in range(OPS):
            pass

    def armed() -> None:
        empty = torch.empty
        with arena.running():
            for slot in range(OPS):
                arm(slot)
                empty(BYTES // 4)

    def flat() -> None:
        with arena.running(flat=True):
            requests()

    result = {"arming one op": least(arming, OPS) - least(nothing, OPS)}
    result["a request that PyTorch serves"] = least(requests, OPS)
    for name, work in (("an armed request in the arena", armed), ("a flat request in the arena", flat)):
        result[name] = least(work, OPS)
        assert arena.counters().planned == OPS
    return result


def of_step(folder: Path) -> dict[str, float]:
    """The same for each op of an exported step."""
    engine = Engine(folder, read_plan(folder))
    residents = random_residents(engine.plan, 0)
    scalars = scalars_of_step(engine.plan, 1)
    for _ in range(2):
        engine.run(residents, scalars)
    arena, count = engine.arena, len(engine.plan.ops)
    assert arena is not None and arena.repeated
    steps: dict[str, tuple[StepFunction, bool]] = {
        "armed": (engine._source.function(), False),
        "flat": (engine._source.function(armed=False), True),
    }

    def run(function: StepFunction, flat: bool) -> None:
        with engine.device.running(training=engine.plan.training), arena.running(flat=flat):
            function(arena.arm, residents, scalars)

    return {
        f"an op of {folder.name} ({count} ops), {name}": least(lambda s=step: run(*s), count)
        for name, step in steps.items()
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="exported steps for the CPU")
    torch.set_num_threads(1)
    figures = of_allocator()
    for folder in parser.parse_args().folders:
        figures |= of_step(folder)
    for name, nanoseconds in figures.items():
        print(f"{nanoseconds:10,.0f} ns  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
