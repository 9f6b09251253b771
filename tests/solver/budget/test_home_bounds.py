"""No plan with weights or states on the host is below what is proven of its budget."""

from dataclasses import replace
from math import inf

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.budget.assemble import Assembler
from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.duration import plan_seconds
from solver.budget.homes import with_homes
from solver.budget.schedule import Entry, Schedule
from solver.budget.solve import share
from solver.budget.unrolled import Arranged
from solver.check import check
from solver.plan import Plan, Provenance
from solver.step import Category, Op, Phase, Step, Storage
from solver.terms import Choice, DeviceModel
from solver.timeline import resident_bytes_on_device
from tests.solver.budget.chain_steps import chain_step

MIB = 1 << 20
HOMES = (Category.PARAMETER, Category.OPTIMIZER_STATE)


def training(layers: int, activation: int, weight: int, momenta: int) -> Step:
    """A chain, of which the last ``momenta`` updates go by way of a state of the optimizer."""
    chain = chain_step(layers, activation=activation * MIB, weight=weight * MIB)
    storages, ops = list(chain.storages), list[Op]()
    for op in chain.ops:
        if op.phase is Phase.UPDATE and int(op.name.removeprefix("update")) < momenta:
            state = len(storages)
            storages.append(Storage(weight * MIB, Category.OPTIMIZER_STATE, f"momentum of {op.name}"))
            ops.append(Op(f"mix_{op.name}", "mul_.Scalar", op.reads, (state,), (), phase=op.phase))
            op = replace(op, reads=(state,))
        ops.append(op)
    return Step(chain.origin, tuple(storages), tuple(ops))


def witness(step: Step, living: tuple[int, ...], room: int, device: DeviceModel) -> Plan:
    """A right plan with ``living`` on the host, made for an arena of ``room`` bytes."""
    assembler, kept = Assembler(step), Schedule(tuple(map(Entry, range(len(step.ops)))))
    bare = assembler.unroll(kept)
    live = assembler.profile(Arranged(bare, bare.possible))
    speed = device.host_bytes_per_second
    schedule = with_homes(step, kept, live, living, room, op_costs(step, device, False), speed)
    unrolled = assembler.unroll(schedule)
    sizes = step.rounded_sizes[list(unrolled.storages)]
    placed = dict(enumerate((np.cumsum(sizes) - sizes).tolist()))
    arranged = Arranged(unrolled, unrolled.possible)
    plan = assembler.plan(arranged, placed, "witness", Provenance())
    assert check(step, plan) == []
    return plan


@settings(max_examples=40, deadline=None)
@given(
    layers=st.integers(2, 5),
    activation=st.integers(1, 4),
    weight=st.integers(1, 6),
    momenta=st.integers(0, 5),
    speed=st.sampled_from((1e9, 12e9, 100e9, 1e12)),
    recompute=st.booleans(),
    data=st.data(),
)
def test_no_plan_with_homes_is_below_the_bound(
    layers: int,
    activation: int,
    weight: int,
    momenta: int,
    speed: float,
    recompute: bool,
    data: st.DataObject,
) -> None:
    step = training(layers, activation, weight, momenta)
    device = replace(V100, host_bytes_per_second=speed)
    allowed = (Choice.OFFLOAD, Choice.RECOMPUTE) if recompute else (Choice.OFFLOAD,)
    known = share(step, device=device, allowed=allowed)
    may = [i for i, storage in enumerate(step.storages) if storage.category in HOMES]
    base = op_costs(step, device, False).base_seconds
    for _ in range(3):
        living = tuple(sorted(data.draw(st.sets(st.sampled_from(may), min_size=1))))
        room = data.draw(st.integers(1, int(step.rounded_sizes.sum())))
        plan = witness(step, living, room, device)
        # A placement may need more than the peak; what is proven is proven of peaks.
        needed = resident_bytes_on_device(step, plan) + plan.peak_bytes
        overhead = plan_seconds(step, plan, device, False) / base - 1
        bound = known.prover.overhead(needed, deadline=inf)
        assert known.prover.impossible_bytes < needed
        assert bound <= overhead + 1e-9
