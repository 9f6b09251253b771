"""A step captured for CUDA on a machine without: the kernels of a GPU, and nothing of the CPU's."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from runtime.capture.bayplan_capture import kernels as cuda_capture_kernels
from runtime.capture.bayplan_capture.build import build_model, call_model
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.cuda_ops import cpu_only_ops
from runtime.capture.bayplan_capture.errors import CaptureError
from runtime.capture.bayplan_capture.target import Target
from solver.files import decode_step, encode_step
from solver.step import Json, Step
from tests.runtime.capture.conftest import UserFile
from tests.runtime.capture.interpreter import Interpreter, decode, strides

WriteFile = Callable[[str], UserFile]

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="here torch itself picks the kernels")

ATTENTION = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear({size}, {size} * 3), nn.Linear({size}, {size})

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, {arguments})
        return self.out(y.transpose(1, 2).reshape(b, t, c))

def build(batch=2):
    model = Attention().to({dtype})
    x, y = (torch.randn(batch, 12, {size}, dtype={dtype}) for _ in range(2))
    return model, (x, y), nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SEQUENTIAL = """
def build(batch=4):
    model = nn.Sequential({layers}){more}
    data = {inputs}, {target}
    return model, data, {loss}, torch.optim.SGD(model.parameters(), lr=0.1)
"""

CELLS = """
class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(4, 8), nn.GRUCell(8, 8)

    def forward(self, x):
        state, hidden = None, None
        for part in x.unbind(1):
            state = self.lstm(part, state)
            hidden = self.gru(state[0], hidden)
        return hidden

def build(batch=3):
    model = Loop()
    data = torch.randn(batch, 2, 4), torch.randn(batch, 8)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SOFTMAX = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        x = self.layer(x)
        return F.softmax(x, 1, dtype=torch.float32) + F.log_softmax(x, 1, dtype=torch.float32)

def build(batch=4):
    model = Model().half()
    data = torch.randn(batch, 8, dtype=torch.float16), torch.randn(batch, 8)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SAMPLING = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.grid = nn.Parameter(torch.rand(2, 5, 6, 2))
        self.solid = nn.Parameter(torch.rand(2, 3, 5, 6, 3))

    def forward(self, x):
        at = F.grid_sample(x, self.grid, align_corners=True)
        between = F.grid_sample(x, self.grid, align_corners=False)
        return at + between + F.grid_sample(x[:, :, None], self.solid, align_corners=True)[:, :, 0]

def build():
    model = Model()
    data = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 5, 6)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

