"""Operators are looked up by name: torch's, and our own that rewritten steps call."""

import pytest
import torch

from runtime.replay import own_ops
from runtime.replay.errors import ReplayError
from runtime.replay.targets import operator


def test_an_overload_of_torch_is_found_and_what_is_none_is_refused() -> None:
    assert operator("aten.relu.default") is torch.ops.aten.relu.default
    for target in ("aten.no_such_op.default", "aten.relu.no_such_overload"):
        with pytest.raises(ReplayError, match="has no operator"):
            operator(target)
    with pytest.raises(ReplayError, match="not the name"):
        operator("aten.relu")


def test_an_op_of_our_own_is_found_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    monkeypatch.setitem(own_ops.OPS, "bayplan.twice.default", twice)
    assert operator("bayplan.twice.default") is twice
    with pytest.raises(ReplayError, match=r"no operator bayplan\.thrice\.default"):
        operator("bayplan.thrice.default")
