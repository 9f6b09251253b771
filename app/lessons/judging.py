"""Judges answers to a lesson's questions, and counts how near a goal is. No Qt."""

from app.lessons.facts import Subject, close, fact, holds, in_unit
from app.lessons.lesson import PLANNED, Kind, Page
from app.lessons.prepared import Prepared
from app.numbers import human
from app.translation import tr
from solver.errors import BayplanError


def judge(prepared: Prepared, page: Page, given: str, selected: str, shown: Subject | None) -> bool:
    """Whether the page's question is answered right.

    ``given``: what was written, or the number of what was chosen; ``selected``: the name of the
    selected tensor; ``shown``: what is on the map. Raises BayplanError for what is no answer.
    """
    ask = page.ask
    assert ask is not None
    if ask.kind is Kind.CHOICE:
        return ask.choices[int(given)] == ask.answer
    if ask.kind is Kind.NUMBER:
        true = prepared.number(page)
        return close(in_unit(given, true.measure, ask.unit), true, ask.unit, ask.tolerance)
    if ask.kind is Kind.SELECT:
        if not selected:
            raise BayplanError("Click a tensor on the map first.")
        return selected in prepared.names(page)
    if shown is None:
        raise BayplanError("Show a plan of the lesson's step first.")
    if shown.judging:
        raise BayplanError("The validator is still judging this edit: it answers in a moment.")
    return all(holds(goal, prepared.finder(page, shown)) for goal in ask.goals)


def score(prepared: Prepared, page: Page, shown: Subject) -> str:
    """How near what is on the map is to the proven best, in words."""
    assert page.ask is not None
    mine = fact(f"shown.{page.ask.score}", prepared.finder(page, shown))
    best = fact(f"{PLANNED}.{page.ask.score}", prepared.finder(page))
    if shown.conflicts:
        return tr("Yours: {}, but tensors overlap. Best possible: {}.").format(mine.text, best.text)
    if shown.judging:
        return tr("Yours: {}. The validator is still judging it. Best possible: {}.").format(
            mine.text, best.text
        )
    more = int(mine.number - best.number)
    if more <= 0:
        return tr("Yours: {}. That is the best possible: proven.").format(mine.text)
    return tr("Yours: {}. Best possible: {}. {} to go.").format(mine.text, best.text, human(more))
