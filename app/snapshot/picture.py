"""A picture of recorded maps: as recorded, and placed anew beside it, under the page's figures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.map.picture import (
    PIXELS_IN_SHAPES,
    Drawing,
    ensure_application,
    kind_of,
    paint_rows,
    use_pixels,
    use_shapes,
)
from app.map.picture_header import Key, PictureHeader
from app.map.row import label_font
from app.map.scene import CATEGORIES, Scene
from app.map.view import MapView
from app.numbers import human, plan_size
from app.snapshot.recorded import KINDS, Recorded
from app.theme import DARK, Theme
from app.translation import tr

SIZE = QSize(1600, 1000)
CAPTION = 24
"""Height of what says which of two maps one is."""


def render_recorded(recorded: Recorded, path: Path, theme: Theme = DARK, size: QSize = SIZE) -> None:
    """Write the maps of ``recorded`` to ``path``; see ``lay_out``.

    Raises BayplanError for another ending than those of pictures, OSError.
    """
    drawing = lay_out(recorded, path, theme, size)
    try:
        drawing.write()
    finally:
        drawing.close()


def lay_out(recorded: Recorded, path: Path, theme: Theme = DARK, size: QSize = SIZE) -> Drawing:
    """A picture that is ready to be painted and written to ``path``, whose ending says as what.

    Takes milliseconds and needs no display; makes the QApplication when there is none. Raises
    BayplanError for another ending than those of pictures.
    """
    kind = kind_of(path)
    ensure_application()
    page = _page(recorded, theme, size, shapes=kind != ".png")
    for side in page.sides:
        use_pixels(side.view, 1.0 if kind == ".png" else PIXELS_IN_SHAPES)
    return Drawing(page, path, recorded.title, 1.0)


@dataclass(frozen=True, slots=True)
class _Side:
    """A map, and what it is."""

    view: MapView
    caption: str


@dataclass(frozen=True, slots=True)
class _Page:
    """A laid out picture."""

    widget: QWidget
    header: PictureHeader
    sides: tuple[_Side, ...]
    theme: Theme
    shapes: bool

    def paint(self, painter: QPainter, stopping: Callable[[], bool]) -> None:
        """Paint the head, then each map under its caption; any thread can do it."""
        painter.fillRect(self.widget.rect(), QColor(self.theme.panel))
        self.header.paint_on(painter)
        for side in self.sides:
            if self.shapes:
                use_shapes(side.view, stopping)
            corner = side.view.mapTo(self.widget, QPoint(0, 0))
            painter.setFont(label_font(12))
            painter.setPen(QColor(self.theme.text2))
            box = QRectF(corner.x() + 16, corner.y() - CAPTION, side.view.width() - 32, CAPTION)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, side.caption)
            painter.fillRect(QRect(corner, side.view.size()), QColor(self.theme.map))
            painter.save()
            paint_rows(side.view, self.widget, painter, stopping)
            painter.restore()


def _page(recorded: Recorded, theme: Theme, size: QSize, *, shapes: bool) -> _Page:
    widget = QWidget()
    column = QVBoxLayout(widget)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    header = _header(recorded, theme, size.width())
    column.addWidget(header)
    across = QHBoxLayout()
    across.setContentsMargins(0, CAPTION, 0, 0)
    across.setSpacing(1)
    column.addLayout(across, 1)
    scenes: list[tuple[str, Scene]] = [(tr(recorded.how), recorded.scene)]
    if recorded.placed_scene is not None:
        scenes.append((tr("Placed anew"), recorded.placed_scene))
    sides = tuple(_Side(MapView(), caption) for caption, _ in scenes)
    for side in sides:
        across.addWidget(side.view, 1)
        sides[0].view.link(side.view)
    widget.resize(size)
    widget.ensurePolished()
    column.activate()
    for side, (_, scene) in zip(sides, scenes, strict=True):
        side.view.set_theme(theme)
        side.view.set_scene(scene)
    widget.grab(QRect(0, 0, 1, 1))  # What is not shown is laid out when it is painted.
    for side in sides:
        side.view.fit()
    return _Page(widget, header, sides, theme, shapes)


def _header(recorded: Recorded, theme: Theme, width: int) -> PictureHeader:
    """With the figures of the page."""
    of_snapshot = recorded.part is not None
    figures = [
        (tr("Reserved") if of_snapshot else tr("Height"), plan_size(recorded.reserved), "text"),
        (tr("Allocated") if of_snapshot else tr("Live peak"), plan_size(recorded.allocated), "text"),
        (
            tr("Lost to fragmentation") if of_snapshot else tr("Never filled"),
            human(recorded.lost),
            "warn",
        ),
    ]
    if recorded.placed is not None:
        figures.append((tr("Placed anew"), plan_size(recorded.placed.height), "ok"))
    keys = _keys(recorded.scene) if of_snapshot else []
    return PictureHeader(theme, recorded.title, figures, keys, sentence=recorded.sentence, width=width)


def _keys(scene: Scene) -> list[Key]:
    """Of what there is, with its bytes at the peak."""
    peak, keys = scene.peak_slot, []
    for category, words in KINDS.items():
        own = scene.category == CATEGORIES.index(category)
        there = own & (scene.start <= peak) & (peak < scene.end)
        if own.any():
            keys.append(Key(tr(words), category, int((scene.high - scene.low)[there].sum())))
    if len(scene.unusable):
        keys.append(Key(tr("Unusable: free while a new segment was opened")))
    return keys