TRANSFORMER = """
class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 11)

    def forward(self, tokens):
        mask = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        return self.head(self.layer(self.embedding(tokens), src_mask=mask)).transpose(1, 2)

def build(batch=2):
    model = Language()
    data = torch.randint(11, (batch, 6)), torch.randint(11, (batch, 6))
    return model, data, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""


def attention(arguments: str = "", dtype: str = "torch.float32", size: int = 16) -> str:
    return ATTENTION.format(arguments=arguments, dtype=dtype, size=size)


def sequential(
    layers: str,
    inputs: str = "torch.randn(batch, 3, 8, 8)",
    target: str = "torch.randint(4, (batch,))",
    loss: str = "nn.CrossEntropyLoss()",
    more: str = "",
) -> str:
    return SEQUENTIAL.format(layers=layers, inputs=inputs, target=target, loss=loss, more=more)


FLASH, EFFICIENT = "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"
CUDNN, NATIVE = "cudnn_batch_norm", "native_batch_norm"
FAMILIES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # What is captured, ops that must be in the program, ops that must not.
    "attention in float32": (
        attention(),
        (EFFICIENT, f"{EFFICIENT}_backward"),
        ("_softmax", "bmm", FLASH),
    ),
    "causal attention in bfloat16, with dropout": (
        attention("is_causal=True, dropout_p=0.1", "torch.bfloat16"),
        (FLASH, f"{FLASH}_backward"),
        ("_softmax", "bmm", "native_dropout", "bernoulli_"),
    ),
    "attention of heads that flash pads": (
        attention(dtype="torch.float16", size=12),
        (FLASH, f"{FLASH}_backward", "constant_pad_nd"),
        ("_softmax",),
    ),
    "attention in float16 with a mask": (
        attention("attn_mask=torch.ones(12, 12, dtype=torch.bool).tril()", "torch.float16"),
        (EFFICIENT, f"{EFFICIENT}_backward", "where"),
        (FLASH, "_softmax"),
    ),
    "attention in float64, with dropout": (
        attention("dropout_p=0.1", "torch.float64"),
        ("_safe_softmax", "bmm", "native_dropout", "native_dropout_backward"),
        (EFFICIENT, FLASH),
    ),
    "an encoder with a mask and dropout": (
        TRANSFORMER,
        (EFFICIENT, f"{EFFICIENT}_backward", "native_dropout", "native_dropout_backward",
         "native_layer_norm", "native_layer_norm_backward", "gelu", "gelu_backward", "addmm",
         "embedding", "embedding_dense_backward", "_log_softmax"),
        ("bernoulli_", "_softmax"),
    ),
    "convolution, batch norm and pooling": (
        sequential("nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), "
                   "nn.Linear(36, 4)"),
        ("convolution", "convolution_backward", CUDNN, f"{CUDNN}_backward", "max_pool2d_with_indices",
         "max_pool2d_with_indices_backward", "addmm", "nll_loss_forward"),
        (NATIVE, "mkldnn_convolution"),
    ),
    "batch norm in bfloat16": (
        sequential("nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 4)",
                   "torch.randn(batch, 3, 8, 8, dtype=torch.bfloat16)", more=".bfloat16()"),
        (NATIVE, f"{NATIVE}_backward"),
        (CUDNN,),
    ),
    "batch norm of vectors": (
        sequential("nn.Linear(3, 4), nn.BatchNorm1d(4)", "torch.randn(batch, 3)"),
        (NATIVE, f"{NATIVE}_backward"),
        (CUDNN,),
    ),
    "batch norm that is evaluated while the rest is trained": (
        sequential("nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4).eval(), nn.Flatten()"),
        (CUDNN, f"{NATIVE}_backward"),
        (f"{CUDNN}_backward", NATIVE),
    ),
    "instance and group norm": (
        sequential("nn.InstanceNorm2d(3, affine=True), nn.GroupNorm(1, 3), nn.Flatten()"),
        (CUDNN, f"{CUDNN}_backward", "native_group_norm", "native_group_norm_backward"),
        (NATIVE,),
    ),
    "root mean square norm": (
        sequential("nn.RMSNorm(4)", "torch.randn(batch, 4)"),
        ("_fused_rms_norm", "_fused_rms_norm_backward"),
        ("rsqrt",),
    ),
    "dropout": (
        sequential("nn.Dropout(0.3), nn.Linear(4, 4)", "torch.randn(batch, 4)"),
        ("native_dropout",),
        ("bernoulli_", "native_dropout_backward"),
    ),
    "softmax of float16 in float32": (
        SOFTMAX,
        ("_softmax", "_softmax_backward_data", "_log_softmax"),
        ("_to_copy",),
    ),
    "sampling at a grid": (
        SAMPLING,
        ("cudnn_grid_sampler", "cudnn_grid_sampler_backward", "grid_sampler_2d", "grid_sampler_3d"),
        (),
    ),
    "recurrent cells": (
        CELLS,
        ("_thnn_fused_lstm_cell", "_thnn_fused_lstm_cell_backward_impl", "_thnn_fused_gru_cell",
         "_thnn_fused_gru_cell_backward"),
        ("sigmoid", "tanh"),
    ),
}  # fmt: skip


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


def attended(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scale: float | None
) -> Tensor:
    """Attention by its definition; a single head of keys and values is that of all queries."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query.double() @ key.double().transpose(-2, -1)) * scale
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = scores.masked_fill(~torch.ones_like(scores, dtype=torch.bool).tril(), -torch.inf)
    return (scores.softmax(-1) @ value.double()).to(query.dtype)


def attention_gradients(
    grad: Tensor, *tensors: Tensor, bias: Tensor | None, causal: bool, scale: float | None
) -> tuple[Tensor, ...]:
    query, key, value = leaves = [each.detach().requires_grad_() for each in tensors]
    result = attended(query, key, value, bias, causal, scale)
    return torch.autograd.grad(result, leaves, grad)


