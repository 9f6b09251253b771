"""Memory snapshots, tables of lifetimes and other people's files in the window."""

import os
import pickle
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.dialogs.snapshot import SnapshotDialog
from app.map.picture import Drawing
from app.snapshot.page import RecordedPage
from app.snapshot.picture import SIZE, lay_out, render_recorded
from app.window.main_window import MainWindow
from runtime.snapshot import read_snapshot
from runtime.snapshot.recording import Recording
from tests.gui.conftest import SECONDS, wait_until_idle
from tests.runtime.snapshot.snapshots import snapshot, write


@pytest.fixture
def snapshot_file(tmp_path: Path) -> Path:
    return write(tmp_path / "oom.pickle", snapshot(900, seed=5), 5)


def drop(window: MainWindow, file: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    copy, left, plain = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QCoreApplication.sendEvent(window, QDragEnterEvent(QPoint(9, 9), copy, mime, left, plain))
    QCoreApplication.sendEvent(window, QDropEvent(QPointF(9, 9), copy, mime, left, plain))


def dialog_of(window: MainWindow) -> SnapshotDialog:
    found = window.findChild(SnapshotDialog)
    assert found is not None
    return found


def opened(window: MainWindow, qtbot: QtBot, file: Path) -> RecordedPage:
    """The page of a snapshot that was dropped and opened whole."""
    drop(window, file)
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.recording is not None, timeout=SECONDS)
    dialog.accept()
    return shown_page(window, qtbot)


def shown_page(window: MainWindow, qtbot: QtBot) -> RecordedPage:
    qtbot.waitUntil(
        lambda: window.importing.page is not None and window.importing.page.recorded is not None,
        timeout=SECONDS,
    )
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)
    page = window.importing.page
    assert page is not None and window.pages.currentWidget() is page
    return page


