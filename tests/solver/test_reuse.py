"""In-place reuse: what a step allows, what an order allows, and what the peak needs of it."""

from dataclasses import replace

import pytest
from random_programs import random_program_step
from reuse_steps import program_step, simple_step

from solver.reuse import (
    Reuse,
    first_owners,
    needed_takeovers,
    peak_with_takeovers,
    possible_takeovers,
)
from solver.step import GRANULE, Category, Step, Storage, Value
from solver.timeline import order_lifetimes, order_profile

CHAIN = [
    ("mm.default", ("in",), "a"),
    ("relu.default", ("a",), "b"),
    ("tanh.default", ("b",), "c"),
    ("mm.default", ("c",), "d"),
]


def allowed(step: Step) -> dict[str, tuple[str, ...]]:
    """By the storage that an op makes, the operands that it may take over."""
    return {
        step.storages[reuse.created].name: tuple(step.storages[x].name for x in reuse.operands)
        for reuse in step.reusable.values()
    }


def test_an_elementwise_op_may_take_over_each_operand_of_its_size() -> None:
    calls = [
        ("mm.default", ("in",), "a"),
        ("mm.default", ("in",), "b"),
        ("mm.default", ("in",), "small"),
        ("add.Tensor", ("a", "b"), "sum"),
        ("add.Tensor", ("small", "sum"), "wide"),
        ("mul.Tensor", ("wide", "wide"), "square"),
        ("mm.default", ("square",), "end"),
    ]
    step = simple_step(calls, dict.fromkeys(("a", "b", "sum", "wide", "square", "end"), 2))
    assert allowed(step) == {"sum": ("a", "b"), "wide": ("sum",), "square": ("wide",)}
    assert step.reusable[3] == Reuse(4, (1, 2))


def test_a_planning_only_step_allows_nothing(toy_step: Step) -> None:
    assert toy_step.reusable == {}
    assert toy_step.outlook.sure == {}


def two_values(made: Value, operand: Value, *, sizes: tuple[int, int] = (64, 64)) -> Step:
    values = [Value("in", "float32", (4, 4), (4, 1), 0, 0), operand, made]
    storages = [
        Storage(64, Category.INPUT, "in"),
        Storage(sizes[0], Category.ACTIVATION, "x"),
        Storage(sizes[1], Category.ACTIVATION, "y"),
    ]
    calls = [("mm.default", ("in",), operand.name), ("relu.default", (operand.name,), made.name)]
    return program_step(values, storages, calls)


X, Y = Value("x", "float32", (4, 4), (4, 1), 0, 1), Value("y", "float32", (4, 4), (4, 1), 0, 2)


@pytest.mark.parametrize(
    ("made", "operand", "sizes"),
    [
        (replace(Y, stride=(1, 4)), X, (64, 64)),
        (replace(Y, dtype="int32"), X, (64, 64)),
        (Y, replace(X, shape=(2, 8), stride=(8, 1)), (64, 64)),
        (Y, replace(X, stride=(1, 4)), (64, 64)),
        (Y, replace(X, offset=4), (80, 64)),
        (Y, X, (128, 64)),
        (Y, X, (64, 128)),
        (replace(Y, stride=(2, 1)), replace(X, stride=(2, 1)), (64, 64)),
        (replace(Y, shape=(4, 4), stride=(0, 1)), replace(X, stride=(0, 1)), (64, 64)),
    ],
)
def test_geometries_that_differ_or_do_not_cover_their_storage_allow_nothing(
    made: Value, operand: Value, sizes: tuple[int, int]
) -> None:
    assert two_values(Y, X).reusable == {1: Reuse(2, (1,))}
    assert two_values(made, operand, sizes=sizes).reusable == {}


def test_strides_of_extents_of_one_do_not_count() -> None:
    made, operand = replace(Y, shape=(16, 1), stride=(1, 1)), replace(X, shape=(16, 1), stride=(1, 16))
    assert two_values(made, operand).reusable == {1: Reuse(2, (1,))}


def test_residents_results_and_other_ops_take_part_in_nothing() -> None:
    step = two_values(Y, X)
    resident, x, y = step.storages
    assert replace(step, storages=(resident, replace(x, output=True), y)).reusable == {}
    assert replace(step, storages=(resident, x, replace(y, output=True))).reusable == {}
    calls = [("mm.default", ("in",), "x"), ("_softmax.default", ("x",), "y")]
    assert simple_step(calls).reusable == {}
    assert simple_step([("relu.default", ("in",), "x")]).reusable == {}


