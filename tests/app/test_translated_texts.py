"""Every text that a widget is given goes through ``tr``, so that a translator gets to see it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app"
WITHOUT_WINDOW = ("cli", "facts", "library", "curve", "edit", "lessons")
"""Parts of ``app`` that show nothing themselves."""
FIRST = {
    "QLabel",
    "QPushButton",
    "QCheckBox",
    "QRadioButton",
    "QGroupBox",
    "QAction",
    "QToolButton",
    "label",
    "caption",
    "FigureLabel",
    "setText",
    "setToolTip",
    "setStatusTip",
    "setWindowTitle",
    "setAccessibleName",
    "setAccessibleDescription",
    "setPlaceholderText",
    "addAction",
    "addItem",
    "addRow",
    "addTab",
    "addMenu",
    "setTitle",
    "Activity",
    "tell",
    "say",
}
"""Calls whose first argument is a text for people."""
ANY = frozenset(
    ["getOpenFileName", "getSaveFileName", "getExistingDirectory", "drawText", "set_figure"]
)
"""Calls of whose arguments any may be one."""
ALLOWED = {"Bayplan", " — Bayplan", "Ctrl+F", "Folders (*)"}
"""Names, keys, and what Qt itself must understand."""
KEY = re.compile(r"[a-z0-9_]+")


def texts(argument: ast.expr) -> Iterator[tuple[int, str]]:
    """Line and words of each text that stands in an argument as it is."""
    if isinstance(argument, ast.IfExp):
        yield from texts(argument.body)
        yield from texts(argument.orelse)
    elif isinstance(argument, ast.BinOp):
        yield from texts(argument.left)
        yield from texts(argument.right)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.lineno, argument.value
    elif isinstance(argument, ast.JoinedStr):
        words = "".join(str(p.value) for p in argument.values if isinstance(p, ast.Constant))
        yield argument.lineno, words


def untranslated(source: str) -> Iterator[tuple[int, str]]:
    """Line and words of each text that a person would see in English whatever the language."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = getattr(called, "id", getattr(called, "attr", ""))
        if name not in FIRST | ANY:
            continue
        for argument in node.args if name in ANY else node.args[:1]:
            for line, words in texts(argument):
                is_key = name in ANY and KEY.fullmatch(words)
                says_something = re.search("[A-Za-z]{2}", words) and not words.startswith("<")
                if says_something and words not in ALLOWED and not is_key:
                    yield line, words


FILES = sorted(
    path for path in APP.rglob("*.py") if path.relative_to(APP).parts[0] not in WITHOUT_WINDOW
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(APP).as_posix())
def test_a_file_of_the_window_gives_widgets_no_text_past_the_translator(path: Path) -> None:
    assert list(untranslated(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        'QLabel("Some words")',
        'self.said.setText(f"{n} ops")',
        'button.setToolTip("Go" if here else tr("Come"))',
        'box.setText("Alive: " + name)',
        'painter.drawText(box, 0, "Words")',
        'Activity(f"Reading {path.name}", stoppable=True)',
    ],
)
def test_a_text_past_the_translator_is_found(source: str) -> None:
    assert len(list(untranslated(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        'QLabel(tr("Some words"))',
        'self.said.setText(tr("{} ops").format(n))',
        'label(tr("Words"), "caption", "text3")',
        'figure.set_figure(size, "warn")',
        'box.setText("×")',
    ],
)
def test_what_is_translated_or_no_text_is_left_alone(source: str) -> None:
    assert list(untranslated(source)) == []
