"""What of a step was not as planned: results at other addresses, requests that were not served."""

from collections.abc import Mapping

from .native import Arena
from .plan_data import PlanData

_NAMED = 5
"""Requests that are named in a message."""


def misplaced(
    plan: PlanData, seen: Mapping[tuple[int, int], int], base: int, due: Mapping[int, int]
) -> tuple[int, str]:
    """How many results lie where they should, and the first that does not (empty: all do).

    ``seen``: the address of each result by slot and position; ``base``: the arena's; ``due``: what each
    instance should have, from there. An op that a guard kept from running has no results.
    """
    right = 0
    for slot, results in enumerate(plan.created):
        for position, instance in enumerate(results):
            if instance not in due or (slot in plan.guarded and (slot, position) not in seen):
                continue
            found = seen.get((slot, position), 0) - base
            if found != due[instance]:
                return right, (
                    f"{plan.ops[slot]} (slot {slot}) put a result at {found:,}, planned is "
                    f"{due[instance]:,}."
                )
            right += 1
    return right, ""


def unserved(plan: PlanData, arena: Arena) -> str:
    """What the last step's requests in ``arena`` show that is not as planned; empty: nothing."""
    counters = arena.counters()
    wrong = counters.missed + counters.overlapped
    if not wrong:
        return ""
    misses = ", ".join(
        f"{plan.ops[slot]} asked for {size:,} bytes" for slot, size in arena.misses()[:_NAMED]
    )
    return (
        f"{wrong} requests were not served as planned, {counters.overlapped} of them because "
        f"their bytes were still in use{': ' + misses if misses else ''}. The results are "
        f"right, but {counters.scratch_peak:,} bytes more were used."
    )