def test_an_operand_that_is_read_in_another_way_too_is_left_alone() -> None:
    values = [
        Value("in", "float32", (4, 4), (4, 1), 0, 0),
        X,
        Value("x.t", "float32", (4, 4), (1, 4), 0, 1),
        Y,
    ]
    storages = list(two_values(Y, X).storages)
    calls = [("mm.default", ("in",), "x"), ("add.Tensor", ("x", "x.t"), "y")]
    assert program_step(values, storages, calls).reusable == {}


def test_an_op_of_several_passes_takes_over_its_first_operand_alone() -> None:
    calls = [
        ("mm.default", ("in",), "x"),
        ("mm.default", ("in",), "mask"),
        ("masked_fill.Tensor", ("x", "mask"), "y"),
        ("masked_fill.Tensor", ("y", "y"), "z"),
    ]
    assert allowed(simple_step(calls)) == {"y": ("x",)}


def test_what_dies_at_its_op_in_every_order_is_sure_and_what_may_is_open() -> None:
    calls = [
        ("mm.default", ("in",), "a"),
        ("mm.default", ("a",), "b"),
        ("add.Tensor", ("a", "b"), "sure"),  # b comes from a, so a's other user is done
        ("mm.default", ("in",), "c"),
        ("mm.default", ("c",), "d"),
        ("relu.default", ("c",), "open"),
        ("mm.default", ("in",), "e"),
        ("relu.default", ("e",), "never"),
        ("add.Tensor", ("never", "e"), "f"),  # e is needed after relu in every order; not after add
    ]
    step = simple_step(calls, {"b": 2, "d": 2})
    known = step.outlook
    names = {op: step.storages[x].name for op, x in known.sure.items()}
    assert names == {2: "a", 8: "e"}
    assert known.open == {5: (step.ops[3].creates[0],)}


def test_an_order_allows_what_dies_there() -> None:
    calls = [
        ("mm.default", ("in",), "a"),
        ("relu.default", ("a",), "b"),
        ("tanh.default", ("a",), "c"),
        ("mm.default", ("b", "c"), "d"),
    ]
    step = simple_step(calls)
    assert step.outlook.sure == {}
    assert possible_takeovers(step, (0, 1, 2, 3)) == {2: 1}
    assert possible_takeovers(step, (0, 2, 1, 3)) == {1: 1}


def test_a_takeover_lowers_its_own_slot_and_no_other() -> None:
    step = simple_step(CHAIN)
    order = (0, 1, 2, 3)
    alone, both = order_profile(step, order), order_profile(step, order, {1: 1, 2: 2})
    assert (alone - both).tolist() == [0, GRANULE, GRANULE, 0]
    assert order_lifetimes(step, order, {1: 1}).tolist()[1:3] == [[0, 1], [1, 3]]
    assert peak_with_takeovers(step, order) == 2 * GRANULE


def test_only_what_lowers_the_peak_is_needed() -> None:
    large = simple_step(CHAIN, {"a": 4, "b": 4, "c": 4})
    assert needed_takeovers(large, (0, 1, 2, 3)) == {1: 1, 2: 2}
    end = simple_step(CHAIN, {"d": 8})
    assert possible_takeovers(end, (0, 1, 2, 3)) == {1: 1, 2: 2}
    assert needed_takeovers(end, (0, 1, 2, 3)) == {}


@pytest.mark.parametrize("seed", range(30))
def test_the_needed_takeovers_give_the_least_peak_of_an_order(seed: int) -> None:
    step = random_program_step(12, seed)
    order = tuple(range(12))
    needed, possible = needed_takeovers(step, order), possible_takeovers(step, order)
    assert needed.items() <= possible.items()
    peak = peak_with_takeovers(step, order)
    assert order_profile(step, order, needed).max() == peak
    for op in needed:
        fewer = {other: operand for other, operand in needed.items() if other != op}
        assert order_profile(step, order, fewer).max() > peak


def test_a_chain_of_takeovers_has_one_first_owner() -> None:
    step = simple_step(CHAIN)
    assert first_owners(step, {2: 2, 1: 1}) == {2: 1, 3: 1}
    assert first_owners(step, {2: 2}) == {3: 2}
