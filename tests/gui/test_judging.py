"""The validator judges what is edited by hand in the background; the window goes on meanwhile."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.document import Entry
from app.edit.draft import Draft
from app.jobs.job import Job
from app.jobs.judge import JudgeJob
from app.panels.edit_bar import EditBar
from app.window.central import MapPage
from app.window.main_window import MainWindow
from app.window.reasons import why_not
from solver.check import StoppedError, check
from solver.solution import CancelCallback
from solver.step import Program
from tests.app.toy_case import toy_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file, wait_until_idle, wait_until_judged

RELU, GRADIENT = 3, 5
"""Storages of the toy step: [2048, 3072) and [3072, 5120) in the arena of its plan."""
STEP = replace(make_toy_step(), program=Program((), (), (), (), (), (), None, None))
"""One that can be exported."""


class Gate:
    """Stands between the window and the validator, which speaks only while the gate is open."""

    def __init__(self) -> None:
        self.opened, self.reached = threading.Event(), threading.Event()
        self.asked: list[Draft] = []
        self.says: dict[Draft, tuple[str, ...]] = {}
        """What is said of a draft instead of the truth."""
        self.broken = False

    def judge(self, draft: Draft, cancelled: CancelCallback) -> tuple[str, ...]:
        self.asked.append(draft)
        self.reached.set()
        while not self.opened.wait(0.005):
            if cancelled():
                raise StoppedError
        if self.broken:
            raise ZeroDivisionError("a bug of ours")
        return self.says.get(draft, tuple(check(STEP, draft.plan)))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Closed at first."""
    gate = Gate()
    monkeypatch.setattr(Draft, "judge", lambda draft, cancelled: gate.judge(draft, cancelled))
    yield gate
    gate.opened.set()


@pytest.fixture
def editing(gate: Gate, window: MainWindow) -> MainWindow:
    """The toy step's plan on the map, which is being edited."""
    window.document.open(STEP)
    window.document.add(Entry(toy_plan(STEP)))
    window.menu["edit"].trigger()
    return window


def page(window: MainWindow) -> MapPage:
    assert window.central is not None
    return window.central.map_page


def bar(window: MainWindow) -> EditBar:
    return page(window).edit_bar


def move(window: MainWindow, storage: int, address: int) -> Draft:
    """Drop a tensor at an address; the draft that comes of it."""
    draft = page(window).hand.editor.draft
    assert draft is not None
    instance = next(i for i, one in enumerate(draft.plan.instances) if one.storage == storage)
    page(window).hand.editor.move(instance, address)
    return shown_draft(window)


def shown_draft(window: MainWindow) -> Draft:
    shown = window.document.shown
    assert shown is not None and shown.draft is not None
    return shown.draft


def judging(window: MainWindow) -> list[Job]:
    """The jobs that ask the validator; the start page may have others still."""
    return [job for job in window.work.jobs if isinstance(job, JudgeJob)]


def reason(window: MainWindow, key: str) -> str:
    return why_not(key, window.document, busy=False, stale=False)


