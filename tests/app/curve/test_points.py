"""A curve as a table and as a picture."""

import csv
import io
from pathlib import Path

import pytest

from app.curve.points import Point, csv_text
from app.theme import THEMES

GIB = 1 << 30
POINTS = [
    Point(3 * GIB, None, None, 0.16),
    Point(8 * GIB, 8 * GIB - 512, 0.0611, 0.0603, 69, 0, 12.5),
    Point(4 * GIB, 4 * GIB, 0.158, 0.1376, 120, 0, 12.5),
    Point(15 * GIB, 15 * GIB, 0.0, 0.0, 0, 0, 1.0),
]


def test_the_table_has_a_row_for_each_budget_the_largest_first() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(POINTS))))

    assert [int(row["budget_bytes"]) for row in rows] == [15 * GIB, 8 * GIB, 4 * GIB, 3 * GIB]
    assert float(rows[1]["overhead"]) == 0.0611
    assert (rows[3]["overhead"], rows[3]["needed_bytes"]) == ("", "")
    assert float(rows[3]["overhead_bound"]) == 0.16


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_picture_has_curve_and_bound(tmp_path: Path, theme: str, qapp: object) -> None:
    from PySide6.QtGui import QImage

    from app.curve.picture import render_curve

    colours = THEMES[theme]
    path = tmp_path / "curve.png"
    render_curve(POINTS, path, title="toy", width=800, height=400, theme=colours)

    image = QImage(str(path))
    assert (image.width(), image.height()) == (800, 400)
    seen = {image.pixelColor(x, y).name() for x in range(64, 760) for y in range(92, 344)}
    assert {colours.accent, colours.ok, colours.map} <= seen


def test_a_curve_of_which_nothing_is_proven_has_no_bound(tmp_path: Path, qapp: object) -> None:
    from PySide6.QtGui import QImage

    from app.curve.picture import render_curve
    from app.theme import DARK

    points = [Point(budget * GIB, budget * GIB, 0.1 / budget, None) for budget in (1, 2, 4)]
    render_curve(points, tmp_path / "curve.png", title="toy", width=800, height=400)

    image = QImage(str(tmp_path / "curve.png"))
    left = {image.pixelColor(x, y).name() for x in range(64, 500) for y in range(92, 344)}
    assert DARK.accent in left
    assert DARK.ok not in left
    assert "0.05,," in csv_text(points)


def test_a_single_budget_can_be_drawn(tmp_path: Path, qapp: object) -> None:
    from app.curve.picture import render_curve

    render_curve([Point(GIB, GIB, -0.01, -0.02)], tmp_path / "one.png", title="toy")

    assert (tmp_path / "one.png").stat().st_size > 1000
