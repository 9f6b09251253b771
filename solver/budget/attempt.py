"""One thing to try within a budget: a variant of the step, and what lives on the host.

States of the optimizer and weights that live on the host leave the arena more of the budget, and the
search more copies to make room for. Attempts run a race: ``Try`` is what is known of one in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from solver.budget.homes import STATES, STATES_AND_WEIGHTS, found_for_homes, with_homes
from solver.budget.schedule import Entry, Host, Schedule
from solver.budget.shared import Shared
from solver.budget.variants import Variant
from solver.solution import CancelCallback, ProgressCallback
from solver.terms import Choice

WEIGHTS_SHARE = 1 / 16
"""Of the budget, what weights must take for it to be tried to have them on the host."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """A variant, and which weights and states of the optimizer live on the host."""

    variant: Variant
    homes: tuple[int, ...]
    """Their storages."""

    @property
    def home_bytes(self) -> int:
        """Bytes that they take on the host."""
        sizes = self.variant.step.rounded_sizes
        return sum(int(sizes[resident]) for resident in self.homes)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the residents that stay on the device."""
        return self.variant.step.resident_bytes - self.home_bytes


@dataclass
class Try:
    """How the search of one attempt goes."""

    attempt: Attempt
    arena: int
    """Bytes that the next search of it may fill: the budget's, less what stuck out when placed."""
    placed: Schedule | None = None
    overhead: float = inf


def attempts(shared: Shared, variants: Sequence[Variant], budget_bytes: int) -> list[Attempt]:
    """Each variant with nothing living on the host; then with all states of the optimizer that are
    worth it, if they may; then with the weights, too, where they are a good part of the budget."""
    found: list[Attempt] = []
    for variant in variants:
        found.append(Attempt(variant, ()))
        for categories in (STATES, STATES_AND_WEIGHTS):
            moved = Attempt(variant, found_for_homes(variant.step, categories))
            host = _host(shared, moved)
            gained = moved.home_bytes - found[-1].home_bytes
            worth = gained >= (WEIGHTS_SHARE * budget_bytes if categories != STATES else 1)
            if worth and gained and host is not None and host.budget_bytes >= 0:
                found.append(moved)
    return found


def whose_turn(tries: Sequence[Try], later: int) -> Try:
    """Of attempts that have had their first rounds, the one to search next in a later round: the best
    has every other one, and those of which nothing came so far have the others first."""
    ranked, turn = sorted(tries, key=lambda each: each.overhead), later // 2
    if later % 2:
        return ranked[0]
    failed = [each for each in ranked if each.overhead == inf]
    return failed[turn] if turn < len(failed) else ranked[turn % len(tries)]


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
