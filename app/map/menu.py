"""The menu of a tensor, or of an op, on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication, QMenu

from app.numbers import bytes_exact
from app.translation import tr

if TYPE_CHECKING:
    from app.map.view import MapView


def menu_at(view: MapView, position: QPointF) -> QMenu | None:
    """What can be done to what is at a position of the canvas; None: nothing. Others add to it."""
    rectangle, scene = view.rectangle_at(position), view.state.scene
    if rectangle >= 0:
        menu = tensor_menu(view, rectangle)
        view.menu_asked.emit(menu, -1)
        return menu
    slot = int(view.state.axis.slot(view.map_row.place_at(position.x())))
    on_ops = view.canvas.row_at(position) in (view.axis, view.lane)
    if scene is None or not on_ops or not 0 <= slot < scene.slots:
        return None
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    view.menu_asked.emit(menu, slot)
    if not menu.isEmpty():
        return menu
    menu.deleteLater()
    return None


def tensor_menu(view: MapView, rectangle: int) -> QMenu:
    """A menu for a rectangle, which is selected by it; deletes itself when it closes."""
    scene = view.state.scene
    assert scene is not None
    storage = int(scene.storage[rectangle])
    if storage not in view.state.selection:
        view.click(storage)
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.addAction(tr("Fit to the map\tF"), lambda: view.fit_storages((storage,)))
    uses = view.selection_overlay.uses
    if uses and uses[0][0] == "P":
        menu.addAction(tr("Go to the producer\tP"), lambda: view.go_to_use("P"))
    consumers = [badge for badge, _ in uses if badge != "P"]
    if consumers:
        menu.addAction(tr("Go to the first consumer\t1"), lambda: view.go_to_use("1"))
    menu.addSeparator()
    clipboard = QApplication.clipboard()
    name, low = scene.name(rectangle), int(scene.low[rectangle])
    menu.addAction(tr("Copy the name"), lambda: clipboard.setText(name))
    menu.addAction(tr("Copy the address"), lambda: clipboard.setText(f"{low:#011x}"))
    size = bytes_exact(scene.bytes_of(rectangle))
    menu.addAction(
        tr("Copy the bytes ({})").format(size), lambda: clipboard.setText(size.replace(",", ""))
    )
    return menu
