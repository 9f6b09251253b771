"""Which rewrites a step has, and that names from anywhere are either right or refused."""

from dataclasses import replace

import pytest

from solver.errors import BayplanError
from solver.rewriting import available, rewrite
from solver.step import (
    Category,
    Instruction,
    Op,
    Origin,
    Phase,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)
from solver.validate import validate_step


def value(index: int) -> dict[str, int]:
    return {"value": index}


def step_with_relu6(*, written_later: bool = False, limits: tuple[object, ...] = (0.0, 6.0)) -> Step:
    """clone, hardtanh_ in place, perhaps a write, and the backward op; the gradient is an input."""
    values = tuple(
        Value(name, "float32", (8,), (1,), 0, storage)
        for storage, name in enumerate(("x", "gradient", "activation", "clone", "result"))
    )
    ops = [
        Op("neg", "neg.default", (0,), (), (2,)),
        Op("clone", "clone.default", (2,), (), (3,)),
        Op("hardtanh_", "hardtanh_.default", (2,), (2,), ()),
        Op("mul_", "mul_.Scalar", (2,), (2,), ()),
        Op("back", "hardtanh_backward.default", (1, 3), (), (4,), phase=Phase.BACKWARD, module="act"),
    ]
    calls: list[tuple[str, tuple[object, ...], tuple[int | None, ...]]] = [
        ("aten.neg.default", (value(0),), (2,)),
        ("aten.clone.default", (value(2),), (3,)),
        ("aten.hardtanh_.default", (value(2), *limits), (None,)),
        ("aten.mul_.Scalar", (value(2), 2), (None,)),
        ("aten.hardtanh_backward.default", (value(1), value(3), 0.0, 6.0), (4,)),
    ]
    if not written_later:
        del ops[3], calls[3]
    return Step(
        origin=Origin("toy", "toy.py:build", 8, "sgd", True, "cpu", "float32"),
        storages=(
            Storage(32, Category.INPUT, "x"),
            Storage(32, Category.INPUT, "gradient"),
            Storage(32, Category.ACTIVATION, "activation"),
            Storage(32, Category.ACTIVATION, "clone"),
            Storage(32, Category.GRADIENT, "result", output=True),
        ),
        ops=tuple(ops),
        program=Program(
            values,
            tuple(
                Instruction(target, args, {}, outputs, False, at)
                for at, (target, args, outputs) in enumerate(calls)
            ),
            (Placeholder(0, "input", "0"), Placeholder(1, "input", "1")),
            (),
            (),
            (4,),
            {"value": 4},
            None,
        ),
    )


def test_a_rewritten_step_is_a_step_in_its_own_right() -> None:
    step = step_with_relu6()
    (found,) = available(step)
    assert (found.name, found.exact, found.saves_bytes, found.releases) == ("output 3", True, 32, (3,))
    changed = rewrite(step, [found.name])
    validate_step(changed, "it")
    # Storages without the clone: x, gradient, activation, result.
    assert [s.name for s in changed.storages] == ["x", "gradient", "activation", "result"]
    assert [op.target for op in changed.ops] == [
        "neg.default",
        "hardtanh_.default",
        "hardtanh_backward.default",
    ]
    assert changed.ops[2] == replace(step.ops[3], reads=(1, 2), creates=(3,))
    assert changed.program is not None
    assert changed.program.instructions[2].args == ({"value": 1}, {"value": 2}, 0.0, 6.0)
    assert changed.dependencies[2] == (1,)
    assert changed.fingerprint != step.fingerprint


def test_a_step_is_rewritten_once() -> None:
    step = step_with_relu6()
    assert rewrite(step, ["output 3"]) is rewrite(step, ("output 3",))
    assert available(step) is available(step)
    assert rewrite(step, []) is step


def test_nothing_is_offered_where_the_output_has_been_written_since() -> None:
    assert not available(step_with_relu6(written_later=True))


def test_nothing_is_offered_where_forward_and_backward_are_of_other_limits() -> None:
    assert not available(step_with_relu6(limits=(0.0, 5.0)))
    assert not available(step_with_relu6(limits=()))
    assert not available(step_with_relu6(limits=({"scalar": 0}, 6.0)))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "output",
        "output -1",
        "output 3 1",
        "output 03",
        "output 0",
        "output 99",
        "output 999999999999999999",
        "output ٣",
        "Output 3",
        "nothing 3",
        "__import__ 3",
        "output 3\n",
    ],
)
def test_a_name_that_is_no_rewrite_of_the_step_is_refused(name: str) -> None:
    with pytest.raises(BayplanError):
        rewrite(step_with_relu6(), [name])


def test_a_rewrite_cannot_be_applied_twice() -> None:
    with pytest.raises(BayplanError, match="earlier rewrite"):
        rewrite(step_with_relu6(), ["output 3", "output 3"])


def test_a_planning_only_step_has_no_rewrites() -> None:
    step = replace(step_with_relu6(), program=None)
    assert available(step) == ()
    with pytest.raises(BayplanError, match="planning-only"):
        rewrite(step, ["output 3"])
