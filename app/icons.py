"""Line icons from ``resources/icons``, drawn in the colours of a theme."""

from functools import cache
from importlib import resources

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.theme import Theme

SIZE = 16
"""Device-independent pixels of an icon."""


def icon(name: str, theme: Theme, color: str = "", checked: str = "", gap: int = 0) -> QIcon:
    """The icon ``name`` in ``color`` (the theme's text where empty); ``checked`` when it is on.

    Disabled it takes a muted colour of the theme. ``gap``: empty pixels on its right, where a text
    follows. Needs a QGuiApplication.
    """
    normal = color or theme.text
    return _icon(name, normal, checked or normal, disabled_color(theme), gap)


@cache
def _icon(name: str, normal: str, checked: str, disabled: str, gap: int) -> QIcon:
    result = QIcon()
    ratio = screen_ratio()
    for state, tint in ((QIcon.State.Off, normal), (QIcon.State.On, checked)):
        result.addPixmap(pixmap(name, tint, SIZE, ratio, gap), QIcon.Mode.Normal, state)
        result.addPixmap(pixmap(name, disabled, SIZE, ratio, gap), QIcon.Mode.Disabled, state)
    return result


def screen_ratio() -> float:
    """Device pixels per pixel of the densest screen."""
    application = QGuiApplication.instance()
    return application.devicePixelRatio() if isinstance(application, QGuiApplication) else 1.0


@cache
def pixmap(name: str, color: str, size: int, ratio: float = 1.0, gap: int = 0) -> QPixmap:
    """The icon as a picture of ``size`` device-independent pixels, tinted."""
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", color).encode()))
    result = QPixmap(QSize(size + gap, size) * ratio)
    result.setDevicePixelRatio(ratio)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return result


@cache
def _source(name: str) -> str:
    return (resources.files("resources") / "icons" / f"{name}.svg").read_text("utf-8")


@cache
def application_icon() -> QIcon:
    """The program's own icon."""
    result = QIcon()
    for size in (16, 24, 32, 48, 64, 128):
        result.addPixmap(pixmap("bayplan", "#000000", size))
    return result


def disabled_color(theme: Theme) -> str:
    """What a command that cannot be used now is written in."""
    return "#5d6570" if theme.dark else "#a3aab4"
