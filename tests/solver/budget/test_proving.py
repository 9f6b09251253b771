"""A proof beside a search: what it has is known at once, and who leaves waits for its end."""

import threading

import pytest

from solver.budget.proving import Proving


def test_the_best_bound_so_far_is_known_while_the_proof_goes_on() -> None:
    told, enough = threading.Event(), threading.Event()

    def prove(found, cancelled) -> None:
        found(0.25)
        told.set()
        while not cancelled():
            enough.wait(0.01)
        found(0.5)

    with Proving(prove, enough.is_set) as proving:
        assert told.wait(10)
        assert proving.bound == 0.25
        enough.set()
    assert proving.bound == 0.5


def test_a_proof_ends_where_the_search_fails() -> None:
    def prove(found, cancelled) -> None:
        while not cancelled():
            threading.Event().wait(0.01)

    with pytest.raises(RuntimeError, match="of the search"), Proving(prove, lambda: False):
        raise RuntimeError("of the search")


def test_a_failure_of_the_proof_is_not_lost() -> None:
    def prove(found, cancelled) -> None:
        raise RuntimeError("of the proof")

    with pytest.raises(RuntimeError, match="of the proof"), Proving(prove, lambda: False):
        pass
