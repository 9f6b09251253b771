"""Texts are ready for translation: in another language no menu and no dialog speaks English."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QMenu,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.document import Document
from app.library import Library
from app.settings import Settings
from app.translation import CONTEXT, tr
from app.window.actions import MENUS, plain
from app.window.main_window import MainWindow
from tests.make_translations import Text, collect, document, texts_of

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


class Brackets(QTranslator):
    """A language in which everything is said in brackets."""

    def translate(
        self, context: str, text: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        return f"[{text}]" if context == CONTEXT else None

    def isEmpty(self) -> bool:
        return False


@pytest.fixture
def foreign(dressed: QApplication) -> Iterator[None]:
    translator = Brackets()
    dressed.installTranslator(translator)
    yield
    dressed.removeTranslator(translator)


def english(top: QWidget) -> list[str]:
    """Texts of labels and buttons that are not in brackets."""
    boxes = top.findChildren(QDialogButtonBox)
    standard = {b for box in boxes for b in box.buttons() if box.standardButton(b).value}
    parts = [*top.findChildren(QAbstractButton), *top.findChildren(QLabel)]
    return sorted(
        {
            part.text()
            for part in parts
            if part not in standard
            and re.search("[a-z]{3}", part.text())
            and not re.search(r"\[.*\]", part.text(), re.DOTALL)
        }
    )


@pytest.mark.usefixtures("foreign")
def test_menus_and_dialogs_are_in_the_language_of_the_system(
    qtbot: QtBot, library: Library, settings: Settings
) -> None:
    assert tr("Open") == "[Open]"
    window = MainWindow(Document(), library, settings)
    qtbot.addWidget(window)
    window.show()
    titles = [a.text() for a in window.menuBar().actions()]
    assert titles == [f"[{title}]" for title, _ in MENUS]
    for menu in window.menuBar().findChildren(QMenu):
        for action in menu.actions():
            text = action.text()
            assert not text or (text[0], text[-1]) == ("[", "]"), text
    assert plain(window.menu["open"].toolTip()).startswith("[Open a step or a plan] (")
    for key in ("settings", "limits", "about"):
        window.menu[key].trigger()
        dialog = next(
            w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()
        )
        assert dialog.windowTitle().startswith("[")
        left = [text for text in english(dialog) if text not in ("Bayplan", "GiB", "GB")]
        assert not [t for t in left if not t.startswith(("Version", "/"))], key
        dialog.close()
    window.close()


def test_what_is_collected_is_complete_and_can_be_opened_by_qt(tmp_path: Path) -> None:
    found = collect()
    assert {"&File", "&Open…", "Deadline", "Open a step or a plan"} <= {text.words for text in found}
    path = tmp_path / "bayplan.ts"
    document(found).write(path, encoding="utf-8", xml_declaration=True)
    sources = [m.findtext("source") for m in ElementTree.parse(path).iter("message")]
    assert sources == [text.words for text in found]
    release = Path(sys.executable).with_name("pyside6-lrelease")
    if not release.is_file():
        pytest.skip("pyside6-lrelease is not there")
    command = [str(release), str(path), "-qm", str(tmp_path / "bayplan_xx.qm")]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0 and (tmp_path / "bayplan_xx.qm").is_file()


def test_a_text_that_is_put_together_is_no_text_for_translators() -> None:
    assert list(texts_of("tr('a')\ntr(name)\ntr(b.text)", "x.py")) == [(Text("a"), ("x.py", 1))]
    with pytest.raises(ValueError, match=r"x\.py:1"):
        list(texts_of("tr(f'{n} ops')", "x.py"))
