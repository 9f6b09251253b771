"""Put Bayplan into the desktop's menu (freedesktop.org), or take it out again."""

import argparse
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

from solver.errors import BayplanError

SIZES = (16, 24, 32, 48, 64, 128, 256)
"""Of the pictures of the icon, pixels."""
CACHES = (("update-desktop-database", "applications"), ("update-mime-database", "mime"))
"""Programs that a desktop may have for its lists, and the folders that they look at."""


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--install", action="store_true", help="menu entry, icon and file types")
    what.add_argument("--remove", action="store_true", help="what --install has put there")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="where (otherwise XDG_DATA_HOME, or ~/.local/share)",
    )


def run(arguments: argparse.Namespace) -> int:
    """0: it is done; the files are printed."""
    if not sys.platform.startswith("linux"):
        raise BayplanError("Menu entries are made on Linux only. Start the window with: bayplan.")
    data = arguments.data or data_folder()
    try:
        if arguments.install:
            for path, content in files(data).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                print(path)
        else:
            for path in files(data):
                if path.is_file():
                    path.unlink()
                    print(f"removed {path}")
    except OSError as error:
        raise BayplanError(f"{data} cannot be changed: {error.strerror or error}.") from None
    _refresh(data)
    return 0


def data_folder() -> Path:
    """Where a desktop looks for what its user has installed."""
    named = os.environ.get("XDG_DATA_HOME", "")
    return Path(named) if named and Path(named).is_absolute() else Path.home() / ".local" / "share"


def files(data: Path) -> dict[Path, bytes]:
    """What belongs into a data folder, by its place."""
    folder = resources.files("resources") / "desktop"
    entry = (folder / "bayplan.desktop").read_text("utf-8").replace("@PROGRAM@", program())
    svg = (resources.files("resources") / "icons" / "bayplan.svg").read_bytes()
    icons = data / "icons" / "hicolor"
    return {
        data / "applications" / "bayplan.desktop": entry.encode(),
        data / "mime" / "packages" / "bayplan.xml": (folder / "bayplan.xml").read_bytes(),
        icons / "scalable" / "apps" / "bayplan.svg": svg,
        **{icons / f"{size}x{size}" / "apps" / "bayplan.png": png(svg, size) for size in SIZES},
    }


def png(svg: bytes, size: int) -> bytes:
    """The icon as a picture of ``size`` by ``size`` pixels."""
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(svg)).render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def program() -> str:
    """What starts the window, quoted as entries want it."""
    beside = Path(sys.executable).with_name("bayplan-window")
    words = [str(beside)] if beside.is_file() else [sys.executable, "-m", "app", "window"]
    return " ".join(quoted(word) for word in words)


def quoted(word: str) -> str:
    """A word of an entry's Exec line, by the rules for such lines."""
    for sign in ("\\", '"', "`", "$"):
        word = word.replace(sign, f"\\{sign}")
    # Once more for the entry's own kind of text; and % begins a field.
    return '"' + word.replace("\\", "\\\\").replace("%", "%%") + '"'


def _refresh(data: Path) -> None:
    for name, folder in CACHES:
        if shutil.which(name) and (data / folder).is_dir():
            subprocess.run([name, str(data / folder)], check=False, capture_output=True, timeout=60)
