"""The map as a person uses it: pointer, keyboard, linked maps, themes, pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QFocusEvent, QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFrame, QLabel
from pytestqt.qtbot import QtBot

from app.map.menu import tensor_menu
from app.map.picture import render_picture
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.raster import KERNELS, Window
from app.map.scene import array_scene
from app.map.state import MapState
from app.map.view import MapView
from app.theme import DARK, LIGHT
from solver.placement.caching_allocator import simulate
from solver.step import Category, Step
from tests.app.map.made_scenes import first_fit_plan, large_scene, training_arrays
from tests.benchmarks.bench_map import measure
from tests.conftest import make_toy_step

PLAIN = Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="module")
def scene() -> PlanScene:
    """200 storages that rise and fall like a training step."""
    return large_scene(200)


@pytest.fixture
def view(dressed: QApplication, qtbot: QtBot, scene: PlanScene) -> Iterator[MapView]:
    """A visible map of the scene."""
    KERNELS.load()
    view = MapView()
    qtbot.addWidget(view)
    view.resize(1000, 700)
    view.set_scene(scene)
    view.show()
    view.settle()
    yield view


def point_in(view: MapView, rectangle: int) -> QPoint:
    """A pixel of the canvas inside a rectangle's visible part."""
    box = view.map_row.mapRectToParent(view.map_row.box_of(rectangle))
    area = view.map_row.mapRectToParent(view.map_row.plot)
    return box.intersected(area).center().toPoint()


def largest(scene: PlanScene) -> int:
    """The rectangle with the largest area."""
    return int(((scene.end - scene.start) * (scene.high - scene.low)).argmax())


