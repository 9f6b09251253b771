"""Which commands can be used when."""

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication

from app.document import Document, Entry
from app.window.actions import MENUS, Command
from app.window.enabled import enabled_commands
from solver.solve import solve
from solver.step import Program
from tests.conftest import make_toy_step

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


def enabled(document: Document, **state: object) -> set[str]:
    table = {"view": "map", "busy": False, "stoppable": False, "stale": False} | state
    return {key for key, on in enabled_commands(document, **table).items() if on}  # type: ignore[arg-type]


@pytest.fixture
def solved(qapp: QApplication) -> Document:
    document = Document()
    program = Program((), (), (), (), (), (), None, None)
    step = replace(make_toy_step(), program=program)
    document.open(step)
    document.set_solution(solve(step, deadline=2.0))
    return document


def test_the_table_names_commands_that_there_are(qapp: QApplication) -> None:
    there = {line.key for _, lines in MENUS for line in lines if isinstance(line, Command)}
    named = enabled_commands(Document(), view="start", busy=False, stoppable=False, stale=False)
    assert set(named) <= there


def test_without_a_step_only_verify_is_left(qapp: QApplication) -> None:
    assert enabled(Document(), view="start") == {"verify"}


def test_export_needs_a_plan_a_program_and_a_step_that_is_still_the_one_on_disk(
    solved: Document,
) -> None:
    assert "export" in enabled(solved)
    assert "export" not in enabled(solved, stale=True)
    assert "export" not in enabled(solved, busy=True)
    solved.show(solved.entries[0])
    assert "export" not in enabled(solved)
    planning_only = Document()
    planning_only.open(make_toy_step())
    planning_only.add(Entry(solve(make_toy_step(), deadline=2.0).plan))
    assert "export" not in enabled(planning_only)
    assert "save_plan" in enabled(planning_only)


def test_stop_is_for_what_can_be_stopped(solved: Document) -> None:
    assert "stop" not in enabled(solved)
    assert "stop" not in enabled(solved, busy=True)
    assert "stop" in enabled(solved, busy=True, stoppable=True)
    assert "solve" not in enabled(solved, busy=True)


def test_what_moves_the_map_needs_the_map(solved: Document) -> None:
    moves = {"fit_all", "zoom_in", "zoom_out", "peak", "library", "inspector", "solve_panel"}
    assert moves <= enabled(solved)
    assert moves.isdisjoint(enabled(solved, view="compare"))
    solved.select((2,))
    assert {"fit_selection", "producer", "copy"} <= enabled(solved)
