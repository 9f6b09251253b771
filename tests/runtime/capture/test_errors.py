"""Bad input gets an error that says what was wrong, where, and what to do."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.errors import CaptureError
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

TRAINING = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        {forward}

def build():
    model = Model()
    return model, (torch.randn(3, 4), torch.randn(3, 4)), {loss}, {optimizer}
"""
SGD = "torch.optim.SGD(model.parameters(), lr=0.1)"


def error_of(file: UserFile, batch: int | None = None) -> CaptureError:
    with pytest.raises(CaptureError) as caught:
        file.capture(batch)
    return caught.value


def training(
    user_file: WriteFile,
    forward: str = "return self.layer(x)",
    loss: str = "nn.MSELoss()",
    optimizer: str = SGD,
) -> UserFile:
    return user_file(TRAINING.format(forward=forward, loss=loss, optimizer=optimizer))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"There is no file .*nowhere\.py"):
        capture_step(f"{tmp_path}/nowhere.py:build", None, None)


def test_a_missing_function_is_named_with_those_there_are(user_file: WriteFile) -> None:
    file = user_file("def make(): pass\ndef other(): pass")
    assert "has no function build; it has make, other" in str(error_of(file))


@pytest.mark.parametrize("source", ["resnet50", "train.py", "train:build", "zoo:", ""])
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(CaptureError, match=r"FILE\.py:FUNCTION|The zoo has no model"):
        capture_step(source, None, None)


def test_an_unknown_zoo_model_is_refused_with_the_list() -> None:
    with pytest.raises(CaptureError, match=r"no model 'resnet51'; it has alexnet, .*resnet50"):
        capture_step("zoo:resnet51", None, None)


def test_an_unknown_optimizer_is_refused_with_the_list() -> None:
    with pytest.raises(CaptureError, match=r"'lion'; supported are sgd, adam, adamw"):
        capture_step("zoo:resnet18", None, "lion")


@pytest.mark.parametrize("batch", [0, -3])
def test_a_batch_size_below_one_is_refused(batch: int) -> None:
    with pytest.raises(CaptureError, match=f"batch size is {batch}"):
        capture_step("zoo:resnet18", batch, None)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ("None", "returned None; it must return `model, (inputs, target), loss_fn, optimizer`"),
        ("1, 2, 3", "returned a tuple of 3 (int, int, int)"),
        ("'model', torch.ones(1)", "returned a str in the first place, where the model must be"),
        ("model, None", "the inputs None; they must be a tensor, or a tuple or a dict"),
        ("model, [1, 2]", "the inputs a list of 2 (int, int)"),
        ("model, torch.ones(1), loss, optimizer", "a Tensor in the second place"),
        ("model, (x, x), 'mse', optimizer", "a str in the third place"),
        ("model, (x, x), loss, model", "a Linear in the fourth place"),
    ],
)
def test_a_wrong_return_is_described(user_file: WriteFile, returned: str, said: str) -> None:
    file = user_file(f"""
        def build():
            model, x, loss = nn.Linear(4, 4), torch.ones(2, 4), nn.MSELoss()
            optimizer = {SGD}
            return {returned}
        """)
    assert said in str(error_of(file))


def test_an_exception_in_the_users_function_comes_with_its_traceback(user_file: WriteFile) -> None:
    file = user_file("""
        def helper():
            raise ValueError("no such width")

        def build():
            helper()
        """)
    error = error_of(file)
    assert "build in" in str(error) and "ValueError: no such width" in str(error)
    assert f"line {file.line_of('raise ValueError')}, in helper" in error.details
    assert "bayplan_capture" not in error.details


@pytest.mark.parametrize(
    "code", ["def build(:", "import a_module_that_is_not_there", "raise SystemExit"]
)
def test_a_file_that_cannot_be_imported_comes_with_its_traceback(
    user_file: WriteFile, code: str
) -> None:
    file = user_file(code)
    error = error_of(file)
    assert f"{file.path.name} cannot be imported" in str(error)
    assert str(file.path) in error.details


def test_an_exception_in_the_model_comes_with_its_traceback(user_file: WriteFile) -> None:
    file = training(user_file, forward="return self.layer(x[:, :3])  # wrong")
    error = error_of(file)
    assert "The step of Model failed while it was traced" in str(error)
    assert f"line {file.line_of('# wrong')}, in forward" in error.details


@pytest.mark.parametrize(
    ("optimizer", "said"),
    [
        ("torch.optim.RMSprop(model.parameters())", "RMSprop; supported are torch.optim.SGD, Adam"),
        ("torch.optim.Adam(model.parameters(), differentiable=True)", "differentiable=True"),
        ("torch.optim.AdamW(model.parameters(), capturable=True)", "without fused=True"),
        ("torch.optim.SGD(model.parameters(), lr=.1, momentum=.9, dampening=.1)", "dampening=0.1"),
        ("torch.optim.SGD([torch.nn.Parameter(torch.ones(7))], lr=.1)", r"shape (7,) that is not one"),
        ("type('Mine', (torch.optim.SGD,), {})(model.parameters(), lr=.1)", "Mine; supported are"),
    ],
)
def test_an_unsupported_optimizer_is_refused(user_file: WriteFile, optimizer: str, said: str) -> None:
    assert said in str(error_of(training(user_file, optimizer=optimizer)))


