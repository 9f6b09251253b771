"""Random small steps for property tests, with all that real ones have: writes in place, residents,
outputs, empty storages, storages no op touches, ops that touch nothing, chains of random numbers."""

import random

from solver.step import GRANULE, Category, Op, Origin, Phase, Step, Storage

ORIGIN = Origin("random", "random", 1, "sgd", True, "cpu", "float32")


def random_step(
    ops: int, seed: int, *, density: float = 0.25, largest: int = 20, writes: float = 0.15
) -> Step:
    """A valid step of ``ops`` ops, the same for the same arguments.

    ``density`` is the chance that an op reads a storage made before it, ``writes`` that it writes it
    in place instead; sizes are 1 to ``largest`` granules, not all of them whole ones.
    """
    rng = random.Random(seed)
    storages = [
        Storage(700, Category.PARAMETER, "weight"),
        Storage(GRANULE, Category.INPUT, "input"),
        Storage(GRANULE, Category.TEMPORARY, "never touched"),
        Storage(0, Category.PARAMETER, "empty"),
    ]
    made: list[int] = []
    result: list[Op] = []
    for index in range(ops):
        reads = {s for s in made if rng.random() < density}
        written = {s for s in reads if rng.random() < writes}
        if rng.random() < 0.3:
            reads.add(0)
        if rng.random() < 0.05:
            written.add(0)
        if rng.random() < 0.2:
            reads.add(1)
        creates = []
        for _ in range(rng.choice((0, 1, 1, 2))):
            size = rng.randint(1, largest) * GRANULE - rng.choice((0, 0, 1, 511))
            creates.append(len(storages))
            if rng.random() < 0.06:
                storages.append(Storage(0, Category.TEMPORARY, f"empty {len(storages)}"))
            elif rng.random() < 0.06:
                storages.append(Storage(size, Category.TEMPORARY, f"out {len(storages)}", output=True))
            else:
                storages.append(Storage(size, Category.ACTIVATION, f"s{len(storages)}"))
        result.append(
            Op(
                name=f"op{index}",
                target="test.default",
                reads=tuple(sorted(reads - written if rng.random() < 0.5 else reads)),
                writes=tuple(sorted(written)),
                creates=tuple(creates),
                random=rng.random() < 0.1,
                phase=Phase.FORWARD if 2 * index < ops else Phase.BACKWARD,
            )
        )
        made += creates
    return Step(ORIGIN, tuple(storages), tuple(result))


def is_order(step: Step, order: tuple[int, ...]) -> bool:
    """Whether every op runs once, after all it depends on."""
    slot = {op: position for position, op in enumerate(order)}
    return sorted(order) == list(range(len(step.ops))) and all(
        slot[before] < slot[op] for op, earlier in enumerate(step.dependencies) for before in earlier
    )


def optimal_peak(step: Step) -> int:
    """The least peak in bytes of all orders of a step of at most about 16 ops, by dynamic programming
    over its downsets, from the definitions alone."""
    before = [sum(1 << d for d in earlier) for earlier in step.dependencies]
    touched: list[tuple[int, int]] = []
    for index, storage in enumerate(step.storages):
        mask = sum(1 << position for position, op in enumerate(step.ops) if index in op.touches)
        if storage.planned and mask:
            touched.append((mask, -(-storage.size // GRANULE) * GRANULE))
    best = {0: 0}
    for done in range(1 << len(step.ops)):
        if done not in best:
            continue
        for op, needed in enumerate(before):
            bit = 1 << op
            if done & bit or needed & ~done:
                continue
            alive = sum(size for mask, size in touched if mask & bit or (mask & done and mask & ~done))
            peak = max(best[done], alive)
            best[done | bit] = min(peak, best.get(done | bit, peak))
    return best[(1 << len(step.ops)) - 1]