def test_until_the_validator_has_spoken_an_edit_is_not_yet_a_plan_like_others(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    draft = move(editing, GRADIENT, 3584)
    # The drop is done, and the gate is still closed: nobody waited for the verdict.
    assert draft.judging and not draft.conflicts
    qtbot.waitUntil(gate.reached.is_set)
    for key in ("save_plan", "store", "export"):
        assert not editing.menu[key].isEnabled(), key
        assert reason(editing, key) == "the validator is still judging this edit"
    best = editing.document.best
    assert best is not None and best.name == "Planned"
    header = page(editing).header
    assert header.edited.toolTip() == "The validator is still judging this edit"
    assert header.edited.property("tag") == "plain"
    assert bar(editing).state.text() == "Being judged"
    assert "Not a plan yet: being judged" in editing.line.right.text()
    assert not editing.work.busy and editing.menu["solve"].isEnabled()
    gate.opened.set()
    wait_until_judged(qtbot, editing)
    assert draft.right
    for key in ("save_plan", "store", "export"):
        assert editing.menu[key].isEnabled(), key
    assert header.edited.text() == "Edited" and header.edited.toolTip() == ""
    assert bar(editing).state.text() == "no conflict"
    assert "Plan checked: order and overlap" in editing.line.right.text()


def test_meanwhile_the_window_does_what_it_is_asked(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    draft = move(editing, GRADIENT, 3584)
    qtbot.waitUntil(gate.reached.is_set)
    view = page(editing).map
    view.settle()
    before = view.visible_range()
    editing.menu["zoom_in"].trigger()
    assert view.visible_range() != before
    editing.document.select((RELU,))
    assert editing.document.selection == (RELU,)
    editing.work.solve()
    wait_until_idle(qtbot, editing)
    assert editing.document.solution is not None
    assert draft.judging, "a solve came and went, and the verdict is still out"


def test_what_the_validator_refuses_is_a_conflict_with_its_words(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    draft = move(editing, GRADIENT, 3584)
    gate.says[draft] = ("Something only the validator sees.",)
    gate.opened.set()
    wait_until_judged(qtbot, editing)
    assert bar(editing).state.text() == "1 conflict"
    assert bar(editing).text.text() == "Something only the validator sees."
    assert page(editing).header.edited.text() == "Edited · 1 conflict"
    assert not editing.menu["export"].isEnabled()
    assert reason(editing, "export") == "the plan has conflicts: resolve them first"


def test_conflicts_that_are_seen_at_once_need_no_validator(editing: MainWindow) -> None:
    draft = move(editing, RELU, 1536)
    assert draft.conflicts and not draft.judging
    assert bar(editing).state.text() == "1 conflict"
    assert judging(editing) == []


def test_a_verdict_on_an_edit_that_is_gone_says_nothing_of_the_one_in_its_place(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    first = move(editing, GRADIENT, 3584)
    gate.says[first] = ("This is about the first.",)
    qtbot.waitUntil(gate.reached.is_set)
    skipped = move(editing, GRADIENT, 4096)
    last = move(editing, GRADIENT, 4608)
    gate.opened.set()
    wait_until_judged(qtbot, editing)
    assert shown_draft(editing) is last and last.right
    assert bar(editing).state.text() == "no conflict"
    assert gate.asked == [first, last], "one at a time, and what is gone before its turn is left out"
    assert skipped.judging


def test_undo_and_redo_to_what_was_judged_show_its_verdict_at_once(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    first = move(editing, GRADIENT, 3584)
    gate.says[first] = ("This is about the first.",)
    gate.opened.set()
    wait_until_judged(qtbot, editing)
    last = move(editing, GRADIENT, 4608)
    wait_until_judged(qtbot, editing)
    gate.opened.clear()
    editing.menu["undo"].trigger()
    assert bar(editing).text.text() == "This is about the first."
    assert not editing.menu["save_plan"].isEnabled()
    editing.menu["redo"].trigger()
    assert bar(editing).state.text() == "no conflict"
    assert editing.menu["save_plan"].isEnabled()
    assert gate.asked == [first, last]


def test_a_validator_that_breaks_down_makes_no_plan_right(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    gate.broken = True
    gate.opened.set()
    failed: list[str] = []
    editing.work.problem.connect(lambda doing, _failure: failed.append(doing))
    draft = move(editing, GRADIENT, 3584)
    wait_until_judged(qtbot, editing)
    assert not draft.right
    assert failed == ["judge"], "the library has no part in it"
    assert bar(editing).text.text().startswith("The validator could not judge it: ")
    assert len(gate.asked) == 1, "nor is it asked again and again"


def test_the_window_is_closed_while_the_validator_judges(
    editing: MainWindow, gate: Gate, qtbot: QtBot
) -> None:
    draft = move(editing, GRADIENT, 3584)
    qtbot.waitUntil(gate.reached.is_set)
    (job,) = judging(editing)
    editing.close()
    assert not job.alive, "with the gate still closed"
    assert draft.judging


def test_another_step_is_opened_while_the_validator_judges(
    editing: MainWindow, gate: Gate, qtbot: QtBot, toy_file: Path
) -> None:
    draft = move(editing, GRADIENT, 3584)
    qtbot.waitUntil(gate.reached.is_set)
    open_file(qtbot, editing, toy_file)
    qtbot.waitUntil(lambda: not editing.work.jobs)
    assert draft.judging, "nobody waits for it any more"
