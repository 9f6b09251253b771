"""torch.compile runs the plan where its graph is the plan's, and leaves every other graph alone."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.capture import named_step
from runtime.capture.bayplan_capture.build import build, call_model
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.export import export
from runtime.replay.compiling import PlannedBackend, bayplan_backend
from runtime.replay.errors import ReplayError
from runtime.replay.loading import load
from runtime.replay.signature import SeenCall, SeenTensor, signature
from runtime.replay.tensors import same_bits
from solver.files import decode_step_object
from solver.solve import solve
from tests.runtime.conftest import MODELS, Exported

SOURCE = f"{MODELS / 'inference.py'}"


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, native_cache: Path
) -> Iterator[Callable[[str], Path]]:
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            content: Any = capture_step(f"{SOURCE}:{name}", None, None)
            step = named_step(decode_step_object(content, name))
            made[name] = tmp_path_factory.mktemp("compiling") / name
            export(step, solve(step, deadline=20).plan, made[name])
        return made[name]

    yield make


@pytest.fixture(autouse=True)
def _forget_graphs() -> Iterator[None]:
    torch._dynamo.reset()
    yield


def model_and_inputs(name: str, seed: int = 3) -> tuple[nn.Module, Any]:
    model = build(f"{SOURCE}:{name}", None, None, None, seed=seed)
    return model.module, model.inputs


def compiled(model: nn.Module, folder: Path) -> tuple[Callable[..., Any], PlannedBackend]:
    backend = bayplan_backend(folder, strict=True)
    return torch.compile(model, backend=backend), backend  # type: ignore[call-overload,no-any-return]


def other(inputs: Any) -> Any:
    """Inputs of the same geometry with other numbers."""
    if isinstance(inputs, dict):
        return {key: other(item) for key, item in inputs.items()}
    if inputs.is_floating_point():
        return torch.randn_like(inputs)
    return torch.randint_like(inputs, 11)


def leaves(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return [
        t for item in (result.values() if isinstance(result, dict) else result) for t in leaves(item)
    ]


def same(one: Any, two: Any) -> bool:
    pairs = zip(leaves(one), leaves(two), strict=True)
    return all(same_bits(a, b) and a.stride() == b.stride() for a, b in pairs)


@pytest.mark.parametrize("name", ["cnn", "attention", "held", "mlp"])
def test_a_graph_that_is_the_plans_runs_as_planned_bit_for_bit(
    folder: Callable[[str], Path], name: str
) -> None:
    model, inputs = model_and_inputs(name)
    run, backend = compiled(model, folder(name))
    step = load(folder(name), model, strict=True)
    with torch.no_grad():
        for _ in range(4):
            inputs = other(inputs)
            found = call_model(run, inputs)  # type: ignore[arg-type]
            assert same(found, call_model(model, inputs))
            assert same(found, step(inputs))
    assert backend.calls == 3 and not backend.reasons  # the first call is watched
    report, counters = backend.report, backend.counters
    assert report is not None and report.planned and not report.unmatched
    assert counters is not None and counters.planned > 0
    assert counters.missed == counters.overlapped == counters.foreign == 0


def test_parameters_are_read_in_every_call(folder: Callable[[str], Path]) -> None:
    model, inputs = model_and_inputs("cnn")
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad():
        for _ in range(3):
            for parameter in model.parameters():
                parameter.mul_(1.1)
            assert same(run(inputs), model(inputs))
        twin, _ = model_and_inputs("cnn", seed=4)
        model.load_state_dict(twin.state_dict(), assign=True)
        assert same(run(inputs), twin(inputs)) and same(run(inputs), twin(inputs))
    assert backend.calls >= 3 and not backend.reasons


def test_another_model_of_the_same_program_runs_as_planned(folder: Callable[[str], Path]) -> None:
    _, inputs = model_and_inputs("cnn")

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model_and_inputs("cnn", seed=9)[0]

        def forward(self, x: Tensor) -> Any:
            return self.inner(x)

    model = Wrapped().eval()
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad():
        for _ in range(2):
            assert same(run(inputs), model(inputs))
    assert backend.calls == 1


def test_inference_mode_is_as_good_as_no_grad(folder: Callable[[str], Path]) -> None:
    model, inputs = model_and_inputs("attention")
    run, backend = compiled(model, folder("attention"))
    with torch.inference_mode():
        for _ in range(3):
            assert same(run(inputs), model(inputs))
    assert backend.calls == 2 and not backend.reasons


def refused(run: Callable[..., Any], model: nn.Module, *inputs: Any) -> str:
    """The warning of a call that must run without the plan, with the right result; once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            torch.manual_seed(0)
            found = run(*inputs)
            torch.manual_seed(0)
            assert same(found, model(*inputs))
    said = [str(each.message) for each in caught if "without the plan" in str(each.message)]
    assert len(said) == 1
    return said[0]


def test_another_batch_runs_without_the_plan_and_the_plans_batch_with_it(
    folder: Callable[[str], Path],
) -> None:
    model, inputs = model_and_inputs("cnn")
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad():
        run(inputs)
        run(inputs)
        assert backend.calls == 1
        said = refused(run, model, torch.randn(6, 3, 8, 8))
        assert "an input of shape (4, 3, 8, 8), float32" in said
        # torch.compile now has a graph for every batch.
        for _ in range(3):
            assert same(run(inputs), model(inputs))
        assert backend.calls >= 3


