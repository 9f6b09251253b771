"""Steps whose activations can be made again: a chain forward, its gradients backward, and updates."""

from random_steps import ORIGIN

from solver.step import Category, Op, Phase, Step, Storage

MIB = 1 << 20


def chain_step(layers: int, *, activation: int = 4 * MIB, weight: int = MIB) -> Step:
    """Layer i makes activation i of activation i − 1 and weight i; backward reads both again.

    Without a program, so that op times follow from sizes. Unmodified, all activations are alive when
    the backward pass begins.
    """
    storages = [Storage(activation, Category.INPUT, "input")]
    weights = []
    for layer in range(layers):
        weights.append(len(storages))
        storages.append(Storage(weight, Category.PARAMETER, f"weight {layer}"))
    ops, made = [], [0]
    for layer in range(layers):
        made.append(len(storages))
        storages.append(Storage(activation, Category.ACTIVATION, f"activation {layer}"))
        ops.append(Op(f"forward{layer}", "layer.default", (made[-2], weights[layer]), (), (made[-1],)))
    gradient = -1
    for layer in range(layers - 1, -1, -1):
        reads = (made[layer], made[layer + 1], weights[layer], *((gradient,) if gradient >= 0 else ()))
        gradient, update = len(storages), len(storages) + 1
        storages.append(Storage(activation, Category.GRADIENT, f"gradient {layer}"))
        storages.append(Storage(weight, Category.GRADIENT, f"gradient of weight {layer}"))
        ops.append(
            Op(
                f"backward{layer}",
                "layer_backward.default",
                tuple(sorted(reads)),
                (),
                (gradient, update),
                phase=Phase.BACKWARD,
            )
        )
        ops.append(
            Op(f"update{layer}", "add_.Tensor", (update,), (weights[layer],), (), phase=Phase.UPDATE)
        )
    return Step(ORIGIN, tuple(storages), tuple(ops))
