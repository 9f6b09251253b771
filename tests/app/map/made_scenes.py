"""Scenes made for tests: simple plans of real steps, and large ones out of random rectangles."""

import numpy as np

from app.map.plan_scene import PlanScene, plan_scene
from app.map.scene import CATEGORIES, ArrayScene, array_scene
from solver.assemble import assemble
from solver.plan import Certificate, IntArray, Plan, Proof, Status
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


Arrays = dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"]


def training_arrays(count: int, seed: int = 0) -> Arrays:
    """Rectangles like those of ``large_scene``: half are kept until backward, half are short."""
    random = np.random.default_rng(seed)
    kept = count // 2
    sizes = _granular(random.normal(5, 2, count))
    base = np.concatenate([[0], np.cumsum(sizes[:kept])])
    made = np.arange(kept)
    short = np.arange(count - kept)
    low = np.concatenate([base[:kept], base[np.maximum(kept - short, 0)]])
    return {
        "start": np.concatenate([made, kept + short]),
        "end": np.concatenate([2 * kept - made, kept + short + 2]),
        "low": low,
        "high": low + sizes,
        "category": np.repeat([CATEGORIES.index(Category.ACTIVATION), 1], [kept, count - kept]),
        "slots": np.array(count + 2),
    }


def allocator_arrays(count: int, seed: int = 0) -> Arrays:
    """What an allocator sees for hours: most requests short and small, all over the addresses."""
    random = np.random.default_rng(seed)
    slots = 2 * count
    start = np.sort(random.integers(0, slots - 1, count))
    duration = np.exp(random.normal(4, 2.2, count)).astype(np.int64) + 1
    low = (random.random(count) ** 2 * 80e9).astype(np.int64) // 512 * 512
    return {
        "start": start,
        "end": np.minimum(start + duration, slots),
        "low": low,
        "high": low + _granular(random.normal(3, 2.5, count)),
        "category": random.integers(0, len(CATEGORIES), count),
        "slots": np.array(slots),
    }


def scene_of_arrays(arrays: Arrays) -> ArrayScene:
    """The scene of made arrays."""
    columns = (arrays[name] for name in ("start", "end", "low", "high"))
    return array_scene(
        "made", *columns, arrays["category"].astype(np.uint8), slots=int(arrays["slots"])
    )


def _granular(logarithm: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> IntArray:
    """Sizes of whole granules, most of them small."""
    return (np.exp(logarithm).astype(np.int64).clip(1, 1 << 19)) * 512
