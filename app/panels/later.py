"""Views beside the map follow a running solve's plans a moment later: not all in one frame."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from app.document import Document


class Later(QTimer):
    """Calls ``act``, once for all that asks meanwhile; at once but for a plan that others will follow.

    A plan of 24,000 ops takes all views together some 100 ms to show, a third of that each.
    """

    def __init__(
        self, document: Document, act: Callable[[], None], milliseconds: int, parent: QObject
    ) -> None:
        """``milliseconds``: how much later, other for each view."""
        super().__init__(parent, singleShot=True, interval=milliseconds)
        self._document, self._act = document, act
        self.timeout.connect(act)

    def ask(self) -> None:
        """Something changed."""
        if not self._document.passing:
            self.stop()
            self._act()
        elif not self.isActive():
            self.start()
