"""A picture of recorded maps: as recorded, and placed anew beside it, under the page's figures."""

from pathlib import Path

from PySide6.QtCore import QSize

from app.map.picture import ensure_application, write_pixmap
from app.snapshot.page import RecordedPage
from app.snapshot.recorded import Recorded
from app.theme import DARK, Theme

SIZE = QSize(1600, 1000)


def render_recorded(recorded: Recorded, path: Path, theme: Theme = DARK, size: QSize = SIZE) -> None:
    """Write the maps of ``recorded`` to ``path`` as a PNG. Needs no display. Raises OSError."""
    ensure_application()
    page = RecordedPage()
    try:
        page.set_theme(theme)
        page.leave_maps_only()
        page.resize(size)
        page.show_recorded(recorded)
        page.ensurePolished()
        write_pixmap(page.settled(), path)
    finally:
        page.deleteLater()