def test_a_dropped_snapshot_is_shown_and_placed_anew(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded = page.recorded
    assert recorded is not None and recorded.part is not None
    assert recorded.scene.count == len(recorded.part.size) > 100
    assert "oom.pickle · device 0" in window.windowTitle()
    assert window.document.step is None
    assert recorded.lost > 0 and not page.after.isVisible()
    window.menu["solve"].trigger()
    qtbot.waitUntil(lambda: page.recorded.placed is not None, timeout=SECONDS)  # type: ignore[union-attr]
    placed = page.recorded.placed  # type: ignore[union-attr]
    assert placed is not None and placed.height == recorded.allocated
    assert page.sentence.text().startswith("You lose ")
    assert page.sentence.text().endswith("to fragmentation; this placement needs none of it.")
    assert page.after.isVisible()
    first, second = page.maps
    first.set_visible_range(10, 40, 0, 1 << 20)
    assert second.visible_range() == first.visible_range()
    assert window.settings.recents == (snapshot_file,)


def test_a_selected_allocation_shows_its_stack_and_its_event(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded, history = page.recorded, page.lists.history
    assert recorded is not None and recorded.part is not None and history is not None
    assert history.rowCount() == recorded.part.trace.count
    chosen = int(recorded.part.start.argmax())
    page.before.map.click(chosen)
    assert page.selection == (chosen,)
    assert page.inspector.heading.text().startswith("Stack")
    event = int(recorded.part.trace.allocations.start[recorded.part.allocation[chosen]])
    (row,) = page.lists.table.selectionModel().selectedRows()
    assert row.data() == f"{event:,}"
    # The other way: an event in the table selects what it made.
    page.select(())
    assert page.inspector.name.text().startswith("At the peak")
    page.lists.table.clicked.emit(history.index(history.row_of(event), 0))
    assert page.selection == (chosen,)
    QTest.keyClick(page.before.map, Qt.Key.Key_Escape)
    assert not page.selection


def test_the_history_shows_one_kind_of_event(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    assert page.lists.history is not None
    page.lists.filter.setCurrentText("Segments")
    texts = {page.lists.history.index(row, 2).data() for row in range(page.lists.history.rowCount())}
    assert texts <= {"segment reserved", "segment given back"} and texts
    page.lists.filter.setCurrentText("Out of memory")
    assert page.lists.history.rowCount() == 0


def test_who_holds_the_peak_leads_to_its_allocations(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded = page.recorded
    assert recorded is not None
    page.inspector.rows.chosen.emit(0)
    share = recorded.shares[0]
    assert len(page.selection) == share.count
    sizes = recorded.scene.high - recorded.scene.low
    assert sizes[list(page.selection)].sum() == share.bytes


def test_a_part_is_chosen_by_device_time_and_size(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    content = snapshot(900, seed=5)
    content["device_traces"].append(snapshot(300, seed=6)["device_traces"][0])
    drop(window, write(tmp_path / "two.pickle", content))
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.recording is not None, timeout=SECONDS)
    assert dialog.device.count() == 2 and dialog.device.currentData() == 0
    dialog.device.setCurrentIndex(1)
    choice = dialog.choice
    assert choice is not None and (choice.device, choice.first) == (1, 0)
    dialog.timeline.setFocus()
    for _ in range(40):
        QTest.keyClick(dialog.timeline, Qt.Key.Key_Left)
    dialog.least.setCurrentIndex(2)
    assert "will be shown" in dialog.count.text()
    dialog.accept()
    page = shown_page(window, qtbot)
    part = page.recorded.part if page.recorded is not None else None
    assert part is not None and part.trace.device == 1
    assert part.choice.last is not None and part.choice.last < part.trace.count
    assert part.left_out > 0 and "left out" in page.sentence.text()


def test_closing_the_dialog_cancels_the_reading(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    drop(window, write(tmp_path / "large.pickle", snapshot(20_000)))
    assert window.work.busy
    dialog_of(window).reject()
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)
    assert window.importing.shown is None


class Harmful:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "content",
    [
        lambda path: pickle.dumps({"segments": Harmful(path)}),
        lambda path: pickle.dumps(snapshot(200))[:-90],
        lambda path: b"\x80\x04" + b"]" * 500_000 + b"a" * 499_999 + b".",
    ],
    ids=["malicious", "truncated", "nested"],
)
def test_a_file_that_means_harm_is_refused_in_its_dialog(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, content: Callable[[Path], bytes]
) -> None:
    file, made = tmp_path / "bad.pickle", tmp_path / "made"
    file.write_bytes(content(made))
    drop(window, file)
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.problem.isVisible(), timeout=SECONDS)
    assert "bad.pickle" in dialog.problem.text()
    assert not made.exists()
    assert not dialog.open_button.isEnabled()
    dialog.reject()
    assert not window.work.busy


def test_a_table_of_lifetimes_is_placed(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "three.csv"
    file.write_text("id,lower,upper,size\na,0,2,100\nb,1,3,50\nc,2,4,100\n")
    drop(window, file)
    page = shown_page(window, qtbot)
    window.solve()
    qtbot.waitUntil(
        lambda: page.recorded is not None and page.recorded.placed is not None, timeout=SECONDS
    )
    assert page.recorded is not None and page.recorded.placed is not None
    assert page.recorded.placed.height == 150
    assert "none needs less" in page.sentence.text()
    assert [page.lists.tabs.isTabVisible(tab) for tab in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photo.jpg", b"\xff\xd8\xff\xe0", "photo.jpg is of no kind that can be opened"),
        ("none.step", b"", "none.step is empty"),
        ("some.zip", b"PK\x03\x04", "give it a name that ends in .pt2"),
        ("wrong.csv", b"a,b\n1,2\n", "the column 'id' is missing"),
        ("bad.pt2", b"PK\x03\x04 and nothing else", "bad.pt2 cannot be read"),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_sentence(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    drop(window, file)
    qtbot.waitUntil(lambda: window.problem.isVisible(), timeout=SECONDS)
    assert said in window.problem.message.text()
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)


def test_a_step_takes_the_place_of_what_was_recorded(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path, toy_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    drop(window, toy_file)
    qtbot.waitUntil(lambda: window.document.step is not None, timeout=SECONDS)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)
    assert page.recorded is None and window.pages.currentWidget() is not page


def test_closing_what_was_recorded_leads_back_to_the_start_page(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    assert window.menu["close_step"].isEnabled()
    window.menu["close_step"].trigger()
    assert page.recorded is None and window.pages.currentWidget() is window.start


def test_a_planning_only_step_is_dropped(window: MainWindow, qtbot: QtBot, cases: Path) -> None:
    drop(window, cases / "steps" / "resnet18_b1_sgd.json.gz")
    qtbot.waitUntil(lambda: window.document.step is not None, timeout=SECONDS)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)
    step = window.document.step
    assert step is not None and step.program is None


def test_device_and_time_are_chosen_while_the_file_is_read(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = threading.Event()

    def read_after_choosing(path: Path, *, found: Callable[[object], None], **others: Any) -> Recording:
        def tell(item: object) -> None:
            found(item)
            assert chosen.wait(SECONDS / 1000)

        return read_snapshot(path, found=tell, **others)

    monkeypatch.setattr("runtime.snapshot.read_snapshot", read_after_choosing)
    content = snapshot(60_000, seed=5)
    content["device_traces"].append(snapshot(3000, seed=6)["device_traces"][0])
    drop(window, write(tmp_path / "long.pickle", content))
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.device.count() == 2, timeout=SECONDS)
    assert dialog.recording is None, "it was read before anything could be chosen"
    dialog.device.setCurrentIndex(1)
    longest = dialog.end.maximum()
    assert longest > 0
    dialog.end.setValue(longest / 2)
    dialog.accept()
    assert dialog.isVisible() and not dialog.open_button.isEnabled()
    chosen.set()
    page = shown_page(window, qtbot)
    part = page.recorded.part if page.recorded is not None else None
    assert part is not None and part.trace.device == 1
    assert part.seconds[-1] <= longest / 2 + 0.001


def test_time_runs_by_allocations_or_by_seconds(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded = page.recorded
    assert recorded is not None and recorded.part is not None and recorded.seconds is not None
    times = recorded.part.trace.seconds
    assert recorded.seconds.sum() == pytest.approx(times[-1] - times[0])
    page.time.setCurrentIndex(1)
    axis = page.before.map.state.axis
    assert axis.timed and axis.seconds == pytest.approx(recorded.seconds.sum(), rel=0.01)
    page.time.setCurrentIndex(0)
    assert not page.before.map.state.axis.timed


def test_the_search_field_goes_through_recorded_allocations(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded = page.recorded
    assert recorded is not None and recorded.part is not None and window.search.isEnabled()
    window.search.setText(">1MiB")
    requested = recorded.part.trace.allocations.size[recorded.part.allocation]
    expected = {int(r) for r in (requested > 1 << 20).nonzero()[0]}
    assert set(page.exploring.matches.found) == expected and expected
    starts = recorded.scene.start[list(page.exploring.matches.found)].tolist()
    assert starts == sorted(starts)
    window.menu["find_next"].trigger()
    assert page.selection == page.exploring.matches.found[:1]
    window.menu["find_previous"].trigger()
    assert page.selection == page.exploring.matches.found[-1:]
    assert page.exploring.matches.count_text == f"{len(expected):,} of {len(expected):,}"
    first, last, _, _ = page.before.map.visible_range()
    assert (
        first < recorded.scene.end[page.selection[0]] and recorded.scene.start[page.selection[0]] < last
    )
    window.search.setText("no such function")
    assert page.exploring.matches.count_text == "none"
    window.search.setText("64x256")
    assert page.exploring.matches.count_text == "?" and "no shapes" in window.search.toolTip()
    page.before.map.setFocus()
    window._escape.activated.emit()
    assert window.search.text() == ""


def test_what_is_alive_at_the_cursor_is_listed_and_can_be_held(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded = page.recorded
    assert recorded is not None
    scene, lists = recorded.scene, page.lists
    lists.tabs.setCurrentIndex(1)
    assert sum(lists.alive.rows and [lists._size(r) for r in lists.alive.rows]) == scene.live_peak
    page.before.map.go_to_slot(40)
    qtbot.waitUntil(lambda: lists.slot == 40 and not lists._later.isActive(), timeout=SECONDS)
    there = ((scene.start <= 40) & (scene.end > 40)).nonzero()[0]
    assert set(lists.alive.rows) == set(there.tolist())
    window.menu["hold"].trigger()
    page.before.map.go_to_slot(60)
    assert lists.slot == 40 and page.exploring.moment.held
    lists.alive_table.selectRow(0)
    assert page.selection == (lists.alive.rows[0],)
    window.menu["peak"].trigger()
    page.exploring.moment.release()
    page.before.map.go_to_peak()
    assert lists.slot == scene.peak_slot


def test_bytes_at_the_peak_are_summed_by_any_line_of_the_stack(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    recorded, lists = page.recorded, page.lists
    assert recorded is not None
    lists.tabs.setCurrentIndex(2)
    for choice in range(lists.by.count()):
        lists.by.setCurrentIndex(choice)
        assert sum(share.bytes for share in lists.sums.rows) == recorded.scene.live_peak
        sizes = [share.bytes for share in lists.sums.rows]
        assert sizes == sorted(sizes, reverse=True)
    lists.by.setCurrentIndex(0)
    share = lists.sums.rows[0]
    lists.sum_table.clicked.emit(lists.sums.index(0, 0))
    assert len(page.selection) == share.count


def test_the_commands_of_a_map_are_for_the_recorded_one(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    keys = ("find", "find_next", "hold", "peak", "ruler", "fit_all", "zoom_in", "zoom_out", "picture")
    assert all(window.menu[key].isEnabled() for key in keys)
    assert not window.menu["colour_module"].isEnabled()
    whole = page.before.map.visible_range()
    window.menu["zoom_in"].trigger()
    assert page.before.map.visible_range() != whole
    window.menu["fit_all"].trigger()
    assert page.before.map.visible_range() == whole
    window.menu["ruler"].trigger()
    assert page.before.map.gesture is not None
    window._escape.activated.emit()
    assert page.before.map.gesture is None


def test_recorded_maps_are_saved_as_a_picture(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path, tmp_path: Path
) -> None:
    page = opened(window, qtbot, snapshot_file)
    assert page.recorded is not None
    target = tmp_path / "map.png"
    render_recorded(page.recorded, target)
    picture = QImage(str(target))
    assert picture.size() == SIZE
    colours = {picture.pixel(x, y) for x in range(60, 1500, 20) for y in range(200, 900, 20)}
    assert len(colours) > 5


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_picture_of_recorded_maps_is_the_same_whichever_thread_paints_it(
    window: MainWindow, qtbot: QtBot, snapshot_file: Path, tmp_path: Path, kind: str
) -> None:
    recorded = opened(window, qtbot, snapshot_file).recorded
    assert recorded is not None
    here, there = tmp_path / f"here.{kind}", tmp_path / f"there.{kind}"
    render_recorded(recorded, here)
    drawing = lay_out(recorded, there)
    thread = threading.Thread(target=drawing.write)
    thread.start()
    thread.join()
    drawing.close()
    # A PDF says when it was made.
    dated = re.compile(rb"[0-9]{14}|[0-9]{4}(-[0-9]{2}){2}T[0-9:]{8}|uuid:[-0-9a-f]+|/ID \[.*?\]", re.S)
    assert dated.sub(b"", here.read_bytes()) == dated.sub(b"", there.read_bytes())


def test_a_picture_of_recorded_maps_is_painted_beside_the_window_and_can_be_stopped(
    window: MainWindow,
    qtbot: QtBot,
    snapshot_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened(window, qtbot, snapshot_file)
    begun, go_on, threads = threading.Event(), threading.Event(), []
    write = Drawing.write

    def gated(drawing: Drawing, stopping: Callable[[], bool]) -> bool:
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(60)
        return write(drawing, stopping)

    monkeypatch.setattr(Drawing, "write", gated)
    target = tmp_path / "map.svg"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), "SVG (*.svg)"))
    window.menu["picture"].trigger()
    assert begun.wait(60) and threads != [threading.main_thread()]
    # The window is used meanwhile.
    window.menu["zoom_in"].trigger()
    assert window.work.busy and window.work.activity.stoppable
    window.work.stop()
    go_on.set()
    wait_until_idle(qtbot, window)
    assert list(tmp_path.glob("map*")) == []


def test_painting_shapes_stops_between_some_rectangles(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app.picture.shapes as shapes

    monkeypatch.setattr(shapes, "AT_ONCE", 10)
    file = write(tmp_path / "oom.pickle", snapshot(900, seed=5), 5)
    recorded = opened(window, qtbot, file).recorded
    assert recorded is not None and recorded.scene.count > 100
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    drawing = lay_out(recorded, tmp_path / "map.svg")
    assert not drawing.write(stopping)
    drawing.close()
    assert not (tmp_path / "map.svg").exists()
    assert asked < 40  # of the hundreds of times that a whole picture asks
