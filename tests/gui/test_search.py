"""Finding tensors, modules and ops by name."""

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.document import Document
from app.window.search import Hit, SearchField, find, index_of
from tests.conftest import make_toy_step

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


def test_tensors_modules_and_ops_are_found() -> None:
    hits = index_of(make_toy_step())
    found = {(hit.kind, hit.name): hit.storages for hit in hits}
    assert found["tensor", "act · relu"] == (3,)
    assert found["module", "linear"] == (2, 6)
    assert found["op", "relu_backward"] == (5,)
    assert found["op", "add_"] == (0,)


def test_all_words_must_be_in_a_name_and_beginnings_come_first() -> None:
    hits = tuple(
        Hit("tensor", name, "", (0,)) for name in ("∂ layer1 · bn", "layer1 · bn", "layer2 · bn", "bn")
    )
    assert [hit.name for hit in find(hits, "BN layer1")] == ["layer1 · bn", "∂ layer1 · bn"]
    assert find(hits, "bn")[0].name == "bn"
    assert find(hits, "  ") == []
    assert len(find(hits, "bn", limit=2)) == 2


def test_return_takes_the_first_result(dressed: object, qtbot: QtBot) -> None:
    document = Document()
    document.open(make_toy_step())
    field = SearchField(document)
    qtbot.addWidget(field)
    field.show()
    chosen: list[Hit] = []
    field.chosen.connect(chosen.append)
    qtbot.keyClicks(field, "relu")
    field.completer().popup().hide()
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert [hit.name for hit in chosen] == ["relu"]


def test_a_result_is_chosen_from_the_list_with_the_keyboard(dressed: object, qtbot: QtBot) -> None:
    document = Document()
    document.open(make_toy_step())
    field = SearchField(document)
    qtbot.addWidget(field)
    field.show()
    chosen: list[Hit] = []
    field.chosen.connect(chosen.append)
    qtbot.keyClicks(field, "relu")
    popup = field.completer().popup()
    qtbot.waitUntil(popup.isVisible)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert len(chosen) == 1
    assert "relu" in chosen[0].name


def test_the_results_end_where_the_field_ends(dressed: object, qtbot: QtBot) -> None:
    document = Document()
    document.open(make_toy_step())
    field = SearchField(document)
    qtbot.addWidget(field)
    field.resize(200, 28)
    field.move(400, 50)
    field.show()
    qtbot.keyClicks(field, "relu")
    popup = field.completer().popup()
    qtbot.waitUntil(popup.isVisible)
    qtbot.waitUntil(
        lambda: popup.geometry().right() == field.mapToGlobal(field.rect().bottomRight()).x()
    )
    popup.hide()
