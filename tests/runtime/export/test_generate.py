"""Generated steps: straight-line, right, and free of anything a hostile file would like to say."""

import ast
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from runtime.export.generate import generate
from runtime.replay.generated import GeneratedStep
from solver.assemble import assemble
from solver.check import check
from solver.errors import BayplanError
from solver.plan import (
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.step import Instruction, Json, Scalar, Step

CERTIFICATE = Certificate(0, Proof.NONE, -1, 0)


def plan_of(step: Step) -> Plan:
    addresses = {storage: 512 * storage for storage in range(len(step.storages))}
    return assemble(
        step,
        range(len(step.ops)),
        addresses,
        name="Plan",
        status=Status.FEASIBLE,
        certificate=CERTIFICATE,
    )


def run(source: str, residents: list[torch.Tensor]) -> tuple[list[int], tuple[torch.Tensor, ...]]:
    armed: list[int] = []
    function = GeneratedStep(Path("step.py"), source, "runtime").function()
    return armed, function(armed.append, residents, [])


def with_call(step: Step, **changes: Json) -> Step:
    """``step`` with its second instruction changed."""
    first, second, *rest = step.program.instructions
    instructions = (first, replace(second, **changes), *rest)
    return replace(step, program=replace(step.program, instructions=instructions))


def test_it_computes_what_the_program_says_and_arms_every_op(toy_program: Step) -> None:
    w, x = torch.randn(4, 4), torch.randn(4, 4)
    armed, (out,) = run(generate(toy_program, plan_of(toy_program), "Toy").source, [w, x])
    assert armed == [0, 1, 2]
    assert torch.equal(out, (x @ w).relu().t() + x @ w)


def test_a_view_is_made_just_before_its_first_use_and_storages_are_freed_as_planned(
    toy_program: Step,
) -> None:
    source = generate(toy_program, plan_of(toy_program), "Toy").source
    lines = [line.strip() for line in source.splitlines()]
    body = lines[lines.index("arm(0)") :]
    assert body == [
        "arm(0)",
        "mm = aten_mm_default(x, w)",
        "arm(1)",
        "relu = aten_relu_default(mm)",
        "t = aten_t_default(relu)",
        "arm(2)",
        "add = aten_add_Tensor(t, mm)",
        "del mm",
        "del relu, t",
        "",
        "return (add, )",
    ]


def test_a_storage_that_exists_twice_has_variables_of_its_own_each_time(toy_program: Step) -> None:
    plan = Plan(
        fingerprint=toy_program.fingerprint,
        name="Recompute",
        instances=(Instance(2, 0), Instance(3, 512), Instance(2, 0)),
        actions=(
            Run(0, (), (0,)),
            Run(1, (0,), (1,)),
            Free(0),
            Run(0, (), (2,)),
            Run(2, (1, 2), ()),
            Free(1),
            Free(2),
        ),
        peak_bytes=1024,
        height_bytes=1024,
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 1024),
    )
    assert check(toy_program, plan) == []
    generated = generate(toy_program, plan, "Toy")
    w, x = torch.randn(4, 4), torch.randn(4, 4)
    armed, (out,) = run(generated.source, [w, x])
    assert armed == [0, 1, 2, 3]
    assert generated.created == ((0,), (1,), (2,), (-1,))
    assert torch.equal(out, (x @ w).relu().t() + x @ w)


def test_the_observed_step_sees_every_result(toy_program: Step) -> None:
    source = generate(toy_program, plan_of(toy_program), "Toy").source
    seen: list[tuple[int, int]] = []
    observed = GeneratedStep(Path("step.py"), source, "runtime").observed(
        lambda slot, results: seen.append((slot, len(results)))
    )
    observed(lambda slot: None, [torch.randn(4, 4), torch.randn(4, 4)], [])
    assert seen == [(0, 1), (1, 1), (2, 1)]


HOSTILE = 'x"""\n\timport os; os.system("true") # \\\'\x0c\x85\u2028'