def wheel(view: MapView, at: QPoint, notches: int, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    """Turn the wheel over the canvas."""
    target = view.canvas.viewport()
    event = QWheelEvent(
        QPointF(at),
        QPointF(target.mapToGlobal(at)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(target, event)


def drag(view: MapView, start: QPoint, end: QPoint, button: Qt.MouseButton) -> None:
    """Press, move, release on the canvas."""
    target = view.canvas.viewport()
    QTest.mousePress(target, button, pos=start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(target, start + (end - start) * part)
        move(view, start + (end - start) * part, button)
    QTest.mouseRelease(target, button, pos=end)


def move(view: MapView, at: QPoint, button: Qt.MouseButton) -> None:
    """A move with a held button, which QTest.mouseMove does not say."""
    target = view.canvas.viewport()
    position = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        position,
        QPointF(target.mapToGlobal(at)),
        Qt.MouseButton.NoButton,
        button,
        PLAIN,
    )
    QApplication.sendEvent(target, event)


def pixels(view: MapView) -> np.ndarray:
    """What the map shows, shape (height, width, 4)."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.array(image.constBits()).reshape(image.height(), image.width(), 4).copy()


def test_hovering_names_the_storage_and_its_slot(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    rectangle = largest(scene)
    cursors: list[tuple[int, object]] = []
    view.cursor_moved.connect(lambda slot, address: cursors.append((slot, address)))
    with qtbot.waitSignal(view.hovered) as hovered:
        QTest.mouseMove(view.canvas.viewport(), point_in(view, rectangle))
    assert hovered.args == [int(scene.storage[rectangle])]
    slot, address = cursors[-1]
    assert scene.start[rectangle] <= slot < scene.end[rectangle]
    assert scene.low[rectangle] <= address < scene.high[rectangle]
    QApplication.sendEvent(view.canvas, QEvent(QEvent.Type.Leave))
    assert cursors[-1] == (-1, None)


def test_the_tooltip_comes_after_a_rest_and_leaves_with_the_pointer(
    qtbot: QtBot, view: MapView, scene: PlanScene
) -> None:
    rectangle = int(np.flatnonzero(scene.category == scene.category[largest(scene)])[5])
    view.fit_storages((int(scene.storage[rectangle]),))
    QTest.mouseMove(view.canvas.viewport(), point_in(view, rectangle))
    tooltip = view.findChild(QFrame, "mapTooltip")
    assert not tooltip.isVisible()
    qtbot.waitUntil(tooltip.isVisible, timeout=2000)
    assert any(scene.name(rectangle) in label.text() for label in tooltip.findChildren(QLabel))
    QApplication.sendEvent(view.canvas, QEvent(QEvent.Type.Leave))
    assert not tooltip.isVisible()
    assert view.state.hovered == -1


def test_clicks_select_add_and_clear(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    first = largest(scene)
    size = (scene.end - scene.start) * (scene.high - scene.low)
    second = int(np.argsort(size)[-2])
    target = view.canvas.viewport()
    left = Qt.MouseButton.LeftButton
    said: list[tuple[int, ...]] = []
    view.selected.connect(said.append)
    QTest.mouseClick(target, left, pos=point_in(view, first))
    control = Qt.KeyboardModifier.ControlModifier
    QTest.mouseClick(target, left, control, point_in(view, second))
    QTest.mouseClick(target, left, control, point_in(view, first))
    top_left = view.map_row.mapRectToParent(view.map_row.plot).topLeft().toPoint() + QPoint(5, 5)
    QTest.mouseClick(target, left, pos=top_left)
    one, two = int(scene.storage[first]), int(scene.storage[second])
    assert said == [(one,), (one, two), (two,), ()]
    assert view.state.selection == ()


@pytest.mark.parametrize("notches", [1, 3, -2])
def test_the_wheel_zooms_slots_about_the_pointer(view: MapView, notches: int) -> None:
    view.set_visible_range(60, 140, 0, view.state.top)
    at = QPoint(400, 300)
    before, slot = view.visible_range(), view.map_row.slot_at(400)
    wheel(view, at, notches)
    after = view.visible_range()
    assert view.map_row.slot_at(400) == pytest.approx(slot, abs=1e-6)
    assert (after[1] - after[0] < before[1] - before[0]) == (notches > 0)
    assert after[2:] == before[2:]


def test_with_control_the_wheel_zooms_addresses_about_the_pointer(view: MapView) -> None:
    y = 300
    address = view.map_row.address_at(y - view.map_row.geometry().top())
    before = view.visible_range()
    wheel(view, QPoint(400, y), 2, Qt.KeyboardModifier.ControlModifier)
    after = view.visible_range()
    assert view.map_row.address_at(y - view.map_row.geometry().top()) == pytest.approx(address)
    assert after[3] - after[2] < before[3] - before[2]
    assert after[:2] == before[:2]


def test_zooming_ends_at_the_whole_and_at_a_few_slots(view: MapView) -> None:
    at = QPoint(400, 300)
    wheel(view, at, -50)
    assert view.state.window == view.state.whole
    for _ in range(60):
        wheel(view, at, 1)
    first, last, *_ = view.visible_range()
    assert last - first == pytest.approx(4)


def test_dragging_draws_a_zoom_box_and_the_middle_button_pans(view: MapView) -> None:
    row = view.map_row
    slots = [row.slot_at(x) for x in (300, 600)]
    addresses = [row.address_at(y - row.geometry().top()) for y in (400, 250)]
    drag(view, QPoint(300, 250), QPoint(600, 400), Qt.MouseButton.LeftButton)
    assert view.visible_range() == pytest.approx((*slots, *addresses))
    before = view.visible_range()
    drag(view, QPoint(500, 300), QPoint(450, 300), Qt.MouseButton.MiddleButton)
    after = view.visible_range()
    moved = 50 / row.plot.width() * (before[1] - before[0])
    assert after == pytest.approx((before[0] + moved, before[1] + moved, *before[2:]))


def test_a_click_on_a_band_fits_it_and_blocks_appear_when_zoomed(
    view: MapView, scene: PlanScene
) -> None:
    assert not view.blocks.shown
    band = scene.bands.modules[3]
    x = view.map_row.x_of((band.start + band.end) / 2)
    y = view.modules.geometry().center().y()
    QTest.mouseClick(view.canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(int(x), int(y)))
    assert view.visible_range()[:2] == pytest.approx((band.start, band.end))
    assert view.blocks.shown


def test_a_double_click_fits_the_tensor(view: MapView, scene: PlanScene) -> None:
    rectangle = int(((scene.high - scene.low) * (scene.start > 110)).argmax())
    view.set_visible_range(0, 200, 0, float(scene.high[rectangle]) * 1.1)
    QTest.mouseDClick(view.canvas.viewport(), Qt.MouseButton.LeftButton, pos=point_in(view, rectangle))
    first, last, low, high = view.visible_range()
    assert first <= scene.start[rectangle] < scene.end[rectangle] <= last
    assert low <= scene.low[rectangle] < scene.high[rectangle] <= high
    assert last - first < 100


def test_the_overviews_frame_is_dragged_and_resized(view: MapView) -> None:
    view.set_visible_range(80, 120, 0, view.state.top)
    frame = view.overview.frame()
    y = int(view.overview.geometry().center().y())
    per_pixel = 200 / view.overview.plot.width()
    middle = QPoint(round(frame.center().x()), y)
    drag(view, middle, middle + QPoint(100, 0), Qt.MouseButton.LeftButton)
    assert view.visible_range()[:2] == pytest.approx((80 + 100 * per_pixel, 120 + 100 * per_pixel))
    end = QPoint(round(view.overview.frame().right()), y)
    drag(view, end, end + QPoint(60, 0), Qt.MouseButton.LeftButton)
    assert view.visible_range()[0] == pytest.approx(80 + 100 * per_pixel)
    assert view.visible_range()[1] == pytest.approx(120 + 160 * per_pixel)


def test_the_overview_fills_its_strip_after_the_map_is_resized(view: MapView) -> None:
    view.grab()
    for width in (700, 1300):
        view.resize(width, 700)
        view.settle()
        view.grab()
        assert view.overview._image is not None
        drawn = view.overview._image.deviceIndependentSize().width()
        assert drawn == pytest.approx(view.overview.plot.width(), abs=1)


def test_keys_zoom_pan_fit_and_jump(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    zoomed = view.visible_range()
    assert zoomed[1] - zoomed[0] == pytest.approx(0.7 * 200)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.visible_range()[0] == pytest.approx(zoomed[0] + 0.1 * 140)
    qtbot.keyClick(view, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert view.state.window == view.state.whole
    with qtbot.waitSignal(view.cursor_moved) as moved:
        qtbot.keyClick(view, Qt.Key.Key_K)
    assert moved.args[0] == scene.peak_slot
    kept = int(scene.storage[largest(scene)])
    view.select((kept,))
    producer, consumers = scene.facts.producers(kept), scene.facts.consumers(kept)
    with qtbot.waitSignal(view.cursor_moved) as moved:
        qtbot.keyClick(view, Qt.Key.Key_P)
    assert moved.args[0] == producer[0].slot
    with qtbot.waitSignal(view.cursor_moved) as moved:
        qtbot.keyClick(view, Qt.Key.Key_1)
    assert moved.args[0] == consumers[0].slot
    qtbot.keyClick(view, Qt.Key.Key_F)
    assert view.state.window != view.state.whole
    with qtbot.waitSignal(view.selected) as cleared:
        qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert cleared.args == [()]


def test_the_keyboards_focus_is_seen_and_the_mouses_is_not(
    qtbot: QtBot, view: MapView, scene: PlanScene
) -> None:
    without = pixels(view)
    QApplication.sendEvent(view, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))
    assert (pixels(view) != without).any()
    QApplication.sendEvent(view, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.MouseFocusReason))
    assert (pixels(view) == without).all()


def test_arrows_walk_from_tensor_to_tensor(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    start = int(scene.storage[50])
    view.select((start,))
    low = int(scene.low[scene.rectangles_of((start,))[0]])
    with qtbot.waitSignal(view.selected) as above:
        qtbot.keyClick(view, Qt.Key.Key_Up)
    assert scene.low[scene.rectangles_of(above.args[0])[0]] > low
    with qtbot.waitSignal(view.selected) as later:
        qtbot.keyClick(view, Qt.Key.Key_Right)
    begins = [int(scene.start[scene.rectangles_of(s)[0]]) for s in (above.args[0], later.args[0])]
    assert begins[1] > begins[0]


def test_a_badge_brings_its_op_into_view(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    kept = int(scene.storage[largest(scene)])
    view.select((kept,))
    view.set_visible_range(80, 90, 0, view.state.top)
    view.grab()
    lane = view.lane.mapRectToParent(view.lane.plot)
    badge = view.selection_overlay.badge_at(QPointF(lane.left() + 20, lane.center().y()))
    assert badge is not None
    assert badge.text == "P"
    with qtbot.waitSignal(view.cursor_moved) as moved:
        QTest.mouseClick(
            view.canvas.viewport(),
            Qt.MouseButton.LeftButton,
            pos=QPoint(int(badge.x), int(lane.center().y())),
        )
    assert moved.args[0] == badge.slot
    assert view.visible_range()[0] <= badge.slot < view.visible_range()[1]


def test_linked_maps_share_addresses_and_not_slots(
    qtbot: QtBot, view: MapView, resnet50_step: Step
) -> None:
    baseline = simulate(resnet50_step)
    plan = first_fit_plan(resnet50_step)
    other = MapView()
    qtbot.addWidget(other)
    other.resize(1000, 700)
    view.set_scene(plan_scene(resnet50_step, plan))
    other.set_scene(baseline_scene(resnet50_step, baseline))
    view.link(other)
    assert view.visible_range()[2:] == other.visible_range()[2:]
    assert view.visible_range()[3] >= baseline.reserved_bytes
    view.set_visible_range(100, 200, 1 << 30, 2 << 30)
    assert other.visible_range()[2:] == view.visible_range()[2:] == (1 << 30, 2 << 30)
    assert other.visible_range()[:2] == (0, len(resnet50_step.ops))
    other.state.zoom_addresses(0.5)
    assert view.visible_range()[2:] == other.visible_range()[2:]


def test_linked_maps_show_their_blocks_together(qtbot: QtBot, view: MapView, scene: PlanScene) -> None:
    other = MapView()
    qtbot.addWidget(other)
    other.resize(1000, 700)
    other.set_scene(scene)
    view.link(other)
    view.state.zoom_slots(0.3)
    assert view.blocks.shown
    assert other.blocks.shown
    view.fit()
    assert not other.blocks.shown


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["zoom_slots", "zoom_addresses", "pan", "show"]),
            st.floats(-3, 3),
            st.floats(-3, 3),
        ),
        max_size=12,
    )
)
def test_no_movement_leaves_the_whole(
    dressed: QApplication, scene: PlanScene, moves: list[tuple[str, float, float]]
) -> None:
    state = MapState()
    state.set_scene(scene)
    state.show(state.whole)
    whole = state.whole
    for what, a, b in moves:
        match what:
            case "zoom_slots":
                state.zoom_slots(2.0**a, whole.x1 * b)
            case "zoom_addresses":
                state.zoom_addresses(2.0**a, whole.y1 * b)
            case "pan":
                state.pan(a, b)
            case _:
                state.show(Window(a * 100, b * 100, a * 1e9, b * 1e9))
        window = state.window
        assert 0 <= window.x0 < window.x1 <= whole.x1 * (1 + 1e-9)
        assert 0 <= window.y0 < window.y1 <= whole.y1 * (1 + 1e-9)
        assert window.x1 - window.x0 >= 4 - 1e-6
        assert window.y1 - window.y0 >= 4096 - 1e-3


def test_another_plan_of_the_step_keeps_the_visible_range(view: MapView, resnet50_step: Step) -> None:
    plan = first_fit_plan(resnet50_step)
    view.set_scene(plan_scene(resnet50_step, plan))
    view.set_visible_range(100, 200, 1 << 30, 2 << 30)
    view.set_scene(plan_scene(resnet50_step, plan))
    assert view.visible_range() == (100, 200, 1 << 30, 2 << 30)
    view.set_scene(large_scene(50))
    assert view.state.window == view.state.whole


def test_hover_and_selection_do_not_rasterise_again(
    view: MapView, scene: PlanScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    view.grab()
    drawing = view.state.drawing
    assert drawing is not None
    drawn: list[Window] = []
    monkeypatch.setattr(drawing, "draw", lambda surface, window, *_, **__: drawn.append(window))
    view.set_hovered(int(scene.storage[10]))
    view.select((int(scene.storage[20]),))
    view.point_at((12.0, 1000.0), 10)
    view.grab()
    assert drawn == []


def test_what_is_hidden_is_gone_from_map_and_profile(view: MapView, scene: PlanScene) -> None:
    gradient = QColor(DARK.fill[Category.GRADIENT]).rgb()

    def count() -> int:
        bytes_ = pixels(view).astype(np.uint32)
        seen = 0xFF000000 | bytes_[..., 2] << 16 | bytes_[..., 1] << 8 | bytes_[..., 0]
        return int((seen == gradient).sum())

    assert count() > 100
    view.set_hidden({Category.GRADIENT})
    view.settle()
    assert count() == 0


def test_the_theme_changes_ground_and_text(view: MapView) -> None:
    dark = pixels(view)[5, 5, :3].tolist()
    view.set_theme(LIGHT)
    view.settle()
    light = pixels(view)[5, 5, :3].tolist()
    assert QColor(*dark[::-1]).name() == DARK.map
    assert QColor(*light[::-1]).name() == LIGHT.map


def test_small_maps_drop_the_overview_and_then_half_the_profile(qtbot: QtBot, view: MapView) -> None:
    assert view.overview.shown
    view.resize(1000, 540)
    assert not view.overview.shown
    assert view.profile.size().height() == 102
    view.resize(1000, 480)
    view.canvas.settle()
    assert view.profile.size().height() == 51
    view.set_parts(overview=True, profile=False)
    assert not view.profile.shown


def test_maps_of_nothing_and_of_tiny_steps_work(qtbot: QtBot, view: MapView) -> None:
    for shown in (None, plan_scene(make_toy_step(), first_fit_plan(make_toy_step())), None):
        view.set_scene(shown)
        view.settle()
        view.grab()
        QTest.mouseMove(view.canvas.viewport(), QPoint(300, 300))
        wheel(view, QPoint(300, 300), 1)
        for key in (Qt.Key.Key_K, Qt.Key.Key_F, Qt.Key.Key_Up, Qt.Key.Key_Plus):
            qtbot.keyClick(view, key)
        view.go_to_peak()
        view.fit()


def test_a_picture_has_the_size_and_the_ground_that_were_asked_for(
    dressed: QApplication, tmp_path: Path
) -> None:
    step = make_toy_step()
    path = tmp_path / "map.png"
    render_picture(
        plan_scene(step, first_fit_plan(step)), path, width=800, height=600, theme=LIGHT, title="Toy"
    )
    image = QImage(str(path))
    assert (image.width(), image.height()) == (800, 600)
    assert image.pixelColor(3, 3).name() == LIGHT.panel
    colours = {image.pixelColor(x, y).name() for x in range(60, 780, 3) for y in range(100, 450, 3)}
    assert LIGHT.fill[Category.PARAMETER] in colours


def test_the_menu_selects_the_tensor_and_copies_its_name(
    qtbot: QtBot, view: MapView, scene: PlanScene
) -> None:
    rectangle = largest(scene)
    menu = tensor_menu(view, rectangle)
    qtbot.addWidget(menu)
    assert view.state.selection == (int(scene.storage[rectangle]),)
    texts = {action.text().partition("\t")[0]: action for action in menu.actions()}
    assert {"Fit to the map", "Go to the producer", "Go to the first consumer"} <= texts.keys()
    texts["Copy the name"].trigger()
    assert QApplication.clipboard().text() == scene.name(rectangle)
    with qtbot.waitSignal(view.cursor_moved) as moved:
        texts["Go to the producer"].trigger()
    assert moved.args[0] == scene.start[rectangle]


def test_lines_and_names_are_painted_at_every_zoom(view: MapView, resnet50_step: Step) -> None:
    baseline = simulate(resnet50_step)
    plan = plan_scene(resnet50_step, first_fit_plan(resnet50_step), baseline)
    narrow = next(i for i in range(plan.count) if plan.end[i] - plan.start[i] == 2)
    for shown in (plan, baseline_scene(resnet50_step, baseline)):
        view.set_scene(shown)
        view.select((int(plan.storage[narrow]), 0))
        for zoom in (1.0, 0.5, 0.05, 0.005):
            view.fit()
            view.state.zoom_slots(zoom, float(plan.start[narrow]))
            view.state.zoom_addresses(zoom, float(plan.low[narrow]))
            view.settle()
            view.grab()


@pytest.mark.parametrize(("count", "most"), [(20_000, 25), (300_000, 40)])
def test_many_rectangles_move_smoothly(dressed: QApplication, count: int, most: float) -> None:
    KERNELS.load()
    figures = measure(training_arrays(count), frames=20)
    assert figures.pan[0] < most, "CPU milliseconds of a frame; a quarter of it on an idle machine"
    assert figures.zoom[0] < most
    assert figures.hover[0] < 1


def test_a_map_shows_plain_arrays(qtbot: QtBot, view: MapView) -> None:
    starts = np.arange(100) * 10
    category = np.zeros(100, np.uint8)
    shown = array_scene("", starts, starts + 10, starts, starts + 10 * 4096, category, slots=1000)
    view.set_scene(shown)
    view.settle()
    x, y = view.map_row.x_of(505), view.map_row.y_of(500 + 2000)
    position = view.map_row.geometry().topLeft() + QPointF(x, y)
    rectangle = view.rectangle_at(position)
    assert shown.start[rectangle] <= 505 < shown.end[rectangle]
    view.click(int(shown.storage[rectangle]))
    view.go_to_peak()
    assert not view.grab().isNull()
