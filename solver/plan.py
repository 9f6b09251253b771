"""The plan: which op runs when, with which instances of its storages, and where those lie.

A plan is a sequence of actions over *instances*. A storage may exist more than once, before and
after a recompute or a trip to the host, so addresses and lifetimes belong to its instances and each
run names the instances it touches. Without a budget there is one instance per planned storage::

    actions    Run(op 0, creates 0)   Run(op 1, uses 0, creates 1)   Free(0)   Run(op 2, uses 1) ...
    slot       0                      1                                        2
    lifetime   instance 0: [0, 2)     half-open, in slots
               instance 1: [1, ...)

A slot is the position of a ``Run`` among the runs. Any other action happens between two runs: what
it allocates is alive from the next slot on, what it frees up to the next slot.

In-place reuse: an instance that a run creates may *take over* the bytes of one that it uses for the
last time. They change hands at that run: the old instance lives up to its slot, the new one from it
on, at the same address, and no ``Free`` names the old one::

    actions    Run(op 0, creates 0)   Run(op 1, uses 0, creates 1, takes (1, 0))   ...
    lifetime   instance 0: [0, 1)
               instance 1: [1, ...)

Recompute: an op that ran may run again, and makes new instances of what it creates. The first run of an
op is the one with effects; a *repetition* has none but those instances, or what it writes in place into
instances made again. It writes no resident, and it draws the random numbers that the first one drew::

    actions    Run(op 3, uses 5, creates 6)  ...  Free(6)  ...  Run(op 3, uses 5, creates 9)  ...

A repeated batch norm may take the statistics that its first run made (``SAVED_STATISTICS``): it uses
them besides and creates only its result. A repetition may be *fused* with the run right before it,
whose result it takes over or writes in place: both are one pass over memory. No copy begins between
them, and it allocates nothing else: what the pass reads must not be overwritten before it ends. Which
ops may be repeated and fused is ``solver.repetition``'s to say.

Rewrites: other implementations change what there is to plan. ``Plan.rewrites`` says which are applied
to the step; ops, storages and instances of the plan are those of the rewritten step
(``solver.rewriting.rewritten``), while ``fingerprint`` is that of the step as captured.

Trips to the host: copies run beside the ops, one after the other in the order of their actions. One
begins when the runs before it are done. Whatever it could disturb waits for it: the first use of what
it fills, a write to what it reads, and the ``Free`` or the takeover of either. So an instance may be
freed as soon as its ``Offload`` has begun, and bytes of the host block filled anew as soon as the last
``Prefetch`` from them has: the plan is right whatever a copy takes, though it may cost a wait.

Homes: a weight or a state of the optimizer may live in host memory. Its *home* is the host slot at
``HOME``, not a part of the plan's host block but the model's or the optimizer's tensor itself. It is
full when the step begins, may be filled anew any number of times, and holds the final content when the
step ends. Ops that use it name an instance of it, as of a storage that the plan places::

    actions    ...  Prefetch(home, 7)  Run(forward, uses 5 7)  Free(7)  ...
               ...  Prefetch(home, 8)  Run(update, uses 6 8)  Offload(8, home)  Free(8)  ...

It stays one tensor: at most one instance of it is alive, and it is brought only as it was last left. So
one that no op changed while it was there need not be copied home. And it does not count among the
residents of the device (``timeline.resident_bytes_on_device``).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from solver.pins import Pins
from solver.terms import Terms

IntArray: TypeAlias = npt.NDArray[np.int64]

SAVED_STATISTICS = "saved statistics"
"""The implementation of a repeated batch norm that normalises with the mean and the inverse standard
deviation that its first run made."""

HOME = -1
"""In place of an address in the host block: the tensor of a weight or of a state of the optimizer, on
the host from step to step."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One stay of a storage in the arena: ``address`` is its first byte, from the arena's start."""

    storage: int
    address: int


@dataclass(frozen=True, slots=True)
class HostSlot:
    """One stay of a storage in host memory: from byte ``address`` of the host block, or at home."""

    storage: int
    address: int


@dataclass(frozen=True, slots=True)
class Run:
    """Run ``op``: ``uses`` are the instances it reads or writes, ``creates`` those it allocates.

    Resident storages without a home have no instances and are not named. A storage that the op
    creates but that has no bytes is not named either.
    """

    op: int
    uses: tuple[int, ...]
    creates: tuple[int, ...]
    implementation: str = ""
    """Empty: as captured; or ``SAVED_STATISTICS``."""
    takes: tuple[tuple[int, int], ...] = ()
    """(new, old): the created instance that takes over the bytes of a used one, which ends here."""
    fused: bool = False
    """It is a repetition that runs in one pass with the run before it, whose result it takes over or
    writes in place."""


