"""Views beside the map follow a running solve's plans a moment later: not all in one frame."""

from PySide6.QtCore import QObject, QTimer, Signal

from app.document import Document


class Later(QTimer):
    """Says ``due``, once for all that asks meanwhile; at once but for a plan that others will follow.

    A plan of 24,000 ops takes all views together some 100 ms to show, a third of that each. It holds
    nothing of its view: a view that is part of a cycle is taken apart by the garbage collection, in any
    order, and what Qt draws of it then may be gone.
    """

    due = Signal()

    def __init__(self, document: Document, milliseconds: int, parent: QObject) -> None:
        """``milliseconds``: how much later, other for each view."""
        super().__init__(parent, singleShot=True, interval=milliseconds)
        self._document = document
        self.timeout.connect(self.due)

    def ask(self) -> None:
        """Something changed."""
        if not self._document.passing:
            self.stop()
            self.due.emit()
        elif not self.isActive():
            self.start()
