"""Export from the window: a picture as it was asked for, and all plans as one page."""

import base64
import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.dialogs.picture import PictureDialog
from app.map.picture import Drawing, lay_out, render_picture
from app.map.prepared import scene_for
from app.map.slot_axis import seconds_on
from app.picture.page_look import slot_times
from app.settings import Settings
from app.theme import DARK, LIGHT
from app.window.main_window import MainWindow
from solver.budget.devices import V100
from solver.files import save_plan
from tests.app.toy_plans import stacked_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file, wait_until_idle


@pytest.fixture
def opened(window: MainWindow, qtbot: QtBot, toy_file: Path) -> MainWindow:
    """A window on the toy step and a plan of it."""
    plan = toy_file.with_suffix(".plan")
    save_plan(stacked_plan(make_toy_step(), name="stacked"), plan)
    open_file(qtbot, window, plan)
    return window


def answer(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """The next file dialog is answered with a path."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(path), ""))


def asking(window: MainWindow) -> PictureDialog:
    """The dialog of Save Picture."""
    window.menu["picture"].trigger()
    dialog = window.findChild(PictureDialog)
    assert dialog is not None
    return dialog


def test_a_picture_has_the_size_and_the_sharpness_that_were_chosen(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = asking(opened)
    dialog.width_box.setValue(800)
    dialog.height_box.setValue(500)
    dialog.scale.setValue(1.5)
    assert dialog.said.text() == "1,200 × 750 pixels."
    dialog.theme.setCurrentIndex(dialog.theme.findData("light"))
    answer(monkeypatch, tmp_path / "map")
    dialog.save.click()
    wait_until_idle(qtbot, opened)
    assert opened.work.activity.text == "Wrote map.png"
    image = QImage(str(tmp_path / "map.png"))
    assert (image.width(), image.height()) == (1200, 750)
    assert image.pixelColor(3, 3).name() == LIGHT.panel


@pytest.mark.parametrize(("kind", "begins"), [("SVG", b"<?xml"), ("PDF", b"%PDF-")])
def test_other_kinds_are_written_with_their_ending_and_proposed_again(
    opened: MainWindow,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    begins: bytes,
) -> None:
    dialog = asking(opened)
    dialog.kind.setCurrentText(kind)
    assert not dialog.scale.isEnabled()
    answer(monkeypatch, tmp_path / "map")
    dialog.save.click()
    wait_until_idle(qtbot, opened)
    assert (tmp_path / f"map.{kind.lower()}").read_bytes().startswith(begins)
    assert PictureDialog(opened.settings, DARK).kind.currentText() == kind


def test_millimetres_are_pixels_of_a_ninety_sixth_of_an_inch(
    window: MainWindow, settings: Settings
) -> None:
    dialog = PictureDialog(settings, DARK, window)
    dialog.unit.setCurrentIndex(1)
    assert dialog.width_box.value() == pytest.approx(1600 / 96 * 25.4, abs=0.05)
    dialog.width_box.setValue(254.0)
    assert dialog.choice.width == 960
    dialog.close()


def test_the_visible_part_alone_can_be_saved(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened.central is not None
    opened.central.map.set_visible_range(1.0, 5.0, 0.0, 4096.0)
    sizes = []
    for part in (0, 1):
        dialog = asking(opened)
        dialog.kind.setCurrentText("SVG")
        dialog.part.setCurrentIndex(part)
        answer(monkeypatch, tmp_path / f"{part}.svg")
        dialog.save.click()
        wait_until_idle(qtbot, opened)
        sizes.append((tmp_path / f"{part}.svg").read_text())
    assert sizes[0] != sizes[1]


def test_all_plans_are_exported_as_one_page(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, tmp_path / "lecture")
    opened.menu["page"].trigger()
    wait_until_idle(qtbot, opened)
    content = (tmp_path / "lecture.html").read_text("utf-8")
    assert content.startswith("<!doctype html>")
    assert "Wrote lecture.html" in opened.work.activity.text


def test_a_page_begins_as_the_map_looks_and_knows_the_seconds_of_the_chosen_device(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    central, shown = opened.central, opened.document.shown
    assert central is not None and shown is not None and opened.document.step is not None
    central.budgets.set_device(replace(V100, name="Slow", launch_seconds=1.0))
    opened.menu["colour_module"].trigger()
    opened.menu["time_axis"].trigger()
    answer(monkeypatch, tmp_path / "lecture")
    opened.menu["page"].trigger()
    wait_until_idle(qtbot, opened)
    data = unpacked(tmp_path / "lecture.html")
    assert data["look"] == {"by": "Module", "against": -1, "timed": True}
    assert data["plans"][data["shown"]]["name"] == shown.name
    scene = scene_for(opened.document.step, shown.plan, opened.document.baseline)
    slow, fast = (slot_times(scene, of) for of in (central.seconds_of, seconds_on(V100, False)))
    assert slow is not None and fast is not None and sum(slow) > 2 * sum(fast)
    assert data["plans"][data["shown"]]["seconds"] == slow


def unpacked(path: Path) -> dict[str, Any]:
    """The data of a page."""
    letters = path.read_text("utf-8").partition('id="data">')[2].partition("<")[0]
    data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(letters)))
    return data


def test_a_page_that_cannot_be_written_says_so(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    answer(monkeypatch, tmp_path / "file" / "lecture.html")
    opened.menu["page"].trigger()
    wait_until_idle(qtbot, opened)
    assert opened.problem.isVisible()


def test_a_picture_is_painted_beside_the_window_and_can_be_stopped(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, threads = threading.Event(), threading.Event(), []
    write = Drawing.write

    def gated(drawing: Drawing, stopping: Callable[[], bool]) -> bool:
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(60)
        return write(drawing, stopping)

    monkeypatch.setattr(Drawing, "write", gated)
    dialog = asking(opened)
    answer(monkeypatch, tmp_path / "map")
    dialog.save.click()
    assert begun.wait(60) and threads != [threading.main_thread()]
    assert opened.work.busy and opened.work.activity.stoppable
    opened.work.stop()
    go_on.set()
    wait_until_idle(qtbot, opened)
    assert not (tmp_path / "map.png").exists()


def test_a_picture_is_the_same_whichever_thread_paints_it(opened: MainWindow, tmp_path: Path) -> None:
    shown = opened.document.shown
    assert opened.document.step is not None and shown is not None
    scene = scene_for(opened.document.step, shown.plan, opened.document.baseline)
    for suffix in (".png", ".svg"):
        here, there = tmp_path / f"here{suffix}", tmp_path / f"there{suffix}"
        render_picture(scene, here, scale=1.5)
        drawing = lay_out(scene, there, scale=1.5)
        thread = threading.Thread(target=drawing.write)
        thread.start()
        thread.join()
        drawing.close()
        assert here.read_bytes() == there.read_bytes()
