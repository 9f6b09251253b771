"""The command palette: what it finds, in which order, and what a choice does."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.window.actions import MENUS, Command
from app.window.fuzzy import LETTER, NEXT, START, WORD, score
from app.window.main_window import MainWindow
from app.window.palette_entries import PaletteEntry, found, used
from app.window.reasons import why_not
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


def by_hand(typed: str, name: str) -> int:
    """Every way to find the letters, the best of them."""
    ways = itertools.combinations(range(len(name)), len(typed))
    fits = [way for way in ways if all(name[i] == c for i, c in zip(way, typed, strict=True))]

    def worth(way: tuple[int, ...]) -> int:
        total = 0
        for turn, i in enumerate(way):
            here = START if i == 0 else WORD if not name[i - 1].isalnum() else LETTER
            total += max(NEXT, here) if turn and way[turn - 1] == i - 1 else here
        return total

    return max((worth(way) for way in fits), default=-1)


@given(st.text("ab ", max_size=4), st.text("ab ", max_size=8))
def test_the_score_is_that_of_the_best_of_all_ways(typed: str, name: str) -> None:
    letters = typed.replace(" ", "")
    assert score(typed, name) == (by_hand(letters, name) if letters else 0)


def texts(typed: str, recent: tuple[str, ...] = ()) -> list[str]:
    names = ("Save Plan", "Solve", "Solve the Curve", "Stop", "Open Sample")
    entries = [PaletteEntry(f"command {name}", name, enabled=name != "Stop") for name in names]
    return [entry.text for entry in found(entries, typed, recent)]


def test_a_few_letters_find_a_command_and_beginnings_of_words_count_most() -> None:
    assert texts("sp")[0] == "Save Plan"
    assert texts("sol")[:2] == ["Solve", "Solve the Curve"]
    assert texts("sc")[0] == "Solve the Curve"
    assert texts("xyz") == []


def test_what_was_used_lately_comes_first_and_what_cannot_be_used_last() -> None:
    recent = ("command Open Sample", "command gone")
    assert texts("", recent)[0] == "Open Sample"
    assert texts("", recent)[-1] == "Stop"
    assert used(["a", "b"], "b") == ["b", "a"]
    assert len(used([str(n) for n in range(20)], "x")) == 8


def open_palette(window: MainWindow, qtbot: QtBot) -> list[str]:
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert window.command_palette.isVisible() and window.command_palette.field.hasFocus()
    return [entry.text for entry in window.command_palette.model.entries]


def test_every_command_of_the_menus_is_offered_with_its_key_or_why_it_cannot_be_used(
    window: MainWindow, qtbot: QtBot
) -> None:
    texts = open_palette(window, qtbot)
    commands = [line for _, lines in MENUS for line in lines if isinstance(line, Command)]
    assert len(texts) == len(commands) - 1
    entries = {entry.key: entry for entry in window.command_palette.model.entries}
    assert entries["command open"].enabled and entries["command open"].shortcut == "Ctrl+O"
    assert entries["command solve"].remark == "Solve, open a step first"
    assert not entries["command solve"].enabled
    for key, entry in entries.items():
        assert entry.enabled or ", " in entry.remark, key


def test_a_command_is_run_by_its_letters_and_return_and_is_first_the_next_time(
    window: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    open_file(qtbot, window, toy_file)
    palette = window.command_palette
    open_palette(window, qtbot)
    qtbot.keyClicks(palette.field, "budgt")
    assert palette.list.currentIndex().data() == "Budget"
    assert palette.field.accessibleDescription() == "Budget, View, Ctrl+3"
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert window.menu["budget"].isChecked()
    assert open_palette(window, qtbot)[0] == "Budget"
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible() and window.focusWidget() is not palette.field


def test_plans_and_recent_files_are_found_too(window: MainWindow, qtbot: QtBot, toy_file: Path) -> None:
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    palette = window.command_palette
    open_palette(window, qtbot)
    qtbot.keyClicks(palette.field, "show as run")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    shown = window.document.shown
    assert shown is not None and shown.baseline is not None
    open_palette(window, qtbot)
    qtbot.keyClicks(palette.field, "toy.step")
    assert palette.list.currentIndex().data() == "Open toy.step"


def test_what_cannot_be_used_does_nothing_and_arrows_go_round(window: MainWindow, qtbot: QtBot) -> None:
    palette = window.command_palette
    open_palette(window, qtbot)
    qtbot.keyClicks(palette.field, "solve the curve")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.field.clear()
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == palette.model.rowCount() - 1
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 0
    qtbot.keyClick(palette.field, Qt.Key.Key_PageDown)
    assert palette.list.currentIndex().row() == 11
    qtbot.keyClicks(palette.field, "no such thing at all")
    assert palette.nothing.isVisible() and not palette.list.isVisible()


def test_every_command_that_is_disabled_says_why(
    window: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    open_file(qtbot, window, toy_file)
    for view in ("map", "budget"):
        window.show_view(view)
        for key in (line.key for _, lines in MENUS for line in lines if isinstance(line, Command)):
            if not window.menu[key].isEnabled():
                why = why_not(key, window.document, busy=window.work.busy, stale=window.stale)
                assert why and not why.endswith("."), key
