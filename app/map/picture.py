"""Pictures of a map as PNG files, also where there is no display."""

import os
import sys
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from app.map.picture_header import PictureHeader
from app.map.plan_scene import PlanScene
from app.map.view import MapView
from app.theme import DARK, Theme
from solver.files import write_atomic


def render_picture(
    scene: PlanScene,
    path: Path,
    *,
    width: int = 1600,
    height: int = 1000,
    theme: Theme = DARK,
    title: str = "",
) -> None:
    """Write the map with its title, legend, bands, axes and live profile to ``path``.

    ``title``: empty for the step's title and the plan's name. Needs no display; makes the
    QApplication when there is none. Raises OSError.
    """
    ensure_application()
    page = QWidget()
    page.setObjectName("page")
    page.setStyleSheet(f"#page {{ background: {theme.panel}; }}")
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    view = MapView()
    view.set_theme(theme)
    view.set_scene(scene)
    layout.addWidget(PictureHeader(scene, theme, title or f"{scene.step.title} · {scene.plan.name}"))
    layout.addWidget(view, 1)
    page.resize(width, height)
    page.ensurePolished()
    layout.activate()
    view.settle()
    try:
        write_pixmap(page.grab(), path)
    finally:
        page.deleteLater()


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
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not pixmap.save(buffer, "PNG"):
        raise OSError(f"The picture could not be made as a PNG for {path}.")
    write_atomic(path, bytes(buffer.data().data()))
