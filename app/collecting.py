"""Collects cyclic garbage in the UI thread, when there is time for it, instead of in any thread at any
time.

Python collects in whichever thread happens to allocate. In a worker's that would delete Qt objects
("Timers cannot be started from another thread"), and a full collection beside an open step stops
every thread for 150–450 ms. So the automatic collection is off, and::

    every 20 ms                        what is new, where there is much of it        some ms
                                       but not data in bulk, as a worker makes it
    nobody did anything for 3 s,       everything; the first time all that is        0.1–0.4 s that
    no work runs, and a minute went    loaded is left out of later collections       nobody waits for

Beside millions of objects everything takes longer than a moment. The longer it will take, the longer
nobody must have done anything, unless another program's window is being used.
"""

import gc
import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QCursor, QGuiApplication, QWindow

TICK_MS = 20
NEW_OBJECTS = 2000
"""Containers made since the last collection from which on one is worth it."""
MANY_OBJECTS = 20_000
"""Containers from which on what is new is set apart: a step or a plan, whose looking at is felt."""
YOUNG_TURNS = 4
"""Of the newest, before those that survived it are looked at, too."""
SHARE = 8
"""Collecting takes at most one part in so many of the UI thread's time."""
IDLE_SECONDS = 3.0
FELT_SECONDS = 0.3
"""How long a collection may take after so little idleness; one that takes longer waits longer."""
SECONDS_PER_OBJECT = 4e-7
"""What a container adds to a collection of everything."""
FULL_SECONDS, WORKING_SECONDS = 60.0, 600.0
"""The least time between two full collections; while work runs."""
INPUT = frozenset(
    {
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchUpdate,
    }
)


class Collector(QObject):
    """Collects from ``start`` to ``stop``. Belongs to the UI thread."""

    def __init__(self, working: Callable[[], bool], parent: QObject | None = None) -> None:
        """``working``: whether something runs in the background that may be watched."""
        super().__init__(parent)
        self._working = working
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self.tick)
        self._next = self._active = self._full = time.monotonic()
        self._pointer = QPoint()
        self._young = 0
        """Containers that were new a moment ago, at most."""
        self._took = 0.0
        """The last collection of everything that looked at what had been set apart, seconds."""
        self._apart = 0
        """Containers that were set apart since then."""
        self._loose = True
        """Something was set apart, or will be, that the next full collection must look at."""
        self.longest = 0.0
        """The longest pause that collecting what is new has made, seconds."""

    def start(self) -> None:
        """From now on nobody else collects in this process."""
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()

    def watch(self, window: QWindow | None) -> None:
        """Take note of what a person does with a window."""
        if window is not None:
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in INPUT:
            self._active = time.monotonic()
        return False

    @Slot()
    def tick(self) -> None:
        """Collect what is due now."""
        now = time.monotonic()
        pointer = QCursor.pos()
        if pointer != self._pointer:
            self._pointer, self._active = pointer, now
        if self._full_is_due(now):
            self.collect_all()
            return
        new, turns, _ = gc.get_count()
        if new < NEW_OBJECTS or (now < self._next and new < MANY_OBJECTS):
            return
        if new + self._young >= MANY_OBJECTS:
            self._set_apart(new + self._young)
            return
        older = turns >= YOUNG_TURNS
        gc.collect(1 if older else 0)
        self._young = 0 if older else self._young + new
        after = time.monotonic()
        self.longest = max(self.longest, after - now)
        self._next = after + SHARE * (after - now)

    def collect_all(self) -> None:
        """Everything, which takes a while."""
        begun = time.monotonic()
        if self._loose:
            gc.unfreeze()
        gc.collect()
        if self._loose:
            # Modules and classes, half a million objects, which stay as long as the program.
            gc.freeze()
        self._full = time.monotonic()
        if self._loose:
            self._took = self._full - begun
        self._loose, self._young, self._apart = False, 0, 0

    def _set_apart(self, count: int) -> None:
        """Leave what is new, however much it is, to the next collection of everything."""
        gc.freeze()
        self._loose, self._young = True, 0
        self._apart += count

    def _full_is_due(self, now: float) -> bool:
        apart = WORKING_SECONDS if self._working() else FULL_SECONDS
        return now - self._active >= self._patience() and now - self._full >= apart

    def _patience(self) -> float:
        """How long nobody must have done anything before everything is collected, seconds."""
        if not in_use():
            return IDLE_SECONDS
        expected = self._took + self._apart * SECONDS_PER_OBJECT
        return IDLE_SECONDS * max(1.0, expected / FELT_SECONDS)


def in_use() -> bool:
    """Whether a window of this program has the keyboard, not another program's."""
    return QGuiApplication.applicationState() is Qt.ApplicationState.ApplicationActive
