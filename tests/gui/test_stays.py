"""A tensor with several stays on the map: all are selected, joined by lines, and a key goes through."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document, Entry
from app.map.plan_scene import PlanScene, plan_scene
from app.map.raster import KERNELS
from app.map.view import MapView
from app.panels.inspector import InspectorPanel
from solver.plan import Plan
from solver.step import Category, Step
from tests.app.toy_several import STORAGE, parked_plan, recomputed_plan

Key = Qt.Key


@pytest.fixture
def view(dressed: QApplication, qtbot: QtBot) -> Iterator[MapView]:
    KERNELS.load()
    view = MapView()
    qtbot.addWidget(view)
    view.resize(900, 600)
    view.show()
    yield view


def picture(view: MapView, scene: PlanScene) -> QImage:
    """The map at rest, without selection."""
    view.set_scene(scene)
    view.settle()
    return view.grab().toImage()


def between(view: MapView, image: QImage) -> set[str]:
    """Colours of a column of the map at slot 2, where the first activation is away."""
    row = view.map_row
    x = round(row.mapToParent(row.x_of(2.5), 0).x()) + view.canvas.pos().x()
    area = row.mapRectToParent(row.plot)
    top = view.canvas.pos().y()
    pixels = range(round(area.top()) + top, round(area.bottom()) + top)
    return {image.pixelColor(x, y).name() for y in pixels}


def test_lines_lead_over_the_slots_where_a_tensor_is_away(view: MapView, toy_step: Step) -> None:
    scene = plan_scene(toy_step, recomputed_plan(toy_step))
    joined = between(view, picture(view, scene))
    without = scene.__class__(**{f: getattr(scene, f) for f in scene.__dataclass_fields__})
    without.__dict__["joins"] = ()
    assert joined - between(view, picture(view, without))


def test_no_line_for_a_hidden_category(view: MapView, toy_step: Step) -> None:
    scene = plan_scene(toy_step, recomputed_plan(toy_step))
    before = between(view, picture(view, scene))
    view.set_hidden({Category.ACTIVATION})
    view.settle()
    assert len(between(view, view.grab().toImage())) < len(before)


@pytest.mark.parametrize("make", [recomputed_plan, parked_plan])
def test_n_goes_from_stay_to_stay(view: MapView, qtbot: QtBot, toy_step: Step, make: object) -> None:
    assert callable(make)
    plan: Plan = make(toy_step)
    scene = plan_scene(toy_step, plan)
    picture(view, scene)
    first, second = scene.rectangles_of((STORAGE,))
    view.select((STORAGE,))
    seen = []
    for key, shift in ((Key.Key_N, False), (Key.Key_N, False), (Key.Key_N, False), (Key.Key_N, True)):
        modifiers = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        qtbot.keyClick(view, key, modifiers)
        seen.append(view.state.hovered_rectangle)
    assert seen == [first, second, first, second]


def test_a_click_on_any_stay_selects_the_tensor(view: MapView, qtbot: QtBot, toy_step: Step) -> None:
    scene = plan_scene(toy_step, recomputed_plan(toy_step))
    picture(view, scene)
    for rectangle in scene.rectangles_of((STORAGE,)):
        view.click(-1)
        box = view.map_row.mapRectToParent(view.map_row.box_of(rectangle))
        qtbot.mouseClick(view.canvas.viewport(), Qt.MouseButton.LeftButton, pos=box.center().toPoint())
        assert view.state.selection == (STORAGE,)
    assert [badge for badge, _ in view.selection_overlay.uses] == ["P", "1", "P", "2"]


def test_the_inspector_lists_the_stays_and_leads_to_them(
    dressed: QApplication, qtbot: QtBot, toy_step: Step
) -> None:
    document = Document()
    document.open(toy_step)
    document.add(Entry(recomputed_plan(toy_step)))
    inspector = InspectorPanel(document)
    qtbot.addWidget(inspector)
    inspector.show()
    document.select((STORAGE,))
    assert inspector.stays.isVisible()
    assert [row.text for row in inspector.stay_table.rows] == ["Made", "Made again"]
    with qtbot.waitSignal(inspector.go_to_slot) as went:
        inspector.stay_table.chosen.emit(inspector.stay_table.rows[1].key)
    assert went.args == [3]
    document.select((3,))
    assert not inspector.stays.isVisible()
