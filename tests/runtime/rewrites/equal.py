"""Runs a step as captured and as rewritten, and compares all that is left, bit for bit or nearly."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from solver.rewriting import rewrite
from solver.step import Step
from solver.validate import validate_step
from tests.runtime.capture.interpreter import Interpreter


def run(step: Step, built: Any) -> dict[str, Tensor]:
    """Two steps of training from where ``built`` is; what they leave, by name."""
    module, (inputs, target), _, optimizer = copy.deepcopy(built)
    groups = [
        {key: value for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]
    interpreter = Interpreter(step, module, groups)
    torch.manual_seed(7)
    left: dict[str, Tensor] = {}
    for count in range(2):
        for index, output in enumerate(interpreter.run(inputs, target)):
            left[f"output {index} of step {count}"] = output
    left |= {name: tensor.detach() for name, tensor in module.named_parameters()}
    left |= dict(module.named_buffers()) | interpreter.states
    return left


def assert_equal(step: Step, built: Any, names: Sequence[str]) -> Step:
    """The rewritten step, which leaves, bit for bit, what ``step`` leaves."""
    changed = rewrite(step, names)
    validate_step(changed, "the rewritten step")
    expected, found = run(step, built), run(changed, built)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(bits(tensor), bits(found[name])), name
    return changed


def assert_near(step: Step, built: Any, names: Sequence[str], tolerance: float) -> Step:
    """The rewritten step, whose results differ by no more than ``tolerance`` of a tensor's largest."""
    changed = rewrite(step, names)
    validate_step(changed, "the rewritten step")
    expected, found = run(step, built), run(changed, built)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        scale = tensor.double().abs().max().clamp_min(1e-12)
        difference = (tensor.double() - found[name].double()).abs().max() / scale
        assert difference <= tolerance, (name, float(difference))
    return changed


def bits(tensor: Tensor) -> Tensor:
    """All of a tensor's bytes, in the order of its elements."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)