def test_an_optimizer_cannot_be_chosen_for_a_users_function(user_file: WriteFile) -> None:
    file = training(user_file)
    with pytest.raises(CaptureError, match=r"its own optimizer, SGD; the optimizer 'adam' can be"):
        capture_step(file.source, None, "adam")


@pytest.mark.parametrize(
    ("line", "op"),
    [
        ("if x.sum() > 0: x = x + 1", "_local_scalar_dense"),
        ("x = x * x.max().item()", "_local_scalar_dense"),
        ("x = x[x > 0]", "nonzero|index.Tensor"),
        ("x = torch.unique(x)", "_unique2"),
    ],
)
def test_data_dependence_names_the_op_and_the_line(user_file: WriteFile, line: str, op: str) -> None:
    file = training(user_file, forward=f"{line}\n        return self.layer(x)")
    message = str(error_of(file))
    assert any(f"aten.{each}" in message for each in op.split("|"))
    assert f"{file.path}:{file.line_of(line)}" in message


@pytest.mark.parametrize(
    ("setup", "call"),
    [
        ("import random", "random.random()"),
        ("import random", "random.choice([1, 2])"),
        ("import numpy", "float(numpy.random.rand())"),
        ("import numpy", "numpy.random.default_rng().normal()"),
    ],
)
def test_random_numbers_from_outside_torch_name_the_line(
    user_file: WriteFile, setup: str, call: str
) -> None:
    file = training(user_file, forward=f"{setup}\n        return self.layer(x) * {call}")
    message = str(error_of(file))
    assert "random numbers outside torch" in message
    assert f"{file.path}:{file.line_of(call)}" in message


def test_random_functions_imported_by_name_are_noticed(user_file: WriteFile) -> None:
    file = training(user_file, forward="return self.layer(x) * draw()")
    file.path.write_text("from random import random as draw\n" + file.path.read_text())
    assert "Python's random module" in str(error_of(file))


def test_random_numbers_while_the_model_is_built_are_fine(user_file: WriteFile) -> None:
    file = training(user_file, optimizer=f"{SGD} if __import__('random').random() < 2 else None")
    assert file.capture().ops


@pytest.mark.parametrize("how", ["torch.manual_seed(3)", "torch.set_rng_state(self.state)"])
def test_dropout_after_the_generator_was_set_is_refused(user_file: WriteFile, how: str) -> None:
    file = training(
        user_file,
        forward=f"self.state = torch.get_rng_state()\n        x = F.dropout(x)\n        {how}"
        "\n        return self.layer(F.dropout(x))",
    )
    message = str(error_of(file))
    assert "generator was set back" in message and str(file.line_of("return self.layer(")) in message


def test_recomputed_dropout_is_refused(user_file: WriteFile) -> None:
    file = training(
        user_file,
        forward="from torch.utils.checkpoint import checkpoint\n        return checkpoint("
        "lambda y: F.dropout(self.layer(y)).tanh(), x, use_reentrant=False)",
    )
    assert "activation checkpointing" in str(error_of(file))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "lambda out, target: out"}, "a tensor of shape (3, 4); it must return a single"),
        ({"loss": "lambda out, target: 3.0"}, "returned 3.0"),
        ({"loss": "lambda out, target: target.sum()"}, "does not depend on any parameter"),
        ({"forward": "x.resize_(2, 2); return self.layer(x)"}, "resize_"),
        ({"forward": "return self.layer(x.to_sparse().to_dense())"}, "dense (strided) tensors"),
        (
            {"forward": "return self.layer(x) * torch.rand(4, generator=torch.Generator())"},
            "a random generator of its own",
        ),
        (
            {"forward": "CACHE.add_(1); return self.layer(x) * CACHE\n\nCACHE = torch.ones(4)"},
            "register it with register_buffer()",
        ),
    ],
)
def test_what_cannot_be_captured_is_explained(
    user_file: WriteFile, changes: dict[str, str], said: str
) -> None:
    assert said in str(error_of(training(user_file, **changes)))


def test_a_batch_that_cannot_be_passed_is_refused(user_file: WriteFile) -> None:
    file = training(user_file)
    assert "no parameter called batch" in str(error_of(file, batch=7))
    assert file.capture(batch=3).origin.batch == 3


def test_a_batch_that_must_be_passed_is_asked_for(user_file: WriteFile) -> None:
    file = user_file("def build(batch): return nn.Linear(2, 2), torch.ones(batch, 2)")
    assert "needs a batch size; pass one with --batch" in str(error_of(file))
    assert file.capture(batch=5).origin.batch == 5


def test_arguments_other_than_batch_are_refused(user_file: WriteFile) -> None:
    file = user_file("def build(width, batch=2): pass")
    assert "needs the arguments width" in str(error_of(file))


def test_a_missing_library_of_the_zoo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "torchvision.models", raising=False)
    with pytest.raises(CaptureError, match=r"needs torchvision.*pip install 'bayplan\[zoo\]'"):
        capture_step("zoo:alexnet", 1, None)


def test_a_model_on_another_device_is_refused(user_file: WriteFile) -> None:
    file = user_file("def build(): return nn.Linear(2, 2, device='meta'), torch.ones(2, 2)")
    assert "weight is on the device meta" in str(error_of(file))
