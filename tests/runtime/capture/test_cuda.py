"""A step captured for CUDA on a machine without: the kernels of a GPU, and nothing of the CPU's."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from runtime.capture.bayplan_capture import kernels as cuda_capture_kernels
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.cuda_ops import cpu_only_ops
from runtime.capture.bayplan_capture.errors import CaptureError
from runtime.capture.bayplan_capture.target import Target
from solver.files import decode_step, encode_step
from solver.step import Json, Step
from tests.runtime.capture.conftest import UserFile
from tests.runtime.capture.cuda_models import (
    EFFICIENT,
    FAMILIES,
    FLASH,
    NATIVE,
    TRANSFORMER,
    attention,
    sequential,
)
from tests.runtime.capture.interpreter import decode, strides

WriteFile = Callable[[str], UserFile]

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="here torch itself picks the kernels")


@pytest.fixture(scope="module")
def captured() -> dict[str, Step]:
    """Steps of the families, captured once."""
    return {}


@pytest.fixture(params=FAMILIES)
def family(
    request: pytest.FixtureRequest, user_file: WriteFile, captured: dict[str, Step]
) -> tuple[str, Step, UserFile]:
    """Name, step and file of one of the families."""
    name = request.param
    file = user_file(FAMILIES[name][0])
    if name not in captured:
        captured[name] = file.capture(target="cuda")
    return name, captured[name], file


def kernels(step: Step) -> Counter[str]:
    return Counter(op.target.partition(".")[0] for op in step.ops)


def test_the_kernels_are_those_of_a_gpu(family: tuple[str, Step, UserFile]) -> None:
    name, step, _ = family
    found = kernels(step)
    _, wanted, unwanted = FAMILIES[name]
    assert not [each for each in wanted if each not in found], found
    assert not [each for each in unwanted if each in found], found
    assert step.origin.target == "cuda"


def test_every_op_has_a_kernel_for_cuda(family: tuple[str, Step, UserFile]) -> None:
    program = family[1].program
    assert program is not None
    names = {
        each.target.replace(".", "::", 1).removesuffix(".default") for each in program.instructions
    }
    assert names and names.isdisjoint(cpu_only_ops())
    assert len(cpu_only_ops()) > 20 and "aten::mkldnn_rnn_layer" in cpu_only_ops()


def test_the_file_says_cuda_and_survives_a_round_trip(family: tuple[str, Step, UserFile]) -> None:
    step = family[1]
    assert decode_step(encode_step(step), "again") == step
    assert step.program is not None
    devices = [
        item["device"]
        for each in step.program.instructions
        for item in (*each.args, *each.kwargs.values())
        if isinstance(item, dict) and "device" in item
    ]
    assert devices and set(devices) == {"cuda"}


# Fake CUDA tensors without CUDA: what cuDNN does is not known there, some rules look for the device,
# and one op has none.
_UNKNOWN = ("convolution", "cudnn_", "grid_sampler_", "native_batch_norm", "_thnn_fused_gru_cell")


class FakeValues(dict[int, Tensor]):
    """Each value as a fake CUDA tensor of its own storage, made when it is asked for."""

    def __init__(self, step: Step) -> None:
        assert step.program is not None
        self._values, self._storages = step.program.values, step.storages

    def __missing__(self, index: int) -> Tensor:
        about = self._values[index]
        dtype = getattr(torch, about.dtype)
        size = self._storages[about.storage].size // dtype.itemsize
        flat = torch.empty(size, dtype=dtype, device="cuda")
        return flat.as_strided(about.shape, about.stride, about.offset)


def test_every_value_has_the_geometry_that_fake_cuda_tensors_have(
    family: tuple[str, Step, UserFile],
) -> None:
    program = family[1].program
    assert program is not None
    compared = 0
    values = FakeValues(family[1])
    with FakeTensorMode(), torch.no_grad():
        for instruction in program.instructions:
            name = instruction.target.split(".")[1]
            if instruction.op < 0 or name.startswith(_UNKNOWN) or name.endswith("_"):
                continue
            result = function_of(instruction.target)(
                *(on_cuda(each, values) for each in instruction.args),
                **{key: on_cuda(each, values) for key, each in instruction.kwargs.items()},
            )
            results = result if instruction.tuple_result else (result,)
            for index, tensor in zip(instruction.outputs, results, strict=True):
                if index is not None:
                    about = program.values[index]
                    assert tensor.device.type == "cuda"
                    assert tuple(tensor.shape) == about.shape, instruction.target
                    assert str(tensor.dtype) == f"torch.{about.dtype}", instruction.target
                    assert strides(tensor) == strides(about), instruction.target
                    compared += 1
    assert compared


def function_of(target: str) -> Any:
    namespace, name, overload = target.split(".")
    return getattr(getattr(getattr(torch.ops, namespace), name), overload)


def on_cuda(item: Json, values: dict[int, Tensor]) -> Any:
    if isinstance(item, list):
        return [on_cuda(each, values) for each in item]
    if isinstance(item, dict) and "device" in item:
        return torch.device("cuda")
    return decode(item, values, [0.1] * 100)


def test_random_ops_keep_their_order_and_attention_without_dropout_is_none_of_them(
    user_file: WriteFile,
) -> None:
    name = "causal attention in bfloat16, with dropout"
    step = user_file(FAMILIES[name][0]).capture(target="cuda")
    (drawn,) = [op for op in step.ops if op.random]
    assert drawn.target == f"{FLASH}.default"
    seeds = [step.storages[i] for i in drawn.creates if step.storages[i].size in (8, 16)]
    assert len(seeds) == 2 and all(each.planned for each in seeds)
    masked = user_file(attention("dropout_p=0.1, attn_mask=x[0, :, :12] * 0")).capture(target="cuda")
    assert [op.target for op in masked.ops if op.random] == [f"{EFFICIENT}.default"]
    assert f"{EFFICIENT}_backward.default" in {op.target for op in masked.ops}
    quiet = user_file(attention("is_causal=True", "torch.bfloat16")).capture(target="cuda")
    assert not any(op.random for op in quiet.ops)


ROWS = ("torch.randn(128, 4)", "torch.randint(4, (128,))")


def test_a_fused_dropout_keeps_one_byte_an_element(user_file: WriteFile) -> None:
    layers = "nn.Linear(4, 4), nn.Dropout(0.3), nn.Linear(4, 4)"
    step = user_file(sequential(layers, *ROWS)).capture(target="cuda")
    (drawn,) = [op for op in step.ops if op.target == "native_dropout.default"]
    assert drawn.random
    assert sorted(step.storages[i].size for i in drawn.creates) == [128 * 4, 128 * 4 * 4]


def test_layer_norm_of_half_precision_keeps_statistics_in_float32(user_file: WriteFile) -> None:
    layers = "nn.LayerNorm(4).bfloat16(), nn.Linear(4, 4).bfloat16()"
    file = user_file(sequential(layers, ROWS[0].replace(")", ", dtype=torch.bfloat16)"), ROWS[1]))
    for target, size in (("cpu", 2), ("cuda", 4)):
        step = file.capture(target=target)
        (norm,) = [op for op in step.ops if op.target == "native_layer_norm.default"]
        assert sorted(step.storages[i].size for i in norm.creates) == [128 * size] * 2 + [128 * 4 * 2]


INFERENCE = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm2d(4), nn.Dropout(0.5)

    def forward(self, x):
        with torch.{mode}():
            return F.scaled_dot_product_attention(*[self.drop(self.norm(x))] * 3, is_causal=True)

def build(batch=2):
    return Model().half().eval(), torch.randn(batch, 4, 16, 8, dtype=torch.float16)
"""


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode", "enable_grad"])
def test_an_inference_step_has_the_kernels_of_a_gpu(user_file: WriteFile, mode: str) -> None:
    step = user_file(INFERENCE.format(mode=mode)).capture(target="cuda")
    assert kernels(step) == {NATIVE: 1, FLASH: 1}


