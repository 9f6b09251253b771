"""The bundled type faces: Inter with tabular figures for text, Hack for code and hexadecimal."""

from functools import cache
from importlib import resources

from PySide6.QtGui import QFont, QFontDatabase

TEXT_FAMILY = "Inter"
CODE_FAMILY = "Hack"
FILES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "Hack-Regular.ttf")


@cache
def load_fonts() -> bool:
    """Register the bundled faces with Qt, once; False where one could not be read.

    Needs a QGuiApplication. Without them Qt takes the system's nearest face.
    """
    folder = resources.files("resources") / "fonts"
    loaded = [QFontDatabase.addApplicationFontFromData((folder / name).read_bytes()) for name in FILES]
    return all(number >= 0 for number in loaded)


def text_font(pixels: int = 12, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Inter at a size in device-independent pixels, its figures of equal width."""
    font = QFont(TEXT_FAMILY)
    font.setPixelSize(pixels)
    font.setWeight(weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def code_font(pixels: int = 12) -> QFont:
    """Hack at a size in device-independent pixels."""
    font = QFont(CODE_FAMILY)
    font.setPixelSize(pixels)
    font.setStyleHint(QFont.StyleHint.Monospace)
    return font
