"""Words on the map never stand on one another: names of tensors, strips and lines, chips."""

from itertools import combinations, product

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QImage, QPainter
from PySide6.QtWidgets import QApplication, QGraphicsItem
from pytestqt.qtbot import QtBot

from app.map import axis_row, cursor_overlay, lines, map_row, profile_row, ruler, selection_overlay
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.row import At, text_width, write
from app.map.ruler import Point
from app.map.view import MapView
from solver.placement.caching_allocator import simulate
from solver.step import Step
from tests.app.map.made_scenes import first_fit_plan
from tests.app.toy_several import recomputed_plan

Written = list[tuple[str, QRectF]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """All that is written into map, axis and profile, with its pixels in the widget's coordinates."""
    found: Written = []

    def record(painter: QPainter, box: QRectF, text: str, font: QFont, at: At = At.LEFT) -> None:
        width = text_width(text, font)
        spare = {At.LEFT: 0.0, At.MIDDLE: 0.5, At.RIGHT: 1.0}[at] * (box.width() - width)
        middle = painter.transform().map(box.center()).y()
        start = painter.transform().map(box.topLeft()).x() + spare
        found.append((text, QRectF(start, middle - 5.5, width, 11)))
        write(painter, box, text, font, at)

    for module in (
        axis_row,
        cursor_overlay,
        lines,
        map_row,
        profile_row,
        ruler,
        selection_overlay,
    ):
        monkeypatch.setattr(module, "write", record)
    return found


def shown(qtbot: QtBot, scene: PlanScene) -> MapView:
    """A visible map of a scene."""
    view = MapView()
    qtbot.addWidget(view)
    view.resize(1100, 700)
    view.set_scene(scene)
    view.show()
    view.settle()
    return view


def drawn(view: MapView, written: Written) -> Written:
    """What is written when the map is painted anew."""
    view.settle()
    for row in view.canvas.rows:
        row.setCacheMode(QGraphicsItem.CacheMode.NoCache)  # what is kept is not written again
    written.clear()
    view.grab()
    return list(written)


def touching(words: Written) -> list[tuple[str, QRectF, str, QRectF]]:
    """All pairs of words that touch."""
    return [(*one, *two) for one, two in combinations(words, 2) if one[1].intersects(two[1])]


@pytest.mark.usefixtures("dressed")
def test_names_keep_clear_of_one_another_at_any_zoom(
    qtbot: QtBot, written: Written, resnet50_step: Step
) -> None:
    baseline = simulate(resnet50_step)
    plan = plan_scene(resnet50_step, first_fit_plan(resnet50_step), baseline)
    random = np.random.default_rng(4)
    for scene in (plan, baseline_scene(resnet50_step, baseline)):
        view = shown(qtbot, scene)
        several = 0
        for zoom in (1.0, 0.6, 0.3, 0.1, 0.03):
            for _ in range(4):
                x, y = random.random(2) * (scene.slots, scene.top)
                view.set_visible_range(
                    x - scene.slots * zoom / 2,
                    x + scene.slots * zoom / 2,
                    y - scene.top * zoom / 2,
                    y + scene.top * zoom / 2,
                )
                rectangle = view.state.drawing.pick(x, y, view.state.palette)  # type: ignore[union-attr]
                view.select((int(scene.storage[rectangle]),) if rectangle >= 0 else ())
                words = drawn(view, written)
                several = max(several, len(words))
                assert touching(words) == []
        assert several > 10


def test_chips_of_stays_keep_clear_of_names(
    qtbot: QtBot, dressed: QApplication, written: Written, toy_step: Step
) -> None:
    scene = plan_scene(toy_step, recomputed_plan(toy_step))
    view = shown(qtbot, scene)
    for storage in range(scene.storages):
        view.select((storage,))
        words = drawn(view, written)
        assert touching(words) == []


@pytest.mark.usefixtures("dressed")
def test_words_keep_clear_with_ruler_cursor_and_any_size(
    qtbot: QtBot, written: Written, resnet50_step: Step
) -> None:
    """At random ranges, sizes, selections, cursors and rulers no word stands on another one."""
    baseline = simulate(resnet50_step)
    plan = plan_scene(resnet50_step, first_fit_plan(resnet50_step), baseline)
    random = np.random.default_rng(7)
    for scene in (plan, baseline_scene(resnet50_step, baseline)):
        view = shown(qtbot, scene)
        for _ in range(24):
            view.resize(int(random.integers(520, 1500)), int(random.integers(430, 900)))
            zoom = float(random.choice([1.0, 1.0, 0.4, 0.1]))
            x, y = random.random(2) * (scene.slots, scene.top)
            wide, high = scene.slots * zoom / 2, scene.top * zoom / 2
            view.set_visible_range(x - wide, x + wide, y - high, y + high)
            view.select(tuple(random.integers(0, scene.storages, random.integers(0, 4)).tolist()))
            places = random.random((3, 2)) * (2 * wide, 2 * high) + (x - wide, y - high)
            slots, addresses = places.astype(int).clip(0, (scene.slots, scene.top)).T.tolist()
            view.state.hover(-1, -1, (slots[0], addresses[0]))
            view.ruler.overlay.show_points(*map(Point, slots[1:], addresses[1:]))
            words = drawn(view, written)
            assert len(words) > 10
            assert touching(words) == []
            dot = view.profile.peak_dot()
            dot = view.profile.mapRectToScene(dot) if dot is not None else QRectF()
            assert not any(dot.intersects(box) for text, box in words if text.startswith("Live "))


def pixels(view: MapView) -> np.ndarray:
    """What is on the screen, height × width, as 32-bit colours."""
    image = view.canvas.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


@pytest.mark.usefixtures("dressed")
def test_the_outline_of_a_selected_tensor_does_not_cover_its_selected_neighbours(
    qtbot: QtBot, resnet50_step: Step
) -> None:
    scene = plan_scene(resnet50_step, first_fit_plan(resnet50_step))
    view = shown(qtbot, scene)
    high = [s for s in range(scene.storages) if box_of(view, s).height() >= 10]
    largest = sorted(high, key=lambda s: -box_of(view, s).width())[:8]
    view.select(tuple(largest))
    found = pixels(view)
    for storage in largest:
        box = box_of(view, storage).toRect()
        column = found[box.top() + 1 : box.bottom(), box.right() - 12]
        assert len(set(column.tolist())) <= 2, "its fill, and a seam where it touches another"


@pytest.mark.usefixtures("dressed")
def test_dashes_around_a_low_related_tensor_leave_its_name_alone(
    qtbot: QtBot, resnet50_step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = shown(qtbot, plan_scene(resnet50_step, first_fit_plan(resnet50_step)))
    low = 0
    for height, storage in product((560, 574, 590), range(0, 300, 12)):
        view.resize(1100, height)
        view.select((storage,))
        view.settle()
        dashed = pixels(view)
        words = [view.map_row.mapRectToParent(box).toRect() for box in view.map_row.written]
        with monkeypatch.context() as without:
            without.setattr(selection_overlay.SelectionOverlay, "_paint_related", lambda *_: None)
            view.selection_overlay.update()
            plain = pixels(view)
        changed = dashed != plain
        for box in words:
            low += int(changed[box.top() - 3 : box.bottom() + 3].any())
            assert not changed[box.top() : box.bottom() + 1, box.left() : box.right()].any()
    assert low


@pytest.mark.usefixtures("dressed")
def test_the_name_of_the_residents_stands_right_of_lines_that_lead_to_ops(
    qtbot: QtBot, written: Written, resnet50_step: Step
) -> None:
    view = shown(qtbot, plan_scene(resnet50_step, first_fit_plan(resnet50_step)))

    def place() -> QRectF:
        return next(box for text, box in drawn(view, written) if text.startswith("Parameters"))

    before = place()
    view.map_row.label_shelf = lambda: before.left() + 40
    assert place().left() == before.left() + 40


@pytest.mark.usefixtures("dressed")
def test_the_saving_gives_way_to_lines_that_lead_to_ops(qtbot: QtBot, resnet50_step: Step) -> None:
    baseline = simulate(resnet50_step)
    scene = plan_scene(resnet50_step, first_fit_plan(resnet50_step), baseline)
    row = shown(qtbot, scene).map_row
    box = lines.saving_box(row, scene, [])
    assert box is not None
    row.stems = lambda: [box.center().x()]
    moved = lines.saving_box(row, scene, [])
    assert moved is not None and moved.right() < box.center().x() and moved.top() == box.top()


def box_of(view: MapView, storage: int) -> QRectF:
    """The pixels of a storage's first rectangle in the widget's coordinates."""
    scene = view.state.scene
    assert scene is not None
    rectangles = scene.rectangles_of((storage,))
    row = view.map_row
    return row.mapRectToParent(row.box_of(rectangles[0])) if rectangles else QRectF()
