"""Words on the map never stand on one another: names of tensors, strips and lines, chips."""

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.map import lines, map_row, selection_overlay
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.row import At, text_width, write
from app.map.view import MapView
from solver.placement.caching_allocator import simulate
from solver.step import Step
from tests.app.map.made_scenes import first_fit_plan
from tests.app.toy_several import recomputed_plan

Written = list[tuple[str, QRectF]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """All that is written into the map, with its pixels in the row's or the widget's coordinates."""
    found: Written = []

    def record(painter: QPainter, box: QRectF, text: str, font: QFont, at: At = At.LEFT) -> None:
        width = text_width(text, font)
        left = box.left() + (box.width() - width) / 2 * (at is At.MIDDLE)
        if at is not At.RIGHT:  # the numbers of the address axis
            middle = painter.transform().map(box.center()).y()
            start = painter.transform().map(box.topLeft()).x() + left - box.left()
            found.append((text, QRectF(start, middle - 6, width, 12)))
        write(painter, box, text, font, at)

    for module in (lines, map_row, selection_overlay):
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
    written.clear()
    view.map_row.update()
    view.settle()
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
