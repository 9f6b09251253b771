"""Op times: the roofline by hand, measured times, repetitions and fused runs."""

from dataclasses import replace

import numpy as np
import pytest
from random_programs import random_program_step
from random_steps import random_step

from solver.budget.costs import op_costs, was_timed
from solver.budget.devices import V100
from solver.step import Category, Instruction, Op, Origin, Placeholder, Program, Step, Storage, Value
from solver.terms import DeviceModel

ORIGIN = Origin("by hand", "by hand", 1, "sgd", True, "cpu", "float32")
ROUND = DeviceModel("round", {"float32": 1000.0, "float16": 4000.0}, 100.0, 1.0, 10.0)
"""A launch takes a second, 100 bytes take one, 1000 operations one (float16: 4000)."""
SIZES = (400, 400, 8, 8, 800)


def _value(storage: int, dtype: str = "float32", *, expanded: bool = False) -> Value:
    width = {"float32": 4, "float16": 2}[dtype]
    count = SIZES[storage] // width
    shape, stride = ((7, count), (0, 1)) if expanded else ((count,), (1,))
    return Value(f"v{storage}", dtype, shape, stride, 0, storage)


def _step(target: str, values: tuple[Value, ...], op: Op, outputs: tuple[int | None, ...]) -> Step:
    """One op that is given all values but the returned ones."""
    storages = tuple(
        Storage(size, Category.ACTIVATION if index in op.creates else Category.INPUT, f"s{index}")
        for index, size in enumerate(SIZES)
    )
    given = tuple({"value": index} for index in range(len(values)) if index not in outputs)
    instruction = Instruction(f"aten.{target}", given, {}, outputs, len(outputs) > 1, 0)
    places = tuple(Placeholder(index, "input", str(index)) for index in range(len(values)))
    program = Program(values, (instruction,), places, (), (), (), None, None)
    return Step(ORIGIN, storages, (op,), program=program)


def _one(name: str, **changes: object) -> Op:
    fields: dict[str, object] = {"reads": (0, 2), "writes": (), "creates": (1,)} | changes
    return Op("op", name, **fields)  # type: ignore[arg-type]


def test_an_op_takes_a_launch_and_the_longer_of_arithmetic_and_traffic() -> None:
    values = (_value(0), _value(1), _value(2))
    traffic = _step("mm.default", values, _one("mm.default", flops=1000), (1,))
    assert op_costs(traffic, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 8.08)]
    arithmetic = _step("mm.default", values, _one("mm.default", flops=20_000), (1,))
    assert op_costs(arithmetic, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 20)]


def test_the_peak_is_that_of_the_operands_dtype() -> None:
    values = (_value(0, "float16"), _value(1), _value(2))
    step = _step("mm.default", values, _one("mm.default", flops=80_000), (1,))
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 20)]


def test_an_expanded_dimension_counts_once() -> None:
    step = _step(
        "mul.Tensor", (_value(0, expanded=True), _value(1)), _one("mul.Tensor", reads=(0,)), (1,)
    )
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 8)]


def test_a_value_that_an_op_is_given_twice_is_read_once() -> None:
    step = _step("mul.Tensor", (_value(0), _value(1)), _one("mul.Tensor", reads=(0,)), (1,))
    assert step.program is not None
    twice = replace(step.program.instructions[0], args=({"value": 0}, [{"value": 0}]))
    step = replace(step, program=replace(step.program, instructions=(twice,)))
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 8)]


@pytest.mark.parametrize("name", ["native_batch_norm.default", "cudnn_batch_norm.default"])
def test_a_batch_norm_reads_twice_and_from_saved_statistics_once(name: str) -> None:
    step = _step(name, (_value(0), _value(1), _value(2)), _one(name), (1,))
    costs = op_costs(step, ROUND, measured=False)
    assert costs.first.tolist() == [pytest.approx(1 + 2 * 4.08 + 4)]
    assert costs.again.tolist() == [pytest.approx(1 + 4.08 + 4)]


