"""Ops are timed on their device: every op gets a time, and the step stays what it is."""

import time
from collections.abc import Callable
from functools import partial

import pytest
import torch

from runtime.capture.bayplan_capture import timing
from runtime.capture.bayplan_capture.errors import CaptureError
from solver.files import decode_step, encode_step
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

MODEL = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 8)
        self.norm, self.layer = nn.BatchNorm1d(8), nn.Linear(8, {width})
        self.register_buffer("kept", torch.tensor([True, False, True]))
        self.head, self.scale = nn.Linear({width}, 5), torch.tensor([0.5, 2.0, 1.0, 1.0, 1.0])

    def forward(self, tokens):
        x = self.norm(self.embedding(tokens).transpose(1, 2)).transpose(1, 2)
        x = F.dropout(self.layer(x), 0.1).masked_fill(self.kept[:, None], 0.0)
        return (self.head(x) * self.scale).flatten(0, 1)

def build(batch=4):
    model = Model()
    data = torch.randint(7, (batch, 3)), torch.randint(5, (3 * batch,))
    return model, data, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())
"""


def test_every_op_has_a_time_which_no_fingerprint_knows(user_file: WriteFile) -> None:
    file = user_file(MODEL.format(width=16))
    plain, timed = file.capture(), file.capture(timed=True)
    assert {op.seconds for op in plain.ops} == {-1.0}
    assert all(0 < op.seconds < 1 for op in timed.ops)
    assert timed.fingerprint == plain.fingerprint
    assert [op.seconds for op in decode_step(encode_step(timed), "again").ops] == [
        op.seconds for op in timed.ops
    ]


def test_a_larger_product_takes_longer(user_file: WriteFile) -> None:
    step = user_file(MODEL.format(width=200_000)).capture(timed=True)
    large = max(op.seconds for op in step.ops if op.module == "layer")
    (small,) = [op.seconds for op in step.ops if op.target == "nll_loss_forward.default"]
    assert large > small


def test_the_median_of_several_runs_counts_and_the_first_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    durations = iter([1.0, 9.0, 2.0])
    clock = [0.0]

    def call() -> None:
        clock[0] += next(durations)

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    assert timing._median(call, torch.device("cpu")) == 2.0
    assert next(durations, None) is None


def test_a_step_that_does_not_fit_is_a_clear_error(
    user_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> float:
        raise torch.OutOfMemoryError("Tried to allocate 20.00 GiB.\nmore")

    monkeypatch.setattr(timing, "_median", full)
    with pytest.raises(CaptureError, match=r"does not fit .*20\.00 GiB\..*Choose a smaller batch"):
        user_file(MODEL.format(width=8)).capture(timed=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it can be timed here")
def test_ops_for_cuda_are_not_timed_without(user_file: WriteFile) -> None:
    capture = partial(user_file(MODEL.format(width=8)).capture, target="cuda", timed=True)
    with pytest.raises(CaptureError, match=r"has no cuda device.*without --time"):
        capture()
