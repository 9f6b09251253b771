"""Ops with a guard run only where its numbers are zero; what surrounds them runs either way."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.export.generate import generate
from runtime.replay.generated import GeneratedStep
from solver.assemble import assemble
from solver.errors import BayplanError
from solver.files import decode_step, encode_step
from solver.plan import Certificate, Proof, Status
from solver.step import (
    Category,
    Instruction,
    Json,
    Op,
    Origin,
    Placeholder,
    Program,
    Scalar,
    Step,
    Storage,
    Value,
)
from solver.validate import validate_step

TOTAL, LATER = {"value": 3}, {"scalar": 0}
W, X, MM, SUM, RELU, VIEW, OUT = range(7)


def guarded_step(*guard: Json) -> Step:
    """``w += relu(x @ w).t()`` under a guard, and ``2 * (x @ w)`` without."""
    square = ((4, 4), (4, 1))
    geometry = {SUM: ((), ()), VIEW: ((4, 4), (1, 4))}
    storage_of = [0, 1, 2, 3, 4, 4, 5]
    names = ["w", "x", "mm", "total", "relu", "t", "out"]
    values = tuple(
        Value(name, "float32", *geometry.get(i, square), 0, storage_of[i])
        for i, name in enumerate(names)
    )
    tensors = [{"value": i} for i in range(7)]

    def call(target: str, args: list[Json], output: int | None, op: int, *more: Json) -> Instruction:
        return Instruction(f"aten.{target}", tuple(args), {}, (output,), False, op, more)

    needed = (3,) if TOTAL in guard else ()
    return Step(
        origin=Origin("toy", "toy.py:build", 4, "", False, "cpu", "float32"),
        storages=(
            Storage(64, Category.PARAMETER, "w"),
            Storage(64, Category.INPUT, "x"),
            Storage(64, Category.TEMPORARY, "mm"),
            Storage(4, Category.TEMPORARY, "total"),
            Storage(64, Category.TEMPORARY, "relu"),
            Storage(64, Category.TEMPORARY, "out", output=True),
        ),
        ops=(
            Op("mm", "mm.default", (0, 1), (), (2,)),
            Op("sum", "sum.default", (2,), (), (3,)),
            Op("relu", "relu.default", (2, *needed), (), (4,)),
            Op("add_", "add_.Tensor", (0, *needed, 4), (0,), ()),
            Op("mul", "mul.Tensor", (2,), (), (5,)),
        ),
        program=Program(
            values=values,
            instructions=(
                call("mm.default", [tensors[X], tensors[W]], MM, 0),
                call("sum.default", [tensors[MM]], SUM, 1),
                call("relu.default", [tensors[MM]], RELU, 2, *guard),
                call("t.default", [tensors[RELU]], VIEW, -1),
                call("add_.Tensor", [tensors[W], tensors[VIEW]], None, 3, *guard),
                call("mul.Tensor", [tensors[MM], 2.0], OUT, 4),
            ),
            placeholders=(Placeholder(W, "parameter", "w"), Placeholder(X, "input", "")),
            scalars=(Scalar("micro_batch.later", 0),),
            constants=(),
            outputs=(OUT,),
            output_tree={"value": OUT},
            optimizer=None,
        ),
    )


def orders(step: Step) -> list[tuple[int, ...]]:
    """All that respect the step's hazards."""
    before = step.dependencies
    return [
        order
        for order in permutations(range(len(step.ops)))
        if all(order.index(b) < order.index(op) for op in order for b in before[op])
    ]


def source_of(step: Step, order: tuple[int, ...]) -> GeneratedStep:
    addresses = {storage: 512 * storage for storage in range(len(step.storages))}
    certificate = Certificate(0, Proof.NONE, -1, 0)
    plan = assemble(
        step, order, addresses, name="Plan", status=Status.FEASIBLE, certificate=certificate
    )
    return GeneratedStep(Path("step.py"), generate(step, plan, "Toy").source, "runtime")


def run(function: Any, x: torch.Tensor, later: float) -> tuple[list[int], torch.Tensor, torch.Tensor]:
    armed: list[int] = []
    w = torch.eye(4)
    (out,) = function(armed.append, [w, x], [later])
    assert torch.equal(out, 2 * x)
    return armed, w, out


