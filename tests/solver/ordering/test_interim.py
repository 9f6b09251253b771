"""An interim order is handed over while the search goes on, and changes nothing of what it finds."""

from hypothesis import given, settings
from hypothesis import strategies as st
from random_pins import keeps_pins, random_pins
from random_programs import random_program_step
from random_steps import is_order, random_step

from solver.bench.wired import wired_step
from solver.errors import BayplanError
from solver.ordering import Interim, OrderResult, order_step
from solver.pins import Pins
from solver.reuse import peak_with_takeovers
from solver.step import Step
from solver.timeline import order_profile


def interim_orders(step: Step, *, reuse: bool, pins: Pins = ()) -> list[OrderResult]:
    """All that a search hands over: sound, and without a trace in what it finds."""
    taken: list[OrderResult] = []
    first, second = (
        order_step(step, deadline=60, seed=0, reuse=reuse, pins=pins, interim=interim)
        for interim in (Interim(lambda gap: gap > 0, taken.append), None)
    )
    assert first == second
    for one in taken:
        for order in filter(None, (one.order, one.lean_order)):
            assert is_order(step, order) and keeps_pins(step, pins, order)
            if reuse:
                assert peak_with_takeovers(step, order) == one.peak_bytes
            else:
                assert order_profile(step, order).max() == one.peak_bytes
        assert one.bound_bytes <= first.bound_bytes <= first.peak_bytes <= one.peak_bytes
        assert one.optimal == (one.bound_bytes == one.peak_bytes)
    return taken


def test_a_wide_step_hands_over_better_and_better_orders() -> None:
    taken = interim_orders(wired_step(300, 1, training=False), reuse=True)
    assert len({one.peak_bytes for one in taken}) > 1
    peaks = [one.peak_bytes for one in taken]
    assert peaks == sorted(peaks, reverse=True)


def test_so_does_the_search_for_takeovers_that_depend_on_the_order() -> None:
    taken = []
    for seed in range(12):
        step = random_program_step(14, seed)
        taken += interim_orders(step, reuse=True) if step.outlook.open else []
    assert taken


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
def test_interim_orders_keep_the_pins(step_seed: int, pin_seed: int, reuse: bool) -> None:
    step = random_step(12, step_seed, density=0.1)
    pins = random_pins(step, pin_seed)
    try:
        interim_orders(step, reuse=reuse, pins=pins)
    except BayplanError:
        return  # The pins conflict: nothing is found and nothing handed over.
