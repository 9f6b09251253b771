"""Which ops may run again, and how: from the program where there is one."""

from dataclasses import replace

from random_steps import ORIGIN

from solver.repetition import SavedStatistics, find_repetitions
from solver.step import Category, Instruction, Json, Op, Program, Step, Storage, Value

VECTOR = 128 * 4


def batch_norm_step(
    *, training: bool = True, target: str = "native_batch_norm.default", namespace: str = "aten"
) -> Step:
    """x → batch norm (0) → relu_ (1) → tanh (2); the update of its weight (3)."""
    trained: Json = training
    storages = (
        Storage(VECTOR, Category.INPUT, "x"),
        Storage(VECTOR, Category.PARAMETER, "weight"),
        Storage(VECTOR, Category.BUFFER, "running_mean"),
        Storage(VECTOR, Category.BUFFER, "running_var"),
        Storage(VECTOR, Category.ACTIVATION, "y"),
        Storage(4, Category.ACTIVATION, "mean"),
        Storage(4, Category.ACTIVATION, "deviation"),
        Storage(VECTOR, Category.ACTIVATION, "z"),
    )
    values = tuple(
        Value(s.name, "float32", (s.size // 4,), (1,), 0, index) for index, s in enumerate(storages)
    )
    by = [{"value": index} for index in range(len(values))]
    norm = (by[0], by[1], by[1], by[2], by[3], trained, 0.1, 1e-5)
    calls = (
        Instruction(f"{namespace}.{target}", norm, {}, (4, 5, 6), True, 0),
        Instruction("aten.relu_.default", (by[4],), {}, (4,), False, 1),
        Instruction("aten.tanh.default", (by[4],), {}, (7,), False, 2),
        Instruction("aten.add_.Tensor", (by[1], by[7]), {}, (1,), False, 3),
    )
    running = (2, 3) if training else ()
    ops = (
        Op("norm", target, (0, 1, 2, 3), running, (4, 5, 6)),
        Op("relu_", "relu_.default", (4,), (4,), ()),
        Op("tanh", "tanh.default", (4,), (), (7,)),
        Op("update", "add_.Tensor", (1, 7), (1,), ()),
    )
    return Step(ORIGIN, storages, ops, program=Program(values, calls, (), (), (), (), None, None))


def test_batch_norm_in_training_may_be_repeated_beside_its_running_statistics() -> None:
    found = find_repetitions(batch_norm_step())
    assert found.may_repeat(0)
    assert found.uncounted == {0: frozenset({2, 3})}
    assert found.saved == {0: SavedStatistics(4, (5, 6))}


def test_without_a_program_the_target_tells_batch_norm() -> None:
    found = find_repetitions(replace(batch_norm_step(), program=None))
    assert found.saved == {0: SavedStatistics(4, (5, 6))} and found.uncounted == {0: frozenset({2, 3})}
    assert found.begins == frozenset() and found.joins == {}


def test_batch_norm_that_does_not_train_has_no_statistics_of_its_own() -> None:
    found = find_repetitions(batch_norm_step(training=False))
    assert found.saved == {} and found.uncounted == {} and found.may_repeat(0)


def test_an_op_of_another_namespace_is_no_batch_norm() -> None:
    found = find_repetitions(batch_norm_step(namespace="mine"))
    assert found.saved == {}
    assert found.hindered[0] == "it writes running_mean"


def test_an_update_cannot_be_repeated() -> None:
    assert find_repetitions(batch_norm_step()).hindered == {3: "it writes weight"}


def test_an_op_that_makes_what_leaves_the_step_cannot_be_repeated() -> None:
    step = batch_norm_step()
    storages = (*step.storages[:7], replace(step.storages[7], output=True))
    assert find_repetitions(replace(step, storages=storages)).hindered[2] == (
        "it makes z, which leaves the step"
    )


def test_a_collective_cannot_be_repeated() -> None:
    step = batch_norm_step()
    assert step.program is not None
    calls = list(step.program.instructions)
    calls[1] = replace(calls[1], target="_c10d_functional.all_reduce_.default")
    step = replace(step, program=replace(step.program, instructions=tuple(calls)))
    assert find_repetitions(step).hindered[1] == "other processes take part in it"


def test_elementwise_ops_join_the_pass_of_what_makes_their_operand() -> None:
    found = find_repetitions(batch_norm_step())
    assert found.begins == {0, 1, 2, 3}
    assert found.joins == {1: frozenset({4}), 2: frozenset({4})}


def test_an_op_that_writes_a_part_in_place_or_reads_it_otherwise_too_joins_no_pass() -> None:
    step = batch_norm_step()
    assert step.program is not None
    half = Value("half", "float32", (64,), (1,), 0, 4)
    turned = Value("turned", "float32", (64, 2), (1, 64), 0, 4)
    program = replace(step.program, values=(*step.program.values, half, turned))
    for call in (
        Instruction("aten.relu_.default", ({"value": 8},), {}, (8,), False, 1),
        Instruction("aten.add_.Tensor", ({"value": 4}, {"value": 9}), {}, (4,), False, 1),
        Instruction("aten.bernoulli_.float", ({"value": 4},), {}, (4,), False, 1),
    ):
        calls = (program.instructions[0], call, *program.instructions[2:])
        changed = replace(step, program=replace(program, instructions=calls))
        assert 1 not in find_repetitions(changed).joins
