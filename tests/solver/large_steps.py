"""Training steps of any size: residual blocks, then Adam's update of every weight."""

import random

from random_steps import ORIGIN

from solver.step import Category, Op, Phase, Step, Storage

LAYERS = 6
"""In a block, before its input is added to what comes out."""


def training_step(blocks: int) -> Step:
    """About 49 ops for each block; all of its weights are updated at the end of the program."""
    made = random.Random(0)
    storages: list[Storage] = []
    ops: list[Op] = []

    def storage(size: int, category: Category = Category.TEMPORARY) -> int:
        storages.append(Storage(size, category, f"s{len(storages)}"))
        return len(storages) - 1

    def run(phase: Phase, reads: list[int], *, makes: int = -1, writes: int = -1) -> int:
        written, created = (() if s < 0 else (s,) for s in (writes, makes))
        ops.append(
            Op(f"op{len(ops)}", "op.default", tuple(sorted(reads)), written, created, phase=phase)
        )
        return makes

    value = storage(4096, Category.INPUT)
    layers: list[tuple[int, int]] = []
    for _ in range(blocks):
        skipped = value
        for _ in range(LAYERS):
            weight = storage(made.choice([1 << 12, 1 << 16, 1 << 20]), Category.PARAMETER)
            layers.append((weight, value))
            made_here = storage(made.randrange(1_000, 200_000), Category.ACTIVATION)
            value = run(Phase.FORWARD, [value, weight], makes=made_here)
        total = storage(storages[skipped].size, Category.ACTIVATION)
        value = run(Phase.FORWARD, [value, skipped], makes=total)
    gradient = run(Phase.BACKWARD, [value], makes=storage(4096))
    of_weights = []
    for weight, came_in in reversed(layers):
        own = storage(storages[weight].size, Category.GRADIENT)
        of_weights.append((weight, run(Phase.BACKWARD, [gradient, came_in], makes=own)))
        passed = storage(storages[came_in].size, Category.GRADIENT)
        gradient = run(Phase.BACKWARD, [gradient, weight], makes=passed)
    for weight, own in of_weights:
        size = storages[weight].size
        mean, square = (storage(size, Category.OPTIMIZER_STATE) for _ in range(2))
        run(Phase.UPDATE, [own], writes=mean)
        run(Phase.UPDATE, [run(Phase.UPDATE, [own], makes=storage(size))], writes=square)
        root = run(Phase.UPDATE, [square], makes=storage(size))
        run(Phase.UPDATE, [root, mean], writes=weight)
    return Step(ORIGIN, tuple(storages), tuple(ops))
