"""Captures a step in a process of its own: a zoo model, or a function of the user's own.

User code never runs in this process. The child (``bayplan_capture``, standalone) gets a request in
a file, prints its log, and writes the step's JSON to another file, which is validated here as any
step file is.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.child import run_child
from solver.files import decode_step_object
from solver.planning_step import storage_category, storage_label
from solver.step import Category, Phase, Program, Step, Storage

_CHILD = Path(__file__).parent / "bayplan_capture"


def capture(
    source: str,
    *,
    batch: int | None,
    optimizer: str | None,
    options: Mapping[str, Any] | None = None,
    target: str = "cpu",
    timed: bool = False,
    python: Path | None = None,
    timeout: float = 600,
    log: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Step:
    """Trace one step of ``source``: ``zoo:NAME`` or ``FILE.py:FUNCTION``.

    ``batch`` None takes the model's own; ``optimizer`` (sgd, adam, adamw; empty: inference) is for
    zoo models, and so are ``options``, as a build function returns them (autocast by its name,
    ``scaler`` True). ``target`` is the device whose kernels the step is to have, cpu or cuda; it need
    not be there unless its ops are to be ``timed``. ``python`` is the interpreter to run it with (None:
    this one), ``timeout`` its limit in seconds, ``log`` gets each line it prints, ``cancelled`` is
    asked several times a second. Raises BayplanError.
    """
    content = run_child(
        _CHILD,
        {
            "source": source,
            "batch": batch,
            "optimizer": optimizer,
            "options": dict(options or {}),
            "target": target,
            "timed": timed,
        },
        what=f"The capture of {source}",
        python=python,
        timeout=timeout,
        log=log,
        cancelled=cancelled,
    )
    return named_step(decode_step_object(content, source))


def named_step(step: Step) -> Step:
    """A step as the child writes it, with the categories and names of what its ops make."""
    creator: dict[int, int] = {}
    last_phase: dict[int, Phase] = {}
    for index, op in enumerate(step.ops):
        for storage in op.touches:
            last_phase[storage] = op.phase
        for storage in op.creates:
            creator[storage] = index
    assert step.program is not None
    position = _positions(step.program)
    storages: list[Storage] = []
    for index, each in enumerate(step.storages):
        if index in creator:
            op = step.ops[creator[index]]
            category = storage_category(op.phase, last_phase[index])
            if each.name.startswith("∂ "):
                category = Category.GRADIENT
            name = each.name or storage_label(op.module, op.target, category)
            if not each.name and position.get(index):
                name += f" [{position[index]}]"
            each = replace(each, category=category, name=name)
        storages.append(each)
    return replace(step, storages=tuple(storages))


def _positions(program: Program) -> dict[int, int]:
    """For each storage that is made, which of its op's results it is."""
    positions: dict[int, int] = {}
    for instruction in program.instructions:
        for position, output in enumerate(instruction.outputs):
            if output is not None:
                positions.setdefault(program.values[output].storage, position)
    return positions
