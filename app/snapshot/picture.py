"""A picture of recorded maps: as recorded, and placed anew beside it, under the page's figures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, QSize
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QWidget

from app.map.picture import (
    KINDS,
    ensure_application,
    paint_rows,
    pdf_of,
    svg_of,
    use_shapes,
    write_pixmap,
)
from app.snapshot.page import RecordedPage
from app.snapshot.recorded import Recorded
from app.theme import DARK, Theme
from solver.errors import BayplanError
from solver.files import write_atomic

SIZE = QSize(1600, 1000)


def render_recorded(recorded: Recorded, path: Path, theme: Theme = DARK, size: QSize = SIZE) -> None:
    """Write the maps of ``recorded`` to ``path``, whose ending says as what. Needs no display.

    Raises BayplanError for another ending than those of pictures, OSError.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise BayplanError(f"{path.name} is no picture that can be made: end it in .png, .svg or .pdf.")
    ensure_application()
    page = RecordedPage()
    try:
        page.set_theme(theme)
        page.leave_maps_only()
        page.resize(size)
        page.show_recorded(recorded)
        page.ensurePolished()
        pixels = page.settled()
        if kind == ".png":
            write_pixmap(pixels, path)
            return
        for side in page.maps:
            use_shapes(side)
        shapes = _Shapes(page, theme)
        written = svg_of if kind == ".svg" else pdf_of
        write_atomic(path, written(shapes, recorded.title))
    finally:
        page.deleteLater()


@dataclass(frozen=True, slots=True)
class _Shapes:
    """The page as shapes and text rather than pixels."""

    widget: RecordedPage
    theme: Theme

    def paint(self, painter: QPainter, stopping: Callable[[], bool]) -> None:
        """Paint what is in sight: the head, then each map under its caption."""
        page = self.widget
        painter.fillRect(page.rect(), QColor(self.theme.panel))
        for part in page.head:
            self._render(part, painter)
        for side in page.maps_in_sight:
            self._render(side.title, painter)
            painter.save()
            painter.translate(side.map.canvas.mapTo(page, QPoint(0, 0)))
            painter.fillRect(side.map.canvas.rect(), QColor(self.theme.map))
            painter.restore()
            painter.save()
            paint_rows(side.map, page, painter, stopping)
            painter.restore()

    def _render(self, part: QWidget, painter: QPainter) -> None:
        if not part.isHidden():
            painter.save()
            painter.translate(part.mapTo(self.widget, QPoint(0, 0)))
            part.render(painter, QPoint(0, 0))
            painter.restore()
