"""What phases and categories are called before people, in their language. No Qt."""

from app.translation import mark, tr
from solver.step import Category, Phase

PHASES = {
    Phase.FORWARD: mark("forward"),
    Phase.BACKWARD: mark("backward"),
    Phase.UPDATE: mark("update"),
}
CATEGORIES = {
    Category.PARAMETER: mark("parameter"),
    Category.BUFFER: mark("buffer"),
    Category.OPTIMIZER_STATE: mark("optimizer state"),
    Category.INPUT: mark("input"),
    Category.CONSTANT: mark("constant"),
    Category.ACTIVATION: mark("activation"),
    Category.GRADIENT: mark("gradient"),
    Category.TEMPORARY: mark("temporary"),
    Category.WORKSPACE: mark("workspace"),
}


def phase_name(phase: Phase) -> str:
    """``backward``."""
    return tr(PHASES[phase])


def category_name(category: Category) -> str:
    """``optimizer state``."""
    return tr(CATEGORIES[category])
