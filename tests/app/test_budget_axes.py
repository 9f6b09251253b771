"""Where budgets and overheads lie on the plot."""

import pytest
from PySide6.QtCore import QRectF

from app.panels.budget_axes import axes_of

PLOT = QRectF(50.0, 10.0, 400.0, 200.0)


@pytest.mark.parametrize("budgets", [(), (0,), (0, 0), (1,), (512, 1024), (1 << 40,)])
def test_every_budget_lies_on_the_plot(budgets: tuple[int, ...]) -> None:
    axes = axes_of((), budgets, PLOT)
    assert axes.bytes_a_pixel > 0
    for budget in budgets:
        assert PLOT.left() <= axes.x_of(budget) <= PLOT.right()
