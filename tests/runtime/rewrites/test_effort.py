"""What is predicted of our own ops is what the run-time does."""

from collections.abc import Callable
from typing import Any

from runtime.replay import own_losses, own_masks, own_pooling
from runtime.replay.own_ops import OWN_OPS
from solver.rewrites.effort import PARTS, further_work
from solver.rewriting import RULES, available, combined, rewrite
from solver.step import Step

PLAIN = ("bayplan.avg_pool2d", "bayplan.convolution", "bayplan.log_softmax")
"""Ops that do nothing beside taking their operands and giving their results."""


def test_parts_are_of_the_size_that_is_predicted() -> None:
    assert PARTS == {
        "max_pool2d": own_pooling.PART,
        "mask": own_masks.PART,
        "loss": own_losses.PART,
    }


def test_every_rule_is_known_and_every_op_of_our_own_is_one_of_the_replays(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    found: set[str] = set()
    rules: set[str] = set()
    for function in (
        "mobile",
        "pools",
        "transformer",
        "attention_hidden",
        "averages",
        "convolutions",
        "head_with_bias",
    ):
        step, _ = model_step(function)
        packed = tuple(each.name for each in available(step) if each.rule == "dropout")
        for names in (combined(step, approximate=True), combined(step), packed):
            rules |= {name.split()[0] for name in names}
            program = rewrite(step, names).program
            assert program is not None
            own = [call for call in program.instructions if call.target.startswith("bayplan.")]
            found |= {call.target.split(".")[1] for call in own}
            for call in own:
                moved, launches = further_work(program, call)
                unpredicted = call.target.startswith(PLAIN)
                assert (moved > 0 and launches > 0) != unpredicted
    assert rules == {rule.name for rule in RULES}
    # native_dropout is what steps for CUDA have.
    assert found | {"dropout_backward_by_bits"} == set(OWN_OPS)
