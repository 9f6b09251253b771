"""Makes all classes of Qt in the UI thread, before another thread may use one.

PySide makes a class when it is first used, and two threads that use the same one first at the same
time end the process natively. pyqtgraph, which is imported in the background, uses all of them::

    first window → classes, 4 ms at a time → [ done ] → imports and reading in the background
"""

import time
from collections.abc import Iterator
from types import ModuleType

from PySide6 import QtCore, QtGui, QtSvg, QtWidgets
from PySide6.QtCore import QObject, QTimer, Signal, Slot

MODULES = (QtCore, QtGui, QtWidgets, QtSvg)
SLICE_SECONDS = 0.004


class ClassMaker(QObject):
    """Makes them between the events of the UI thread. Belongs to it."""

    done = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_done = False
        self._left = _names()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._make_some)

    def start(self) -> None:
        """Begin; ``done`` is emitted later, from the event loop."""
        self._timer.start()

    def stop(self) -> None:
        """Make no more; what waits for ``done`` waits in vain."""
        self._timer.stop()

    @Slot()
    def _make_some(self) -> None:
        until = time.monotonic() + SLICE_SECONDS
        for module, name in self._left:
            getattr(module, name)
            if time.monotonic() > until:
                return
        self._timer.stop()
        self.is_done = True
        self.done.emit()


def _names() -> Iterator[tuple[ModuleType, str]]:
    for module in MODULES:
        for name in dir(module):
            yield module, name
