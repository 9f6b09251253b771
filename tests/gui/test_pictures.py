"""The map looks as it was accepted to look; see ``compared_pictures`` for the tolerance."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.map.colouring import ColourBy
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.ruler import Point
from app.map.slot_axis import slot_seconds
from app.map.view import MapView
from app.theme import DARK, LIGHT
from solver.budget.devices import V100
from solver.files import load_plan, load_step
from solver.placement.caching_allocator import simulate
from tests.gui.compared_pictures import difference, hold_against

SAMPLE = Path("resources/samples/resnet50.step")


@pytest.fixture(scope="module")
def scenes() -> dict[str, PlanScene]:
    """The sample as planned, and as run."""
    step = load_step(SAMPLE)
    plan, baseline = load_plan(SAMPLE.with_suffix(".plan")), simulate(step)
    return {"plan": plan_scene(step, plan, baseline), "as run": baseline_scene(step, baseline)}


def as_planned(view: MapView, scenes: dict[str, PlanScene]) -> None:
    view.set_scene(scenes["plan"])


def selected_in_light(view: MapView, scenes: dict[str, PlanScene]) -> None:
    scene = scenes["plan"]
    view.set_theme(LIGHT)
    view.set_scene(scene)
    names = [storage.name for storage in scene.step.storages]
    view.select((names.index("layer2.0.bn3 · out"),))
    view.set_visible_range(40, 320, 1.0e9, 2.4e9)


def as_run_in_light(view: MapView, scenes: dict[str, PlanScene]) -> None:
    view.set_theme(LIGHT)
    view.set_scene(scenes["as run"])
    view.go_to_slot(300)


def modules_by_time(view: MapView, scenes: dict[str, PlanScene]) -> None:
    view.set_scene(scenes["plan"])
    view.state.colour_scene(ColourBy.MODULE)
    view.state.set_time(lambda _: slot_seconds(scenes["plan"].facts, V100, False))
    view.ruler.overlay.show_points(Point(100, 500 << 20), Point(200, 1 << 30))


def difference_in_light(view: MapView, scenes: dict[str, PlanScene]) -> None:
    view.set_theme(LIGHT)
    view.set_scene(scenes["plan"])
    view.state.colour_scene(ColourBy.DIFFERENCE, scenes["as run"])


@pytest.mark.parametrize(
    "make",
    [as_planned, selected_in_light, as_run_in_light, modules_by_time, difference_in_light],
    ids=lambda make: make.__name__,
)
def test_the_map_looks_as_accepted(
    make: Callable[[MapView, dict[str, PlanScene]], None],
    scenes: dict[str, PlanScene],
    dressed: QApplication,
    qtbot: QtBot,
    request: pytest.FixtureRequest,
) -> None:
    view = MapView()
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.set_theme(DARK)
    make(view, scenes)
    view.show()
    view.settle()
    accept = bool(request.config.getoption("--accept-pictures", default=False))
    hold_against(make.__name__, view.grab().toImage(), accept=accept)


def test_what_moved_is_found_and_the_rounding_of_letters_is_not() -> None:
    one = QImage(320, 160, QImage.Format.Format_RGB32)
    one.fill(QColor("#202020"))
    softer, moved = one.copy(), one.copy()
    for image, left, shade in ((one, 40, 255), (softer, 40, 235), (moved, 60, 255)):
        painter = QPainter(image)
        painter.fillRect(left, 20, 3, 3, QColor(shade, shade, shade))
        painter.fillRect(left, 40, 12, 12, QColor(shade, shade, shade))
        painter.end()
    assert difference(one, softer) == ""
    assert "colours at" in difference(one, moved)
    assert "pixels" in difference(one, one.copy(0, 0, 100, 80))