@dataclass(frozen=True, slots=True)
class Free:
    """The bytes of ``instance`` may be used for something else from the next slot on."""

    instance: int


@dataclass(frozen=True, slots=True)
class Offload:
    """Start copying ``instance`` to ``host`` as it is now; it stays alive until its ``Free``."""

    instance: int
    host: int


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Allocate ``instance`` and start copying ``host`` into it; its first user waits for the copy."""

    host: int
    instance: int


Action: TypeAlias = Run | Free | Offload | Prefetch


class Proof(StrEnum):
    """What shows that no order of the step can have a lower peak than the bound."""

    CUT = "cut"
    """A minimum cut at one op: whatever ran before, this much is alive while it runs."""
    SEARCH = "search"
    """An exhaustive search (branch and bound, or CP-SAT) whose tree is not kept."""
    NONE = "none"
    """Nothing was proven beyond the largest set of storages that one op touches."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proven lower bounds: no plan of this step without recompute or offload can go below them."""

    peak_bound_bytes: int
    peak_proof: Proof
    peak_op: int
    """The op whose cut is the bound, or -1."""
    height_bound_bytes: int
    """Largest sum of live bytes in this plan's order, or the end of what is pinned to an address:
    no placement of it is lower."""
    reuse: bool = False
    """Whether the peak's bound holds for plans with in-place reuse, too; else for those without."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a plan came to be."""

    seed: int = 0
    seconds: float = 0.0
    deadline: float = 0.0
    created: str = ""
    """ISO date and time."""
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    step_file: str = ""
    """File name of the step it was solved from, to find it again beside the plan."""
    edited_from: str = ""
    """Name of the plan that a person changed by hand to get this one; empty: it was solved."""


class Status(StrEnum):
    """What is known of a plan's value."""

    OPTIMAL = "optimal"
    """Peak and height both meet the proven bound, of plans that keep the pins where there are any; of a
    plan within a budget: its overhead does."""
    FEASIBLE = "feasible"
    """Correct, with a gap to the bound."""
    STOPPED = "stopped"
    """The best that was found when the user stopped the solver or the deadline came."""
    BASELINE = "baseline"
    """As run: program order and the caching allocator's addresses."""


@dataclass(frozen=True)
class Plan:
    """Order, placement, recompute, offload and implementations for one step."""

    fingerprint: str
    """Of the step that it plans."""
    name: str
    instances: tuple[Instance, ...]
    actions: tuple[Action, ...]
    peak_bytes: int
    """Largest sum of live planned bytes, each storage rounded up to the granule."""
    height_bytes: int
    """What the arena needs: the largest end of an instance."""
    status: Status
    certificate: Certificate
    provenance: Provenance = Provenance()
    host_slots: tuple[HostSlot, ...] = ()
    pins: Pins = ()
    """What the user fixed beforehand: the bounds are those of plans that keep all of it."""
    rewrites: tuple[str, ...] = ()
    """Applied to the step, in this order, before anything is planned; see ``solver.rewriting``."""
    terms: Terms | None = None
    """Of a plan within a budget."""

    @property
    def least_bytes(self) -> int:
        """No plan that keeps the pins is known to be lower: the peak's bound, or the end of what is
        pinned to an address."""
        stated = self.certificate
        pinned = stated.height_bound_bytes > self.peak_bytes
        return stated.height_bound_bytes if self.pins and pinned else stated.peak_bound_bytes

    @cached_property
    def homes(self) -> frozenset[int]:
        """The resident storages that live in host memory."""
        return frozenset(slot.storage for slot in self.host_slots if slot.address == HOME)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Op of every slot."""
        return tuple(action.op for action in self.actions if isinstance(action, Run))

    @cached_property
    def lifetimes(self) -> IntArray:
        """Slots ``[start, end)`` of every instance, shape (instances, 2); (-1, -1): never alive.

        An instance that is never freed ends with the step.
        """
        slot = 0
        result = np.full((len(self.instances), 2), -1, np.int64)
        for action in self.actions:
            match action:
                case Run(creates=creates, takes=takes):
                    for instance in creates:
                        result[instance, 0] = slot
                    for _, old in takes:
                        result[old, 1] = slot
                    slot += 1
                case Free(instance=instance):
                    result[instance, 1] = slot
                case Prefetch(instance=instance):
                    result[instance, 0] = slot
                case Offload():
                    pass
        open_ended = (result[:, 0] >= 0) & (result[:, 1] < 0)
        result[open_ended, 1] = slot
        return result
