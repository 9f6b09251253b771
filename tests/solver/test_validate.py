"""A step read from a file is relied on: everything that could mislead the planner is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from random_steps import ORIGIN, random_step
from test_files import full_step

from solver.errors import BayplanError
from solver.step import Category, Constant, Instruction, Op, Placeholder, SourceLine, Step, Storage
from solver.validate import MAX_SIZE, references, validate_step


def with_op(step: Step, index: int, **changes: Any) -> Step:
    ops = list(step.ops)
    ops[index] = replace(ops[index], **changes)
    return replace(step, ops=tuple(ops))


def with_program(step: Step, **changes: Any) -> Step:
    assert step.program is not None
    return replace(step, program=replace(step.program, **changes))


def with_value(step: Step, **changes: Any) -> Step:
    assert step.program is not None
    values = step.program.values
    return with_program(step, values=(*values[:2], replace(values[2], **changes)))


def with_instruction(step: Step, **changes: Any) -> Step:
    assert step.program is not None
    return with_program(step, instructions=(replace(step.program.instructions[0], **changes),))


def assert_refused(step: Step, *words: str) -> None:
    with pytest.raises(BayplanError) as caught:
        validate_step(step, "some.step")
    for word in ("some.step is damaged", *words):
        assert word in str(caught.value)


def test_right_steps_pass(toy_step: Step) -> None:
    validate_step(toy_step, "toy")
    validate_step(full_step(), "full")
    for seed in range(40):
        validate_step(random_step(20, seed), "random")
    validate_step(Step(ORIGIN, (), ()), "empty")


@pytest.mark.parametrize("size", [-1, MAX_SIZE + 1, 1 << 62])
def test_impossible_sizes_are_refused(toy_step: Step, size: int) -> None:
    storages = (
        *toy_step.storages[:2],
        replace(toy_step.storages[2], size=size),
        *toy_step.storages[3:],
    )
    assert_refused(replace(toy_step, storages=storages), "storage 2", f"{size:,} bytes")


@pytest.mark.parametrize("field", ["reads", "writes", "creates"])
@pytest.mark.parametrize("storage", [-1, 7])
def test_storages_that_are_not_there_are_refused(toy_step: Step, field: str, storage: int) -> None:
    assert_refused(with_op(toy_step, 5, **{field: (storage,)}), "op 5 (add_)", str(storage))


def test_a_storage_used_before_it_is_created_is_refused(toy_step: Step) -> None:
    assert_refused(with_op(toy_step, 1, reads=(5,)), "op 1 (relu) uses storage 5 before")
    assert_refused(with_op(toy_step, 1, writes=(5,)), "op 1 (relu) uses storage 5 before")


def test_a_storage_that_nothing_creates_is_refused_where_it_is_used(toy_step: Step) -> None:
    assert_refused(with_op(toy_step, 0, creates=()), "uses storage 2 before")


def test_a_storage_created_twice_is_refused(toy_step: Step) -> None:
    assert_refused(with_op(toy_step, 1, creates=(2, 3)), "creates storage 2 a second time")


def test_two_ops_of_one_name_are_refused(toy_step: Step) -> None:
    assert_refused(with_op(toy_step, 4, name="mm"), "op 4 (mm) has the name of an earlier op")


@pytest.mark.parametrize("source", [-2, 0, 5])
def test_a_source_line_that_is_not_there_is_refused(toy_step: Step, source: int) -> None:
    assert_refused(with_op(toy_step, 0, source=source), f"source line {source}")


@pytest.mark.parametrize("here", [-1, 2])
def test_a_source_line_outside_its_text_is_refused(toy_step: Step, here: int) -> None:
    line = SourceLine("a.py", 1, "f", ("one", "two"), here)
    assert_refused(replace(toy_step, sources=(line,)), "source line 0")


# -- the program ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"storage": 2},
        {"storage": -1},
        {"dtype": "float31"},
        {"dtype": ""},
        {"shape": (2, 2, 2)},
        {"stride": (2,)},
        {"shape": (-1, 2)},
        {"stride": (-2, 1)},
        {"offset": -1},
        {"offset": 1},
        {"shape": (2, 3)},
        {"stride": (3, 1)},
        {"dtype": "float64"},
        {"shape": (1 << 40, 1 << 40)},
    ],
)
def test_a_value_outside_its_storage_is_refused(changes: dict[str, Any]) -> None:
    assert_refused(with_value(full_step(), **changes), "value 2")


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (0, 2), "stride": (10**9, 1)},
        {"shape": (2, 2), "stride": (0, 0)},
        {"dtype": "float16", "offset": 4},
    ],
)
def test_empty_expanded_and_offset_values_pass(changes: dict[str, Any]) -> None:
    validate_step(with_value(full_step(), **changes), "full")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"args": ({"value": 2},)}, "uses value 2 before it is made"),
        ({"args": ([[{"value": 9}]],)}, "uses value 9 before it is made"),
        ({"kwargs": {"other": {"value": -1}}}, "uses value -1 before it is made"),
        ({"args": ({"value": "0"},)}, "{'value': '0'}"),
        ({"args": ({"value": True},)}, "{'value': True}"),
        ({"args": ({"scalar": 1},)}, "scalars"),
        ({"outputs": (3,)}, "3 is not one of"),
        ({"op": 1}, "its instructions are not its ops"),
        ({"op": -1}, "its instructions are not its ops"),
        ({"op": -2}, "belongs to op -2"),
    ],
)
def test_wrong_instructions_are_refused(changes: dict[str, Any], words: str) -> None:
    assert_refused(with_instruction(full_step(), **changes), words)


def test_ops_without_an_instruction_and_twice_launched_ones_are_refused() -> None:
    step = full_step()
    assert step.program is not None
    (instruction,) = step.program.instructions
    assert_refused(with_program(step, instructions=()), "its instructions are not its ops")
    again = (instruction, replace(instruction, outputs=()))
    assert_refused(with_program(step, instructions=again), "its instructions are not its ops")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: with_program(s, outputs=(3,)),
        lambda s: with_program(s, placeholders=(Placeholder(17, "parameter", "w"),)),
        lambda s: with_program(s, constants=(Constant(-1, ""),)),
    ],
)
def test_values_of_outputs_and_inputs_that_are_not_there_are_refused(
    change: Callable[[Step], Step],
) -> None:
    assert_refused(change(full_step()))


def test_an_output_that_no_instruction_makes_is_refused() -> None:
    step = with_instruction(full_step(), outputs=(None,))
    assert_refused(step, "output 2 is never made")


@pytest.mark.parametrize("value", [-1, 0, 10**30, "x", True, None])
def test_a_result_of_values_that_do_not_leave_the_step_is_refused(value: object) -> None:
    step = with_program(full_step(), output_tree=({"loss": [{"value": value}]},))
    assert_refused(step, "does not leave it")


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        (lambda s, n: replace(s, origin=replace(s.origin, model=n)), "origin"),
        (
            lambda s, n: replace(s, storages=(replace(s.storages[0], name=n), *s.storages[1:])),
            "storage 0",
        ),
        (lambda s, n: with_op(s, 1, name=n), "op 1"),
        (lambda s, n: with_op(s, 1, module=n), "op 1"),
        (lambda s, n: replace(s, sources=(SourceLine(n, 1, "forward"),)), "source line 0"),
        (lambda s, n: replace(s, sources=(SourceLine("a.py", 1, n),)), "source line 0"),
    ],
)
def test_names_that_no_window_could_show_are_refused(
    toy_step: Step, changed: Callable[[Step, str], Step], where: str
) -> None:
    validate_step(changed(toy_step, "n" * 4000), "some.step")
    assert_refused(changed(toy_step, "n" * 5000), where, "5,000 characters")


@pytest.mark.parametrize("batch", [-1, 10**30])
def test_an_impossible_batch_size_is_refused(toy_step: Step, batch: int) -> None:
    assert_refused(replace(toy_step, origin=replace(toy_step.origin, batch=batch)), "batch size")


def test_references_are_found_in_lists_and_keywords_in_order() -> None:
    instruction = Instruction(
        "aten.cat.default",
        ([{"value": 3}, {"value": 1}], 2, {"dtype": "float32"}),
        {"a": {"value": 5}, "b": {"scalar": 0}},
        (),
        False,
        -1,
    )
    assert references(instruction, "value") == [3, 1, 5]
    assert references(instruction, "scalar") == [0]


def test_references_in_deeply_nested_arguments_do_not_overflow_the_stack() -> None:
    nested: Any = {"value": 1}
    for _ in range(100_000):
        nested = [nested]
    assert references(Instruction("t", (nested,), {}, (), False, -1), "value") == [1]


def test_a_resident_that_an_op_creates_is_not_there_before() -> None:
    storages = (Storage(512, Category.TEMPORARY, "loss", output=True),)
    made = Op("make", "op.default", (), (), (0,))
    used = Op("use", "op.default", (0,), (), ())
    validate_step(Step(ORIGIN, storages, (made, used)), "right")
    assert_refused(Step(ORIGIN, storages, (used, made)), "uses storage 0 before")
