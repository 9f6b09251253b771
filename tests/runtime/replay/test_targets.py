"""Operators are looked up by name: torch's, and our own that rewritten steps call."""

import pytest
import torch

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

    monkeypatch.setattr("runtime.replay.targets.OWN_OPS", {"twice": twice})
    assert operator("bayplan.twice.default") is twice
    for target in ("bayplan.thrice.default", "bayplan.twice.out"):
        with pytest.raises(ReplayError, match=f"no operator {target}"):
            operator(target)
