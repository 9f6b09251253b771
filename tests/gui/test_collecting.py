"""Garbage is collected in the UI thread and nowhere else."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWindow
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app import collecting
from app.collecting import MANY_OBJECTS, NEW_OBJECTS, Collector

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


class Node:
    """Part of a cycle."""

    def __init__(self) -> None:
        self.other: Node = self


@pytest.fixture
def seen() -> Iterator[list[tuple[int, str]]]:
    """Generation and thread of every collection."""
    found: list[tuple[int, str]] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "stop":
            found.append((about["generation"], threading.current_thread().name))

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


@pytest.fixture
def collector(dressed: QApplication) -> Iterator[Collector]:
    collector = Collector(lambda: False)
    gc.collect()
    collector.start()
    yield collector
    collector.stop()


def make_garbage(count: int = 3 * NEW_OBJECTS) -> None:
    for _ in range(count):
        Node()


def test_what_a_worker_leaves_is_collected_by_the_ui_thread_in_short_pauses(
    qtbot: QtBot, collector: Collector, seen: list[tuple[int, str]]
) -> None:
    worker = threading.Thread(target=make_garbage, name="some worker")
    worker.start()
    worker.join()
    kept = Node()
    gone = weakref.ref(Node())
    qtbot.waitUntil(lambda: gone() is None, timeout=5000)
    assert kept.other is kept
    assert {thread for _, thread in seen} == {"MainThread"}
    assert 2 not in {generation for generation, _ in seen}
    assert 0 < collector.longest < 0.5


def test_what_is_made_in_bulk_is_looked_at_only_when_nobody_waits(
    qtbot: QtBot,
    collector: Collector,
    seen: list[tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[Node] = []
    gone = weakref.ref(Node())

    def make() -> None:
        kept.extend(Node() for _ in range(2 * MANY_OBJECTS))

    worker = threading.Thread(target=make, name="some worker")
    worker.start()
    worker.join()
    collector.tick()
    assert not seen
    assert gc.get_count()[0] < NEW_OBJECTS
    assert gone() is not None
    monkeypatch.setattr(collecting, "FULL_SECONDS", 0.0)
    monkeypatch.setattr(collecting, "IDLE_SECONDS", 0.0)
    collector.tick()
    assert gone() is None
    assert all(node.other is node for node in kept)


def test_everything_is_collected_only_when_nobody_did_anything_for_a_while(
    qtbot: QtBot,
    collector: Collector,
    seen: list[tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting, "FULL_SECONDS", 0.0)
    window = QWindow()
    collector.watch(window)
    point = QPointF(3, 3)
    button, nothing = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    move = QMouseEvent(QEvent.Type.MouseMove, point, point, button, button, nothing)
    QApplication.sendEvent(window, move)
    collector.tick()
    collector.tick()
    assert 2 not in {generation for generation, _ in seen}
    monkeypatch.setattr(collecting, "IDLE_SECONDS", 0.0)
    collector.tick()
    assert seen[-1][0] == 2


def test_a_long_collection_waits_longer_while_the_window_is_used(
    collector: Collector, seen: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    used = True
    monkeypatch.setattr(collecting, "in_use", lambda: used)
    monkeypatch.setattr(collecting, "IDLE_SECONDS", 1e-9)
    # Days of idleness would have to pass before all this is looked at.
    monkeypatch.setattr(collecting, "SECONDS_PER_OBJECT", 1e9)
    kept = [Node() for _ in range(2 * MANY_OBJECTS)]
    collector.tick()
    monkeypatch.setattr(collecting, "FULL_SECONDS", 0.0)
    collector.tick()
    assert not seen
    used = False
    collector.tick()
    assert seen[-1][0] == 2
    assert all(node.other is node for node in kept)


def test_while_work_runs_a_full_collection_waits_for_minutes(
    dressed: QApplication, seen: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    working = True
    collector = Collector(lambda: working)
    monkeypatch.setattr(collecting, "FULL_SECONDS", 0.0)
    monkeypatch.setattr(collecting, "IDLE_SECONDS", 0.0)
    time.sleep(0.01)
    collector.tick()
    assert 2 not in {generation for generation, _ in seen}
    working = False
    collector.tick()
    assert 2 in {generation for generation, _ in seen}


def test_python_collects_again_when_the_window_is_gone(collector: Collector) -> None:
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
