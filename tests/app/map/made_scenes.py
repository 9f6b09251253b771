"""Scenes made for tests: simple plans of real steps, and large ones out of random rectangles."""

import numpy as np

from app.map.plan_scene import PlanScene, plan_scene
from solver.assemble import assemble
from solver.plan import Certificate, Plan, Proof, Status
from solver.step import Category, Op, Origin, Phase, Step, Storage, round_up
from solver.timeline import order_lifetimes, planned_storages


def first_fit_plan(step: Step) -> Plan:
    """Program order, every storage at the lowest address that is free during its lifetime."""
    order = tuple(range(len(step.ops)))
    lifetimes = order_lifetimes(step, order)
    placed: list[tuple[int, int, int, int]] = []
    addresses: dict[int, int] = {}
    for storage in planned_storages(step).tolist():
        start, end = lifetimes[storage].tolist()
        size = round_up(step.storages[storage].size)
        address = 0
        for low, high in sorted((a, b) for s, e, a, b in placed if s < end and start < e):
            if address + size <= low:
                break
            address = max(address, high)
        addresses[storage] = address
        placed.append((start, end, address, address + size))
    return assemble(
        step,
        order,
        addresses,
        name="Program order, first fit",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )


def large_scene(count: int, seed: int = 0) -> PlanScene:
    """A step of ``count`` storages that live like those of training, stacked without overlap.

    Half are kept from forward to backward, one above the other; the rest are short-lived, above.
    """
    random = np.random.default_rng(seed)
    kept = count // 2
    ops = [
        Op(f"op{i}", "relu.default", (), (), (i,), module=f"layer{i * 20 // count}.{i * 200 // count}")
        for i in range(kept)
    ]
    ops += [
        Op(f"back{i}", "relu_backward.default", (kept - 1 - i,), (), (kept + i,), phase=Phase.BACKWARD)
        for i in range(count - kept)
        if i < kept
    ]
    sizes = (512 * np.exp(random.normal(5, 2, len(ops))).astype(np.int64)).clip(512, 1 << 28)
    storages = tuple(
        Storage(int(size), Category.ACTIVATION if i < kept else Category.GRADIENT, f"layer · {i}")
        for i, size in enumerate(sizes)
    )
    step = Step(Origin("large", "", 1, "sgd", True, "cpu", "float32"), storages, tuple(ops))
    rounded = np.array([round_up(int(size)) for size in sizes])
    base = np.concatenate([[0], np.cumsum(rounded[:kept])])
    addresses = {i: int(base[i]) for i in range(kept)}
    for i in range(kept, len(ops)):
        addresses[i] = int(base[kept - (i - kept)])
    plan = assemble(
        step,
        tuple(range(len(ops))),
        addresses,
        name="Large",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )
    return plan_scene(step, plan)
