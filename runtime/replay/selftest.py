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
from .plan_data import PlanData, Resident
from .plan_reading import read_plan
from .scalars import scalar
from .tensors import constant, dtype, same_bits


@dataclass(frozen=True)
class SelfTest:
    """What a self-test found; lists of what differs are empty where all is well."""

    different_outputs: tuple[int, ...]
    """Steps whose outputs differ, or what random numbers would be drawn after them."""
    different_residents: tuple[Resident, ...]
    """Parameters, buffers and states that differ after the last step."""

    @property
    def equal(self) -> bool:
        """Whether planned and traced were bitwise equal."""
        return not self.different_outputs and not self.different_residents


def compare(engine: Engine, steps: int, after_step: Callable[[], object] = lambda: None) -> SelfTest:
    """``steps`` steps as traced and as planned, the arena filled with 0xFF before each and its
    transfers as late as they may be.

    Where ops run in ways that are only nearly equal, the other step is the planned one at any address.
    ``after_step`` is called after each planned step.
    """
    plan = engine.plan
    traced, planned = random_residents(plan, 0), random_residents(plan, 0)
    wrong: list[int] = []
    reference = engine.run_unplanned if plan.tolerance else engine.run_traced
    engine.poison = True
    for number in range(steps):
        scalars = scalars_of_step(plan, number + 1)
        torch.manual_seed(number)
        expected = [*reference(traced, scalars), *_generators(engine)]
        torch.manual_seed(number)
        found = [*engine.run(planned, scalars), *_generators(engine)]
        after_step()
        if not all(map(same_bits, expected, found)):
            wrong.append(number)
    engine.poison = False
    pairs = zip(plan.residents, traced, planned, strict=False)
    return SelfTest(tuple(wrong), tuple(r for r, a, b in pairs if not same_bits(a, b)))


def _generators(engine: Engine) -> list[Tensor]:
    """The states of the generators."""
    state = engine.device.random_state()
    return [state] if isinstance(state, Tensor) else [*state]


def scalars_of_step(plan: PlanData, count: int) -> list[float]:
    """The numbers that the update takes in step ``count`` with the captured hyperparameters."""
    groups = [group.hyperparameters for group in plan.groups]
    place = ((count - 1) % plan.micro_batches, plan.micro_batches)
    return [scalar(kind, groups[group], float(count), place) for kind, group in plan.scalars]


def random_residents(plan: PlanData, seed: int) -> list[Tensor]:
    """Tensors for all residents and constants; those on one storage in the step are one here too."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[int, Tensor] = {}
    result = []
    for resident in plan.residents:
        if resident.storage not in made:
            made[resident.storage] = _random(resident, generator, plan.device)
        tensor = made[resident.storage]
        if tensor.shape != resident.spec.shape:
            tensor = _random(resident, generator, plan.device)
        result.append(tensor)
    return result + [constant(c, plan.device) for c in plan.constants]


def _random(resident: Resident, generator: torch.Generator, device: str) -> Tensor:
    spec = resident.spec
    kind = dtype(spec.dtype)
    where = "cpu" if resident.home else device
    result = torch.empty_strided(spec.shape, spec.stride, dtype=kind, device=where)
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
        if report.transfers:
            lines.append(
                f"{report.transfers:,} copies to and from {report.host_bytes:,} bytes of host memory."
            )
    else:
        lines.append(f"Not at planned addresses: {report.reason}")
    if found.equal:
        other = "unplanned" if engine.plan.tolerance else "traced"
        lines.append(f"{steps} steps, planned and {other}: bitwise equal.")
    else:
        lines.append(f"Outputs differ in steps {list(found.different_outputs)}.")
        lines += [f"Different at the end: {r.role} {r.key}" for r in found.different_residents[:10]]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if found.equal else 1
