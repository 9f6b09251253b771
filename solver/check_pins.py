"""Whether a plan keeps its pins: the validator's own reading of what each pin means.

Shares only the pins' types with the planner; edges for the cut that re-proves a bound are made here
anew, one for each pair of ops that a pin orders.
"""

from itertools import pairwise

from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins
from solver.plan import Plan, Run
from solver.step import Step, round_up


def impossible_pins(step: Step, pins: Pins) -> list[str]:
    """One sentence for every pin that names an op or a storage that the step does not have."""
    return [
        f"Its pin {pin} names what the step does not have."
        for pin in pins
        if not all(0 <= op < len(step.ops) for op in _named_ops(pin))
        or (isinstance(pin, At) and not 0 <= pin.storage < len(step.storages))
    ]


def _named_ops(pin: Pin) -> tuple[int, ...]:
    match pin:
        case Before(first, second):
            return first, second
        case First(op) | Last(op):
            return (op,)
        case Freeze(start, end):
            return start, end - 1
        case FreezeModule() | At():
            return ()


def broken_pins(step: Step, plan: Plan) -> list[str]:
    """One sentence for every pin that the plan does not keep.

    Pins of ops are about their first runs: a repetition has no effects, whenever it comes.
    """
    first: dict[int, int] = {}
    for slot, op in enumerate(plan.order):
        first.setdefault(op, slot)
    order = tuple(first)
    problems: list[str] = []
    for pin in plan.pins:
        match pin:
            case Before(one, second):
                if one == second or first[one] > first[second]:
                    problems.append(
                        f"{_name(step, one)} is pinned before {_name(step, second)}, but runs at "
                        f"slot {first[one]}, that one at slot {first[second]}."
                    )
            case First(op):
                if order[0] != op:
                    problems.append(
                        f"{_name(step, op)} is pinned first, but {_name(step, order[0])} is."
                    )
            case Last(op):
                if order[-1] != op:
                    problems.append(
                        f"{_name(step, op)} is pinned last, but {_name(step, order[-1])} is."
                    )
            case Freeze() | FreezeModule():
                frozen = _frozen(step, pin)
                for before, after in pairwise(op for op in order if op in frozen):
                    if before > after:
                        problems.append(
                            f"{_name(step, after)} and {_name(step, before)} are frozen in program "
                            "order, but run the other way round."
                        )
                        break
            case At(storage, address):
                problems += _elsewhere(step, plan, storage, address)
    return problems


def _elsewhere(step: Step, plan: Plan, storage: int, address: int) -> list[str]:
    name = f"{step.storages[storage].name} (storage {storage}) is pinned at {address:,}, but"
    own = {index for index, instance in enumerate(plan.instances) if instance.storage == storage}
    problems = [
        f"{name} lies at {plan.instances[index].address:,}."
        for index in sorted(own)
        if plan.instances[index].address != address
    ]
    if not own:
        problems.append(f"{name} has no address in this plan.")
    taken = {
        i for action in plan.actions if isinstance(action, Run) for take in action.takes for i in take
    }
    if own & taken:
        problems.append(f"{name} shares its bytes by in-place reuse.")
    return problems


def edges_from_pins(step: Step, pins: Pins) -> list[tuple[int, int]]:
    """Every (before, after) pair of ops that a pin orders; neighbours alone for frozen ones."""
    everyone = range(len(step.ops))
    edges: list[tuple[int, int]] = []
    for pin in pins:
        match pin:
            case Before(first, second):
                edges.append((first, second))
            case First(op):
                edges += [(op, other) for other in everyone if other != op]
            case Last(op):
                edges += [(other, op) for other in everyone if other != op]
            case Freeze() | FreezeModule():
                edges += pairwise(sorted(_frozen(step, pin)))
            case At():
                pass
    return edges


def end_from_pins(step: Step, pins: Pins) -> int:
    """Bytes that any plan with these pins needs, whatever else it does."""
    ends = (p.address + round_up(step.storages[p.storage].size) for p in pins if isinstance(p, At))
    return max(ends, default=0)


def _frozen(step: Step, pin: Freeze | FreezeModule) -> set[int]:
    if isinstance(pin, Freeze):
        return set(range(pin.start, pin.end))
    parts = pin.module.split(".")
    return {i for i, op in enumerate(step.ops) if op.module.split(".")[: len(parts)] == parts}


def _name(step: Step, op: int) -> str:
    return f"{step.ops[op].name} (op {op})"
