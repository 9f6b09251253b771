"""What is said of an op, and why a tensor is still alive at a slot."""

from dataclasses import replace

import pytest

from app.facts.op import duration, op_facts
from app.facts.plan import PlanFacts
from app.facts.storage import storage_facts
from app.facts.why import source_text, why_still
from solver.step import SourceLine, Step
from tests.app.facts.test_family import family_facts
from tests.app.toy_case import toy_plan


@pytest.fixture
def facts(toy_step: Step) -> PlanFacts:
    return PlanFacts(toy_step, toy_plan(toy_step))


def test_an_op_names_what_it_reads_changes_and_makes(facts: PlanFacts) -> None:
    backward = op_facts(facts, 3)
    assert [row.storage for row in backward.reads] == [2, 3]
    assert [row.storage for row in backward.makes] == [5]
    assert backward.writes == ()
    assert backward.reads[0].why == "needed here for the last time"
    assert backward.makes[0].why == "then op 4, mm in linear"
    update = op_facts(facts, 5)
    assert [row.storage for row in update.writes] == [0]
    assert [row.storage for row in update.reads] == [6], "the weight is changed, not only read"


def test_measured_seconds_win_over_estimated_ones(facts: PlanFacts, toy_step: Step) -> None:
    def times(facts: PlanFacts, estimate: float) -> list[str]:
        return [f"{f.value} {f.note}" for f in op_facts(facts, 0, estimate).figures if f.name == "Time"]

    assert times(facts, -1.0) == []
    assert times(facts, 2e-6) == ["~2 µs estimate"]
    timed = replace(toy_step, ops=(replace(toy_step.ops[0], seconds=0.0015), *toy_step.ops[1:]))
    assert times(PlanFacts(timed, toy_plan(timed)), 2e-6) == ["1.5 ms measured"]
    assert duration(2e-10) == "0.2 ns"


def test_a_tensor_is_still_alive_for_its_last_reader(facts: PlanFacts) -> None:
    still, source = why_still(facts, 2, 2)
    assert still == ("It is still alive at op 2 because threshold backward needs it at op 3.")
    assert source is None
    assert "that op uses it, for the last time" in why_still(facts, 2, 3)[0]
    assert why_still(facts, 2, 4) == ("", None), "gone by then"
    assert why_still(facts, 0, 3) == ("", None), "it lives across steps"


def test_the_answer_says_what_it_is_kept_for_and_how_it_came_to_be(facts: PlanFacts) -> None:
    about = storage_facts(facts, 2, slot=2)
    assert about.answer.startswith(why_still(facts, 2, 2)[0] + " Forward makes it with ")
    assert about.answer.count("needs it") == 1, "the same is not said twice"
    assert storage_facts(facts, 2, slot=4).answer == about.why, "gone by then"


def test_the_users_line_is_in_the_sentence() -> None:
    facts = family_facts()
    still, source = why_still(facts, 2, 1)
    assert "“y = relu(x)”, model.py:12" in still
    assert source == facts.step.sources[0]
    assert source_text(SourceLine("C:\\net\\a.py", 3, "f")) == "a.py:3"
