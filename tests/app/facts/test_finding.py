"""Finding tensors: what is typed is read as people mean it, and finds what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.facts.finding import Bytes, Query, find_index, in_order, matching, parse_query
from app.facts.plan import PlanFacts
from solver.errors import BayplanError
from solver.step import Step
from tests.app.facts.families import make_family_step
from tests.app.toy_case import toy_plan
from tests.conftest import make_toy_step

KIB = 1024


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("Relu layer1", Query(words=("relu", "layer1"))),
        (">64MiB", Query(sizes=(Bytes(">", 64 * KIB**2),))),
        ("<1KiB", Query(sizes=(Bytes("<", KIB),))),
        ("=4MiB", Query(sizes=(Bytes("=", 4 * KIB**2),))),
        (">= 1.5 KiB conv", Query(words=("conv",), sizes=(Bytes(">=", 1536),))),
        ("≤2,048", Query(sizes=(Bytes("<=", 2048),))),
        (">1KiB <2KiB", Query(sizes=(Bytes(">", KIB), Bytes("<", 2 * KIB)))),
        ("64x256x56x56", Query(shapes=((64, 256, 56, 56),))),
        ("64 × 256 × 56 × 56", Query(shapes=((64, 256, 56, 56),))),
        ("bn 64x*x7", Query(words=("bn",), shapes=((64, -1, 7),))),
        ("[64, 256]", Query(shapes=((64, 256),))),
        ("max_pool2d conv1x1", Query(words=("max_pool2d", "conv1x1"))),
    ],
)
def test_what_is_typed_is_read(text: str, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize("text", [">64XB", "> conv", "<"])
def test_a_size_that_is_none_says_so(text: str) -> None:
    with pytest.raises(BayplanError, match=r"not a size|no size"):
        parse_query(text)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_read_or_refused_in_words(text: str) -> None:
    try:
        query = parse_query(text)
    except BayplanError as error:
        assert str(error)
    else:
        assert matching(find_index(make_toy_step()), query).dtype == np.int64


def found(step: Step, text: str) -> list[int]:
    return matching(find_index(step), parse_query(text)).tolist()


def test_words_are_of_names_ops_modules_and_categories(toy_step: Step) -> None:
    assert found(toy_step, "relu") == [3, 5]
    assert found(toy_step, "linear") == [2, 6], "what the module makes"
    assert found(toy_step, "gradient weight") == [6]
    assert found(toy_step, "threshold backward") == [5], "the op's name for people"
    assert found(toy_step, "nothing of it") == []
    assert found(toy_step, "  ") == []


def test_sizes_are_compared_in_bytes(toy_step: Step) -> None:
    assert found(toy_step, ">1KiB") == [2, 5]
    assert found(toy_step, ">=1KiB") == [2, 3, 5]
    assert found(toy_step, "<512") == [4]
    assert found(toy_step, "<=512 >100") == [0, 1, 6]
    assert found(toy_step, "=2KiB relu") == [5]
    assert found(toy_step, "=512") == [0, 1, 4, 6], "as it lies in memory, too"


def test_shapes_are_those_of_a_tensor_or_of_its_views() -> None:
    step = make_family_step()
    assert found(step, "4x8") == [0, 2]
    assert found(step, "32x1") == [2], "a view of it"
    assert found(step, "*x8") == [0, 2]
    assert found(step, "*x*x*") == []


def test_results_come_as_the_plan_brings_them_and_residents_last(toy_step: Step) -> None:
    facts = PlanFacts(toy_step, toy_plan(toy_step))
    assert in_order(facts, np.array([0, 1, 3, 2, 6, 5])) == (2, 3, 5, 6, 0, 1)
