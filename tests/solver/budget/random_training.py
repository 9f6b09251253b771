"""Random small steps with all that matters to a budget: in-place writes, batch norms with statistics,
ops with two results, updates of residents, chains that can be fused."""

import random

from random_steps import ORIGIN

from solver.step import (
    Category,
    Instruction,
    Json,
    Op,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)

_LENGTH = 128


def random_training(ops: int, seed: int) -> Step:
    """A step of ``ops`` ops over vectors of one to three granules. The same for the same arguments."""
    return _Random(random.Random(seed)).step(ops)


class _Random:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.storages: list[Storage] = []
        self.values: list[Value] = []
        self.instructions: list[Instruction] = []
        self.ops: list[Op] = []
        self.placeholders: list[Placeholder] = []
        self.live: list[int] = []
        """Values that later ops may read."""
        self.inputs: list[int] = []
        self.norms: list[tuple[int, ...]] = []
        """Input, mean and deviation of each batch norm."""

    def step(self, ops: int) -> Step:
        granules = [self.rng.randint(1, 3) for _ in range(2)]
        self.inputs += [self._value(n, Category.INPUT, "input") for n in granules]
        self.live += self.inputs
        often = (self.add, self.norm, self.write)
        kinds = (*often, *often, self.norm_backward, self.norm_backward, self.pool, self.update)
        while len(self.ops) < ops:
            self.rng.choice(kinds)()
        program = Program(
            tuple(self.values),
            tuple(self.instructions),
            tuple(self.placeholders),
            (),
            (),
            (),
            None,
            None,
        )
        return Step(ORIGIN, tuple(self.storages), tuple(self.ops), program=program)

    def add(self) -> None:
        one, other = self._pick(), self._pick()
        made = self._like(one)
        self._call("add.Tensor", (one, other), (made,))
        self.live.append(made)

    def write(self) -> None:
        target = self._pick()
        if self.values[target].storage < 2:
            return
        if self.rng.random() < 0.5:
            self._call("relu_.default", (target,), (), writes=(target,))
        else:
            self._call("add_.Tensor", (target, self._pick()), (), writes=(target,))

    def norm(self) -> None:
        one = self._pick()
        running = self._value(1, Category.BUFFER, "running"), self._value(1, Category.BUFFER, "running")
        made = (
            self._like(one),
            self._value(1, Category.TEMPORARY, "m"),
            self._value(1, Category.TEMPORARY, "d"),
        )
        arguments: tuple[Json, ...] = (
            {"value": one},
            None,
            None,
            {"value": running[0]},
            {"value": running[1]},
            True,
            0.1,
            1e-5,
        )
        self._call("native_batch_norm.default", (one, *running), made, arguments, running)
        self.live.append(made[0])
        self.norms.append((one, *made[1:]))

    def pool(self) -> None:
        one = self._pick()
        made = self._like(one), self._value(self.rng.randint(1, 3), Category.ACTIVATION, "index")
        self._call("max_pool2d_with_indices.default", (one,), made)
        self.live += made

    def update(self) -> None:
        weight = self.rng.choice(self.inputs)
        self._call("add_.Tensor", (weight, self._pick()), (), writes=(weight,))

    def norm_backward(self) -> None:
        if self.norms:
            reads = self.rng.choice(self.norms)
            made = self._like(reads[0])
            self._call("native_batch_norm_backward.default", (*reads, self._pick()), (made,))
            self.live.append(made)

    def _call(
        self,
        target: str,
        reads: tuple[int, ...],
        made: tuple[int, ...],
        arguments: tuple[Json, ...] | None = None,
        writes: tuple[int, ...] = (),
    ) -> None:
        index = len(self.ops)
        read, written, created = (
            tuple(sorted({self.values[v].storage for v in row})) for row in (reads, writes, made)
        )
        self.ops.append(Op(f"op{index}", target, read, written, created))
        given = arguments or tuple({"value": value} for value in reads)
        self.instructions.append(Instruction(f"aten.{target}", given, {}, made, len(made) > 1, index))

    def _pick(self) -> int:
        """A value, of the last ones more often."""
        near = self.live[-4:] if self.rng.random() < 0.6 else self.live
        return self.rng.choice(near)

    def _like(self, value: int) -> int:
        return self._value(
            self.storages[self.values[value].storage].size // 512, Category.ACTIVATION, "a"
        )

    def _value(self, granules: int, category: Category, name: str) -> int:
        index = len(self.storages)
        self.storages.append(Storage(512 * granules, category, f"{name}{index}"))
        self.values.append(Value(f"{name}{index}", "float32", (_LENGTH * granules,), (1,), 0, index))
        if category in (Category.INPUT, Category.BUFFER):
            self.placeholders.append(Placeholder(index, "input", str(index)))
        return index
