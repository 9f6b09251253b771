"""Plans that run ops in other ways: their storages have other numbers for the same tensors."""

from dataclasses import replace

import pytest

from app.document import Document, Entry
from app.facts.compare import compare, done_text
from app.facts.plan import PlanFacts, counterparts, plan_facts
from app.facts.storage import storage_facts
from app.map.plan_scene import plan_scene
from solver.plan import Plan
from solver.rewriting import rewrite
from solver.step import Step
from tests.app.toy_plans import stacked_plan
from tests.solver.rewrites.test_rewriting import step_with_relu6

NAMES = ("output 3",)


@pytest.fixture
def step() -> Step:
    """Of its five storages the fourth is a copy that a rewrite does without."""
    return step_with_relu6()


@pytest.fixture
def plain(step: Step) -> Plan:
    return stacked_plan(step, name="Plain")


@pytest.fixture
def other(step: Step) -> Plan:
    plan = stacked_plan(rewrite(step, NAMES), name="Other")
    return replace(plan, fingerprint=step.fingerprint, rewrites=NAMES)


def _names(facts: PlanFacts) -> list[str]:
    return [storage.name for storage in facts.step.storages]


def test_facts_and_map_are_of_the_rewritten_step(step: Step, plain: Plan, other: Plan) -> None:
    facts = plan_facts(step, other)
    assert _names(facts) == ["x", "gradient", "activation", "result"]
    assert _names(plan_facts(step, plain)) == ["x", "gradient", "activation", "clone", "result"]
    scene = plan_scene(step, other)
    assert scene.captured is step and scene.step is facts.step
    assert {scene.name(r) for r in range(scene.count)} == set(_names(facts))
    assert done_text(facts) == "1 other implementation (output 1)"


def test_the_same_tensor_is_found_in_both(step: Step, other: Plan) -> None:
    facts = plan_facts(step, other)
    assert counterparts(step, facts.step) == {0: 0, 1: 1, 2: 2, 4: 3}
    assert counterparts(step, step) == {n: n for n in range(5)}


def test_the_selection_stays_on_its_tensors(step: Step, plain: Plan, other: Plan) -> None:
    document = Document()
    document.open(step)
    document.add(Entry(plain))
    document.select((4, 3))
    document.add(Entry(other))
    assert document.selection == (3,), "the result; there is no clone"
    document.show(document.entries[0])
    assert document.selection == (4,)


def test_the_inspector_compares_with_the_same_tensor(step: Step, plain: Plan, other: Plan) -> None:
    as_run = plan_facts(step, plain)
    assert storage_facts(plan_facts(step, other), 3, as_run).name == "result"


def test_the_comparison_tells_ops_by_their_names(step: Step, plain: Plan, other: Plan) -> None:
    said = compare(plan_facts(step, plain), plan_facts(step, other)).order
    assert said == (
        "Both run the ops in the same order. On the right 1 other implementation (output 1)."
    )
