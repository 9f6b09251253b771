"""A model of PyTorch's CUDA caching allocator: the step as a user runs it today.

The rules of c10/cuda/CUDACachingAllocator.cpp with its default settings and one stream::

    request     rounded up to 512 bytes; at most 1 MiB: small pool, else large pool
    block       the smallest free one of the pool that is large enough, the lowest of equals
    segment     when there is none: 2 MiB for the small pool, 20 MiB for requests below 10 MiB,
                else the request rounded up to 2 MiB; never given back
    split       when more than the request is left: 512 bytes or more (small), above 1 MiB (large)
    free        merges with the free blocks before and after it in its segment

The first step with an empty cache: residents first, then each storage at its first touch, until
after its last use in program order; what leaves the step is kept.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solver.assemble import assemble
from solver.plan import Certificate, IntArray, Plan, Proof, Provenance, Status
from solver.solution import Baseline, Segment
from solver.step import Step, round_up
from solver.timeline import order_lifetimes, order_profile, planned_storages, storage_sizes

MIB = 1 << 20
SMALL_REQUEST = MIB
SMALL_SEGMENT = 2 * MIB
LARGE_SEGMENT = 20 * MIB
LARGE_REQUEST = 10 * MIB
"""From here on a request gets a segment of its own size."""
SEGMENT_GRANULE = 2 * MIB
NAME = "As run"


@dataclass(slots=True)
class _Block:
    """Consecutive bytes of a segment, free or allocated."""

    address: int
    size: int
    small: bool
    free: bool = False
    before: "_Block | None" = None
    after: "_Block | None" = None
    """Neighbours in the segment."""


class CachingAllocator:
    """Segments stacked in one address space, in the order they were opened."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.reserved = 0
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        """(size, address) of the free blocks of the small and of the large pool, ascending."""
        self._free_bytes = {True: 0, False: 0}
        """Of each pool."""
        self._blocks: dict[int, _Block] = {}
        """By address."""

    def allocate(self, size: int, slot: int, storage: int) -> int:
        """Address of ``size`` bytes; ``slot`` and ``storage`` are noted when this opens a segment."""
        size = max(round_up(size), 512)
        small = size <= SMALL_REQUEST
        pool = self._free[small]
        at = bisect_left(pool, (size, -1))
        if at < len(pool):
            block = self._blocks[pool.pop(at)[1]]
            block.free = False
            self._free_bytes[small] -= block.size
        else:
            block = self._open_segment(size, small, slot, storage)
        left = block.size - size
        if left >= 512 if small else left > MIB:
            rest = _Block(block.address + size, left, small, True, block, block.after)
            if block.after is not None:
                block.after.before = rest
            block.after = rest
            block.size = size
            self._blocks[rest.address] = rest
            self._free_bytes[small] += left
            insort(pool, (rest.size, rest.address))
        return block.address

    def release(self, address: int) -> None:
        """Free what ``allocate`` gave."""
        block = self._blocks[address]
        pool = self._free[block.small]
        self._free_bytes[block.small] += block.size
        if (after := block.after) is not None and after.free:
            self._forget(after)
            self._join(block, after)
        if (before := block.before) is not None and before.free:
            del pool[bisect_left(pool, (before.size, before.address))]
            self._join(before, block)
            del self._blocks[block.address]
            block = before
        block.free = True
        insort(pool, (block.size, block.address))

    def _forget(self, block: _Block) -> None:
        pool = self._free[block.small]
        del pool[bisect_left(pool, (block.size, block.address))]
        del self._blocks[block.address]

    @staticmethod
    def _join(block: _Block, after: _Block) -> None:
        """``block`` takes over its neighbour's bytes."""
        block.size += after.size
        block.after = after.after
        if after.after is not None:
            after.after.before = block

    def _open_segment(self, request: int, small: bool, slot: int, storage: int) -> _Block:
        if small:
            size = SMALL_SEGMENT
        elif request < LARGE_REQUEST:
            size = LARGE_SEGMENT
        else:
            size = round_up(request, SEGMENT_GRANULE)
        pool = self._free[small]
        self.segments.append(
            Segment(
                address=self.reserved,
                size=size,
                slot=slot,
                storage=storage,
                free_bytes=self._free_bytes[small],
                largest_block=pool[-1][0] if pool else 0,
            )
        )
        block = _Block(self.reserved, size, small)
        self._blocks[block.address] = block
        self.reserved += size
        return block


def simulate(step: Step) -> Baseline:
    """The step as run: program order, addresses and segments of the caching allocator."""
    allocator, addresses, reserved = _run(step, range(len(step.ops)))
    return Baseline(
        plan=_plan(step, addresses),
        resident_addresses={i: a for i, a in addresses.items() if step.storages[i].resident},
        segments=tuple(allocator.segments),
        reserved=reserved,
    )


def reserved_bytes(step: Step, order: Sequence[int]) -> int:
    """What the caching allocator would reserve if the ops ran in ``order``, residents included."""
    return _run(step, order)[0].reserved


def _run(step: Step, order: Sequence[int]) -> tuple[CachingAllocator, dict[int, int], IntArray]:
    """The allocator after the step, the address of every storage, the bytes reserved at each slot."""
    allocator = CachingAllocator()
    created = {storage for op in step.ops for storage in op.creates}
    addresses: dict[int, int] = {}
    for index, storage in enumerate(step.storages):
        if storage.resident and storage.size > 0 and index not in created:
            addresses[index] = allocator.allocate(storage.size, -1, index)
    lifetimes = order_lifetimes(step, order)
    dying: list[list[int]] = [[] for _ in range(len(order) + 1)]
    planned = planned_storages(step)
    for index, end in zip(planned.tolist(), lifetimes[planned, 1].tolist(), strict=True):
        if end >= 0:
            dying[end].append(index)
    reserved = np.zeros(len(order), np.int64)
    for slot, op in enumerate(order):
        for index in step.ops[op].creates:
            if step.storages[index].size > 0:
                addresses[index] = allocator.allocate(step.storages[index].size, slot, index)
        reserved[slot] = allocator.reserved
        for index in dying[slot + 1]:
            allocator.release(addresses[index])
    return allocator, addresses, reserved


def _plan(step: Step, addresses: dict[int, int]) -> Plan:
    order = range(len(step.ops))
    bound, op = largest_op(step)
    return assemble(
        step,
        order,
        addresses,
        name=NAME,
        status=Status.BASELINE,
        certificate=Certificate(
            peak_bound_bytes=bound,
            peak_proof=Proof.NONE,
            peak_op=op,
            height_bound_bytes=int(order_profile(step, order).max(initial=0)),
        ),
        provenance=Provenance(),
    )


def largest_op(step: Step, *, reuse: bool = False) -> tuple[int, int]:
    """The most planned bytes that one op touches, and that op (-1: none): any order needs them.

    ``reuse``: less a result that may take over an operand's bytes.
    """
    sizes = np.zeros(len(step.storages), np.int64)
    planned = planned_storages(step)
    sizes[planned] = storage_sizes(step)[planned]
    touched = np.zeros(len(step.ops), np.int64)
    ops, storages = step.touching
    np.add.at(touched, ops, sizes[storages])
    for op, possible in step.reusable.items() if reuse else ():
        touched[op] -= sizes[possible.created]
    largest = int(touched.max(initial=0))
    return largest, int(touched.argmax()) if largest else -1
