"""An error of ours in a method that Qt calls is reported, and the program goes on.

PySide hands an exception that leaves an overridden Qt method to whatever Python code it comes back to
next, and Qt goes on calling Python until then: other methods fail for no reason of theirs, painters
stay open, and often the process ends without a word. So no exception may leave one::

    Qt ── paintEvent ── [ our paintEvent ── error ] ── sys.excepthook
       ←─ None ────────                                     └─ a line in the window
"""

import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QPainterPath
from PySide6.QtWidgets import QGraphicsItem

_INSTEAD: dict[str, Callable[[], object]] = {
    **dict.fromkeys(("paint", "drawBackground", "drawForeground", "data", "headerData"), lambda: None),
    **dict.fromkeys(("accept", "reject", "sort"), lambda: None),
    **dict.fromkeys(("event", "eventFilter", "viewportEvent", "hasHeightForWidth"), lambda: False),
    **dict.fromkeys(("sizeHint", "minimumSizeHint"), QSize),
    **dict.fromkeys(("rowCount", "columnCount"), lambda: 0),
    "heightForWidth": lambda: -1,
    "boundingRect": QRectF,
    "shape": QPainterPath,
    "flags": lambda: Qt.ItemFlag.NoItemFlags,
    "index": QModelIndex,
}
"""What Qt gets where the method of this name fails."""


def contain_errors() -> None:
    """From now on, for all classes that are or will be there."""
    for root in (QObject, QGraphicsItem):
        if "__init_subclass__" in vars(root):
            continue
        for kind in set(_below(root)):
            _contain(kind)
        root.__init_subclass__ = classmethod(functools.partial(_made, root))  # type: ignore[assignment]


def _made(root: Any, kind: type, **options: object) -> None:
    super(root, kind).__init_subclass__(**options)
    _contain(kind)


def _below(root: type[Any]) -> Iterator[type[Any]]:
    kinds: list[type[Any]] = root.__subclasses__()
    for kind in kinds:
        yield kind
        yield from _below(kind)


def _contain(kind: type) -> None:
    if kind.__module__.startswith("PySide6."):
        return
    for name, method in tuple(vars(kind).items()):
        if (name in _INSTEAD or name.endswith("Event")) and _overrides(kind, name, method):
            setattr(kind, name, _contained(method, _INSTEAD.get(name, lambda: None)))


def _overrides(kind: type, name: str, method: object) -> bool:
    """Whether a method is written in Python and Qt has one of its name."""
    if not callable(method) or not hasattr(method, "__code__") or hasattr(method, "__wrapped__"):
        return False
    return any(name in vars(base) for base in kind.__mro__ if base.__module__.startswith("PySide6."))


def _contained(method: Callable[..., Any], instead: Callable[[], object]) -> Callable[..., Any]:
    @functools.wraps(method)
    def contained(*values: Any, **named: Any) -> Any:
        try:
            return method(*values, **named)
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
            # A painter that is still open would keep its widget from being painted ever again.
            traceback.clear_frames(error.__traceback__)
            return instead()

    return contained