@pytest.mark.parametrize(
    ("layer", "error"),
    [
        ("nn.LSTM(4, 4)", "lstm.input runs on CUDA as cuDNN's recurrent kernel"),
        ("nn.GRU(4, 4)", "gru.input runs on CUDA as cuDNN's recurrent kernel"),
        ("nn.RNN(4, 4)", "rnn_tanh.input runs on CUDA as cuDNN's recurrent kernel"),
    ],
)
@pytest.mark.parametrize("mode", ["enable_grad", "inference_mode"])
def test_a_recurrent_layer_is_refused(user_file: WriteFile, layer: str, error: str, mode: str) -> None:
    file = user_file(f"""
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = {layer}

            def forward(self, x):
                with torch.{mode}():
                    return self.layer(x)[0]  # here

        def build():
            return Model(), torch.randn(3, 2, 4)
        """)
    with pytest.raises(CaptureError, match=error) as caught:
        file.capture(target="cuda")
    assert (
        f"line {file.line_of('# here')}" in str(caught.value)
        or "# here" in str(caught.value)
        or (f":{file.line_of('# here')}" in str(caught.value))
    )
    assert "nn.LSTMCell" in str(caught.value)
    assert f":{file.line_of('# here')})" in str(caught.value)
    file.capture(target="cpu")


