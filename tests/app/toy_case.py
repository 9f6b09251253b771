"""The toy step solved by hand, as run and as planned; every figure can be checked in the head.

::

    slot                 0     1     2     3     4     5      arena of the plan, bytes
    op                   mm    relu  sum   relu' mm_1  add_
    2 linear · mm        [-----------------------)            [0, 2048)
    3 act · relu               [-----------------)            [2048, 3072)
    5 ∂ act · relu                         [-----------)      [3072, 5120)
    6 ∂ weight                                   [----------) [0, 512)
    live                 2048  3072  3072  5120  2560  512    and 1536 of residents
"""

import numpy as np

from solver.assemble import assemble
from solver.plan import Certificate, Plan, Proof, Status
from solver.solution import Baseline, Progress, Report, Segment, Solution
from solver.step import Step

RESIDENT = 1536
PEAK = 5120
RESERVED = 16384


def toy_plan(step: Step, order: tuple[int, ...] = (0, 1, 2, 3, 4, 5), name: str = "Planned") -> Plan:
    """The plan of the picture; proven by a cut at the backward of relu."""
    return assemble(
        step,
        order,
        {2: 0, 3: 2048, 5: 3072, 6: 0},
        name=name,
        status=Status.OPTIMAL,
        certificate=Certificate(PEAK, Proof.CUT, 3, PEAK),
    )


def loose_plan(step: Step) -> Plan:
    """No address is used twice: 512 bytes higher than the picture's."""
    return assemble(
        step,
        range(6),
        {2: 0, 3: 2048, 5: 3072, 6: 5120},
        name="Program order, placed",
        status=Status.FEASIBLE,
        certificate=Certificate(PEAK, Proof.CUT, 3, PEAK),
    )


def toy_baseline(step: Step) -> Baseline:
    """A caching allocator with segments of 4096 bytes: the last gradient opens one for nothing.

    Segment at 0 before the step (residents), 4096 at slot 0 (both activations), 8192 at slot 3
    (5), 12288 at slot 4 (6: 2048 bytes were free in the third segment, 1024 in the second).
    """
    plan = assemble(
        step,
        range(6),
        {2: 4096, 3: 6144, 5: 8192, 6: 12288},
        name="As run",
        status=Status.BASELINE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )
    return Baseline(
        plan=plan,
        resident_addresses={0: 0, 1: 512, 4: 1024},
        segments=(
            Segment(0, 4096, -1, 0, 0, 0),
            Segment(4096, 4096, 0, 2, 0, 0),
            Segment(8192, 4096, 3, 5, 1024, 1024),
            Segment(12288, 4096, 4, 6, 3072, 400),
        ),
        reserved=np.array([8192, 8192, 8192, 12288, 16384, 16384], np.int64),
    )


def toy_solution(step: Step, plan: Plan | None = None) -> Solution:
    """What a solve of the toy step would return, with a log of four lines."""
    plan = plan or toy_plan(step)
    loose = loose_plan(step)
    return Solution(
        plan=plan,
        program_plan=loose,
        baseline=toy_baseline(step),
        report=Report(
            model="toy",
            ops=6,
            storages=4,
            resident_bytes=RESIDENT,
            program_order_peak_bytes=PEAK,
            baseline_reserved_bytes=RESERVED,
            peak_bytes=plan.peak_bytes,
            peak_bound_bytes=PEAK,
            height_bytes=plan.height_bytes,
            gap=0.0,
            seconds=0.025,
            status=plan.status.value,
            seed=0,
        ),
        log=(
            Progress(0.001, "Build graph", "6 ops", None, 2560, None),
            Progress(0.010, "Program order", "first fit", PEAK, 2560, 5632),
            Progress(0.020, "Lower bound", "1 minimum cut", None, PEAK, None),
            Progress(0.025, "Place by lifetime", "no gap", None, None, PEAK),
        ),
    )