def test_a_model_in_training_mode_runs_without_the_plan(folder: Callable[[str], Path]) -> None:
    model, inputs = model_and_inputs("attention")
    run, backend = compiled(model.train(), folder("attention"))
    with torch.no_grad():
        said = refused(run, model, inputs)
    assert "Op 7 is aten.empty_like.default in the graph and aten.add.Tensor in the plan" in said
    assert backend.calls == 0


def test_another_model_runs_without_the_plan(folder: Callable[[str], Path]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5))
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad():
        said = refused(run, model, torch.randn(4, 3, 8, 8))
    assert "Op 1 is aten.relu.default in the graph and aten.native_batch_norm.default in the" in said
    assert backend.calls == 0


def test_the_same_ops_in_another_flow_are_not_the_plans(folder: Callable[[str], Path]) -> None:
    class Swapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model_and_inputs("mlp")[0]

        def forward(self, x: Tensor, shift: Tensor) -> Any:
            inner = self.inner
            return {"scores": inner.last(torch.relu(inner.first(x)) + inner.first.bias)}

    model, inputs = Swapped().eval(), model_and_inputs("mlp")[1]
    run, backend = compiled(model, folder("mlp"))
    with torch.no_grad():
        said = refused(run, model, inputs["x"], inputs["shift"])
    assert "The plan was made for an input of shape (8,)" in said or "other arguments" in said
    assert backend.calls == 0


def test_a_call_that_wants_gradients_runs_without_the_plan(folder: Callable[[str], Path]) -> None:
    model, inputs = model_and_inputs("cnn")
    run, _ = compiled(model, folder("cnn"))
    assert "Gradients are wanted" in refused(run, model, inputs)
    run(inputs)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_autocast_around_the_call_runs_without_the_plan(folder: Callable[[str], Path]) -> None:
    model, inputs = model_and_inputs("cnn")
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad():
        run(inputs)
        run(inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert "_to_copy" in refused(run, model, inputs)
        assert same(run(inputs), model(inputs))
    assert backend.calls == 2


def test_a_held_tensor_that_changes_ends_the_plan(folder: Callable[[str], Path]) -> None:
    model: Any
    model, inputs = model_and_inputs("held")
    run, backend = compiled(model, folder("held"))
    with torch.no_grad():
        run(inputs)
        run(inputs)
        assert backend.calls == 1
        model.scale.mul_(2.0)
        assert "changed that stands in the plan's program" in refused(run, model, inputs)


def test_a_model_with_a_break_in_its_graph_runs_without_the_plan(
    folder: Callable[[str], Path],
) -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model_and_inputs("cnn")[0]

        def forward(self, x: Tensor) -> Any:
            inner = self.inner
            hidden = inner.act(inner.norm(inner.conv(x)))
            torch._dynamo.graph_break()
            pooled = hidden.mean((2, 3))
            return inner.last(pooled), pooled.t()

    model, inputs = Broken().eval(), model_and_inputs("cnn")[1]
    run, backend = compiled(model, folder("cnn"))
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            assert same(run(inputs), model(inputs))
    assert backend.calls == 0 and any("The graph has 3 ops" in each for each in backend.reasons)


def test_a_plan_that_trains_is_refused(mlp: Exported) -> None:
    with pytest.raises(ReplayError, match=r"trains, .* use load\(model, optimizer\)"):
        bayplan_backend(mlp.folder)


def test_the_export_offers_it(mlp_inference: Exported) -> None:
    import importlib.util
    import sys

    spec = importlib.util.spec_from_file_location(
        "planned_mlp",
        mlp_inference.folder / "__init__.py",
        submodule_search_locations=[str(mlp_inference.folder)],
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules["planned_mlp"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, inputs = mlp_inference.build()
    for backend in (module.bayplan_backend(), module.bayplan_backend(str(mlp_inference.folder))):
        run: Any = torch.compile(model.eval(), backend=backend)
        with torch.no_grad():
            for _ in range(2):
                assert same_bits(run(inputs), model(inputs))
        assert backend.calls == 1


def seen(target: str, arguments: list[str], made: str) -> SeenCall:
    return SeenCall(
        target, [SeenTensor(a, ("float32", (2, 2), (2, 1), 0)) for a in arguments], {}, (made,)
    )


def test_a_signature_tells_flow_and_not_names() -> None:
    one = signature([seen("mm", ["a", "b"], "c"), seen("add", ["c", "a"], "d")], {})
    renamed = signature([seen("mm", ["x", "y"], "z"), seen("add", ["z", "x"], "w")], {})
    crossed = signature([seen("mm", ["x", "y"], "z"), seen("add", ["z", "y"], "w")], {})
    shorter = signature([seen("mm", ["x", "y"], "z")], {})
    assert one.difference(renamed.calls) == ""
    assert [one.numbers[name] for name in "abcd"] == [renamed.numbers[name] for name in "xyzw"]
    assert "Op 1, add, has other arguments" in one.difference(crossed.calls)
    assert one.difference(shorter.calls) == "The graph has 2 ops, the plan 1."


def test_constants_are_told_by_content() -> None:
    call = [seen("mm", ["a", "constant"], "c")]
    one, two = signature(call, {"constant": "1"}), signature(call, {"constant": "2"})
    assert one.difference(two.calls)
    assert "constant" not in one.numbers
