"""The mouse and the keys on a map while a plan is edited by hand."""

from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent

from app.edit.draft import Draft
from app.edit.editor import Editor
from app.edit.overlay import Dragged, EditOverlay
from app.edit.room import Room, aligned
from app.edit.words import action_text, op_text
from app.map.plan_scene import PlanScene
from app.map.view import MapView
from app.numbers import human, plan_size
from app.translation import tr

SNAP = 6.0
"""Pixels within which a storage snaps to an edge; with Ctrl to none."""
LITTLE = 0.01
"""Of the addresses in sight, what a key with Shift moves a storage."""
FAR = 10
"""Slots that a key with Shift moves an op."""
EDGE, EDGE_MS = 0.03, 40
"""Of what is in sight, what is panned at a time while something is dragged beyond it; milliseconds."""
Key = Qt.Key
Shape = Qt.CursorShape


@dataclass(frozen=True)
class _Grip:
    """What the mouse holds: a block of instances, or the op at a slot."""

    room: Room | None = None
    above: float = 0.0
    """Bytes from the block's lowest one to where it was grabbed."""
    slot: int = -1


class Hand(QObject):
    """A gesture of one map. Storages are dragged up and down, ops along the axis."""

    said = Signal(str)
    """What a key did, or why it did nothing."""

    def __init__(self, view: MapView, editor: Editor) -> None:
        super().__init__(view)
        self._view, self.editor = view, editor
        self.overlay = EditOverlay(view.state, view.map_row, view.axis)
        self.overlay.setParentItem(view.canvas.column)
        self._grip: _Grip | None = None
        self._held: tuple[Draft, int] | None = None
        """The op that keys move: an index into the actions of a draft's original."""
        self._at = QPointF(), Qt.KeyboardModifier.NoModifier
        """Where the mouse was dragged last, and what was held down with it."""
        self._edge = QTimer(self, interval=EDGE_MS)
        self._edge.timeout.connect(self._pan)
        editor.changed.connect(self._follow)
        view.state.scene_changed.connect(self._follow)

    @property
    def active(self) -> bool:
        """Whether the map is being edited."""
        return self._view.gesture is self

    def set_active(self, active: bool) -> None:
        """Begin or end editing."""
        self.cancel()
        self._view.gesture = self if active else None
        self._let_go()

    def escape(self) -> bool:
        """Let go of what is held; whether there was anything."""
        held = self._grip is not None or self._held is not None
        self.cancel()
        self._let_go()
        return held

    def _let_go(self) -> None:
        self._held = None
        self.overlay.hold(-1)

    def _follow(self) -> None:
        draft, scene = self._scene_draft()
        base = scene.facts.arena_base if scene is not None else 0
        if (draft, base) == (self.overlay.draft, self.overlay.base):
            return  # Another plan came, or this one was stored: what is dragged is dragged on.
        self.cancel()
        self.overlay.show_draft(draft, base)
        self.overlay.hold(self._held_slot(draft))

    def _scene_draft(self) -> tuple[Draft | None, PlanScene | None]:
        """The draft, while the map shows it."""
        draft, scene = self.editor.draft, self._view.state.scene
        if draft is None or not isinstance(scene, PlanScene):
            return None, None
        shown = scene.plan is draft.plan or scene.plan is draft.original.plan
        return (draft, scene) if shown else (None, None)

    # -- the mouse -----------------------------------------------------------------------------------

    def press(self, position: QPointF) -> bool:
        draft, _ = self._scene_draft()
        if draft is None:
            return False
        row = self._view.canvas.row_at(position)
        if row is self._view.axis:
            slot = int(self._view.map_row.slot_at(position.x()))
            if 0 <= slot < len(draft.runs):
                self._grip = _Grip(slot=slot)
                self._hold(draft, slot)
                return True
        instance = self._instance_at(position)
        if instance >= 0:
            self._let_go()
            room = Room(draft, draft.original.block(instance))
            self._grip = _Grip(room, self._address_at(position) - room.address)
            return True
        return False

    def move(self, position: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        self._at = position, modifiers
        self._drag()
        # What is dragged to the edge of what is in sight is dragged on beyond it.
        if self._grip is not None and self._beyond() != (0.0, 0.0):
            self._edge.start()
        else:
            self._edge.stop()

    def _drag(self) -> None:
        """Show what would come of it if what is held were dropped where the mouse is."""
        grip, (position, modifiers) = self._grip, self._at
        if grip is None:
            return
        self._view.hide_tooltip()
        if grip.room is not None:
            free = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
            self.overlay.show_dragged(self._drag_block(grip, grip.room, position, free=free))
        else:
            self.overlay.show_dragged(self._drag_run(grip, position))
        self._view.canvas.setCursor(Shape.ClosedHandCursor)

    def _beyond(self) -> tuple[float, float]:
        """Which way the mouse is beyond the map: slots of an op, addresses of a tensor; -1, 0 or 1."""
        position, grip = self._at[0], self._grip
        area = self._view.map_row.mapRectToParent(self._view.map_row.plot)
        if grip is not None and grip.room is not None:
            return 0.0, float((position.y() < area.top()) - (position.y() > area.bottom()))
        return float((position.x() > area.right()) - (position.x() < area.left())), 0.0

    def _pan(self) -> None:
        """Bring more into sight where the mouse is dragged to."""
        slots, addresses = self._beyond()
        self._view.state.pan(EDGE * slots, EDGE * addresses)
        self._drag()

    def release(self) -> None:
        dragged = self.overlay.dragged
        self.cancel()
        if dragged is None:
            return
        if dragged.block:
            self.editor.move(dragged.block[0], dragged.address)
        else:
            self.editor.move_run(dragged.slot, dragged.target)

    def cancel(self) -> None:
        self._grip = None
        self._edge.stop()
        self.overlay.show_dragged(None)

    def shape(self, position: QPointF) -> Qt.CursorShape | None:
        if self._scene_draft()[0] is None:
            return None
        if self._view.canvas.row_at(position) is self._view.axis:
            return Shape.SizeHorCursor
        return Shape.SizeVerCursor if self._instance_at(position) >= 0 else None

    def _instance_at(self, position: QPointF) -> int:
        scene = self._view.state.scene
        if scene is None or self._view.canvas.row_at(position) is not self._view.map_row:
            return -1
        rectangle = self._view.rectangle_at(position)
        return int(scene.instance[rectangle]) if rectangle >= 0 else -1

    def _address_at(self, position: QPointF) -> float:
        """The address of the arena at a position of the canvas."""
        row = self._view.map_row
        return row.address_at(position.y() - row.geometry().top()) - self.overlay.base

    def _drag_block(self, grip: _Grip, room: Room, position: QPointF, *, free: bool) -> Dragged:
        row, window = self._view.map_row, self._view.state.window
        bytes_of_pixel = (window.y1 - window.y0) / row.plot.height()
        wanted = self._address_at(position) - grip.above
        address = room.snapped(wanted, 0.0 if free else SNAP * bytes_of_pixel)
        overlaps = room.overlaps(address)
        original, base = room.draft.original, self.overlay.base
        names = [original.step.storages[int(original.storages[o.other])].name for o in overlaps]
        own = original.step.storages[int(original.storages[room.block[0]])].name
        text = tr("{} at {}").format(own, plan_size(address + base))
        if overlaps:
            shared = human(max(o.size for o in overlaps))
            said = tr("{}: shares {} with {} and {} more")
            if len(overlaps) == 1:
                said = tr("{}: shares {} with {}")
            text = said.format(text, shared, names[0], len(overlaps) - 1)
        return Dragged(text, room.block, address, overlaps)

    def _drag_run(self, grip: _Grip, position: QPointF) -> Dragged | None:
        draft = self.editor.draft
        if draft is None:
            return None
        slots = len(draft.runs)
        target = min(max(round(self._view.map_row.slot_at(position.x())), 0), slots)
        moved = draft.with_run(grip.slot, target)
        known = {(v.first, v.second) for v in draft.violations}
        own = draft.sequence[draft.runs[grip.slot]]
        new = [v for v in moved.violations if (v.first, v.second) not in known]
        others = [v.first if v.second == own else v.second for v in new]
        to = target if target <= grip.slot else target - 1
        text = tr("{}: {} to {}").format(op_text(draft, grip.slot), grip.slot, to)
        if new:
            said = tr("{}; it must stay before {}")
            if new[0].second == own:
                said = tr("{}; it must stay after {}")
            text = said.format(text, action_text(draft, others[0]))
        # On the map, everything but the op is still where it is.
        past = tuple(float(draft.slot_of(other)) for other in others)
        return Dragged(text, slot=grip.slot, target=target, past=past)

    # -- the keys ------------------------------------------------------------------------------------

    def key(self, event: QKeyEvent) -> bool:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        draft, _ = self._scene_draft()
        alt, shift = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
        if draft is None or modifiers not in (alt, alt | shift):
            return False
        other = modifiers != alt
        if event.key() in (Key.Key_Up, Key.Key_Down):
            self._step_block(draft, up=event.key() == Key.Key_Up, little=other)
        elif event.key() in (Key.Key_Left, Key.Key_Right):
            self._step_run(draft, later=event.key() == Key.Key_Right, by=FAR if other else 1)
        else:
            return False
        return True

    def _step_block(self, draft: Draft, *, up: bool, little: bool) -> None:
        """Move the selected tensor to the next gap that way, or a little."""
        instance = self._selected(draft)
        if instance < 0:
            self.said.emit(tr("Select a tensor in the arena, then Alt+Up or Alt+Down moves it."))
            return
        room = Room(draft, draft.original.block(instance))
        window = self._view.state.window
        step = aligned(round((window.y1 - window.y0) * LITTLE)) * (1 if up else -1)
        address = max(room.address + step, 0) if little else room.next_gap(up)
        if address is None:
            below = tr("There is no gap for it further down.")
            self.said.emit(tr("There is no gap for it further up.") if up else below)
            return
        self.editor.move(instance, address)
        self._view.reveal(int(draft.original.storages[instance]))

    def _step_run(self, draft: Draft, *, later: bool, by: int) -> None:
        """Move the op that was clicked, or the producer of the selected tensor, by so many slots."""
        slot = self._held_slot(draft)
        if slot < 0 and (instance := self._selected(draft)) >= 0:
            slot = int(draft.plan.lifetimes[instance, 0])
        if slot < 0:
            self.said.emit(tr("Click an op on the axis, then Alt+Left or Alt+Right moves it."))
            return
        self._hold(draft, slot)
        target = slot + 1 + by if later else slot - by
        self.editor.move_run(slot, min(max(target, 0), len(draft.runs)))

    def _selected(self, draft: Draft) -> int:
        """The instance under the pointer where it is the selected tensor's, else its first; or -1."""
        scene, selection = self._view.state.scene, self._view.state.selection
        if scene is None or not selection:
            return -1
        own = scene.rectangles_of(selection[:1])
        here = self._view.state.hovered_rectangle
        rectangle = here if here in own else own[0] if own else -1
        return int(scene.instance[rectangle]) if rectangle >= 0 else -1

    def _hold(self, draft: Draft, slot: int) -> None:
        self._held = draft, draft.sequence[draft.runs[slot]]
        self.overlay.hold(slot)

    def _held_slot(self, draft: Draft | None) -> int:
        """Where the held op runs in a draft; -1: none is held."""
        if draft is None or self._held is None or not self._held[0].alike(draft):
            return -1
        return draft.slot_of(self._held[1])
