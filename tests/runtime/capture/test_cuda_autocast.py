"""Autocast of CPU tensors that stand for CUDA's casts what CUDA's does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from runtime.capture.bayplan_capture import cuda_autocast
from runtime.capture.bayplan_capture.errors import CaptureError
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="here torch itself casts")


def test_the_lists_are_those_of_this_torch() -> None:
    registered = torch._C._dispatch_get_registrations_for_dispatch_key("AutocastCUDA")
    lists = " ".join(
        (cuda_autocast._LOWER, cuda_autocast._SINGLE, cuda_autocast._SINGLE_RESULT,
         cuda_autocast._WIDEST, *cuda_autocast._NORMS)
    )  # fmt: skip
    # cuDNN's convolutions are not called by name, and the loss is refused.
    apart = {"cudnn_convolution", "cudnn_convolution_transpose", "binary_cross_entropy"}
    assert {name.removeprefix("aten::") for name in registered} == {*lists.split(), *apart}


CALLS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "linear": lambda x, h: functional.linear(x, x),
    "matmul of two dtypes": lambda x, h: x @ h,
    "einsum": lambda x, h: torch.einsum("ij,jk->ik", x, h),
    "softmax": lambda x, h: h.softmax(-1),
    "softmax in a dtype": lambda x, h: h.softmax(-1, dtype=torch.bfloat16),
    "log_softmax": lambda x, h: h.log_softmax(-1),
    "layer_norm": lambda x, h: functional.layer_norm(h, (8,)),
    "cross_entropy": lambda x, h: functional.cross_entropy(h, h.argmax(1)),
    "mse_loss": lambda x, h: functional.mse_loss(h, x),
    "sum": lambda x, h: h.sum(),
    "sum over a dimension": lambda x, h: h.sum(0, keepdim=True),
    "mean": lambda x, h: h.mean(),
    "cumsum": lambda x, h: h.cumsum(0),
    "norm": lambda x, h: torch.ops.aten.norm.Scalar(h, 2),
    "norm over a dimension": lambda x, h: torch.ops.aten.norm.ScalarOpt_dim(h, 2, [1]),
    "exp": lambda x, h: h.exp(),
    "pow": lambda x, h: h**2,
    "gelu": lambda x, h: functional.gelu(h),
    "relu": lambda x, h: h.relu(),
    "addition of two dtypes": lambda x, h: x + h,
    "cat": lambda x, h: torch.cat([h, h]),
    "addcmul": lambda x, h: torch.addcmul(h, h, h),
    "addcmul of two dtypes": lambda x, h: torch.addcmul(x, h, h),
    "float64": lambda x, h: functional.linear(x.double(), x.double()),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_results_have_the_dtype_that_cuda_gives_them(name: str) -> None:
    def result(device: str) -> tuple[torch.dtype, ...]:
        single = torch.zeros(8, 8, device=device)
        found = CALLS[name](single, single.bfloat16() if device == "cpu" else half(single))
        return found.dtype, *found.shape

    def half(tensor: Tensor) -> Tensor:
        return torch.zeros(tensor.shape, dtype=torch.bfloat16, device=tensor.device)

    with FakeTensorMode(), torch.no_grad():
        with cuda_autocast.cuda_autocast(), torch.autocast("cuda", dtype=torch.bfloat16):
            mine = result("cpu")
        before = torch.get_autocast_dtype("cuda")
        torch.set_autocast_enabled("cuda", True)
        torch.set_autocast_dtype("cuda", torch.bfloat16)
        try:
            its = result("cuda")
        finally:
            torch.set_autocast_enabled("cuda", False)
            torch.set_autocast_dtype("cuda", before)
            torch.clear_autocast_cache()
    assert mine == its


MODEL = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(16), nn.Linear(16, 16)

    def forward(self, x):
        with torch.autocast({device!r}, dtype=torch.bfloat16):
            for _ in range(2):
                y = self.layer(self.norm(x)).view(2, 6, 2, 8).transpose(1, 2)
                y = F.scaled_dot_product_attention(y, y, y, is_causal=True)
                x = x + y.transpose(1, 2).reshape(2, 6, 16)
            return {result}

def build(batch=2):
    model = Model()
    data = torch.randn(2, 6, 16), torch.rand(2, 6, 16)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_attention_under_autocast_is_flash_and_a_weight_is_cast_once(
    user_file: WriteFile, device: str
) -> None:
    step = user_file(MODEL.format(device=device, result="x.softmax(-1)")).capture(target="cuda")
    assert step.program is not None
    targets = [op.target for op in step.ops]
    assert targets.count("_scaled_dot_product_flash_attention.default") == 2
    assert targets.count("_scaled_dot_product_flash_attention_backward.default") == 2
    dtypes = {
        instruction.target.split(".")[1]: step.program.values[instruction.outputs[0]].dtype
        for instruction in step.program.instructions
        if instruction.outputs and instruction.outputs[0] is not None
    }
    assert dtypes["addmm"] == "bfloat16"
    assert dtypes["native_layer_norm"] == dtypes["_softmax"] == "float32"
    weight = next(p.value for p in step.program.placeholders if p.key == "layer.weight")
    casts = [
        each
        for each in step.program.instructions
        if each.target == "aten._to_copy.default" and each.args == ({"value": weight},)
    ]
    assert len(casts) == 1


def test_a_forward_method_that_is_decorated_runs_under_autocast(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.head = nn.Linear(16, 16), nn.Linear(16, 16)
                self.block = torch.autocast("cuda")

            @torch.autocast("cuda", dtype=torch.bfloat16)
            def forward(self, x):
                x = self.layer(x)
                assert x.dtype == torch.bfloat16 and torch.is_autocast_enabled()
                with self.block:
                    return self.head(x)

        def build():
            return Model(), torch.randn(2, 16)
        """)
    step = file.capture(target="cuda")
    assert step.program is not None
    products = [
        step.program.values[instruction.outputs[0]].dtype
        for instruction in step.program.instructions
        if instruction.target == "aten.addmm.default" and instruction.outputs[0] is not None
    ]
    assert products == ["bfloat16", "float16"]


def test_a_loss_that_cuda_refuses_under_autocast_is_refused(user_file: WriteFile) -> None:
    result = "F.binary_cross_entropy(x.sigmoid(), x.detach().sigmoid())"
    file = user_file(MODEL.format(device="cuda", result=result))
    with pytest.raises(CaptureError, match="BCELoss are not safe under autocast"):
        file.capture(target="cuda")


def test_autocast_is_torchs_own_again_afterwards() -> None:
    x = torch.ones(4, 4)
    with cuda_autocast.cuda_autocast(), torch.autocast("cuda", dtype=torch.bfloat16):
        assert torch.is_autocast_enabled() and torch.get_autocast_dtype("cuda") == torch.bfloat16
        assert x.bfloat16().softmax(-1).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert x.bfloat16().softmax(-1).dtype == torch.bfloat16
        assert (x @ x).dtype == torch.bfloat16
    assert not torch.is_autocast_enabled()
