"""``python screen_child.py FOLDER``: the program as a person starts it, and what it shows.

Tells what its window shows on standard output, a line of JSON for each line of its standard input, and
changes nothing: a test presses keys and buttons.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QSocketNotifier
from PySide6.QtWidgets import QApplication, QWidget

from app.gui import make_application, run_gui
from app.window.main_window import MainWindow


def main(folder: Path) -> int:
    """Until the window is closed; the exit code of the program."""
    make_application([])
    asked = QSocketNotifier(0, QSocketNotifier.Type.Read)
    asked.activated.connect(answer)
    return run_gui(None, library_path=folder / "library.sqlite", settings_path=folder / "settings.ini")


def answer() -> None:
    """One line for one line; nothing more once the test has gone."""
    if sys.stdin.readline():
        sys.stdout.write(json.dumps(seen()) + "\n")
        sys.stdout.flush()


def seen() -> dict[str, Any]:
    """What a person could see, and where on the screen; empty before the window is there."""
    window = next((w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow)), None)
    if window is None or not window.isVisible():
        return {}
    document, page = window.document, window.central and window.central.map_page
    button = window.findChild(QWidget, "open_sample")
    told: dict[str, Any] = {
        "window": int(window.winId()),
        "active": window.isActiveWindow(),
        "busy": window.work.busy,
        "step": document.step is not None,
        "shown": document.shown.name if document.shown else "",
        "hovered": document.hovered,
        "selection": list(document.selection),
        "focus": type(QApplication.focusWidget()).__name__,
        "sample": place(button, QPointF(button.rect().center())) if button else None,
        "compare": window.menu["compare"].isChecked(),
        "problem": window.problem.isVisible(),
        "edit": window.menu["edit"].isChecked(),
    }
    scene = page.map.state.scene if page else None
    if page and scene is not None and page.map.isVisible():
        view = page.map
        sizes = (scene.high - scene.low) * (scene.end - scene.start)
        rectangle = int(np.argmax(sizes))
        box = view.map_row.mapRectToParent(view.map_row.box_of(rectangle))
        told["largest"] = int(scene.storage[rectangle])
        told["at"] = place(view.canvas.viewport(), box.center())
        told["range"] = list(view.visible_range())
    return told


def place(widget: QWidget, point: QPointF) -> list[int]:
    """A widget's point on the screen, pixels."""
    at = widget.mapToGlobal(QPoint(round(point.x()), round(point.y())))
    return [at.x(), at.y()]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(main(Path(sys.argv[1])))
