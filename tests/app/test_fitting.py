"""The largest batch that fits is found from few tries, whatever the figures look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fitting import RESOLUTION, Trial, TrialCallback, fit

GIB = 1 << 30


def model(memory: int, fixed: int, each: int, least: float, price: float) -> TrialCallback:
    """A step that needs ``fixed + each × batch`` bytes, down to ``least`` of what is above ``fixed``
    at an overhead of ``price`` for all of it."""

    def try_batch(batch: int, lowest: bool) -> Trial:
        plain, smallest = fixed + each * batch, fixed + int(each * batch * least)
        if plain <= memory:
            return Trial(batch, fixed, plain, 0.0, 0.0, smallest if lowest else None)
        if smallest > memory:
            return Trial(batch, fixed, plain, None, 0.0, smallest)
        part = (plain - memory) / (plain - smallest)
        return Trial(batch, fixed, plain, price * part**2, 0.0)

    return try_batch


def test_three_answers_are_found_from_a_few_captures() -> None:
    memory = 24 * GIB
    found = fit(memory, 0.1, model(memory, 3 * GIB, 100 << 20, 0.3, 0.2))

    assert found.plain.trial is not None and found.plain.trial.batch == 215
    assert found.plain.too_large == 216
    assert found.limited.trial is not None and found.any.trial is not None
    assert 0.09 < (found.limited.trial.overhead or 0) <= 0.1
    assert 710 <= found.any.trial.batch <= 716
    assert len(found.trials) <= 11


@given(
    st.integers(1, 40 * GIB),
    st.integers(0, 4 * GIB),
    st.integers(1 << 16, 1 << 31),
    st.floats(0.05, 1.0),
    st.floats(0.01, 0.5),
    st.integers(1, 7),
)
def test_a_batch_that_fits_and_a_near_one_that_does_not_are_found(
    memory: int, fixed: int, each: int, least: float, price: float, unit: int
) -> None:
    last = 4096 * unit
    try_batch = model(memory, fixed, each, least, price)
    found = fit(memory, 0.1, try_batch, first=unit, last=last, unit=unit)

    plain = min(max((memory - fixed) // each, 0) // unit * unit, last)
    assert (found.plain.trial.batch if found.plain.trial else 0) == plain
    for answer in (found.plain, found.limited, found.any):
        batch = answer.trial.batch if answer.trial else 0
        assert batch % unit == 0
        if answer.too_large is None:
            assert batch == last
        else:
            assert batch < answer.too_large <= max(batch + unit, int(batch * (1 + RESOLUTION)))
    assert len(found.trials) <= 80
    if found.limited.too_large is not None:
        overhead = try_batch(found.limited.too_large, False).overhead
        assert overhead is None or overhead > 0.1
    if found.any.too_large is not None:
        assert try_batch(found.any.too_large, False).overhead is None


def test_where_the_smallest_batch_does_not_fit_nothing_does() -> None:
    found = fit(GIB, 0.1, model(GIB, 2 * GIB, 1 << 20, 0.5, 0.1))

    assert found.plain.trial is None and found.any.trial is None
    assert found.any.too_large == 1
    assert len(found.trials) <= 6


@pytest.mark.parametrize("last", [1, 5, 16])
def test_no_larger_batch_than_allowed_is_tried(last: int) -> None:
    found = fit(1 << 50, 0.1, model(1 << 50, 0, 1 << 20, 0.5, 0.1), last=last)

    assert found.plain.trial is not None and found.plain.trial.batch == last
    assert found.plain.too_large is None
    assert max(trial.batch for trial in found.trials) == last


def test_an_error_of_a_try_ends_it() -> None:
    def fail(_: int, __: bool) -> Trial:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        fit(GIB, 0.1, fail)
