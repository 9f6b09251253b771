"""A step of two ops with a view between them and one written in place."""

from dataclasses import replace

from solver.step import Instruction, Op, Program, SourceLine, Step, Value
from tests.conftest import make_toy_step

LINE = SourceLine("net/model.py", 12, "forward", ("x = f(x)", "y = relu(x)"), 1)


def value(name: str, shape: tuple[int, ...], storage: int) -> Value:
    return Value(name, "float32", shape, (1,) * len(shape), 0, storage)


def make_family_step() -> Step:
    """``mm`` makes storage 2; a view of it and one of the view; ``relu_`` writes it in place."""
    toy = make_toy_step()
    ops = (
        Op("mm", "mm.default", (0, 1), (), (2,), module="linear", source=0),
        Op("relu_", "relu_.default", (2,), (2,), (), module="act", source=0),
        Op("sum", "sum.default", (2,), (), (4,), source=0),
    )
    values = (
        value("weight", (4, 8), 0),
        value("input", (8,), 1),
        value("mm", (4, 8), 2),
        value("view", (32, 1), 2),
        value("t", (1, 32), 2),
        value("relu_", (4, 8), 2),
        value("loss", (), 4),
    )
    instructions = (
        Instruction("aten.mm.default", ({"value": 0}, {"value": 1}), {}, (2,), False, 0),
        Instruction("aten.view.default", ({"value": 2}, [32, 1]), {}, (3,), False, -1),
        Instruction("aten.t.default", ({"value": 3},), {}, (4,), False, -1),
        Instruction("aten.relu_.default", ({"value": 2},), {}, (5,), False, 1),
        Instruction("aten.sum.default", ({"value": 5},), {}, (6,), False, 2),
    )
    program = Program(values, instructions, (), (), (), (6,), {"value": 6}, None)
    return replace(toy, storages=toy.storages[:5], ops=ops, sources=(LINE,), program=program)
