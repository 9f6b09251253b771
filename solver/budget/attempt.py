"""One thing to try within a budget: a variant of the step, whose states live on device or host.

States of the optimizer that live on the host leave the arena more of the budget, and the search more
copies to make room for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from solver.budget.homes import states_for_homes, with_homes
from solver.budget.schedule import Entry, Host, Schedule
from solver.budget.shared import Shared
from solver.budget.variants import Variant
from solver.solution import CancelCallback, ProgressCallback
from solver.terms import Choice


@dataclass(frozen=True, eq=False)
class Attempt:
    """A variant, and which states of the optimizer live on the host."""

    variant: Variant
    homes: tuple[int, ...]
    """Storages of those states."""

    @property
    def home_bytes(self) -> int:
        """Bytes that the states take on the host."""
        sizes = self.variant.step.rounded_sizes
        return sum(int(sizes[state]) for state in self.homes)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the residents that stay on the device."""
        return self.variant.step.resident_bytes - self.home_bytes


def attempts(shared: Shared, variants: Sequence[Variant]) -> list[Attempt]:
    """Each variant with no state on the host, and then with all that are worth it, if they may."""
    found: list[Attempt] = []
    for variant in variants:
        found.append(Attempt(variant, ()))
        moved = Attempt(variant, states_for_homes(variant.step))
        host = _host(shared, moved)
        if moved.homes and host is not None and host.budget_bytes >= 0:
            found.append(moved)
    return found


def look(
    shared: Shared,
    attempt: Attempt,
    arena: int,
    *,
    seed: int,
    seconds: float,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> Schedule | None:
    """The best schedule within ``arena`` bytes that ``seconds`` give, from a known one on; None: none
    was found. Where nothing may run again or be parked it is the only one that there is."""
    from solver.budget.search import search  # heavy: it compiles

    variant = attempt.variant
    if not {Choice.RECOMPUTE, Choice.OFFLOAD} & {*shared.allowed}:
        return Schedule(tuple(map(Entry, variant.order)))
    if arena <= 0:
        return None
    host = _host(shared, attempt)
    found = search(
        variant.graph,
        arena,
        deadline=seconds,
        seed=seed,
        progress=progress,
        cancelled=cancelled,
        start=shared.nearest(attempt.resident_bytes + arena, variant.rewrites),
        host=host,
        recompute=Choice.RECOMPUTE in shared.allowed,
    )
    if found is None or host is None or not attempt.homes:
        return None if found is None else found.schedule
    assembler = shared.assembler(variant)
    live = assembler.profile(assembler.arrangements(assembler.unroll(found.schedule))[-1])
    speed = host.bytes_per_second
    return with_homes(variant.step, found.schedule, live, attempt.homes, arena, variant.costs, speed)


def _host(shared: Shared, attempt: Attempt) -> Host | None:
    """What may be parked beside the states that live there; None: nothing."""
    if Choice.OFFLOAD not in shared.allowed:
        return None
    left = shared.host_bytes - attempt.home_bytes
    return Host(shared.device.host_bytes_per_second, left)
