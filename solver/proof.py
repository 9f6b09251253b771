"""What proves a plan's bounds: the op and the storages of the peak's, the slot of the height's.

While op v runs, the ops of some downset D have run before it. The peak's bound is the least that can
be alive then, over all D; the storages alive under the cheapest one are the proof::

    D, ran before     v     the rest, still to run
    ───────────────── ▲ ──────────────────────────
      made here ──────┼────── needed here             held: it spans v
                   touched                            held: v reads, writes or makes it
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from solver.check_pins import edges_from_pins
from solver.constrained import constrained
from solver.cut_value import Cut, least_cut, reachable
from solver.explain import alive_at, peak_slot
from solver.pins import pinned_addresses
from solver.plan import Plan, Proof
from solver.reuse import NONE, users_of
from solver.step import Step, round_up

LOOKING_SECONDS = 2.0
"""For the op that proves the most of a bound that took a search."""


class Reason(StrEnum):
    """Why a storage is held while the proving op runs."""

    TOUCHED = "touched"
    """The op reads, writes or makes it."""
    FORCED = "forced"
    """Whatever the order, it is made before the op and needed after it."""
    CHEAPEST = "cheapest"
    """It could be gone, but then at least as much else would be there: no choice of what runs before
    the op holds less in all."""


@dataclass(frozen=True, slots=True)
class Held:
    """One storage that the bound counts."""

    storage: int
    bytes: int
    """Rounded up to the granule."""
    reason: Reason
    maker: int
    """Op that makes it."""
    waiting: int
    """The op that still needs it, the first one in the plan's order; the proving op where it touches
    it."""


@dataclass(frozen=True, slots=True)
class PeakProof:
    """Why no order of the step has a lower peak."""

    kind: Proof
    bound_bytes: int
    op: int
    """The proving op; where a search is the proof, the one that proves the most; -1: there is none."""
    cut_bytes: int
    """What is proven at that op: the bound, but less where the bound took a search."""
    held: tuple[Held, ...]
    """The storages whose sizes sum up to ``cut_bytes``, the largest first."""
    taken: int = -1
    """Storage into whose bytes the op writes its result, which then counts nothing; -1: none."""


@dataclass(frozen=True, slots=True)
class HeightProof:
    """Why no placement of the plan's order is lower: so much is alive at once, or pinned that high."""

    bound_bytes: int
    slot: int
    """Where the most is alive; -1 for a plan without slots."""
    instances: tuple[int, ...]
    """Alive there, the largest first; the last bytes of a pinned one where that is the bound."""
    pinned: bool = False
    """Whether a storage that is pinned to an address is the proof."""


def planned_step(step: Step, plan: Plan) -> Step:
    """The step with what the plan's pins add to its dependencies: what its bounds are about."""
    return constrained(step, edges_from_pins(step, plan.pins), pinned_addresses(plan.pins))


def prove_peak(step: Step, plan: Plan) -> PeakProof:
    """What proves the bound of the plan's certificate. Takes a maximum flow; not for the UI thread."""
    stated = plan.certificate
    op = stated.peak_op
    pinned = planned_step(step, plan)
    if stated.peak_proof is Proof.SEARCH:
        op = _op_of_largest_cut(pinned, plan)
    if not 0 <= op < len(step.ops):
        return PeakProof(stated.peak_proof, stated.peak_bound_bytes, -1, 0, ())
    alone = stated.peak_proof is Proof.NONE
    least = _alone if alone else least_cut
    cut = least(pinned, op, reuse=stated.reuse)
    held = _held(pinned, plan, op, cut, spanning=not alone)
    if sum(one.bytes for one in held) != cut.bytes:
        raise RuntimeError(f"the storages of the cut at op {op} do not sum up to it")
    return PeakProof(stated.peak_proof, stated.peak_bound_bytes, op, cut.bytes, held, cut.taken)


def prove_height(step: Step, plan: Plan) -> HeightProof:
    """What proves the bound on the height of the plan's order."""
    bound, slot = plan.certificate.height_bound_bytes, peak_slot(step, plan)
    if bound > plan.peak_bytes:
        at = pinned_addresses(plan.pins)
        ends = {s: address + round_up(step.storages[s].size) for s, address in at.items()}
        last = max(ends, key=lambda s: ends[s], default=-1)
        found = [i for i, instance in enumerate(plan.instances) if instance.storage == last]
        return HeightProof(bound, slot, tuple(found), pinned=True)
    return HeightProof(bound, slot, tuple(alive_at(step, plan, slot)) if slot >= 0 else ())


def _op_of_largest_cut(step: Step, plan: Plan) -> int:
    """The op whose cut proves the most, among those that are looked at in time; -1 without ops."""
    # Imported here: numba takes half a second, and only plans without a cut's proof ask for it.
    from solver.ordering.bounds import Cuts
    from solver.ordering.problem import compile_step
    from solver.watch import Watch

    with Watch(LOOKING_SECONDS) as watch:
        takeovers = step.outlook.sure if plan.certificate.reuse else NONE
        cuts = Cuts(compile_step(step, takeovers).graph, watch)
        cuts.prove([np.array(_first_runs(plan), np.int64)])
        return cuts.best_op


def _alone(step: Step, op: int, *, reuse: bool) -> Cut:
    """What the op touches, as a cut that counts nothing else."""
    taken = step.reusable[op].operands[0] if reuse and op in step.reusable else -1
    sizes = [round_up(step.storages[s].size) for s in _planned(step, step.ops[op].touches)]
    saved = round_up(step.storages[step.reusable[op].created].size) if taken >= 0 else 0
    return Cut(sum(sizes) - saved, frozenset(), taken)


def _held(step: Step, plan: Plan, op: int, cut: Cut, *, spanning: bool) -> tuple[Held, ...]:
    """The storages alive while ``op`` runs when just the cut's downset has run before it."""
    before, after = reachable(step, [op])
    slot = {ran: at for at, ran in enumerate(_first_runs(plan))}
    creator = {s: index for index, o in enumerate(step.ops) for s in o.creates}
    touched = set(_planned(step, step.ops[op].touches))
    if cut.taken >= 0:
        touched.discard(step.reusable[op].created)
    held = []
    for storage, users in users_of(step).items():
        maker = creator[storage]
        left = [user for user in users if user not in cut.downset and user not in (maker, op)]
        if storage in touched:
            reason, waiting = Reason.TOUCHED, op
        elif spanning and maker in cut.downset and left and op not in users:
            forced = [user for user in left if user in after] if maker in before else []
            reason = Reason.FORCED if forced else Reason.CHEAPEST
            waiting = min(forced or left, key=lambda user: slot.get(user, len(slot)))
        else:
            continue
        held.append(Held(storage, round_up(step.storages[storage].size), reason, maker, waiting))
    return tuple(sorted(held, key=lambda one: (-one.bytes, one.storage)))


def _first_runs(plan: Plan) -> tuple[int, ...]:
    """The order of the ops, repetitions left out: the bound is of plans without."""
    return tuple(dict.fromkeys(plan.order))


def _planned(step: Step, storages: Iterable[int]) -> list[int]:
    return [s for s in storages if step.storages[s].planned]
