"""What a build function may ask for besides forward, backward and update, and what it may not."""

from collections.abc import Callable

import pytest
import torch

from runtime.capture.bayplan_capture.build import build
from runtime.capture.bayplan_capture.capture import CaptureError, capture_step
from runtime.capture.bayplan_capture.eager import micro_batches
from runtime.capture.bayplan_capture.options import NONE, read_options
from solver.step import Step
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

TRAINING = """
def build(batch=6):
    model = nn.Linear(4, 2){to}
    optimizer = torch.optim.{optimizer}
    data = torch.randn(batch, 4){to}, torch.randn(batch, 2){to}
    return model, data, nn.MSELoss(), optimizer, {options}
"""


def training(
    user_file: WriteFile, options: str, optimizer: str = "SGD(model.parameters(), lr=0.1)", to: str = ""
) -> UserFile:
    return user_file(TRAINING.format(options=options, optimizer=optimizer, to=to))


def targets(step: Step) -> list[str]:
    return [op.target for op in step.ops]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("[1]", r"are \[1\]; they must be a dict"),
        ("{'clip': 1.0}", "'clip', which is not one of autocast, scaler"),
        ("{'autocast': torch.float32}", "autocast of build in .* is torch.float32; it must be"),
        ("{'autocast': True}", "autocast .* is True"),
        ("{'scaler': 2.0}", "scaler .* is a float; it must be a torch.amp.GradScaler, or True"),
        ("{'clip_grad_norm': 0}", "clip_grad_norm .* is 0; it must be a positive number"),
        ("{'clip_grad_value': '1'}", "clip_grad_value .* is '1'"),
        ("{'clip_grad_norm': 1.0, 'clip_grad_value': 1.0}", "by norm and by value; choose one"),
        ("{'micro_batches': 0}", "micro_batches .* is 0; it must be 1 or more"),
        ("{'micro_batches': 4}", "A batch of 6 cannot be divided into 4 micro-batches"),
    ],
)
def test_options_that_cannot_be_are_refused(user_file: WriteFile, options: str, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        training(user_file, options).capture()


def test_float16_parameters_cannot_have_a_loss_scale(user_file: WriteFile) -> None:
    with pytest.raises(CaptureError, match="float16 parameters"):
        training(user_file, "{'scaler': True}", to=".half()").capture()


def test_no_options_are_no_ops(user_file: WriteFile) -> None:
    plain = training(user_file, "{}").capture()
    switched_off = (
        "{'autocast': None, 'scaler': torch.amp.GradScaler('cpu', enabled=False), 'micro_batches': 1}"
    )
    assert training(user_file, switched_off).capture().fingerprint == plain.fingerprint
    assert plain.origin.options == {}


def test_options_are_kept_in_the_step(user_file: WriteFile) -> None:
    options = "{'autocast': torch.bfloat16, 'scaler': True, 'clip_grad_value': 2, 'micro_batches': 3}"
    step = training(user_file, options).capture()
    factors = {"growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
    kept = {"autocast": "bfloat16", "scaler": factors, "clip_grad_value": 2.0, "micro_batches": 3}
    assert step.origin.options == kept
    again = read_options(step.origin.options, "the step", "cpu")
    assert again.as_json() == kept and read_options({}, "nothing", "cpu") == NONE


def test_a_scaler_that_is_off_for_want_of_a_gpu_counts_in_a_step_for_one(user_file: WriteFile) -> None:
    if torch.cuda.is_available():
        pytest.skip("here it is on")
    file = training(user_file, "{'scaler': torch.amp.GradScaler('cuda')}")
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert build(file.source, None, None, None, 0, target="cuda").options.scaler is not None
        assert build(file.source, None, None, None, 0, target="cpu").options.scaler is None


def test_the_options_of_a_zoo_model_are_not_for_a_users_function(user_file: WriteFile) -> None:
    with pytest.raises(CaptureError, match="The options autocast can be chosen for zoo models only"):
        capture_step(training(user_file, "{}").source, None, None, {"autocast": "bfloat16"})
    with pytest.raises(CaptureError, match="An inference step has no clip_grad_norm"):
        capture_step("zoo:unet", 1, "", {"clip_grad_norm": 1.0})


def test_only_tensors_with_a_row_for_each_sample_are_divided(user_file: WriteFile) -> None:
    file = user_file(
        """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 2)

            def forward(self, x, shift, scale):
                return self.layer(x * scale) + shift

        def build():
            model = Model()
            inputs = {"x": torch.randn(6, 4), "shift": torch.randn(1, 2), "scale": 2}
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            return model, (inputs, torch.randn(6, 2)), nn.MSELoss(), optimizer, {"micro_batches": 2}
        """
    )
    model = build(file.source, None, None, None, 0)
    parts = micro_batches(model)
    assert [part["x"].shape for part, _ in parts] == [(3, 4), (3, 4)]
    assert all(part["shift"] is model.inputs["shift"] and part["scale"] == 2 for part, _ in parts)
    step = file.capture()
    assert step.program is not None
    shapes = {p.key: step.program.values[p.value].shape for p in step.program.placeholders}
    assert (shapes["x"], shapes["shift"], shapes[""]) == ((3, 4), (1, 2), (3, 2))


def test_gradients_are_clipped_by_the_ops_that_torch_takes_on_the_target(user_file: WriteFile) -> None:
    file = training(user_file, "{'clip_grad_norm': 1.0}")
    here = targets(file.capture())
    assert "_foreach_norm.Scalar" not in here and here.count("linalg_vector_norm.default") == 3
    content = capture_step(file.source, None, None, None, "cuda")
    there = [op["target"] for op in content["step"]["ops"]]
    assert there.count("_foreach_norm.Scalar") == there.count("_foreach_mul_.Tensor") == 1


def test_a_rate_that_is_a_tensor_is_read_by_the_step_or_before_it(user_file: WriteFile) -> None:
    for fused, scalars in (("True", 0), ("False", 1)):
        optimizer = f"SGD(model.parameters(), lr=torch.tensor(0.1), fused={fused})"
        step = training(user_file, "{}", optimizer).capture()
        assert step.program is not None and len(step.program.scalars) == scalars
        assert step.program.optimizer is not None
        values = step.program.optimizer.groups[0].hyperparameters
        assert values["lr"] == float(torch.tensor(0.1))
