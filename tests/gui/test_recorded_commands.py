"""Commands while recorded lifetimes are in sight: those for them, and the truth about the others."""

import re
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.window.actions import MENUS, Command
from app.window.main_window import MainWindow
from app.window.offering import palette_entries
from app.window.reasons import why_not
from tests.gui.conftest import SECONDS, open_file, wait_until_idle
from tests.gui.test_recorded import dialog_of, drop, opened, shown_page
from tests.runtime.snapshot.snapshots import snapshot, write

RECTANGLE = re.compile("M[0-9.]+,[0-9.]+ ?L")
"""Of the map, one of many in a path."""


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    return write(tmp_path / "oom.pickle", snapshot(900, seed=5), 5)


def test_what_is_selected_is_fitted_copied_and_let_go(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    keys = ("fit_selection", "copy", "clear_selection")
    assert not any(window.menu[key].isEnabled() for key in keys)
    page.before.map.click(3)
    assert all(window.menu[key].isEnabled() for key in keys)
    whole = page.before.map.visible_range()
    window.menu["fit_selection"].trigger()
    assert page.before.map.visible_range() != whole
    window.menu["copy"].trigger()
    recorded = page.recorded
    assert recorded is not None
    text = QGuiApplication.clipboard().text()
    assert text.startswith(recorded.about(3).name) and "\t0x" in text and "\n" not in text
    window.menu["clear_selection"].trigger()
    assert page.selection == () and not window.menu["copy"].isEnabled()


def test_the_time_axis_has_its_command_and_its_field(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path, toy_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    axis = window.menu["time_axis"]
    assert axis.isEnabled() and not axis.isChecked()
    axis.trigger()
    assert page.time.currentText() == "By seconds" and page.before.map.state.axis.timed
    page.time.setCurrentIndex(0)
    assert not axis.isChecked() and not page.before.map.state.axis.timed
    axis.trigger()
    open_file(qtbot, window, toy_file)
    assert not axis.isChecked()


def test_without_times_there_is_no_axis_of_seconds(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    opened(window, qtbot, write(tmp_path / "old.pickle", snapshot(200, version=(2, 0)), 4))
    assert not window.menu["time_axis"].isEnabled()


def test_a_disabled_command_tells_the_truth_about_a_recording(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    opened(window, qtbot, snapshot_file)
    recording = window.importing.recording
    for key in (line.key for _, lines in MENUS for line in lines if isinstance(line, Command)):
        if not window.menu[key].isEnabled():
            why = why_not(key, window.document, busy=False, stale=False, recording=recording)
            assert why and "open a step first" not in why, key
    palette = {e.key: e.remark for e in palette_entries(window)}
    assert palette["command export"].endswith("for steps only, and this is a recording")
    assert palette["command copy"].endswith("select an allocation first")


def test_recorded_maps_are_written_as_a_page(
    window: MainWindow,
    qtbot: QtBot,
    snapshot_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(window, qtbot, snapshot_file)
    target = tmp_path / "recorded.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window.menu["page"].trigger()
    qtbot.waitUntil(lambda: target.exists() and not window.work.busy, timeout=SECONDS)
    text = target.read_text("utf-8")
    assert text.startswith("<!") and "oom.pickle" in text


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_recorded_maps_are_saved_as_any_kind_of_picture(
    window: MainWindow,
    qtbot: QtBot,
    snapshot_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    opened(window, qtbot, snapshot_file)
    # The name that was proposed, and the kind that was chosen.
    answer = str(tmp_path / "oom.png"), f"{kind.upper()} (*.{kind})"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answer)
    window.menu["picture"].trigger()
    wait_until_idle(qtbot, window)
    content = (tmp_path / f"oom.{kind}").read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])
    if kind == "svg":
        text = content.decode()
        assert "Made in forward" in text and "Lost to fragmentation" in text
        recorded = window.importing.page.recorded if window.importing.page is not None else None
        assert recorded is not None and len(RECTANGLE.findall(text)) > recorded.scene.count


def test_every_key_of_a_map_can_be_pressed_on_a_recording(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    page.before.map.click(5)
    modifiers = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
    others = {Qt.Key.Key_Tab, Qt.Key.Key_Backtab}
    keys = [Qt.Key(code) for code in range(0x21, 0x60)]
    keys += [key for key in Qt.Key if 0x01000000 <= key.value < 0x01000019 and key not in others]
    for key in keys:
        for modifier in modifiers:
            QTest.keyClick(page.before.map, key, modifier)
    assert window.importing.shown is page and page.before.map.state.scene is not None


def test_cancelling_leaves_no_file_and_no_process(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    started: list[subprocess.Popen[bytes]] = []
    began = threading.Event()
    plain = subprocess.Popen

    def popen(*args: object, **named: object) -> "subprocess.Popen[bytes]":
        started.append(plain(*args, **named))  # type: ignore[call-overload]
        began.set()
        return started[-1]

    monkeypatch.setattr("runtime.child.subprocess.Popen", popen)
    drop(window, write(tmp_path / "long.pickle", snapshot(20_000), 4))
    qtbot.waitUntil(began.is_set, timeout=SECONDS)
    QTest.keyClick(dialog_of(window), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)
    qtbot.waitUntil(lambda: not any(folder.iterdir()), timeout=SECONDS)
    assert all(child.poll() is not None for child in started)


def test_the_largest_of_a_table_lead_to_the_map(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "two.csv"
    file.write_text("id,lower,upper,size\nsmall,0,9,512\nlarge,2,5,4096\ngone,7,9,9999\n")
    window.importing.open_path(file)
    page = shown_page(window, qtbot)
    assert page.recorded is not None and page.header.lost.name.text() == "Never filled"
    names = [page.recorded.scene.name(one) for one in page.recorded.largest_at_peak]
    assert names == ["gone", "small"]
    page.inspector.rows.chosen.emit(page.recorded.largest_at_peak[0])
    assert page.inspector.name.text() == "gone" and len(page.selection) == 1


def test_sizes_are_written_in_other_units_at_once(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    page.before.map.click(3)
    assert "MiB" in page.header.reserved.value.text() + page.header.lost.value.text()
    window.settings.units = "GB"
    window.preferences._changed()
    try:
        recorded = page.recorded
        assert recorded is not None and page.selection == (3,)
        texts = [page.header.reserved.value.text(), page.header.lost.value.text()]
        texts += [line.text for line in recorded.scene.lines]
        assert all("B" in text and "iB" not in text for text in texts), texts
        assert [line.text.split()[0] for line in recorded.scene.lines] == ["Reserved"]
    finally:
        window.settings.units = "GiB"
        window.preferences._changed()
