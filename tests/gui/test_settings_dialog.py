"""The settings dialog: what it changes takes effect, and what makes no sense is told in place."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from app.dialogs.settings import SettingsDialog
from app.jobs.job import Job, keep_to
from app.library.place import choose_path, chosen_path
from app.numbers import BINARY, DECIMAL, count_in, gib, human, mib, plan_size, unit_of, whole
from app.settings import Settings
from app.theme import DARK, LIGHT
from app.window.main_window import MainWindow
from solver.errors import BayplanError
from tests.gui.conftest import open_file

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    count_in(BINARY)
    Job.cores = None


def ask(window: MainWindow, qtbot: QtBot) -> SettingsDialog:
    qtbot.keyClick(window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(SettingsDialog)
    assert dialog is not None and dialog.isVisible()
    return dialog


def accept(dialog: SettingsDialog, qtbot: QtBot) -> None:
    button = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_what_is_chosen_takes_effect_at_once_and_is_kept(
    window: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    open_file(qtbot, window, toy_file)
    dialog = ask(window, qtbot)
    other = "light" if window.theme is DARK else "dark"
    dialog.theme.setCurrentIndex(dialog.theme.findData(other))
    dialog.deadline.setValue(12.5)
    dialog.reuse.setChecked(False)
    accept(dialog, qtbot)
    assert window.theme is (LIGHT if other == "light" else DARK)
    assert window.menu[f"theme_{other}"].isChecked()
    kept = Settings(window.settings.path)
    assert (kept.theme, kept.deadline, kept.reuse) == (other, 12.5, False)


def test_cancelled_it_changes_nothing(window: MainWindow, qtbot: QtBot) -> None:
    dialog = ask(window, qtbot)
    dialog.units.setCurrentIndex(1)
    dialog.reject()
    assert window.settings.units == "GiB" and gib(1 << 30) == "1.000 GiB"


def test_sizes_are_written_in_the_chosen_units_everywhere_and_the_status_bar_explains_them(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.commands.open_sample()
    qtbot.waitUntil(lambda: window.document.best is not None, timeout=60_000)
    assert window.central is not None
    header = window.central.map_page.header.height_figure.value
    before = header.text()
    dialog = ask(window, qtbot)
    dialog.units.setCurrentIndex(1)
    accept(dialog, qtbot)
    assert before == "2.668 GiB" and header.text() == "2.865 GB"
    scene = window.central.map_page.map.state.scene
    assert scene is not None and any("GB" in line.text for line in scene.lines)
    assert "GB is 10⁹ bytes" in window.line.right.text()


def test_sizes_in_both_kinds_of_units() -> None:
    texts = []
    for units in (BINARY, DECIMAL):
        count_in(units)
        texts.append((gib(3 << 30), mib(5 << 20), human(2000), human(40), whole(1661 << 20)))
        assert unit_of(10**9).name == units[0][1] and plan_size(1 << 31).endswith(units[0][1])
    assert texts == [
        ("3.000 GiB", "5.0 MiB", "2.0 KiB", "40 B", "1,661 MiB"),
        ("3.221 GB", "5.2 MB", "2.0 kB", "40 B", "1,742 MB"),
    ]


def test_a_folder_that_is_not_there_is_told_in_the_dialog(window: MainWindow, qtbot: QtBot) -> None:
    dialog = ask(window, qtbot)
    dialog.folder.setText("/no/such/folder")
    accept(dialog, qtbot)
    assert dialog.isVisible() and "There is no folder /no/such/folder" in dialog.error.text()
    dialog.folder.clear()
    dialog.library.setText("/no/such/library.sqlite")
    accept(dialog, qtbot)
    assert "There is no folder /no/such" in dialog.error.text()
    dialog.reject()


def test_files_are_looked_for_in_the_chosen_folder_and_another_library_counts_from_the_next_start(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "steps"
    folder.mkdir()
    dialog = ask(window, qtbot)
    dialog.folder.setText(str(folder))
    dialog.library.setText(str(folder / "mine.sqlite"))
    accept(dialog, qtbot)
    assert window.settings.folder("open") == window.settings.folder("export") == str(folder)
    assert window.settings.library == folder / "mine.sqlite"
    assert window.library.path != folder / "mine.sqlite"


def test_the_choice_of_a_library_is_a_line_that_makes_sense_or_none(tmp_path: Path) -> None:
    assert chosen_path(tmp_path) is None
    choose_path(tmp_path, tmp_path / "a.sqlite")
    assert chosen_path(tmp_path) == tmp_path / "a.sqlite"
    for text in ("relative.sqlite", "", "/a\n/b", "\xff"):
        (tmp_path / "library.path").write_bytes(text.encode("latin-1"))
        assert chosen_path(tmp_path) is None
    choose_path(tmp_path, None)
    assert not (tmp_path / "library.path").exists()
    (tmp_path / "file").touch()
    with pytest.raises(BayplanError, match="cannot be changed"):
        choose_path(tmp_path / "file", tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has cores for each thread")
def test_work_in_the_background_keeps_to_its_cores_and_the_window_to_all() -> None:
    seen: list[int] = []

    def work() -> None:
        keep_to(1)
        inner = threading.Thread(target=lambda: seen.append(len(os.sched_getaffinity(0))))
        inner.start()
        inner.join()

    before = os.sched_getaffinity(0)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [1] and os.sched_getaffinity(0) == before
