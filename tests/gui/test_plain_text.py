"""Names, notes and lines of code from a file are shown as they stand."""

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.panels.controls import ElidedLabel
from app.plain_text import tip

HOSTILE = "<b>weight</b> <img src='file:///etc/hostname'>"


def test_ordinary_words_are_left_alone() -> None:
    assert tip("a < b, conv1 · out") == "a < b, conv1 · out"


def test_what_looks_like_html_reads_the_same_as_its_source(qtbot: QtBot) -> None:
    label = QLabel(tip(HOSTILE))
    qtbot.addWidget(label)

    shown = tip(HOSTILE)

    assert "<b>" not in shown
    assert "<img" not in shown
    assert "&lt;b&gt;weight&lt;/b&gt;" in shown


def test_an_elided_name_has_a_harmless_tooltip(qtbot: QtBot) -> None:
    label = ElidedLabel(HOSTILE)
    qtbot.addWidget(label)
    label.resize(30, 20)
    label.show()

    assert "<img" not in label.toolTip()
    assert "&lt;img" in label.toolTip()
