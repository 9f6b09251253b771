"""Torch's choices for a step under its ``activation_memory_budget``, counted as our plans are.

Both of its estimators are asked: its own count of FLOPs, and the op times of our cost model. In-place
reuse, early updates and a perfect placement are granted to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solver.budget.assemble import Assembler
from solver.budget.costs import op_costs
from solver.budget.duration import overhead_of, plan_seconds
from solver.check import require_valid
from solver.placement.place import place_by_start
from solver.plan import Provenance
from solver.step import Step
from solver.terms import DeviceModel
from tests.benchmarks.functional_step import functional
from tests.benchmarks.torch_budget import joint


@dataclass(frozen=True, slots=True)
class TorchChoice:
    """What torch reaches; bytes include residents."""

    how: str
    """The knob and the estimator."""
    needed_bytes: int
    overhead: float


def torch_choices(step: Step, device: DeviceModel, knobs: Sequence[float]) -> list[TorchChoice]:
    """Those that no other one of torch's beats in both, the largest first."""
    step = functional(step)
    graph, costs = joint(step), op_costs(step, device, False)
    assembler = Assembler(step)
    found = []
    for name, seconds in (("flops", None), ("seconds", costs.again.tolist())):
        for knob in knobs:
            unrolled = assembler.unroll(graph.schedule(knob, seconds))
            one = min(assembler.arrangements(unrolled), key=assembler.peak)
            problem, owners = assembler.problem(one)
            placed = dict(zip(owners, place_by_start(problem).tolist(), strict=True))
            plan = assembler.plan(one, placed, "torch", Provenance())
            require_valid(step, plan)
            spent = plan_seconds(step, plan, device, False)
            needed = step.resident_bytes + plan.peak_bytes
            found.append(
                TorchChoice(f"{knob:g} {name}", needed, overhead_of(spent, costs.base_seconds))
            )
    best: list[TorchChoice] = []
    for one_found in sorted(found, key=lambda c: (c.needed_bytes, c.overhead)):
        if not best or one_found.overhead < best[-1].overhead:
            best.append(one_found)
    return best[::-1]
