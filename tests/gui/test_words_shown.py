"""In another language no panel of an open step speaks English, but for names, units and keys.

The language writes every letter of a text broad, so plain letters are what no translator got to see,
whether they stand alone or in a place of a sentence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenuBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.document import Document
from app.library import Library
from app.settings import Settings
from app.translation import CONTEXT
from app.window.main_window import MainWindow
from solver.step import Step
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")

UNITS = {"GiB", "MiB", "KiB", "GFLOP", "TFLOP"}
KEYS = {"Ctrl", "Shift", "Return", "Esc", "Space", "Alt", "Del", "Backspace", "Left", "Right", "Tab"}
NAMES = {"Bayplan", "float", "adam", "none", "cpu", "cuda", "Adam", "SGD", "AdamW"}
"""Of the program, of types, optimizers and targets."""
PLACES = re.compile(r"(\{[^}]*\}|<[^>]*>|\(\*[^)]*\))")
"""What a translator keeps: places, markup, patterns of file names."""


class Broad(QTranslator):
    """A language that has our words in letters of its own."""

    def translate(
        self, context: str, text: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        return broad(text) if context == CONTEXT else None

    def isEmpty(self) -> bool:
        return False


def broad(text: str) -> str:
    """``Ｏｐｅｎ {}``."""
    parts = PLACES.split(text)
    for at in range(0, len(parts), 2):
        parts[at] = re.sub("[A-Za-z]", lambda m: chr(ord(m[0]) + 0xFEE0), parts[at])
    return "".join(parts)


@pytest.fixture
def foreign(dressed: QApplication) -> Iterator[None]:
    translator = Broad()
    dressed.installTranslator(translator)
    yield
    dressed.removeTranslator(translator)


def texts_of(part: QWidget) -> Iterator[str]:
    """All that a widget says by itself."""
    yield from (part.toolTip(), part.accessibleName(), part.accessibleDescription())
    if isinstance(part, QLabel | QAbstractButton):
        yield part.text()
    elif isinstance(part, QLineEdit):
        yield part.placeholderText()
    elif isinstance(part, QComboBox):
        yield from (part.itemText(i) for i in range(part.count()))
    elif isinstance(part, QHeaderView) and part.model() is not None:
        for section in range(part.count()):
            for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                yield str(part.model().headerData(section, part.orientation(), role) or "")
    elif isinstance(part, QAbstractItemView) and part.model() is not None:
        model = part.model()
        for row in range(model.rowCount()):
            for column in range(model.columnCount()):
                yield str(model.index(row, column).data() or "")


def names_of(step: Step, window: MainWindow) -> set[str]:
    """Words of the step's own: they are what they are in every language."""
    texts = [step.title, *(s.name for s in step.storages), *(e.name for e in window.document.entries)]
    for op in step.ops:
        texts += [op.name, op.target, op.module]
    for source in step.sources:
        texts += [source.file, source.function, *source.text]
    for value in step.program.values if step.program is not None else ():
        texts += [value.name, value.dtype]
    # The log of a solve is the solver's, which knows no languages, as on the command line.
    texts += [text for line in window.document.log for text in (line.phase, line.result)]
    words = {word for text in texts for word in re.findall("[A-Za-z]+", text)}
    return words | {word.capitalize() for word in words}


def english(window: MainWindow, names: set[str]) -> set[str]:
    """Texts in plain letters."""
    standard: set[QWidget] = set()
    for box in window.findChildren(QDialogButtonBox):
        standard.update(box.buttons())
    known = names | UNITS | KEYS | NAMES
    found = set()
    for part in [window, *window.findChildren(QWidget)]:
        of_qt = part.objectName().startswith("qt_") or part.objectName().startswith("Scroll")
        if part in standard or isinstance(part, QMenuBar) or of_qt:
            continue
        for text in texts_of(part):
            plain = re.sub(r"<[^>]*>|&\w+;|(/[\w.-]+)+|[\w-]+\.(step|plan|py)\b", " ", text)
            words = set(re.findall("[A-Za-z]{3,}", plain))
            if words - known:
                found.add(text)
    return found


@pytest.mark.usefixtures("foreign")
def test_no_panel_of_a_step_speaks_english(
    qtbot: QtBot, library: Library, settings: Settings, toy_file: Path
) -> None:
    window = MainWindow(Document(), library, settings)
    qtbot.addWidget(window)
    window.resize(1600, 1000)
    window.show()
    found = {"at first": english(window, {"ResNet"})}
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    step = window.document.step
    assert step is not None
    names = names_of(step, window) | {"toy"}
    for key in ("alive_panel", "peak_panel", "compare", "budget", "map"):
        assert window.menu[key].isEnabled()
        window.menu[key].trigger()
        found[key] = english(window, names)
    planned = [index for index, storage in enumerate(step.storages) if storage.planned]
    for chosen in (planned[:1], planned[:2], []):
        window.document.select(tuple(chosen))
        found[f"selected {len(chosen)}"] = english(window, names)
    window.document.select_op(2)
    found["an op"] = english(window, names)
    window.close()
    assert {key: sorted(texts) for key, texts in found.items() if texts} == {}


def test_the_language_leaves_places_and_markup_alone() -> None:
    assert broad("{:,} ops <b>at</b> (*.step)") == "{:,} ｏｐｓ <b>ａｔ</b> (*.step)"
