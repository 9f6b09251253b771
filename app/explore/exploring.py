"""Puts exploring onto a map page: moment, finder, player, their overlays, docks and keys."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QPointF
from PySide6.QtGui import QMouseEvent

from app.document import Document
from app.explore.alive import Slots
from app.explore.alive_panel import AlivePanel
from app.explore.finder import Finder
from app.explore.marks import FoundOverlay, OpOverlay, PlayOverlay
from app.explore.moment import Moment
from app.explore.peak_panel import PeakPanel
from app.explore.play_bar import PlayBar
from app.explore.player import Player
from app.map.plan_scene import PlanScene
from app.map.pointer import CLICK
from app.map.scene import size_of_plan
from app.map.slot_axis import SecondsOf
from app.map.view import MapView
from app.numbers import human
from app.theme import Theme
from app.translation import tr

if TYPE_CHECKING:
    from app.panels.inspector import InspectorPanel


class Exploring(QObject):
    """One map and its document; lives in the UI thread."""

    def __init__(self, document: Document, view: MapView, inspector: "InspectorPanel") -> None:
        super().__init__(view)
        self._document, self._view, self._inspector = document, view, inspector
        self.moment = Moment(self)
        self.finder = Finder(document, self)
        self.player = Player(self)
        self.alive = AlivePanel(document, self.moment)
        self.peak = PeakPanel(document)
        self.bar = PlayBar(self.player)
        self.found_overlay = FoundOverlay(view)
        self.play_overlay = PlayOverlay(view)
        self.op_overlay = OpOverlay(view)
        self._slots: Slots | None = None
        self.timed_by: SecondsOf | None = None
        """Estimates the seconds of every slot, for the op that is selected."""
        inspector.seconds_of = self._seconds
        self._pressed: QPointF | None = None
        view.cursor_moved.connect(self._pointed)
        view.state.scene_changed.connect(self._scene_changed)
        view.canvas.pressed.connect(self._press)
        view.canvas.released.connect(self._release)
        document.selection_changed.connect(self._mark_op)
        self.moment.changed.connect(self._moment_changed)
        self.finder.changed.connect(self._show_found)
        self.finder.stepped.connect(view.reveal)
        self.player.moved.connect(self._played)
        self.player.playing_changed.connect(self._play_changed)
        self.bar.closed.connect(self.stop_playing)
        for panel in (self.alive, self.peak):
            panel.set_theme(view.state.theme)
        self.alive.activated.connect(lambda storage: view.fit_storages((storage,)))
        self.peak.fit_requested.connect(view.fit_storages)
        self._scene_changed()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        for part in (self.alive, self.peak, self.bar):
            part.set_theme(theme)

    # Commands

    def play(self) -> None:
        """Play from the cursor on, or pause."""
        if self.bar.isHidden() and self.moment.slot >= 0:
            self.player.slot = self.moment.slot - 1
        self.player.toggle()

    def step(self, by: int) -> None:
        """One op on or back from the one that is played, or from the cursor."""
        self.player.pause()
        if self.bar.isHidden() and self.moment.slot >= 0:
            self.player.slot = self.moment.slot
        self.player.step(by)

    def stop_playing(self) -> bool:
        """End playing; False where nothing is played."""
        there = not self.bar.isHidden()
        self.player.pause()
        self.bar.hide()
        self.moment.playing = False
        self.play_overlay.clear()
        return there

    def hold(self) -> None:
        """Hold the slot that is looked at, or follow the pointer again."""
        if self.moment.held:
            self.moment.release()
        elif self._slots is not None:
            slot = self.moment.slot
            self.moment.hold(slot if slot >= 0 else self._slots.scene.peak_slot)

    def select_op(self, slot: int = -1) -> None:
        """Select the op at a slot, at the cursor where none is named, and look at that slot."""
        slot = slot if slot >= 0 else self.moment.slot
        scene = self._view.state.scene
        if scene is not None and 0 <= slot < scene.slots:
            self._document.select_op(slot)
            self._view.go_to_slot(slot)

    def go_to_op(self, op: int) -> None:
        """Select an op of the step that is shown, where it first runs."""
        scene = self._view.state.scene
        if isinstance(scene, PlanScene) and op in scene.facts.slot_of:
            self.select_op(scene.facts.slot_of[op])

    def escape(self) -> bool:
        """End what is played, let go of what is held or found; False where there is nothing."""
        if self.stop_playing():
            return True
        if self.finder.matches.text:
            self.finder.clear()
            return True
        if self.moment.held and not self._document.selection:
            self.moment.release()
            return True
        return False

    def _seconds(self, slot: int) -> float:
        scene = self._view.state.scene
        seconds = self.timed_by(scene) if self.timed_by is not None and scene is not None else None
        return float(seconds[slot]) if seconds is not None and slot < len(seconds) else -1.0

    # Following

    def _scene_changed(self) -> None:
        scene = self._view.state.scene
        if self._slots is not None and self._slots.scene is scene:
            return
        self._slots = Slots(scene) if scene is not None else None
        self.stop_playing()
        slots = scene.slots if scene is not None else 0
        self.player.set_slots(slots)
        self.bar.show_slots(slots)
        self.moment.reset()
        self.alive.set_scene(scene)
        self._mark_op()

    def _pointed(self, slot: int, _: object) -> None:
        self.moment.point(slot)

    def _press(self, event: QMouseEvent) -> None:
        self._pressed = event.position()

    def _release(self, event: QMouseEvent) -> None:
        """A click on the op axis, or in the badges' lane beside them, selects the op there."""
        pressed, self._pressed = self._pressed, None
        position, view, scene = event.position(), self._view, self._view.state.scene
        if pressed is None or (position - pressed).manhattanLength() >= CLICK or scene is None:
            return
        row = view.canvas.row_at(position)
        if row not in (view.axis, view.lane) or view.selection_overlay.badge_at(position) is not None:
            return
        slot = int(view.state.axis.slot(view.map_row.place_at(position.x())))
        if 0 <= slot < scene.slots:
            if not self.bar.isHidden():
                self.player.go(slot)
            elif row is view.axis:
                self.moment.hold(slot)
            self._document.select_op(slot)

    def _moment_changed(self) -> None:
        self._inspector.hold(self.moment.slot if self.moment.held else -1)
        self._mark_op()

    def _mark_op(self) -> None:
        held = self.moment.slot if self.moment.held else -1
        self.op_overlay.set_slots(self._document.op_slot, held)

    def _show_found(self) -> None:
        self.found_overlay.set_found(self.finder.matches.marked)

    def _play_changed(self) -> None:
        if self.player.playing:
            self._show_bar()

    def _show_bar(self) -> None:
        """While it is there, the op in it counts, not the one under the pointer."""
        self.moment.playing = True
        self.bar.show()

    def _played(self, slot: int, before: int) -> None:
        """Everything that a step changes: a few arrays and a few rectangles, never the raster."""
        slots, scene = self._slots, self._view.state.scene
        if slots is None or scene is None:
            return
        self._show_bar()
        made, freed = slots.made(slot), slots.freed(slot)
        if 0 <= before < slot:
            # Faster than the screen: what came and went in between is shown, too.
            passed = range(before + 1, slot)
            made = np.concatenate([made, *(slots.made(one) for one in passed)])
            freed = np.concatenate([freed, *(slots.freed(one) for one in passed)])
        more, less = int(slots.sizes[made].sum()), int(slots.sizes[freed].sum())
        changes = [f"+{human(more)}"] if more else []
        changes += [f"−{human(less)}"] if less else []
        place = scene.place(slot)
        live = tr("Live {}").format(size_of_plan(int(scene.live[slot])))
        self.bar.show_step(slot, place[0].upper() + place[1:], live, "  ".join(changes))
        self.play_overlay.show_step(made, freed)
        self._view.go_to_slot(slot)
        self.moment.play(slot)
