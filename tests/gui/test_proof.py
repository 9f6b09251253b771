"""The certificate's bound is a link to its proof: the op, and the tensors no order does without."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.panels.inspector import InspectorPanel
from app.window.main_window import MainWindow
from solver.files import save_plan
from tests.app.toy_case import toy_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import SECONDS, open_file


@pytest.fixture
def proven(qtbot: QtBot, window: MainWindow, toy_file: Path) -> MainWindow:
    """The window with the toy's plan, proven by a cut at op 3."""
    path = toy_file.with_suffix(".plan")
    save_plan(toy_plan(make_toy_step()), path)
    open_file(qtbot, window, path)
    return window


def inspector(window: MainWindow) -> InspectorPanel:
    assert window.central is not None
    return window.central.inspector


def bound_link(window: MainWindow) -> QPushButton:
    assert window.central is not None
    link = window.central.solve.certificate.findChild(QPushButton, "showProof")
    assert isinstance(link, QPushButton)
    return link


def show_proof(qtbot: QtBot, window: MainWindow) -> None:
    """Click the bound and wait for what follows."""
    with qtbot.waitSignal(window.work.proved, timeout=SECONDS):
        qtbot.mouseClick(bound_link(window), Qt.MouseButton.LeftButton)


def test_the_bound_names_its_op_and_selects_the_tensors_that_prove_it(
    qtbot: QtBot, proven: MainWindow
) -> None:
    show_proof(qtbot, proven)

    panel = inspector(proven)
    assert proven.document.selection == (2, 5, 3)
    assert panel.name.text() == "What proves the bound"
    assert panel.summary.text() == "Threshold backward, backward"
    assert "Whatever the order" in panel.why_text.text()
    assert "relu_backward" in panel.why_text.text()
    assert [(row.key, row.detail) for row in panel.alive_table.rows] == [
        (2, "in use here"),
        (5, "made here"),
        (3, "in use here"),
    ]
    assert proven.central is not None
    assert proven.central.map_page.map.state.selection == (2, 5, 3)


def test_asking_twice_shows_it_again(qtbot: QtBot, proven: MainWindow) -> None:
    show_proof(qtbot, proven)
    show_proof(qtbot, proven)
    assert inspector(proven).name.text() == "What proves the bound"


def test_another_selection_leaves_the_proof(qtbot: QtBot, proven: MainWindow) -> None:
    show_proof(qtbot, proven)
    proven.document.select((6,))
    assert inspector(proven).name.text() == "∂ weight"
    proven.document.select(())
    assert inspector(proven).name.text() == "The peak"


def test_another_plan_leaves_the_proof(qtbot: QtBot, proven: MainWindow) -> None:
    show_proof(qtbot, proven)
    proven.document.show(proven.document.entries[0])
    assert inspector(proven).name.text() != "What proves the bound"


def test_a_proof_that_comes_late_is_not_shown_for_another_plan(
    qtbot: QtBot, proven: MainWindow
) -> None:
    entry, as_run = proven.document.shown, proven.document.entries[0]
    assert entry is not as_run
    with qtbot.assertNotEmitted(proven.work.proved, wait=1000):
        bound_link(proven).click()
        proven.document.show(as_run)
    assert proven.document.selection == ()


def test_the_peak_says_why_each_tensor_is_alive(proven: MainWindow) -> None:
    panel = inspector(proven)
    assert panel.name.text() == "The peak"
    assert [(row.key, row.detail) for row in panel.alive_table.rows] == [
        (2, "in use here for the last time"),
        (5, "in use here and until op 4, for mm in linear"),
        (3, "in use here for the last time"),
    ]


def test_the_certificates_dialog_leads_to_the_map(qtbot: QtBot, proven: MainWindow) -> None:
    from app.panels.certificate import CertificateDialog

    assert proven.central is not None
    card = proven.central.solve.certificate
    card.show_dialog()
    dialog = card.findChild(CertificateDialog)
    assert isinstance(dialog, CertificateDialog)
    with qtbot.waitSignal(proven.work.proved, timeout=SECONDS):
        qtbot.mouseClick(dialog.show_proof, Qt.MouseButton.LeftButton)
    assert card.findChild(CertificateDialog) is None
    assert proven.document.selection == (2, 5, 3)


def test_as_run_has_no_bound_to_prove(qtbot: QtBot, proven: MainWindow) -> None:
    assert proven.central is not None
    card = proven.central.solve.certificate
    proven.document.show(proven.document.entries[0])
    qtbot.waitUntil(lambda: card.findChild(QPushButton, "showProof") is None)
