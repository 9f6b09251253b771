"""Why something is alive and what proves a bound, in words."""

from dataclasses import replace

import pytest

from app.facts.explanation import height_sentence, kept_for, proof_sentence, why
from app.facts.plan import PlanFacts
from app.facts.proof import HIGHLIGHTED, proof_facts
from solver.explain import Alive, Use
from solver.plan import Proof
from solver.proof import HeightProof, Held, PeakProof, Reason, prove_peak
from solver.step import Step
from tests.app.toy_case import toy_plan

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def facts(toy_step: Step) -> PlanFacts:
    return PlanFacts(toy_step, toy_plan(toy_step))


@pytest.mark.parametrize(
    ("here", "following", "last", "said", "short"),
    [
        (True, None, None, "in use here for the last time", "in use here"),
        (False, None, None, "needed no more, freed later", "nothing any more"),
        (False, Use(4, 4), Use(4, 4), "until op 4, for mm in linear", "mm in linear"),
        (True, Use(4, 4), Use(4, 4), "in use here and until op 4, for mm in linear", "mm in linear"),
        (
            False,
            Use(1, 1),
            Use(4, 4),
            "until op 4, for mm in linear; next at op 1, relu in act",
            "mm in linear",
        ),
    ],
)
def test_a_tensor_is_alive_for_its_last_user(
    toy_step: Step, here: bool, following: Use | None, last: Use | None, said: str, short: str
) -> None:
    one = Alive(0, 2, 2048, Use(0, 0), here, following, last)
    assert why(toy_step, one) == said
    assert kept_for(toy_step, one) == short


def proof(kind: Proof, reason: Reason, *, bound: int = 3072) -> PeakProof:
    """A made-up proof at op 3: 2 KiB always there, 1 KiB for ``reason``."""
    held = (Held(2, 2048, Reason.TOUCHED, 0, 3), Held(3, 1024, reason, 1, 4))
    return PeakProof(kind, bound, 3, 3072, held)


def test_tensors_that_are_always_there_are_a_plain_statement(toy_step: Step) -> None:
    assert proof_sentence(toy_step, proof(Proof.CUT, Reason.FORCED)) == (
        "Whatever the order, while threshold backward runs (relu_backward) these 2 tensors are alive: "
        f"3,072{SPACE}B."
    )


def test_a_cheapest_choice_is_called_one(toy_step: Step) -> None:
    said = proof_sentence(toy_step, proof(Proof.CUT, Reason.CHEAPEST))
    assert "at least 3,072" in said
    assert "2.0 KiB of these 2 tensors are always there" in said
    assert "no choice of what runs before holds less" in said


def test_a_search_says_that_its_tree_is_not_kept_and_what_one_op_proves(toy_step: Step) -> None:
    said = proof_sentence(toy_step, proof(Proof.SEARCH, Reason.FORCED, bound=4096))
    assert f"no order with a peak under 4,096{SPACE}B" in said
    assert "One op alone proves 75.0 % of it" in said


def test_a_proof_without_an_op_names_none(toy_step: Step, facts: PlanFacts) -> None:
    none = PeakProof(Proof.SEARCH, 4096, -1, 0, ())
    assert "A search found no order" in proof_sentence(toy_step, none)
    about = proof_facts(facts, none)
    assert (about.slot, about.rows, about.storages, about.source) == (-1, (), (), None)


def test_one_op_alone_is_no_more_than_that(toy_step: Step) -> None:
    said = proof_sentence(toy_step, proof(Proof.NONE, Reason.TOUCHED))
    assert said.endswith("nothing more was proven.")


def test_the_heights_bound_is_the_live_sum_or_a_pin(toy_step: Step) -> None:
    live = height_sentence(toy_step, HeightProof(5120, 3, (0,)), toy_step.ops[3])
    assert f"5,120{SPACE}B are alive at once, at slot 3 (threshold backward)" in live
    pinned = height_sentence(toy_step, HeightProof(8704, 3, (0,), pinned=True), toy_step.ops[3])
    assert f"pinned to an address that ends at 8,704{SPACE}B" in pinned
    assert height_sentence(toy_step, HeightProof(0, -1, ()), None).startswith("Nothing runs")


def test_the_inspector_lists_the_largest_and_selects_all(facts: PlanFacts) -> None:
    about = proof_facts(facts, prove_peak(facts.step, facts.plan), rows=2)
    assert (about.slot, about.summary) == (3, "Threshold backward, backward")
    assert [(row.storage, row.why) for row in about.rows] == [(2, "in use here"), (5, "made here")]
    assert about.rest == "and 1 more, 1.0 KiB"
    assert about.storages == (2, 5, 3)


def test_a_proof_of_thousands_selects_the_largest(facts: PlanFacts) -> None:
    held = tuple(Held(2, 2048, Reason.TOUCHED, 0, 3) for _ in range(2 * HIGHLIGHTED))
    many = replace(proof(Proof.CUT, Reason.TOUCHED), held=held)
    assert len(proof_facts(facts, many).storages) == HIGHLIGHTED
