"""The watch tells kernels to stop: when time is up, when the caller cancels, and not before."""

import threading
import time

import pytest

from solver.watch import INTERVAL, Watch


def test_a_watch_with_time_left_does_not_stop() -> None:
    with Watch(60) as watch:
        time.sleep(3 * INTERVAL)
        assert not watch.stopped
        assert watch.flag[0] == 0
        assert 59 < watch.left <= 60
        assert watch.elapsed >= 3 * INTERVAL


def test_no_time_at_all_is_noticed_before_any_work() -> None:
    with Watch(0) as watch:
        assert watch.flag[0] == 1
        assert watch.stopped
        assert watch.left == 0


def test_the_flag_rises_when_time_is_up() -> None:
    with Watch(0.05) as watch:
        ended = time.monotonic() + 5
        while not watch.flag[0] and time.monotonic() < ended:
            time.sleep(0.005)
        assert watch.flag[0] == 1
        assert watch.elapsed < 1


def test_the_flag_rises_without_anybody_asking_when_the_caller_cancels() -> None:
    wish = threading.Event()
    with Watch(60, wish.is_set) as watch:
        wish.set()
        ended = time.monotonic() + 5
        while not watch.flag[0] and time.monotonic() < ended:
            time.sleep(0.005)
        assert watch.stopped


def test_whoever_asks_hears_of_a_cancel_at_once() -> None:
    wish = threading.Event()
    with Watch(60, wish.is_set) as watch:
        wish.set()
        assert watch.stopped


def test_calls_on_stop_are_made_once_even_when_they_come_late() -> None:
    called: list[str] = []
    wish = threading.Event()
    with Watch(60, wish.is_set) as watch:
        watch.on_stop(lambda: called.append("before"))
        wish.set()
        assert watch.stopped
        watch.on_stop(lambda: called.append("after"))
        time.sleep(3 * INTERVAL)
    assert called == ["before", "after"]


def test_a_call_may_wait_for_whoever_notices_the_stop() -> None:
    wish, finished = threading.Event(), threading.Event()
    waited: list[bool] = []
    with Watch(60, wish.is_set) as watch:
        watch.on_stop(lambda: waited.append(finished.wait(5)))
        wish.set()
        assert watch.stopped
        watch.on_stop(lambda: waited.append(finished.wait(5)))
        finished.set()
        time.sleep(3 * INTERVAL)
    assert waited == [True, True]


def test_an_error_of_the_callers_stops_and_comes_out_at_the_end() -> None:
    def broken() -> bool:
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"), Watch(60, broken) as watch:
        assert watch.stopped


def test_an_error_of_the_work_is_not_hidden_by_one_of_the_callers() -> None:
    def broken() -> bool:
        raise LookupError("broken")

    with pytest.raises(KeyError, match="work"), Watch(60, broken):
        raise KeyError("work")


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    for _ in range(20):
        with Watch(60):
            pass
    assert threading.active_count() == before
