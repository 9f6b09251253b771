"""Background jobs: threads, throttled progress, stopping, failures."""

import os
import sys
import threading
import time
from itertools import pairwise

import pytest
from PySide6.QtCore import QObject, QThread, Slot
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.jobs.job import INTERVAL_MS, NICENESS, Failure, Job
from app.jobs.solve import SolveJob
from solver.errors import BayplanError
from solver.solution import Progress
from solver.solve import solve
from tests.conftest import make_toy_step

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


class Counting(Job):
    """Says a number every few milliseconds until it is stopped or through."""

    def __init__(self, count: int, pause: float = 0.005) -> None:
        super().__init__()
        self.count, self.pause = count, pause
        self.thread_seen: threading.Thread | None = None

    def run(self) -> int:
        self.thread_seen = threading.current_thread()
        for number in range(self.count):
            if self.stopping():
                return number
            self.say(number)
            time.sleep(self.pause)
        return self.count


class Failing(Job):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def run(self) -> None:
        raise self.error


class Listener(QObject):
    """Writes down what arrives, when, and in which thread."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.items: list[object] = []
        self.times: list[float] = []
        self.results: list[object] = []
        self.failures: list[Failure] = []
        self.ended = 0
        self.threads: set[QThread] = set()
        job.progress.connect(self.hear)
        job.succeeded.connect(self.succeed)
        job.failed.connect(self.fail)
        job.ended.connect(self.end)

    @Slot(object)
    def hear(self, item: object) -> None:
        self.items.append(item)
        self.times.append(time.monotonic())
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def succeed(self, result: object) -> None:
        self.results.append(result)
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def fail(self, failure: Failure) -> None:
        self.failures.append(failure)

    @Slot()
    def end(self) -> None:
        self.ended += 1


def run(qtbot: QtBot, job: Job) -> Listener:
    listener = Listener(job)
    with qtbot.waitSignal(job.ended, timeout=20_000):
        job.start()
    return listener


def test_everything_arrives_in_order_in_the_ui_thread_and_before_the_result(
    qapp: QApplication, qtbot: QtBot
) -> None:
    job = Counting(50)
    listener = run(qtbot, job)
    assert listener.items == list(range(50))
    assert listener.results == [50]
    assert listener.threads == {qapp.thread()}
    assert job.thread_seen is not threading.main_thread()


@pytest.mark.alone
def test_progress_arrives_at_most_four_times_a_second(qapp: QApplication, qtbot: QtBot) -> None:
    listener = run(qtbot, Counting(150))
    gaps = [after - before for before, after in pairwise(listener.times)]
    # Items of one delivery arrive together; the last delivery does not wait for its turn.
    between = [gap for gap in gaps if gap > 0.02][:-1]
    assert len(between) >= 2
    assert min(between) >= INTERVAL_MS / 1000 - 0.02


@pytest.mark.alone
def test_a_stopped_job_ends_within_a_tenth_of_a_second_with_its_result(
    qapp: QApplication, qtbot: QtBot
) -> None:
    job = Counting(100_000)
    listener = Listener(job)
    job.start()
    qtbot.wait(50)
    begun = time.monotonic()
    with qtbot.waitSignal(job.ended, timeout=5000):
        job.stop()
    assert time.monotonic() - begun < 0.1
    assert len(listener.results) == 1
    assert not job.alive


def test_an_abandoned_job_says_nothing_more_than_that_it_ended(
    qapp: QApplication, qtbot: QtBot
) -> None:
    job = Counting(100_000)
    listener = Listener(job)
    job.start()
    job.abandon()
    qtbot.waitUntil(lambda: listener.ended == 1, timeout=5000)
    assert listener.results == [] and listener.failures == []


def test_a_person_gets_an_error_as_it_stands_and_a_bug_with_its_traceback(
    qapp: QApplication, qtbot: QtBot
) -> None:
    theirs = run(qtbot, Failing(BayplanError("x.step is damaged.", "line 3"))).failures
    assert theirs == [Failure("x.step is damaged.", "line 3")]
    (ours,) = run(qtbot, Failing(ZeroDivisionError("by zero"))).failures
    assert ours.bug
    assert "ZeroDivisionError" in ours.message and "Traceback" in ours.details


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_the_worker_yields_to_the_window(qapp: QApplication, qtbot: QtBot) -> None:
    class Priority(Job):
        def run(self) -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = os.getpriority(os.PRIO_PROCESS, 0)
    (niceness,) = run(qtbot, Priority()).results
    assert niceness == min(before + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_of_the_plans_that_a_solve_brings_together_only_the_last_is_drawn() -> None:
    step = make_toy_step()
    plan = solve(step, deadline=1.0).plan
    lines: list[object] = [
        Progress(0.0, "Order", "", plan=plan),
        Progress(0.1, "Place", "", plan=plan),
        Progress(0.2, "Check", ""),
    ]
    merged = SolveJob(step, deadline=1.0, seed=0).merge(lines)
    assert [line.plan is plan for line in merged if isinstance(line, Progress)] == [False, True, False]
    assert [line.phase for line in merged if isinstance(line, Progress)] == ["Order", "Place", "Check"]
