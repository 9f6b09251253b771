"""Find out which recorded request is which result of which op."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from .native import Request
from .plan_data import PlanData


class Recorder:
    """Keeps the pointer of every result of every op, and nothing else of them."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], int] = {}
        """Address of the storage of the result at (slot, position)."""

    def observe(self, slot: int, results: tuple[Any, ...]) -> None:
        """Called by an observed step after each op."""
        for position, result in enumerate(results):
            if isinstance(result, Tensor):
                self.seen[slot, position] = result.untyped_storage().data_ptr()


def match_instances(
    plan: PlanData, requests: Sequence[Request], seen: Mapping[tuple[int, int], int]
) -> list[int]:
    """For each request the instance of the plan that it is, or -1.

    A result is the last request of its slot at its pointer: an op may free a temporary and get the
    same address for its result. A result that nobody keeps has no pointer to go by; it is the first
    request of its slot that has its size.
    """
    of_slot: dict[int, dict[int, int]] = {}
    for index, request in enumerate(requests):
        of_slot.setdefault(request.slot, {})[request.pointer] = index
    result = [-1] * len(requests)
    found: set[int] = set()
    for slot, created in enumerate(plan.created):
        for position, instance in enumerate(created):
            at = of_slot.get(slot, {}).get(seen.get((slot, position), 0))
            if instance >= 0 and at is not None:
                result[at] = instance
                found.add(instance)
    missing: dict[int, list[int]] = {}
    for number, made in enumerate(plan.instances):
        if number not in found:
            missing.setdefault(made.start, []).append(number)
    for index, request in enumerate(requests):
        for candidate in missing.get(request.slot, []):
            if result[index] < 0 and plan.instances[candidate].size == request.size:
                result[index] = candidate
                missing[request.slot].remove(candidate)
                break
    return result