@pytest.mark.parametrize(
    ("guard", "runs"),
    [
        ((), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]),
        ((TOTAL,), [(0.0, 0.0), (0.0, 1.0)]),
        ((LATER,), [(0.0, 0.0), (1.0, 0.0)]),
        ((LATER, TOTAL), [(0.0, 0.0)]),
    ],
)
def test_in_every_order_they_run_where_all_numbers_are_zero(
    guard: tuple[Json, ...], runs: list[tuple[float, float]]
) -> None:
    step = guarded_step(*guard)
    validate_step(step, "toy")
    assert len(orders(step)) > 2
    for order in orders(step):
        function = source_of(step, order).function()
        for x, later in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
            given = torch.full((4, 4), x)
            given[0, 0] += 0.5 - x / 2
            given[3, 3] -= 0.5 - x / 2  # the sum is 0 or 16
            armed, w, _ = run(function, given, later)
            if (x, later) in runs:
                assert len(armed) == 5
                assert torch.equal(w, torch.eye(4) + given.relu().t())
            else:
                assert len(armed) == 3
                assert torch.equal(w, torch.eye(4))


def test_unguarded_all_of_them_run_and_are_observed() -> None:
    step = guarded_step(LATER, TOTAL)
    source = source_of(step, (0, 1, 2, 3, 4))
    x = torch.ones(4, 4)
    assert run(source.function(unguarded=True), x, 1.0)[0] == [0, 1, 2, 3, 4]
    seen: list[int] = []
    run(source.observed(lambda slot, _: seen.append(slot)), x, 1.0)
    assert seen == [0, 1, 4]
    seen.clear()
    run(source.observed(lambda slot, _: seen.append(slot), unguarded=True), x, 1.0)
    assert seen == [0, 1, 2, 4]


def test_what_a_guard_reads_is_alive_and_a_hazard() -> None:
    free, bound = guarded_step(LATER), guarded_step(LATER, TOTAL)
    assert 1 not in free.dependencies[2]
    assert 1 in bound.dependencies[2] and 1 in bound.dependencies[3]
    assert free.fingerprint != bound.fingerprint != guarded_step().fingerprint


def test_a_guard_is_kept_in_a_step_file() -> None:
    step = guarded_step(LATER, TOTAL)
    assert decode_step(encode_step(step), "toy") == step


def with_instruction(step: Step, index: int, **changes: Any) -> Step:
    assert step.program is not None
    instructions = list(step.program.instructions)
    instructions[index] = replace(instructions[index], **changes)
    return replace(step, program=replace(step.program, instructions=tuple(instructions)))


def with_op(step: Step, index: int, **changes: Any) -> Step:
    ops = list(step.ops)
    ops[index] = replace(ops[index], **changes)
    return replace(step, ops=tuple(ops))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (with_instruction(guarded_step(TOTAL), 3, guard=(TOTAL,)), "a view with a guard"),
        (with_instruction(guarded_step(TOTAL), 4, guard=()), "which need not have been made"),
        (with_instruction(guarded_step(TOTAL), 5, guard=(TOTAL,)), "does not read its guard"),
        (with_instruction(guarded_step(), 2, guard=("later",)), "has the guard 'later'"),
        (with_instruction(guarded_step(), 2, guard=({"value": 9},)), "value 9 before it is made"),
        (with_instruction(guarded_step(), 2, guard=({"scalar": 9},)), "9 is not one of the 1"),
        (with_op(guarded_step(TOTAL), 4, writes=(3,)), "changes what has decided"),
        (with_instruction(guarded_step(), 5, guard=(LATER,)), "output 6 is never made"),
    ],
)
def test_guards_that_cannot_be_run_are_refused(step: Step, said: str) -> None:
    with pytest.raises(BayplanError, match=said):
        validate_step(step, "some.step")


@pytest.mark.parametrize("parts", [0, -2, "4", 2.0, True])
def test_micro_batches_that_cannot_be_are_refused(parts: Any) -> None:
    step = guarded_step()
    wrong = replace(step, origin=replace(step.origin, options={"micro_batches": parts}))
    with pytest.raises(BayplanError, match="micro-batches"):
        validate_step(wrong, "some.step")
