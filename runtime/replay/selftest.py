"""Run an export on random data: the planned step against the traced one, bit for bit.

Needs neither the model nor the optimizer: parameters, state and inputs are random tensors of the
captured shapes. Whole numbers are 0 or 1, so that they are valid as labels and tokens of any model.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .engine import Engine
from .errors import ReplayError
from .plan_data import PlanData, Resident, read_plan
from .scalars import scalar
from .tensors import constant, dtype, same_bits


@dataclass(frozen=True)
class SelfTest:
    """What a self-test found; lists of what differs are empty where all is well."""

    steps: int
    different_outputs: tuple[int, ...]
    """Steps whose outputs differ."""
    different_residents: tuple[str, ...]
    """Parameters, buffers and states that differ after the last step."""

    @property
    def equal(self) -> bool:
        """Whether planned and traced were bitwise equal."""
        return not self.different_outputs and not self.different_residents


def compare(engine: Engine, steps: int, seed: int = 0) -> SelfTest:
    """``steps`` steps as traced and as planned, the arena filled with 0xFF before each."""
    plan = engine.plan
    traced, planned = random_residents(plan, seed), random_residents(plan, seed)
    expected = _outputs(plan, engine.run_traced, traced, steps, seed)

    def run(residents: Sequence[Tensor], scalars: Sequence[float]) -> tuple[Tensor, ...]:
        if engine.arena is not None:
            engine.arena.fill(0xFF)
        return engine.run(residents, scalars)

    found = _outputs(plan, run, planned, steps, seed)
    return SelfTest(
        steps,
        tuple(
            i
            for i, (a, b) in enumerate(zip(expected, found, strict=True))
            if not all(same_bits(x, y) for x, y in zip(a, b, strict=True))
        ),
        tuple(
            f"{r.role} {r.key}"
            for r, a, b in zip(plan.residents, traced, planned, strict=False)
            if not same_bits(a, b)
        ),
    )


def _outputs(
    plan: PlanData,
    run: Callable[[Sequence[Tensor], Sequence[float]], tuple[Tensor, ...]],
    residents: Sequence[Tensor],
    steps: int,
    seed: int,
) -> list[list[Tensor]]:
    result = []
    for count in range(1, steps + 1):
        torch.manual_seed(seed + count)
        groups = [group.hyperparameters for group in plan.groups]
        scalars = [scalar(kind, groups[group], float(count)) for kind, group in plan.scalars]
        result.append([t.clone() for t in run(residents, scalars)])
    return result


def random_residents(plan: PlanData, seed: int) -> list[Tensor]:
    """Tensors for all residents and constants; those on one storage in the step are one here too."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[int, Tensor] = {}
    result = []
    for resident in plan.residents:
        if resident.storage not in made:
            made[resident.storage] = _random(resident, generator)
        tensor = made[resident.storage]
        if tensor.shape != resident.spec.shape:
            tensor = _random(resident, generator)
        result.append(tensor)
    return result + [constant(c, plan.device) for c in plan.constants]


def _random(resident: Resident, generator: torch.Generator) -> Tensor:
    spec = resident.spec
    kind = dtype(spec.dtype)
    result = torch.empty_strided(spec.shape, spec.stride, dtype=kind)
    if kind == torch.bool or not (kind.is_floating_point or kind.is_complex):
        return result.copy_(torch.randint(0, 2, spec.shape, generator=generator))
    noise = torch.rand(spec.shape, generator=generator)
    # Small weights keep deep models finite; variances and second moments must be positive.
    return result.copy_(noise - 0.5 if resident.role in ("parameter", "input") else noise + 0.01).mul_(
        0.1 if resident.role == "parameter" else 1.0
    )


def main(folder: Path, arguments: Sequence[str]) -> int:
    """The self-test's command line; 0 where all is equal."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {folder.name}", description="Run the planned step on random data."
    )
    parser.add_argument("--steps", type=int, default=3, help="how many steps (default 3)")
    steps = max(1, parser.parse_args(arguments).steps)
    try:
        engine = Engine(folder, read_plan(folder), strict=True)
        found = compare(engine, steps)
    except ReplayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = engine.report
    lines = [engine.plan.title]
    if report.planned:
        lines.append(
            f"Arena {report.arena_bytes:,} bytes, planned {report.planned_bytes:,}; "
            f"{engine.pointers_checked:,} results at their planned addresses."
        )
    else:
        lines.append(f"Not at planned addresses: {report.reason}")
    if found.equal:
        lines.append(f"{steps} steps, planned and traced: bitwise equal.")
    else:
        lines.append(f"Outputs differ in steps {list(found.different_outputs)}.")
        lines += [f"Different after the last step: {name}" for name in found.different_residents[:10]]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if found.equal and report.planned else 1 if not found.equal else 0
