"""What a step does beside its operators is refused, not left out."""

from collections.abc import Callable

import pytest

from runtime.capture.bayplan_capture.errors import CaptureError
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

STEP = """
from torch.utils.checkpoint import checkpoint

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 4)
        self.memory = torch.zeros(3, 4)
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        {forward}

def build():
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(3, 4)
    {before}
    return model, (x, torch.randn(3, 4)), nn.MSELoss(), optimizer
"""


@pytest.mark.parametrize(
    ("forward", "before", "said"),
    [
        (
            "return self.last(checkpoint(self.first, x, use_reentrant=True))",
            "x.requires_grad_()",
            "use_reentrant=True",
        ),
        (
            "return checkpoint(self.last, self.first(x), use_reentrant=True)",
            "pass",
            "use_reentrant=True",
        ),
        ("y = self.last(x); y.sum().backward(); return y", "pass", r"calls backward\(\)"),
        (
            "y = self.last(x) + self.memory; self.memory = y.detach(); return y",
            "pass",
            "reads the tensor memory and then replaces it",
        ),
        (
            "self.last.weight.data = self.last.weight.data * 0.9; return self.last(x)",
            "pass",
            "gives last.weight other memory",
        ),
        ("self.count += 1; return self.last(x) * int(self.count)", "pass", "into a Python number"),
        (
            "return self.last(x)",
            "model.last.weight.register_post_accumulate_grad_hook(lambda p: None)",
            "last.weight has a post-accumulate-grad hook",
        ),
        (
            "return self.last(x)",
            "optimizer.register_step_pre_hook(lambda *_: None)",
            "hook on its step",
        ),
        ("return self.last(x)", "x = x.to_sparse()", "The input is torch.sparse_coo"),
        ("return self.last(x)", "x = x[:0]", "an empty batch"),
        (
            "return torch.cond(x.sum() > 0, self.first, self.last, (x,))",
            "pass",
            "cond is a higher-order operator",
        ),
    ],
)
def test_it_is_refused_with_the_reason(
    user_file: WriteFile, forward: str, before: str, said: str
) -> None:
    with pytest.raises(CaptureError, match=said):
        user_file(STEP.format(forward=forward, before=before)).capture()


@pytest.mark.parametrize(
    "forward",
    [
        "self.memory = self.last(x); return self.memory",
        "self.memory = self.memory if self.training else x; return self.last(x) + self.memory",
        "return checkpoint(self.last, self.first(x), use_reentrant=False)",
    ],
)
def test_what_does_no_harm_is_captured(user_file: WriteFile, forward: str) -> None:
    assert user_file(STEP.format(forward=forward, before="pass")).capture().ops


def test_marks_for_a_profiler_leave_no_op(user_file: WriteFile) -> None:
    plain = user_file(STEP.format(forward="return self.last(x)", before="pass")).capture()
    marked = user_file(
        STEP.format(
            forward="with torch.profiler.record_function('here'): return self.last(x)", before="pass"
        )
    ).capture()
    assert [op.target for op in marked.ops] == [op.target for op in plain.ops]
