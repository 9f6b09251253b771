"""The model of the caching allocator: its rules by hand, and against a plain reimplementation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import random_step

from solver.check import check
from solver.placement.caching_allocator import CachingAllocator, simulate
from solver.plan import Proof, Status
from solver.solution import Baseline
from solver.step import Step

MIB = 1 << 20


class PlainAllocator:
    """The same rules over one list of [address, size, segment, small, free], searched in full."""

    def __init__(self) -> None:
        self.blocks: list[list[int]] = []
        self.reserved = 0

    def allocate(self, request: int) -> int:
        size = -(-max(request, 1) // 512) * 512
        small = int(size <= MIB)
        fitting = [b for b in self.blocks if b[4] and b[3] == small and b[1] >= size]
        if not fitting:
            segment = (
                2 * MIB if small else 20 * MIB if size < 10 * MIB else -(-size // (2 * MIB)) * 2 * MIB
            )
            self.blocks.append([self.reserved, segment, self.reserved, small, 1])
            self.reserved += segment
            fitting = [self.blocks[-1]]
        block = min(fitting, key=lambda b: (b[1], b[0]))
        block[4] = 0
        left = block[1] - size
        if left > MIB or (small and left >= 512):
            self.blocks.append([block[0] + size, left, block[2], small, 1])
            block[1] = size
        return block[0]

    def release(self, address: int) -> None:
        next(b for b in self.blocks if b[0] == address)[4] = 1
        self.blocks.sort()
        merged: list[list[int]] = []
        for block in self.blocks:
            if merged and merged[-1][4] and block[4] and merged[-1][2] == block[2]:
                merged[-1][1] += block[1]
            else:
                merged.append(block)
        self.blocks = merged


sizes = st.one_of(
    st.integers(1, 3000),
    st.integers(1, 1200 * 1024),
    st.integers(1, 12 * MIB),
    st.integers(1, 60 * MIB),
)


@given(st.lists(st.tuples(st.booleans(), sizes, st.integers(0, 99)), max_size=80))
@settings(deadline=None)
def test_it_agrees_with_the_rules_written_plainly(trace: list[tuple[bool, int, int]]) -> None:
    allocator, plain = CachingAllocator(), PlainAllocator()
    held: list[int] = []
    for slot, (free, size, which) in enumerate(trace):
        if free and held:
            address = held.pop(which % len(held))
            allocator.release(address)
            plain.release(address)
        else:
            small = size <= MIB
            there = sum(b[1] for b in plain.blocks if b[4] and b[3] == small)
            segments = len(allocator.segments)
            address = allocator.allocate(size, slot, slot)
            assert address == plain.allocate(size)
            assert [s.free_bytes for s in allocator.segments[segments:]] in ([], [there])
            held.append(address)
        assert allocator.reserved == plain.reserved


def test_a_trace_worked_by_hand() -> None:
    allocator = CachingAllocator()
    tiny = allocator.allocate(1, 0, 10)
    assert (tiny, allocator.reserved) == (0, 2 * MIB)
    assert allocator.allocate(513, 1, 11) == 512  # split off the first small segment
    assert allocator.allocate(MIB, 2, 12) == 512 + 1024  # 1 MiB still is small
    large = allocator.allocate(MIB + 1, 3, 13)  # above: the large pool, a 20 MiB segment
    assert (large, allocator.reserved) == (2 * MIB, 22 * MIB)
    middle = allocator.allocate(9 * MIB, 4, 14)
    assert middle == 3 * MIB + 512
    own = allocator.allocate(11 * MIB, 5, 15)  # 10 MiB less 512 bytes are free: too few; 12 MiB opened
    assert (own, allocator.reserved) == (22 * MIB, 34 * MIB)
    assert [s.size for s in allocator.segments] == [2 * MIB, 20 * MIB, 12 * MIB]
    opened = allocator.segments[2]
    assert (opened.slot, opened.storage) == (5, 15)
    assert opened.free_bytes == opened.largest_block == 10 * MIB - 512
    allocator.release(large)
    allocator.release(middle)  # the whole 20 MiB segment is one block again
    assert allocator.allocate(20 * MIB, 6, 16) == 2 * MIB
    allocator.release(own)
    # 1 MiB left of 12 MiB is not split off: the block keeps it.
    assert allocator.allocate(11 * MIB, 7, 17) == own
    assert allocator.allocate(MIB + 1, 8, 18) == 34 * MIB


def test_the_smallest_block_that_fits_is_taken_and_of_equals_the_lowest() -> None:
    allocator = CachingAllocator()
    blocks = [allocator.allocate(size * MIB, 0, 0) for size in (30, 16, 20, 16)]
    for address in blocks:
        allocator.release(address)
    assert allocator.allocate(15 * MIB, 1, 1) == blocks[1]
    assert allocator.allocate(16 * MIB, 1, 2) == blocks[3]
    assert allocator.allocate(17 * MIB, 1, 3) == blocks[2]


def assert_right(step: Step, baseline: Baseline) -> None:
    """What must hold of any step as run."""
    plan = baseline.plan
    assert check(step, plan) == []
    assert plan.status is Status.BASELINE
    assert plan.order == tuple(range(len(step.ops)))
    assert plan.certificate.peak_proof is Proof.NONE
    resident = {i for i, s in enumerate(step.storages) if s.resident and s.size > 0}
    assert set(baseline.resident_addresses) == resident
    # Segments are stacked without holes; reserved bytes never shrink and follow them.
    ends = np.cumsum([s.size for s in baseline.segments]).tolist()
    assert [s.address for s in baseline.segments] == [0, *ends][: len(ends)]
    assert (np.diff(baseline.reserved) >= 0).all()
    for slot, reserved in enumerate(baseline.reserved.tolist()):
        assert reserved == sum(s.size for s in baseline.segments if s.slot <= slot)
    assert plan.height_bytes <= baseline.reserved_bytes == sum(s.size for s in baseline.segments)
    # Every block lies within one segment, and residents are in nobody's way.
    made = {storage: slot for slot, op in enumerate(step.ops) for storage in op.creates}
    blocks = [
        (address, address + step.storages[i].size, made.get(i, 0), len(step.ops))
        for i, address in baseline.resident_addresses.items()
    ]
    for instance, (start, end) in zip(plan.instances, plan.lifetimes.tolist(), strict=True):
        size = step.storages[instance.storage].size
        blocks.append((instance.address, instance.address + size, start, end))
    for low, high, _, _ in blocks:
        assert any(s.address <= low and high <= s.address + s.size for s in baseline.segments)
    for i, (low, high, start, end) in enumerate(blocks):
        for other_low, other_high, other_start, other_end in blocks[:i]:
            together = start < other_end and other_start < end
            assert not (together and low < other_high and other_low < high)


@given(st.integers(0, 25), st.integers(0, 10_000), st.sampled_from([20, 3000, 60_000]))
@settings(max_examples=40, deadline=None)
def test_random_steps_run_without_overlap_inside_their_segments(
    ops: int, seed: int, largest: int
) -> None:
    step = random_step(ops, seed, largest=largest)
    assert_right(step, simulate(step))


def test_the_toy_step_needs_one_small_segment(toy_step: Step) -> None:
    baseline = simulate(toy_step)
    assert_right(toy_step, baseline)
    assert baseline.reserved.tolist() == [2 * MIB] * 6
    # weight, input, then mm 2 KiB, relu 1 KiB, loss 512 B, the gradient 2 KiB behind one another.
    assert baseline.resident_addresses == {0: 0, 1: 512, 4: 1024 + 3072}
    assert [i.address for i in baseline.plan.instances] == [1024, 3072, 4608, 1024]


def test_resnet50_reserves_what_the_picture_of_it_says(resnet50_step: Step) -> None:
    baseline = simulate(resnet50_step)
    assert baseline.reserved_bytes == 3_592_421_376  # 3.346 GiB
    assert len(baseline.segments) == 111
    last = baseline.segments[-1]
    assert (last.slot, last.size, last.largest_block) == (424, 98 * MIB, 50 * MIB)
    assert last.free_bytes // MIB == 1661
    assert check(resnet50_step, baseline.plan) == []
