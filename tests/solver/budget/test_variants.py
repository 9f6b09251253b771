"""Which variants of a step are searched, and in which order."""

import pytest
from random_programs import random_program_step

from solver.budget.devices import V100
from solver.budget.variants import Variants
from solver.step import Step
from solver.terms import Choice

from .chain_steps import chain_step


def variants_of(step: Step, *allowed: Choice, reuse: bool = True) -> Variants:
    return Variants(step, V100, False, allowed, reuse)


def program(step: Step) -> tuple[int, ...]:
    return tuple(range(len(step.ops)))


def test_without_other_implementations_there_are_two_orders_at_the_most() -> None:
    step = chain_step(5)
    late = tuple(sorted(program(step), key=lambda op: step.ops[op].phase == "update"))
    found = variants_of(step, Choice.RECOMPUTE).likely((), lambda _: late)
    assert [variant.rewrites for variant in found] == [(), ()]
    assert found[1].order == late  # with the gradients of all weights until the end
    assert not found[0].fusing
    same = variants_of(step, Choice.RECOMPUTE).likely((), lambda _: found[0].order)
    assert len(same) == 1


def test_the_order_with_the_lower_peak_comes_first() -> None:
    step = random_program_step(12, 3)
    variants = variants_of(step, Choice.RECOMPUTE)
    orders = [variant.order for variant in variants.likely((), program)]
    assert [variants._peak(step, order) for order in orders] == sorted(
        variants._peak(step, order) for order in orders
    )


def test_variants_are_made_once() -> None:
    variants = variants_of(chain_step(3), Choice.RECOMPUTE)
    asked: list[Step] = []

    def order(step: Step) -> tuple[int, ...]:
        asked.append(step)
        return program(step)

    assert variants.likely((), order) == variants.likely((), order)
    assert len(asked) == 1


@pytest.mark.parametrize("names", [None, ("mask 9999",), ("no rewrite at all",)])
def test_rewrites_that_cannot_be_applied_are_not(names: tuple[str, ...] | None) -> None:
    variants = variants_of(random_program_step(5, 1), Choice.IMPLEMENTATIONS)
    assert variants.together(names) == variants.everything
