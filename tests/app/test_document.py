"""The document: what is shown when plans come, go and come again."""

from dataclasses import replace

from app.document import Document, Entry
from solver.plan import Status
from solver.step import Step
from tests.app.toy_case import loose_plan, toy_baseline, toy_plan, toy_solution
from tests.app.toy_plans import within_budget


def as_run(step: Step) -> Entry:
    baseline = toy_baseline(step)
    return Entry(baseline.plan, baseline)


def test_a_plan_of_the_same_name_takes_the_others_place(toy_step: Step) -> None:
    document = Document()
    document.open(toy_step)
    document.add(Entry(toy_plan(toy_step)))
    newer = Entry(toy_plan(toy_step))
    document.add(newer)
    assert len(document.entries) == 1
    assert document.entries[0] is document.shown is newer


def test_what_is_shown_stays_unless_it_was_replaced(toy_step: Step) -> None:
    document = Document()
    document.open(toy_step)
    first = as_run(toy_step)
    document.add(first)
    document.add(Entry(loose_plan(toy_step)), show=False)
    assert document.shown is first
    # Equal in all that it holds, and yet another one.
    again = as_run(toy_step)
    document.add(again, show=False)
    assert document.shown is again


def test_the_best_plan_is_the_lowest_and_never_the_step_as_run(toy_step: Step) -> None:
    document = Document()
    document.open(toy_step)
    document.add(as_run(toy_step))
    assert document.best is None
    document.set_solution(toy_solution(toy_step))
    best = document.best
    assert best is not None and best.name == "Planned"
    assert document.baseline is not None


def test_a_solve_stopped_at_program_order_brings_one_plan(toy_step: Step) -> None:
    document = Document()
    document.open(toy_step)
    solution = toy_solution(toy_step)
    stopped = replace(solution.program_plan, status=Status.STOPPED)
    document.set_solution(replace(solution, plan=stopped))
    assert [entry.plan for entry in document.entries] == [solution.baseline.plan, stopped]
    assert document.shown is document.entries[-1]


def test_a_solve_leaves_plans_within_budgets_there(toy_step: Step) -> None:
    document = Document()
    document.open(toy_step)
    document.set_solution(toy_solution(toy_step))
    plan = within_budget(toy_step, toy_plan(toy_step, name="Within 7 KiB"), 7 << 10)
    document.add(Entry(plan))
    document.set_solution(toy_solution(toy_step))
    names = [entry.name for entry in document.entries]
    assert names.count("Within 7 KiB") == names.count("Planned") == 1
    assert document.shown is not None and document.shown.name == "Planned"