def efficient(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Any,
    logsumexp: bool,
    dropout: float = 0.0,
    causal: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert dropout == 0 and logsumexp
    result = (
        attended(query, key, value, bias, causal, scale).transpose(1, 2).contiguous().transpose(1, 2)
    )
    rows = -(-query.shape[2] // 32) * 32
    seeds = [torch.zeros((), dtype=torch.int64) for _ in range(2)]
    return result, torch.zeros((*query.shape[:2], rows)), *seeds


def efficient_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Any,
    out: Tensor,
    statistics: Tensor,
    seed: Tensor,
    offset: Tensor,
    dropout: float,
    mask: list[bool],
    causal: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert mask == [True, True, True, False]
    found = attention_gradients(grad, query, key, value, bias=bias, causal=causal, scale=scale)
    return *(each.transpose(1, 2).contiguous().transpose(1, 2) for each in found), None


def flash(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float = 0.0,
    causal: bool = False,
    debug: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert dropout == 0 and not debug and query.shape[-1] % 8 == 0
    result = attended(query, key, value, None, causal, scale)
    like = query.transpose(1, 2)
    laid_out = torch.empty_like(like).copy_(result.transpose(1, 2)).transpose(1, 2)
    seeds = torch.zeros(2, dtype=torch.uint64), torch.zeros((), dtype=torch.uint64)
    size = query.shape[2]
    statistics = torch.zeros(query.shape[:3])
    return laid_out, statistics, None, None, size, size, *seeds, query.new_empty(0)


def flash_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    statistics: Tensor,
    first: None,
    second: None,
    queries: int,
    keys: int,
    dropout: float,
    causal: bool,
    seed: Tensor,
    offset: Tensor,
    *,
    scale: float | None = None,
) -> Any:
    assert queries == query.shape[2] and keys == key.shape[2]
    found = attention_gradients(grad, query, key, value, bias=None, causal=causal, scale=scale)
    return tuple(
        torch.empty_like(each.transpose(1, 2)).transpose(1, 2).copy_(gradient)
        for each, gradient in zip((query, key, value), found, strict=True)
    )


def batch_norm(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    results = torch.native_batch_norm(input, weight, bias, mean, var, training, momentum, eps)
    return *results, torch.empty(0, dtype=torch.uint8)


def batch_norm_backward(
    input: Tensor,
    grad: Tensor,
    weight: Tensor,
    mean: None,
    var: None,
    save_mean: Tensor,
    save_var: Tensor,
    eps: float,
    reserve: Tensor,
) -> Any:
    return torch.ops.aten.native_batch_norm_backward.default(
        grad, input, weight, mean, var, save_mean, save_var, True, eps, [True] * 3
    )


SUBSTITUTES: dict[str, Callable[..., Any]] = {
    f"aten.{EFFICIENT}.default": efficient,
    f"aten.{EFFICIENT}_backward.default": efficient_backward,
    f"aten.{FLASH}.default": flash,
    f"aten.{FLASH}_backward.default": flash_backward,
    f"aten.{CUDNN}.default": batch_norm,
    f"aten.{CUDNN}_backward.default": batch_norm_backward,
}
"""What the kernels of CUDA compute, by their definitions."""

COMPUTED = {
    "attention": attention(),
    "attention with a mask": attention("attn_mask=torch.ones(12, 12, dtype=torch.bool).tril(3)"),
    "attention with a mask of unaligned rows, and a scale": attention(
        "attn_mask=torch.zeros(12, 12), scale=0.3"
    ),
    "causal attention": attention("is_causal=True"),
    "flash attention": attention(dtype="torch.bfloat16"),
    "flash attention of heads that are padded": attention(
        "is_causal=True", dtype="torch.float16", size=12
    ),
    "flash attention of grouped heads": attention("enable_gqa=True", "torch.bfloat16").replace(
        "q, k, v, enable", "q, k[:, :1], v[:, :1], enable"
    ),
    "math attention": attention("is_causal=True", dtype="torch.float64"),
    "an encoder without dropout": TRANSFORMER.replace('"gelu"', '"gelu", dropout=0.0'),
    "convolutions": FAMILIES["convolution, batch norm and pooling"][0],
    "channels last": sequential(
        "nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 6), nn.Flatten()",
        more=".to(memory_format=torch.channels_last)",
    ),
    "evaluated batch norm": FAMILIES["batch norm that is evaluated while the rest is trained"][0],
    "instance and group norm": FAMILIES["instance and group norm"][0],
}


@pytest.mark.parametrize("model", COMPUTED)
def test_the_program_computes_what_the_model_does(user_file: WriteFile, model: str) -> None:
    file = user_file(COMPUTED[model])
    step = file.capture(target="cuda")
    eager, inputs, target, loss_fn, optimizer = build_model(file.source, None, None, fake=False, seed=1)
    twin, _, _, _, twin_optimizer = build_model(file.source, None, None, fake=False, seed=1)
    assert loss_fn is not None and optimizer is not None and twin_optimizer is not None
    program = Interpreter(step, twin, twin_optimizer.param_groups, substitutes=SUBSTITUTES)
    for _ in range(2):
        optimizer.zero_grad()
        loss = loss_fn(call_model(eager, inputs), target)
        loss.backward()
        optimizer.step()
        (replayed,) = program.run(inputs, target)
        torch.testing.assert_close(replayed, loss.detach())
    for mine, its in zip(eager.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, its)


def test_random_ops_keep_their_order_and_attention_without_dropout_is_none_of_them(
    user_file: WriteFile,
) -> None:
    name = "causal attention in bfloat16, with dropout"
    step = user_file(FAMILIES[name][0]).capture(target="cuda")
    (drawn,) = [op for op in step.ops if op.random]
    assert drawn.target == f"{FLASH}.default"
    seeds = [step.storages[i] for i in drawn.creates if step.storages[i].size in (8, 16)]
    assert len(seeds) == 2 and all(each.planned for each in seeds)
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
