"""The cases of a benchmark: step files, placement tables and generated networks, loaded when due."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from solver.bench.skips import skip_step
from solver.bench.wired import wired_step
from solver.errors import BayplanError
from solver.files import read_bytes
from solver.placement import PlacementProblem
from solver.placement.csv_table import decode_table
from solver.planning_step import load_any_step
from solver.step import Step

Content: TypeAlias = Step | PlacementProblem

STEP_SUFFIXES = (".json.gz", ".step")
TABLE_SUFFIX = ".csv"
WIRED_OPS = (300, 1_000, 5_000, 20_000)
WIRED_SEEDS = (0, 1)
"""Of the wiring: with 1 the channels differ from node to node."""
SKIP_SPAN = 30


@dataclass(frozen=True, slots=True)
class Case:
    """One problem under the name that its row has."""

    name: str
    load: Callable[[], Content]
    """Raises BayplanError where there is nothing that can be read."""


def cases_at(paths: Iterable[Path]) -> list[Case]:
    """The cases in files and in folders with all that is below them; each file once.

    Raises BayplanError for a path that is not there and for a folder without a case.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if _is_case(file))
            if not found:
                raise BayplanError(
                    f"{path} holds no case: neither a step ({' or '.join(STEP_SUFFIXES)}) nor a "
                    f"placement table ({TABLE_SUFFIX})."
                )
            files.update(dict.fromkeys(found))
        elif path.exists():
            files[path] = None
        else:
            raise BayplanError(f"{path} does not exist. Name step files, tables or folders of them.")
    names = Counter(_name(file) for file in files)
    return [
        # Files of one name in several folders are told apart by their folders.
        Case(f"{file.parent.name}/{name}" if names[name] > 1 else name, partial(_load, file))
        for file, name in ((file, _name(file)) for file in files)
    ]


def wired_cases() -> list[Case]:
    """Randomly wired networks of several sizes, training and inference."""
    return [
        Case(
            f"wired-{ops}-{'training' if training else 'inference'}-{seed}",
            partial(wired_step, ops, seed, training=training),
        )
        for training in (True, False)
        for ops in WIRED_OPS
        for seed in WIRED_SEEDS
    ]


def skip_cases() -> list[Case]:
    """Training steps of random skip connections, which reach over many ops."""
    return [
        Case(f"skips-{ops}-training", partial(skip_step, ops, 0, training=True, span=SKIP_SPAN))
        for ops in WIRED_OPS
    ]


def _is_case(file: Path) -> bool:
    return file.name.endswith((*STEP_SUFFIXES, TABLE_SUFFIX)) and file.is_file()


def _name(file: Path) -> str:
    """A table keeps its suffix, so that it is not taken for the step of that name."""
    for suffix in STEP_SUFFIXES:
        if file.name.endswith(suffix):
            return file.name.removesuffix(suffix)
    return file.name


def _load(file: Path) -> Content:
    if file.suffix == TABLE_SUFFIX:
        table = decode_table(read_bytes(file), file.name)
        capacity = _capacity(file)
        return table.problem({} if capacity is None else {None: capacity})
    return load_any_step(file)


def _capacity(file: Path) -> int | None:
    """minimalloc's files say it in their name: ``A.1048576.csv``."""
    number = Path(file.stem).suffix.removeprefix(".")
    return int(number) if number.isascii() and number.isdigit() else None
