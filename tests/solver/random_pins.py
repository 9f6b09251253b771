"""Random pins for property tests, and brute force over the orders of a small step that keep them."""

import random
from itertools import pairwise

from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins
from solver.step import GRANULE, Step, round_up


def random_pins(step: Step, seed: int, most: int = 4) -> Pins:
    """Up to ``most`` pins that name what the step has; whether they can be kept is open."""
    rng = random.Random(seed)
    ops = len(step.ops)
    touched = {storage for op in step.ops for storage in op.touches}
    placed = [i for i, s in enumerate(step.storages) if s.planned and i in touched]
    modules = sorted({op.module for op in step.ops if op.module})
    pins: list[Pin] = []
    for _ in range(rng.randint(0, most) if ops else 0):
        kind = rng.choice(
            ("before", "before", "before", "first", "last", "freeze", "module", "at", "at")
        )
        if kind == "before":
            pins.append(Before(rng.randrange(ops), rng.randrange(ops)))
        elif kind in ("first", "last"):
            pins.append(rng.choice((First, Last))(rng.randrange(ops)))
        elif kind == "freeze":
            start = rng.randrange(ops)
            pins.append(Freeze(start, rng.randint(start + 1, ops)))
        elif kind == "module" and modules:
            pins.append(FreezeModule(rng.choice(modules)))
        elif placed:
            pins.append(At(rng.choice(placed), rng.randint(0, 6) * GRANULE))
    return tuple(pins)


def keeps_pins(step: Step, pins: Pins, order: tuple[int, ...]) -> bool:
    """Whether an order of all ops keeps the pins, from what they mean."""
    slot = {op: position for position, op in enumerate(order)}
    homes: dict[int, int] = {}
    for pin in pins:
        match pin:
            case Before(first, second):
                kept = slot[first] < slot[second]
            case First(op):
                kept = order[0] == op
            case Last(op):
                kept = order[-1] == op
            case Freeze(start, end):
                frozen = [op for op in order if start <= op < end]
                kept = frozen == sorted(frozen)
            case FreezeModule(module):
                frozen = [op for op in order if f"{step.ops[op].module}.".startswith(f"{module}.")]
                kept = frozen == sorted(frozen)
            case At(storage, address):
                kept = homes.setdefault(storage, address) == address
        if not kept:
            return False
    for slot_number in range(len(order)):
        taken: list[tuple[int, int]] = []
        for storage, address in homes.items():
            touching = [slot[i] for i, op in enumerate(step.ops) if storage in op.touches]
            if min(touching) <= slot_number <= max(touching):
                taken.append((address, address + round_up(step.storages[storage].size)))
        taken.sort()
        if any(end > start for (_, end), (start, _) in pairwise(taken)):
            return False
    return True


def all_orders(step: Step) -> list[tuple[int, ...]]:
    """Every order that keeps the dependencies; for steps of a few ops."""
    found: list[tuple[int, ...]] = []
    pending: list[tuple[int, ...]] = [()]
    while pending:
        begun = pending.pop()
        if len(begun) == len(step.ops):
            found.append(begun)
        done = set(begun)
        for op, needed in enumerate(step.dependencies):
            if op not in done and done.issuperset(needed):
                pending.append((*begun, op))
    return found
