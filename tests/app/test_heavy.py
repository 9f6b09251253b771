"""Work that nobody waits for: it ends with the window."""

import importlib
import threading
from collections.abc import Callable

import pytest

from app.heavy import MAP, SNAPSHOT, begin, compile_kernels, end_all
from solver import compile_ahead


def test_what_was_begun_is_asked_to_stop_and_waited_for() -> None:
    begun = threading.Event()

    def work(stopping: Callable[[], bool]) -> None:
        begun.set()
        while not stopping():
            pass

    thread = begin("until it is asked", work)
    assert begun.wait(60) and thread.is_alive()
    assert end_all(60)
    assert not thread.is_alive()
    assert end_all(0), "nothing is left"


def test_what_does_not_stop_is_not_waited_for_longer_than_said() -> None:
    go_on = threading.Event()
    thread = begin("stubborn", lambda _: go_on.wait(60))
    assert not end_all(0)
    assert thread.is_alive()
    go_on.set()
    assert end_all(60), "it is still known"


def test_what_is_begun_later_is_not_asked_to_stop_by_an_earlier_end() -> None:
    assert end_all(60)
    asked: list[bool] = []
    begin("after it", lambda stopping: asked.append(stopping())).join(60)
    assert asked == [False]
    assert end_all(60)


def test_what_reads_large_snapshots_is_compiled_ahead_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(compile_ahead, "start", lambda groups, **_: asked.extend(sum(groups, ())))
    compile_kernels()
    assert asked[0] == MAP and SNAPSHOT in asked
    assert {part for group in compile_ahead.GROUPS for part in group} < set(asked)
    for name in (MAP, SNAPSHOT):
        module, _, function = name.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
