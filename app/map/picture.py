"""Pictures of a map as PNG, SVG and PDF files, also where there is no display.

::

    PNG   pixels of any size; a scale draws everything larger or smaller
    SVG   shapes and text; the faces are named in it, with others for where they are not installed
    PDF   one page of shapes and text with its faces in it; 96 of our pixels are an inch

Of very many rectangles SVG and PDF hold the pixels, and shapes for all the rest.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import shiboken6
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QPoint, QRect, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QImage, QImageWriter, QPageSize, QPainter, QPdfWriter, QPixmap
from PySide6.QtWidgets import QApplication, QStyleOptionGraphicsItem, QVBoxLayout, QWidget

from app.map.picture_header import PictureHeader, plan_header
from app.map.plan_scene import PlanScene
from app.map.view import MapView
from app.picture.shapes import MOST_SHAPES, MOST_STEPS, map_shapes, profile_shapes, visible
from app.picture.svg_text import fitted_text
from app.theme import DARK, Theme
from solver.errors import BayplanError
from solver.files import write_atomic

KINDS = (".png", ".svg", ".pdf")
"""Endings of the files that a picture can be."""
INCH = 96
"""Our pixels in an inch on paper."""
FINE = 1200
"""Dots of an inch of a PDF, in which glyphs are placed."""
PIXELS_IN_SHAPES = 2.0
"""Pixels that an SVG or a PDF holds for each of ours where it holds any."""
MOST_PIXELS = 400_000_000
"""Of one PNG: 1.6 GB of memory while it is made."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a map is in a picture: slots ``[first, last)``, bytes ``[low, high)``."""

    first: float
    last: float
    low: float
    high: float


def render_picture(
    scene: PlanScene,
    path: Path,
    *,
    width: int = 1600,
    height: int = 1000,
    theme: Theme = DARK,
    title: str = "",
    scale: float = 1.0,
    part: Part | None = None,
) -> None:
    """Write the map with its title, legend, bands, axes and live profile to ``path``; see ``lay_out``.

    Raises BayplanError for another ending and for a size beyond all memory, OSError.
    """
    drawing = lay_out(
        scene, path, width=width, height=height, theme=theme, title=title, scale=scale, part=part
    )
    try:
        drawing.write()
    finally:
        drawing.close()


def lay_out(
    scene: PlanScene,
    path: Path,
    *,
    width: int = 1600,
    height: int = 1000,
    theme: Theme = DARK,
    title: str = "",
    scale: float = 1.0,
    part: Part | None = None,
) -> "Drawing":
    """A picture that is ready to be painted and written to ``path``, which takes milliseconds.

    The ending of ``path`` says what kind of file. ``width`` and ``height``: of the layout, pixels; a
    PNG has ``scale`` times as many. ``title``: empty for the step's title and the plan's name.
    ``part``: what of the step is shown; None: all. Needs no display; makes the QApplication when there
    is none. Raises BayplanError for another ending and for a size beyond all memory.
    """
    kind = kind_of(path)
    if width * height * scale * scale > MOST_PIXELS:
        raise BayplanError(
            f"A picture of {width * scale:.0f} × {height * scale:.0f} pixels would need gigabytes. "
            "Take fewer pixels, or an SVG or PDF, which are sharp at any size."
        )
    ensure_application()
    title = title or f"{scene.step.title} · {scene.plan.name}"
    page = _page(scene, theme, title, width, height, part, shapes=kind != ".png")
    use_pixels(page.view, scale if kind == ".png" else PIXELS_IN_SHAPES)
    return Drawing(page, path, title, scale)