def test_names_of_any_kind_become_identifiers(toy_program: Step) -> None:
    program = toy_program.program
    names = [HOSTILE, "lambda", "arm", "aten_mm_default", "", "1"]
    values = tuple(replace(v, name=n) for v, n in zip(program.values, names, strict=True))
    ops = tuple(
        replace(op, module=HOSTILE, name=f"{HOSTILE}{i}") for i, op in enumerate(toy_program.ops)
    )
    origin = replace(toy_program.origin, model=HOSTILE, source=HOSTILE)
    step = replace(toy_program, origin=origin, ops=ops, program=replace(program, values=values))
    source = generate(step, plan_of(step), f"{step.title}: {HOSTILE}").source
    _require_harmless(source)
    w, x = torch.randn(4, 4), torch.randn(4, 4)
    _, (out,) = run(source, [w, x])
    assert torch.equal(out, (x @ w).relu().t() + x @ w)


def test_texts_are_written_as_literals(toy_program: Step) -> None:
    step = with_call(toy_program, kwargs={"mode": HOSTILE})
    source = generate(step, plan_of(step), "Toy").source
    _require_harmless(source)
    texts = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant)]
    assert HOSTILE in texts


@pytest.mark.parametrize(
    "target",
    [
        "aten.relu.default);print(1",
        "aten.relu",
        "os.system",
        "aten.relu.default\n",
        "__import__('os').x.y",
    ],
)
def test_a_target_that_is_no_operators_name_is_refused(toy_program: Step, target: str) -> None:
    step = with_call(toy_program, target=target)
    with pytest.raises(BayplanError, match="not the name of an operator"):
        generate(step, plan_of(step), "Toy")


def test_an_operator_that_reads_files_is_refused(toy_program: Step) -> None:
    step = with_call(toy_program, target="aten.from_file.default")
    with pytest.raises(BayplanError, match="not the name of an operator"):
        generate(step, plan_of(step), "Toy")


@pytest.mark.parametrize(
    "argument",
    [
        {"dtype": "float32; import os"},
        {"device": "cpu'), print('x"},
        {"layout": "strided.__class__"},
        {"memory_format": "__dict__"},
        {"float": "1"},
        {"eval": "1"},
        {"value": 2, "scalar": 0},
        {},
        float("nan"),
    ],
)
def test_an_argument_that_means_nothing_is_refused(toy_program: Step, argument: Json) -> None:
    step = with_call(toy_program, args=({"value": 2}, argument))
    with pytest.raises(BayplanError, match="cannot be written"):
        generate(step, plan_of(step), "Toy")


@pytest.mark.parametrize("key", ["a=1, b", "lambda", "", "é", "x\n"])
def test_an_argument_whose_name_is_none_is_refused(toy_program: Step, key: str) -> None:
    step = with_call(toy_program, kwargs={key: 1})
    with pytest.raises(BayplanError, match="has an argument named"):
        generate(step, plan_of(step), "Toy")


def test_every_kind_of_argument_is_written(toy_program: Step) -> None:
    arguments = (
        {"value": 2}, {"scalar": 0}, {"dtype": "bfloat16"}, {"device": "cuda:1"}, {"layout": "strided"},
        {"memory_format": "channels_last"}, {"float": "-inf"}, None, True, -3, -0.0, "sum", [1, [2.5]],
    )  # fmt: skip
    step = with_call(toy_program, args=arguments)
    step = replace(step, program=replace(step.program, scalars=(Scalar("sgd.momentum", 0),)))
    source = generate(step, plan_of(step), "Toy").source
    assert (
        "aten_relu_default(mm, sgd_momentum_0, bfloat16, device_cuda_1, strided, channels_last, "
        "float(\"-inf\"), None, True, -3, -0.0, 'sum', [1, [2.5]])"
    ) in source
    assert "device_cuda_1 = torch.device('cuda:1')" in source


