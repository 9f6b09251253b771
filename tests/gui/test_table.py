"""The dense tables of the panels: columns that fit what is in them."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from app.fonts import text_font
from app.panels.table import Column, RowsModel, dense_table, fit_columns


def test_an_ascending_column_is_wide_enough_for_its_last_row(dressed: object, qtbot: QtBot) -> None:
    model: RowsModel[int] = RowsModel(
        (Column("Op", str, number=True), Column("Name", lambda row: f"tensor {row}"))
    )
    table = dense_table("Ops", model, wide=1)
    qtbot.addWidget(table)
    model.set_rows(tuple(range(20_000)))
    fit_columns(table)
    assert model.index(19_999, 0).data(Qt.ItemDataRole.DisplayRole) == "19999"
    assert table.columnWidth(0) > QFontMetrics(text_font(12)).horizontalAdvance("19999") + 12
