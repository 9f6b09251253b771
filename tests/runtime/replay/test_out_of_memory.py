"""Running out of memory names the op and the bytes, and leaves no tensors of the step behind."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from runtime.replay.engine import Engine
from runtime.replay.errors import ReplayError
from runtime.replay.generated import GeneratedStep
from runtime.replay.out_of_memory import is_out_of_memory, named_op
from runtime.replay.plan_reading import read_plan
from runtime.replay.selftest import random_residents, scalars_of_step
from tests.runtime.conftest import Exported


def starved(exported: Exported, folder: Path, op: str) -> Engine:
    """An engine of a new copy whose first ``op`` asks for far too much."""
    return starved_in(exported.copy(folder), op)


def starved_in(folder: Path, op: str) -> Engine:
    """The same for an export as it is."""
    engine = Engine(folder, read_plan(folder))
    source = engine._source.source
    at = source.index(op, source.index("def step"))
    line = source.rindex("\n", 0, at) + 1
    source = source[:line] + "    torch.empty(1 << 50)\n" + source[line:]
    engine._source = GeneratedStep(engine._source.path, source, engine._source.package)
    return engine


def test_an_op_that_gets_no_memory_is_named_with_its_bytes(mlp: Exported, tmp_path: Path) -> None:
    engine = starved(mlp, tmp_path / "planned", "aten_tanh_default(")
    slot = next(s for s, name in enumerate(engine.plan.ops) if name.startswith("tanh"))
    with pytest.raises(ReplayError) as raised:
        engine.run(random_residents(engine.plan, 0), scalars_of_step(engine.plan, 1))
    said = str(raised.value)
    assert f"Out of memory at tanh (slot {slot} of {len(engine.plan.ops)})" in said
    assert "It asked for 4503599627370496 bytes" in said and "4,096 bytes" in said
    assert "records a machine" in said and "as it was before" in said


def test_a_planned_step_says_that_it_ended_half_way(mlp: Exported, tmp_path: Path) -> None:
    copy = mlp.copy(tmp_path / "planned")
    Engine(copy, read_plan(copy)).run(
        random_residents(read_plan(copy), 0), scalars_of_step(read_plan(copy), 1)
    )
    engine = starved_in(copy, "aten_tanh_default(")
    with pytest.raises(ReplayError, match=r"at tanh.*what it had updated by then is updated"):
        engine.run(random_residents(engine.plan, 0), scalars_of_step(engine.plan, 1))


def test_the_steps_tensors_are_gone_when_the_error_arrives(mlp: Exported, tmp_path: Path) -> None:
    engine = starved(mlp, tmp_path / "planned", "aten_tanh_default(")
    residents = random_residents(engine.plan, 0)
    gc.collect()
    before = sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())
    with pytest.raises(ReplayError) as raised:
        engine.run(residents, scalars_of_step(engine.plan, 1))
    assert raised.value.__cause__ is None
    assert sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects()) == before


def no_memory_on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has ...")


def no_memory_at_all() -> None:
    raise MemoryError


def test_other_allocators_errors_are_known(mlp: Exported) -> None:
    plan = read_plan(mlp.folder)
    source = GeneratedStep(Path("elsewhere.py"), "", "")
    cases: list[tuple[Callable[[], None], str]] = [
        (no_memory_on_a_gpu, "at a step. It asked for 2.50 GiB"),
        (no_memory_at_all, "Out of memory at a step. The step ended"),
    ]
    for fail, said in cases:
        with pytest.raises(ReplayError, match=said), named_op(plan, source):
            fail()


def test_other_errors_stay_what_they_are(mlp: Exported) -> None:
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    with (
        pytest.raises(RuntimeError, match="shape mismatch"),
        named_op(read_plan(mlp.folder), GeneratedStep(Path("x.py"), "", "")),
    ):
        raise RuntimeError("shape mismatch")
