"""Networks of random skip connections as planning-only steps: graphs that are nowhere narrow.

Each node reads up to three of the ``span`` nodes before it, and sizes differ by a factor of up to 64.
A row of cells has a single tensor between two of them; here many cross every line, and in the
backward pass the parts of a node's gradient come far apart and wait for each other::

    forward     node v reads a, b, c      a ── … ── v,  b ── … ── v,  c ── … ── v
    backward    gradient of v  ──  gradient of its weight, the update
                               ──  parts of the gradients of a, b, c, each added to what is there
"""

import random
from dataclasses import dataclass, field

from solver.step import Category, Op, Origin, Phase, Step, Storage

_READS = (1, 1, 2, 2, 3)
"""How many nodes one reads, each as likely."""
_ACTIVATION, _WEIGHT = (13.0, 19.0), (11.0, 17.0)
"""Sizes are powers of two with exponents between these: 8 to 512 KiB, 2 to 128 KiB."""
_TRAINING_OPS = 6.5
"""Ops of a training step for each node, about."""


def skip_step(ops: int, seed: int, *, training: bool, span: int = 12) -> Step:
    """A step of about ``ops`` ops (within a tenth from 300 on), the same for the same arguments.

    The larger ``span``, the wider the graph. A training step has a forward and a backward pass and
    updates by plain SGD, an inference step the forward pass alone.
    """
    rng = random.Random(seed)
    nodes = max(1, round(ops / _TRAINING_OPS) if training else ops - 1)
    tape = _Tape(rng)
    images = tape.storage(1 << 16, Category.INPUT)
    network = _Network()
    for node in range(nodes):
        near = range(max(0, node - span), node)
        sources = sorted(rng.sample(near, min(len(near), rng.choice(_READS))))
        read = [network.activations[source] for source in sources] or [images]
        weight = tape.storage(tape.size(_WEIGHT), Category.PARAMETER)
        made = tape.run("linear", [*read, weight], tape.size(_ACTIVATION))
        network.sources.append(sources)
        network.activations.append(made)
        network.weights.append(weight)
    unread = sorted(set(range(nodes)).difference(*network.sources))
    ends = [network.activations[node] for node in unread]
    loss = tape.run("mean", ends, 4, output=True)
    if training:
        _train(tape, network, unread, loss)
    origin = Origin(
        model=f"skips{nodes}",
        source=f"skips:{nodes}:{seed}:{span}",
        batch=1,
        optimizer="sgd" if training else "",
        training=training,
        target="cpu",
        dtype="float32",
    )
    return Step(origin, tuple(tape.storages), tuple(tape.ops))


@dataclass
class _Network:
    """By node: the nodes that it reads, and the storages of what it makes and of its weight."""

    sources: list[list[int]] = field(default_factory=list)
    activations: list[int] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)


@dataclass
class _Tape:
    """The step while it is written."""

    rng: random.Random
    storages: list[Storage] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    phase: Phase = Phase.FORWARD

    def size(self, exponents: tuple[float, float]) -> int:
        return int(2 ** self.rng.uniform(*exponents))

    def storage(self, size: int, category: Category, *, output: bool = False) -> int:
        self.storages.append(Storage(size, category, f"s{len(self.storages)}", output))
        return len(self.storages) - 1

    def run(self, target: str, reads: list[int], size: int, *, output: bool = False) -> int:
        """Append an op that makes a storage; returns the storage."""
        category = Category.ACTIVATION if self.phase is Phase.FORWARD else Category.GRADIENT
        made = self.storage(size, category, output=output)
        name = f"{target}_{len(self.ops)}"
        self.ops.append(
            Op(name, f"{target}.default", tuple(sorted(reads)), (), (made,), phase=self.phase)
        )
        return made

    def update(self, weight: int, gradient: int) -> None:
        name, reads = f"add__{len(self.ops)}", tuple(sorted((weight, gradient)))
        self.ops.append(Op(name, "add_.Tensor", reads, (weight,), (), phase=Phase.UPDATE))


def _train(tape: _Tape, network: _Network, unread: list[int], loss: int) -> None:
    """The backward pass, last node first, each weight updated at once."""
    tape.phase = Phase.BACKWARD

    def size(storage: int) -> int:
        return tape.storages[storage].size

    gradients = {
        node: tape.run("mean_backward", [loss, made], size(made))
        for node, made in ((node, network.activations[node]) for node in unread)
    }
    for node in reversed(range(len(network.sources))):
        gradient, weight = gradients.pop(node), network.weights[node]
        read = [network.activations[source] for source in network.sources[node]]
        of_weight = tape.run("weight_backward", [gradient, *read], size(weight))
        tape.update(weight, of_weight)
        for source in network.sources[node]:
            made = network.activations[source]
            part = tape.run("linear_backward", [gradient, made, weight], size(made))
            if source in gradients:
                part = tape.run("add", [gradients[source], part], size(made))
            gradients[source] = part
