"""Randomly wired networks as planning-only steps: what orders are hard to prove for.

After Xie, Kirillov, Girshick, He: Exploring Randomly Wired Neural Networks for Image Recognition,
ICCV 2019. A network is a row of cells; a cell is a Watts-Strogatz graph whose edges all go from the
lower number to the higher::

    stem ── cell ── cell ── … ── pooling, classifier, loss

    node    inputs a, b, c  ──  sum of w·a, w·b, w·c  ──  ReLU  ──  depthwise 3×3  ──  1×1  ──  BN

Nodes without inputs read the cell's input; the cell's output is the mean of the nodes that nobody
reads. Ops, what they keep for the backward pass and what they allocate there are those that PyTorch
has for such a network: a convolution's backward makes both gradients, a batch norm keeps its input.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from solver.step import Category, Op, Origin, Phase, Step, Storage

_NEIGHBOURS, _REWIRED = 4, 0.75
"""The Watts-Strogatz graph's K and P: the best of the paper."""
_BATCH, _WIDTH, _SIDE = 8, 64, 56
"""Samples, channels and pixels a side of the first stage."""
_STAGES = 4
_FLOAT = 4
_IMAGES, _LABELS = 0, 1
"""The storages of the step's input."""


def wired_step(ops: int, seed: int, *, training: bool, nodes: int = 32) -> Step:
    """A step of about ``ops`` ops (within a tenth from 300 on), the same for the same arguments.

    ``nodes`` are those of one cell: the larger, the wider the graph. Seeds differ in wiring, and
    every second one has channels that vary from node to node. A training step has a forward and a
    backward pass and updates by plain SGD, an inference step the forward pass alone.
    """
    total = max(1, ops // (34 if training else 9))
    for _ in range(4):
        step = _build(total, seed, training, nodes)
        if abs(len(step.ops) - ops) * 50 <= ops:
            break
        total = max(1, round(total * ops / len(step.ops)))
    return step


@dataclass(frozen=True)
class _Tensor:
    """An activation and its place in the network: channels and pixels a side."""

    storage: int
    channels: int
    side: int


@dataclass
class _Tape:
    """The step while it is written; ``backward`` holds what undoes each op, first op first."""

    training: bool
    storages: list[Storage] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    backward: list[Callable[[], None]] = field(default_factory=list)
    gradient: dict[int, int] = field(default_factory=dict)
    """Storage of the gradient of each storage that has one so far."""
    updates: list[tuple[int, int]] = field(default_factory=list)
    """Parameters and their gradients."""
    phase: Phase = Phase.FORWARD

    def parameter(self, elements: int) -> int:
        self.storages.append(Storage(elements * _FLOAT, Category.PARAMETER, f"p{len(self.storages)}"))
        return len(self.storages) - 1

    def run(
        self,
        target: str,
        reads: tuple[int, ...],
        creates: tuple[int, ...],
        *,
        writes: tuple[int, ...] = (),
        output: bool = False,
    ) -> tuple[int, ...]:
        """Append an op; ``creates`` are the elements of what it makes. Returns the new storages."""
        category = Category.ACTIVATION if self.phase is Phase.FORWARD else Category.GRADIENT
        made = tuple(range(len(self.storages), len(self.storages) + len(creates)))
        name = f"{target.split('.')[0]}_{len(self.ops)}"
        for storage, elements in zip(made, creates, strict=True):
            self.storages.append(
                Storage(elements * _FLOAT, category, f"{name} · {storage - made[0]}", output)
            )
        self.ops.append(Op(name, target, tuple(sorted({*reads})), writes, made, phase=self.phase))
        return made

    def collect(self, storage: int, gradient: int) -> None:
        """A further part of the gradient of ``storage``."""
        if storage in self.gradient:
            size = self.storages[gradient].size // _FLOAT
            parts = (self.gradient[storage], gradient)
            (gradient,) = self.run("add.Tensor", parts, (size,))
        self.gradient[storage] = gradient

    def undo(self, step: Callable[[], None]) -> None:
        if self.training:
            self.backward.append(step)


def _elements(channels: int, side: int) -> int:
    return _BATCH * channels * side * side


def _convolution(tape: _Tape, x: _Tensor, channels: int, side: int, weights: int) -> _Tensor:
    weight = tape.parameter(weights)
    size = _elements(channels, side)
    (y,) = tape.run("convolution.default", (x.storage, weight), (size,))

    def backward() -> None:
        reads = (tape.gradient.pop(y), x.storage, weight)
        if x.storage == _IMAGES:
            (gw,) = tape.run("convolution_backward.default", reads, (weights,))
        else:
            sizes = (_elements(x.channels, x.side), weights)
            gx, gw = tape.run("convolution_backward.default", reads, sizes)
            tape.collect(x.storage, gx)
        tape.updates.append((weight, gw))

    tape.undo(backward)
    return _Tensor(y, channels, side)


def _batch_norm(tape: _Tape, x: _Tensor) -> _Tensor:
    scale, shift = tape.parameter(x.channels), tape.parameter(x.channels)
    size = _elements(x.channels, x.side)
    if not tape.training:
        (y,) = tape.run(
            "_native_batch_norm_legit_no_training.default", (x.storage, scale, shift), (size,)
        )
        return _Tensor(y, x.channels, x.side)
    statistics = (x.channels, x.channels)
    y, mean, deviation = tape.run(
        "native_batch_norm.default", (x.storage, scale, shift), (size, *statistics)
    )

    def backward() -> None:
        reads = (tape.gradient.pop(y), x.storage, scale, mean, deviation)
        gx, g_scale, g_shift = tape.run(
            "native_batch_norm_backward.default", reads, (size, *statistics)
        )
        tape.collect(x.storage, gx)
        tape.updates += [(scale, g_scale), (shift, g_shift)]

    tape.undo(backward)
    return _Tensor(y, x.channels, x.side)


def _relu(tape: _Tape, x: _Tensor) -> _Tensor:
    size = _elements(x.channels, x.side)
    (y,) = tape.run("relu.default", (x.storage,), (size,))

    def backward() -> None:
        (gx,) = tape.run("threshold_backward.default", (tape.gradient.pop(y), y), (size,))
        tape.collect(x.storage, gx)

    tape.undo(backward)
    return _Tensor(y, x.channels, x.side)


def _plus(tape: _Tape, a: _Tensor, b: _Tensor) -> _Tensor:
    (y,) = tape.run("add.Tensor", (a.storage, b.storage), (_elements(a.channels, a.side),))

    def backward() -> None:
        gradient = tape.gradient.pop(y)
        tape.collect(a.storage, gradient)
        tape.collect(b.storage, gradient)

    tape.undo(backward)
    return _Tensor(y, a.channels, a.side)


def _weighted_sum(tape: _Tape, inputs: list[_Tensor]) -> _Tensor:
    """The sum of the inputs, each times the sigmoid of a learnt number of its own."""
    if len(inputs) == 1:
        return inputs[0]
    raw = tape.parameter(len(inputs))
    (weights,) = tape.run("sigmoid.default", (raw,), (len(inputs),))

    def finish() -> None:
        (g_raw,) = tape.run(
            "sigmoid_backward.default", (tape.gradient.pop(weights), weights), (len(inputs),)
        )
        tape.updates.append((raw, g_raw))

    tape.undo(finish)
    total: _Tensor | None = None
    for x in inputs:
        scaled = _scaled(tape, x, weights, len(inputs))
        total = scaled if total is None else _plus(tape, total, scaled)
    assert total is not None
    return total


def _scaled(tape: _Tape, x: _Tensor, weights: int, count: int) -> _Tensor:
    size = _elements(x.channels, x.side)
    (y,) = tape.run("mul.Tensor", (x.storage, weights), (size,))

    def backward() -> None:
        gradient = tape.gradient.pop(y)
        (product,) = tape.run("mul.Tensor", (gradient, x.storage), (size,))
        (g_weights,) = tape.run("sum.dim_IntList", (product,), (count,))
        tape.collect(weights, g_weights)
        (gx,) = tape.run("mul.Tensor", (gradient, weights), (size,))
        tape.collect(x.storage, gx)

    tape.undo(backward)
    return _Tensor(y, x.channels, x.side)


def _wiring(nodes: int, rng: random.Random) -> list[list[int]]:
    """For each node of a Watts-Strogatz graph those with a lower number that it is joined to."""
    edges: set[tuple[int, int]] = set()
    for node in range(nodes):
        for offset in range(1, _NEIGHBOURS // 2 + 1):
            other = (node + offset) % nodes
            if rng.random() < _REWIRED:
                other = rng.randrange(nodes)
            if other != node:
                edges.add((min(node, other), max(node, other)))
    return [sorted(low for low, high in edges if high == node) for node in range(nodes)]


def _cell(
    tape: _Tape, x: _Tensor, channels: int, side: int, nodes: int, varied: bool, rng: random.Random
) -> _Tensor:
    """One cell; its nodes have ``channels``, or where ``varied`` half of or twice as many, too."""
    outputs: list[_Tensor] = []
    unread = set(range(nodes))
    for before in _wiring(nodes, rng):
        unread.difference_update(before)
        width = channels * rng.choice((1, 2, 2, 4)) // 2 if varied else channels
        inputs = []
        for source in [outputs[b] for b in before]:
            if source.channels != width:
                source = _convolution(tape, source, width, side, source.channels * width)
            inputs.append(source)
        value = _relu(tape, _weighted_sum(tape, inputs or [x]))
        value = _convolution(tape, value, value.channels, side, 9 * value.channels)
        value = _convolution(tape, value, width, side, value.channels * width)
        outputs.append(_batch_norm(tape, value))
    total: _Tensor | None = None
    for node in sorted(unread):
        last = outputs[node]
        if last.channels != channels:
            last = _convolution(tape, last, channels, side, last.channels * channels)
        total = last if total is None else _plus(tape, total, last)
    assert total is not None
    return total


def _build(total: int, seed: int, training: bool, nodes: int) -> Step:
    """The network of ``total`` nodes in cells of ``nodes``; the last one has what is left."""
    rng = random.Random(seed)
    varied = seed % 2 == 1
    tape = _Tape(training)
    tape.storages.append(Storage(_elements(12, _SIDE) * _FLOAT, Category.INPUT, "images"))
    tape.storages.append(Storage(_BATCH * 8, Category.INPUT, "labels"))
    cells = [nodes] * (total // nodes) + ([total % nodes] if total % nodes else [])
    x = _convolution(tape, _Tensor(_IMAGES, 12, _SIDE), _WIDTH, _SIDE, 27 * _WIDTH)
    x = _batch_norm(tape, x)
    for index, count in enumerate(cells):
        stage = index * _STAGES // len(cells)
        channels, side = _WIDTH << stage, _SIDE >> stage
        x = _cell(tape, x, channels, side, count, varied, rng)
    _classifier(tape, x)
    if training:
        _train(tape)
    origin = Origin(
        model=f"wired{total}",
        source=f"wired:{total}:{seed}:{nodes}",
        batch=_BATCH,
        optimizer="sgd" if training else "",
        training=training,
        target="cpu",
        dtype="float32",
    )
    return Step(origin, tuple(tape.storages), tuple(tape.ops))


def _classifier(tape: _Tape, x: _Tensor) -> None:
    """Mean over the pixels, a linear layer, and the loss when training."""
    classes = 1000
    weight = tape.parameter(x.channels * classes)
    (pooled,) = tape.run("mean.dim", (x.storage,), (_BATCH * x.channels,))
    if not tape.training:
        tape.run("addmm.default", (pooled, weight), (_BATCH * classes,), output=True)
        return
    (scores,) = tape.run("addmm.default", (pooled, weight), (_BATCH * classes,))
    (logarithms,) = tape.run("_log_softmax.default", (scores,), (_BATCH * classes,))
    tape.run("nll_loss_forward.default", (logarithms, _LABELS), (1,), output=True)

    def backward() -> None:
        (g,) = tape.run("nll_loss_backward.default", (logarithms, _LABELS), (_BATCH * classes,))
        (g,) = tape.run("_log_softmax_backward_data.default", (g, logarithms), (_BATCH * classes,))
        (g_pooled,) = tape.run("mm.default", (g, weight), (_BATCH * x.channels,))
        (g_weight,) = tape.run("mm.default", (g, pooled), (x.channels * classes,))
        tape.updates.append((weight, g_weight))
        (gx,) = tape.run("div.Scalar", (g_pooled,), (_elements(x.channels, x.side),))
        tape.collect(x.storage, gx)

    tape.undo(backward)


def _train(tape: _Tape) -> None:
    """The backward pass, then an update of every parameter."""
    tape.phase = Phase.BACKWARD
    for step in reversed(tape.backward):
        step()
    tape.phase = Phase.UPDATE
    for parameter, gradient in tape.updates:
        tape.run("add_.Tensor", (gradient, parameter), (), writes=(parameter,))