def test_what_goes_to_the_host_is_waited_for_and_comes_back_with_its_views(toy_program: Step) -> None:
    plan = plan_of(toy_program)
    plan = replace(
        plan,
        instances=(*plan.instances, Instance(3, 4096)),
        host_slots=(HostSlot(3, 0),),
        actions=(
            Run(0, (), (0,)),
            Run(1, (0,), (1,)),
            Offload(1, 0),
            Free(1),
            Prefetch(0, 2),
            Run(2, (0, 2), ()),
            Free(0),
            Free(2),
        ),
        certificate=Certificate(0, Proof.NONE, -1, 1024),
        peak_bytes=1024,
        height_bytes=4608,
    )
    assert check(toy_program, plan) == []
    generated = generate(toy_program, plan, "Toy")
    assert generated.created == ((0,), (1,), (2,), (-1,))
    lines = [line.strip() for line in generated.source.splitlines()]
    assert lines[lines.index("arm(1)") :] == [
        "arm(1)",
        "relu = aten_relu_default(mm)",
        "transfers.offload(0, relu)",
        "transfers.wait(0)",
        "del relu",
        "arm(2)",
        "relu_1, = transfers.prefetch(1)",
        "transfers.wait(1)",
        "t = aten_t_default(relu_1)",
        "arm(3)",
        "add = aten_add_Tensor(t, mm)",
        "del mm",
        "del relu_1, t",
        "",
        "return (add, )",
    ]


def test_an_op_that_draws_and_runs_again_goes_back_to_where_the_generator_stood(
    toy_program: Step,
) -> None:
    first, relu, last = toy_program.ops
    step = replace(toy_program, ops=(first, replace(relu, random=True), last))
    plan = plan_of(step)
    plan = replace(
        plan,
        instances=(*plan.instances, Instance(3, 4096)),
        actions=(
            *(Run(0, (), (0,)), Run(1, (0,), (1,)), Free(1)),
            *(Run(1, (0,), (2,)), Run(2, (0, 2), ()), Free(0), Free(2)),
        ),
        certificate=Certificate(0, Proof.NONE, -1, 1024),
        peak_bytes=1024,
        height_bytes=4608,
    )
    assert check(step, plan) == []
    generated = generate(step, plan, "Toy")
    assert generated.again and generated.repeated == (2,) and generated.norms == ()
    assert "def step(arm, residents, scalars, again):" in generated.source
    lines = [line.strip() for line in generated.source.splitlines()]
    assert lines[lines.index("arm(1)") : lines.index("arm(3)")] == [
        "arm(1)",
        "again.keep(0)",
        "relu = aten_relu_default(mm)",
        "del relu",
        "arm(2)",
        "again.rewind(0)",
        "relu_1 = aten_relu_default(mm)",
        "again.resume()",
        "t = aten_t_default(relu_1)",
    ]
    seen: list[int] = []
    observed = GeneratedStep(Path("step.py"), generated.source, "runtime").observed(
        lambda slot, results: seen.append(slot)
    )
    draws = SimpleNamespace(keep=lambda at: None, rewind=lambda at: None, resume=lambda: None)
    observed(lambda slot: None, [torch.randn(4, 4), torch.randn(4, 4)], [], draws)
    assert seen == [0, 1, 2, 3]


def test_results_that_nobody_uses_are_let_go_at_once(toy_program: Step) -> None:
    sort = Instruction("aten.sort.default", ({"value": 2},), {}, (3, None), True, 1)
    program = toy_program.program
    instructions = (program.instructions[0], sort, *program.instructions[2:])
    step = replace(toy_program, program=replace(program, instructions=instructions))
    generated = generate(step, plan_of(step), "Toy")
    assert "relu, unused = aten_sort_default(mm)\n    del unused\n" in generated.source
    assert generated.created[1] == (1, -1)


def _require_harmless(source: str) -> None:
    """Only what the writer writes: two imports, lookups by name, and calls of those names."""
    tree = ast.parse(source)
    imports = [ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert imports == ["import torch", "from .replay.targets import operator"]
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        name = ast.unparse(call.func)
        assert name in ("operator", "torch.device", "arm", "float") or name.startswith("aten_")