def kind_of(path: Path) -> str:
    """One of ``KINDS``. Raises BayplanError for another ending."""
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise BayplanError(f"{path.name} is no picture that can be made: end it in .png, .svg or .pdf.")
    return kind


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture ready to be painted. Made and closed in the UI thread, written in any."""

    page: "Paintable"
    path: Path
    title: str
    scale: float

    def write(self, stopping: Callable[[], bool] = _never) -> bool:
        """Paint and write it, whole or not at all; False where it was stopped. Raises OSError."""
        match self.path.suffix.lower():
            case ".png":
                content = _png(self.page, self.scale, stopping)
            case ".svg":
                content = svg_of(self.page, self.title, stopping)
            case _:
                content = pdf_of(self.page, self.title, stopping)
        if stopping():
            return False
        write_atomic(self.path, content)
        return True

    def close(self) -> None:
        """Forget its widgets."""
        self.page.widget.deleteLater()


class Paintable(Protocol):
    """What can be written as an SVG or a PDF."""

    @property
    def widget(self) -> QWidget:
        """What has its size."""

    def paint(self, painter: QPainter, stopping: Callable[[], bool]) -> None:
        """Paint all of it, its ground too; stop soon when asked to. Any thread can do it."""


@dataclass(frozen=True, slots=True)
class _Page:
    """A laid out picture."""

    widget: QWidget
    header: PictureHeader
    view: MapView
    shapes: bool
    """In place of pixels, where they are not too many."""

    def paint(self, painter: QPainter, stopping: Callable[[], bool]) -> None:
        """Paint all of it with any painter, anew: nothing that was kept for the screen is used.

        Changes nothing that the window has, so that any thread can do it.
        """
        if self.shapes:
            use_shapes(self.view, stopping)
        painter.fillRect(self.widget.rect(), QColor(self.view.state.theme.map))
        self.header.paint_on(painter)
        paint_rows(self.view, self.widget, painter, stopping)


def use_pixels(view: MapView, ratio: float) -> None:
    """Rasterise so many pixels for each of ours."""
    view.canvas.picture_ratio = ratio
    for row in view.canvas.rows:
        row.refresh()
    view.settle()


def use_shapes(view: MapView, stopping: Callable[[], bool]) -> None:
    """Paint the rectangles of a map as shapes where they are not too many."""
    row, profile, scene = view.map_row, view.profile, view.state.scene
    if scene is not None and len(visible(row, scene)) <= MOST_SHAPES:
        row.shapes = map_shapes(row, stopping)
    if scene is not None and scene.slots <= MOST_STEPS:
        profile.shapes = profile_shapes(profile)


def paint_rows(
    view: MapView, widget: QWidget, painter: QPainter, stopping: Callable[[], bool] = _never
) -> None:
    """Paint the rows of a map where it lies in ``widget``."""
    canvas = view.canvas
    painter.translate(canvas.mapTo(widget, QPoint(0, 0)))
    for row in canvas.rows:
        if row.shown and not stopping():
            painter.save()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.translate(row.geometry().topLeft())
            row.paint(painter, QStyleOptionGraphicsItem())
            painter.restore()


def _page(
    scene: PlanScene,
    theme: Theme,
    title: str,
    width: int,
    height: int,
    part: Part | None,
    *,
    shapes: bool,
) -> _Page:
    widget = QWidget()
    widget.setObjectName("page")
    widget.setStyleSheet(f"#page {{ background: {theme.panel}; }}")
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    view = MapView()
    view.set_theme(theme)
    view.set_scene(scene)
    header = plan_header(scene, theme, title)
    layout.addWidget(header)
    layout.addWidget(view, 1)
    widget.resize(width, height)
    widget.ensurePolished()
    layout.activate()
    widget.grab(QRect(0, 0, 1, 1))  # What is not shown is laid out when it is painted.
    if part is not None:
        view.set_visible_range(part.first, part.last, part.low, part.high)
    view.settle()
    return _Page(widget, header, view, shapes)


def _png(page: Paintable, scale: float, stopping: Callable[[], bool]) -> bytes:
    size = QSize(round(page.widget.width() * scale), round(page.widget.height() * scale))
    image = QImage(size, QImage.Format.Format_RGB32)
    if image.isNull():
        raise OSError("There is not enough memory for a picture of this size.")
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    painter.scale(scale, scale)
    page.paint(painter, stopping)
    painter.end()
    return b"" if stopping() else _encoded(image)


def svg_of(page: Paintable, title: str, stopping: Callable[[], bool] = _never) -> bytes:
    """A page as an SVG file."""
    from PySide6.QtSvg import QSvgGenerator

    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(page.widget.size())
    generator.setViewBox(page.widget.rect())
    generator.setResolution(INCH)
    generator.setTitle(title)
    painter = QPainter(generator)
    page.paint(painter, stopping)
    _finish(painter)
    buffer.close()
    return b"" if stopping() else fitted_text(bytes(content.data()).decode()).encode()


def pdf_of(page: Paintable, title: str, stopping: Callable[[], bool] = _never) -> bytes:
    """A page as a PDF file."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setTitle(title)
    writer.setCreator("Bayplan")
    writer.setResolution(FINE)
    inches = QSizeF(page.widget.width() / INCH, page.widget.height() / INCH)
    exact = QPageSize.SizeMatchPolicy.ExactMatch
    writer.setPageSize(QPageSize(inches, QPageSize.Unit.Inch, "", exact))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    painter = QPainter(writer)
    painter.scale(FINE / INCH, FINE / INCH)
    page.paint(painter, stopping)
    _finish(painter)
    buffer.close()
    return bytes(content.data())


def ensure_application() -> QApplication:
    """The application; made, without a display if there is none, when there is no application yet."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not shown:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QApplication(["bayplan"])


def write_pixmap(pixmap: QPixmap, path: Path) -> None:
    """Write a PNG, whole or not at all. Raises OSError."""
    write_atomic(path, _encoded(pixmap.toImage()))


def _finish(painter: QPainter) -> None:
    """End it. ``QPainter.end`` packs a whole page while it keeps the interpreter; deleting does not."""
    shiboken6.delete(painter)


def _encoded(image: QImage) -> bytes:
    """As a PNG. Raises OSError."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImageWriter(buffer, QByteArray(b"png")).write(image):
        raise OSError("There is not enough memory for a picture of this size.")
    return bytes(buffer.data().data())