def test_the_backward_of_a_batch_norm_reads_twice_in_any_run() -> None:
    name = "native_batch_norm_backward.default"
    costs = op_costs(_step(name, (_value(0), _value(1), _value(2)), _one(name), (1,)), ROUND, False)
    assert costs.first.tolist() == costs.again.tolist() == [pytest.approx(1 + 2 * 4.08 + 4)]


def test_the_backward_of_a_convolution_reads_the_gradient_twice() -> None:
    name = "convolution_backward.default"
    step = _step(name, (_value(0), _value(1), _value(2)), _one(name), (1,))
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 12.08)]


def test_an_embedding_reads_the_rows_that_it_returns() -> None:
    name = "embedding.default"
    op = _one(name, reads=(2, 4))
    step = _step(name, (_value(4), _value(1), _value(2)), op, (1,))
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 8.08)]


def test_memory_that_is_only_allocated_costs_a_launch() -> None:
    step = _step(
        "empty_like.default", (_value(0), _value(1)), _one("empty_like.default", reads=(0,)), (1,)
    )
    assert op_costs(step, ROUND, measured=False).first.tolist() == [1.0]


def test_what_is_written_in_place_is_read_and_written_and_fused_it_is_free() -> None:
    relu = _one("relu_.default", reads=(1,), writes=(1,), creates=())
    step = _step("relu_.default", (_value(0), _value(1)), relu, (None,))
    planned = replace(step.storages[1], category=Category.ACTIVATION)
    step = replace(step, storages=(step.storages[0], planned, *step.storages[2:]))
    costs = op_costs(step, ROUND, measured=False)
    assert costs.first.tolist() == [pytest.approx(1 + 8)]
    assert costs.fused.tolist() == [0.0]


def test_a_fused_run_saves_its_launch_and_the_traffic_of_what_it_takes_over() -> None:
    step = random_program_step(12, seed=3)
    costs = op_costs(step, V100, measured=False)
    assert step.reusable
    for op in range(len(step.ops)):
        saved = 0.0
        if op in step.reusable:
            size = step.storages[step.reusable[op].created].size
            saved = V100.launch_seconds + 2 * size / V100.bytes_per_second
        assert costs.fused[op] == pytest.approx(max(0, costs.again[op] - saved))


def test_measured_times_win_where_they_are_asked_for() -> None:
    name = "native_batch_norm.default"
    op = _one(name, seconds=24.32)
    step = _step(name, (_value(0), _value(1), _value(2)), op, (1,))
    costs = op_costs(step, ROUND, measured=True)
    assert costs.first.tolist() == [24.32]
    assert costs.again.tolist() == [pytest.approx(24.32 * 9.08 / 13.16)]
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(13.16)]
    assert was_timed(step)
    assert not was_timed(random_step(4, seed=1))


def test_an_op_that_was_not_timed_has_the_devices_time_among_measured_ones() -> None:
    step = random_step(6, seed=2)
    mixed = replace(step, ops=(replace(step.ops[0], seconds=7.0), *step.ops[1:]))
    predicted, costs = op_costs(step, V100, measured=False), op_costs(mixed, V100, measured=True)
    assert costs.first[0] == 7
    assert np.array_equal(costs.first[1:], predicted.first[1:])


def test_a_planning_only_step_is_predicted_from_its_storages() -> None:
    step = random_step(20, seed=5)
    costs = op_costs(step, V100, measured=False)
    for index, op in enumerate(step.ops):
        moved = sum(step.storages[s].size for s in (*op.reads, *op.writes, *op.creates))
        assert costs.first[index] == pytest.approx(V100.launch_seconds + moved / V100.bytes_per_second)


def test_ops_of_our_own_are_predicted_by_their_bytes() -> None:
    step = _step("mm.default", (_value(0), _value(1)), _one("mm.default", reads=(0,)), (1,))
    assert step.program is not None
    ours = replace(step.program.instructions[0], target="bayplan.mask")
    step = replace(
        step,
        ops=(_one("bayplan.mask", reads=(0,), flops=-1),),
        program=replace(step.program, instructions=(ours,)),
    )
    assert op_costs(step, ROUND, measured=False).first.tolist() == [pytest.approx(1 + 8)]
