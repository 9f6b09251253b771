"""An alias family: every tensor of a storage, with its shape and what made it."""

from app.facts.family import family
from app.facts.plan import PlanFacts
from solver.assemble import assemble
from solver.plan import Certificate, Proof, Status
from solver.step import Step
from tests.app.facts.families import make_family_step
from tests.app.toy_case import toy_plan


def family_facts() -> PlanFacts:
    step = make_family_step()
    plan = assemble(
        step,
        range(3),
        {2: 0},
        name="Planned",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )
    return PlanFacts(step, plan)


def test_a_family_names_shapes_and_what_made_each() -> None:
    relatives = family(family_facts(), 2)
    assert [(r.name, r.shape_text, r.made, r.slot) for r in relatives] == [
        ("mm", "4 × 8", "mm", 0),
        ("view", "32 × 1", "view of mm", 0),
        ("t", "1 × 32", "t of view", 0),
        ("relu_", "4 × 8", "relu, in place", 1),
    ]
    assert {r.dtype for r in relatives} == {"float32"}


def test_what_comes_from_outside_and_a_scalar_are_families_of_one() -> None:
    facts = family_facts()
    assert [(r.made, r.slot) for r in family(facts, 0)] == [("from outside", -1)]
    assert [r.shape_text for r in family(facts, 4)] == ["scalar"]


def test_a_planning_only_step_has_no_families(toy_step: Step) -> None:
    assert family(PlanFacts(toy_step, toy_plan(toy_step)), 2) == ()