def test_an_op_that_only_the_cpu_has_is_refused(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def forward(self, x):
                return torch.histogram(x, bins=x[:3])[0]

        def build():
            return Model(), torch.randn(9)
        """)
    with pytest.raises(CaptureError, match=r"histogram.* runs on the CPU only"):
        file.capture(target="cuda")


@pytest.mark.parametrize("model", ['nn.Linear(2, 2).to("cuda")', 'nn.Linear(2, 2, device="cuda")'])
def test_a_model_on_a_device_that_is_not_here_is_refused(user_file: WriteFile, model: str) -> None:
    file = user_file(f"""
        def build():
            return {model}, torch.randn(2, 2)
        """)
    with pytest.raises(CaptureError, match="Build the model without naming a device"):
        file.capture(target="cuda")


ON_CUDA = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(8, 4))
        self.register_buffer("offset", torch.empty(8))

    def forward(self, x):
        x = F.linear(x, self.weight) + self.offset + torch.arange(8, device=x.device)
        return F.gelu(F.layer_norm(x, (8,)))

def build(batch=3):
    return Model(), torch.randn(batch, 4)
"""


def test_with_a_gpu_the_trace_has_tensors_on_it_and_torch_chooses(
    user_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as that goes without: no gradients, nothing that asks for the device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    seen: set[str] = set()
    run = cuda_capture_kernels.run

    def watched(func: Any, args: Any, kwargs: Any, fake: Any, target: Target) -> Any:
        assert not target.steered and target.device.type == "cuda"
        seen.update(each.device.type for each in args if isinstance(each, Tensor))
        return run(func, args, kwargs, fake, target)

    monkeypatch.setattr(cuda_capture_kernels, "run", watched)
    native = user_file(ON_CUDA).capture(target="cuda")
    assert seen == {"cuda"}
    monkeypatch.undo()
    assert native.fingerprint == user_file(ON_CUDA).capture(target="cuda").fingerprint


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(CaptureError, match="The target is 'tpu'; steps are captured for cpu or cuda"):
        capture_step("zoo:resnet18", 1, None, target_name="tpu")


def test_a_capture_for_the_cpu_after_one_for_cuda_is_as_before(user_file: WriteFile) -> None:
    file = user_file(TRANSFORMER)
    before = file.capture(target="cpu")
    assert file.capture(target="cuda").fingerprint != before.fingerprint
    after = file.capture(target="cpu")
    assert after.fingerprint == before.fingerprint and after.origin.target == "cpu"
