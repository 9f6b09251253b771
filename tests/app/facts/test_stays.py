"""A storage may be in memory several times: what is known and said of each stay."""

import pytest

from app.facts.compare import compare
from app.facts.plan import PlanFacts, plan_facts
from app.facts.stays import Came, Span, Went
from app.facts.storage import slot_facts, storage_facts
from app.map.describe import describe, stay_text
from app.map.plan_scene import plan_scene
from app.map.relations import relations_of
from app.map.scene import Join
from app.panels.tensor_table import tensor_rows
from solver.step import Step
from tests.app.toy_case import toy_baseline, toy_plan
from tests.app.toy_several import STORAGE, parked_plan, recomputed_plan


@pytest.fixture
def recomputed(toy_step: Step) -> PlanFacts:
    return plan_facts(toy_step, recomputed_plan(toy_step))


@pytest.fixture
def parked(toy_step: Step) -> PlanFacts:
    return plan_facts(toy_step, parked_plan(toy_step))


def _ways(spans: tuple[Span, ...]) -> list[tuple[int, int, Came, Went]]:
    return [(s.start, s.end, s.came, s.went) for s in spans]


def test_what_is_made_again_has_two_stays(recomputed: PlanFacts) -> None:
    assert _ways(recomputed.spans(STORAGE)) == [
        (0, 2, Came.MADE, Went.FREED),
        (3, 5, Came.AGAIN, Went.FREED),
    ]
    assert list(recomputed.several) == [STORAGE]
    known = recomputed.repeated
    assert (known.slots, known.made_again, known.made_again_bytes) == ((3,), 1, 2048)
    assert (known.parked, known.parked_bytes) == (0, 0)


def test_what_waits_in_host_memory_has_two_stays(parked: PlanFacts) -> None:
    assert _ways(parked.spans(STORAGE)) == [
        (0, 2, Came.MADE, Went.PARKED),
        (3, 4, Came.BACK, Went.FREED),
    ]
    assert (parked.repeated.slots, parked.repeated.parked_bytes) == ((), 2048)


def test_a_repetition_makes_and_does_not_consume(recomputed: PlanFacts) -> None:
    producers, consumers = recomputed.producers(STORAGE), recomputed.consumers(STORAGE)
    assert [(use.slot, use.again) for use in producers] == [(0, False), (3, True)]
    assert [use.slot for use in consumers] == [1, 4]


def test_a_repetition_only_reads_residents(recomputed: PlanFacts) -> None:
    weight = recomputed.consumers(0)
    assert [(use.slot, use.in_place, use.again) for use in weight] == [
        (0, False, False),
        (3, False, True),
        (6, True, False),
    ]


def test_the_inspector_says_what_becomes_of_each_stay(recomputed: PlanFacts, parked: PlanFacts) -> None:
    about = storage_facts(recomputed, STORAGE)
    assert [(s.slot, s.title, s.detail) for s in about.stays] == [
        (0, "Made", "ops 0 – 1, freed"),
        (3, "Made again", "ops 3 – 4, freed for good"),
    ]
    assert about.why == (
        "Forward makes it with mm in linear for relu in act. Then it is not kept: 2.0 KiB less through "
        "1 op. Made again at op 3 for threshold backward."
    )
    assert [(row.badge, row.place) for row in about.producers] == [
        ("P", "linear"),
        ("P", "linear, again"),
    ]
    stays = storage_facts(parked, STORAGE).stays
    assert (
        stays[0].detail == "ops 0 – 1, in host memory until op 3" and stays[1].title == "Back from host"
    )
    assert slot_facts(recomputed, 3).summary == "Mm in linear, forward, run again"


def test_one_stay_is_told_as_before(toy_step: Step) -> None:
    about = storage_facts(plan_facts(toy_step, toy_plan(toy_step)), STORAGE)
    assert about.stays == () and [f.name for f in about.figures][1:3] == ["Address", "Lifetime"]


def test_the_map_joins_the_stays_and_marks_the_added_op(
    recomputed: PlanFacts, parked: PlanFacts
) -> None:
    scene = plan_scene(recomputed.step, recomputed.plan)
    first, second = scene.rectangles_of((STORAGE,))
    assert scene.joins == (Join(first, second, False),)
    assert [(band.start, band.end) for band in scene.bands.added] == [(3, 4)]
    assert stay_text(scene, first) == "linear freed after op 1"
    assert stay_text(scene, second) == "made again at op 3"
    assert ("Made again by", "mm in linear") in describe(scene, second).rows
    assert ("In memory", "1 of 2 times") in describe(scene, first).rows
    other = plan_scene(parked.step, parked.plan)
    assert [join.parked for join in other.joins] == [True] and other.bands.added == ()
    back = other.rectangles_of((STORAGE,))[1]
    assert ("Comes", "back from host memory for op 3") in describe(other, back).rows


def test_arrows_lead_to_the_stay_that_an_op_uses(recomputed: PlanFacts) -> None:
    scene = plan_scene(recomputed.step, recomputed.plan)
    first, second = scene.rectangles_of((STORAGE,))
    known = relations_of(scene, STORAGE)
    assert known.uses == (("P", 0), ("1", 1), ("P", 3), ("2", 4))
    assert {(link.slot, link.source) for link in known.links} == {(1, first), (4, second)}


def test_the_table_has_a_row_for_each_stay(parked: PlanFacts) -> None:
    rows = [row for row in tensor_rows(parked) if row.storage == STORAGE]
    assert [(row.start, row.came) for row in rows] == [(0, "made"), (3, "back from host")]


def test_the_comparison_says_what_is_made_again_and_what_waits(
    toy_step: Step, recomputed: PlanFacts, parked: PlanFacts
) -> None:
    as_run = toy_baseline(toy_step)
    left = plan_facts(toy_step, as_run.plan, as_run)
    said = compare(left, recomputed).order
    assert said == (
        "Both run the ops in the same order. On the right 1 op runs again (2.0 KiB made again)."
    )
    assert "1 tensor waits in host memory (2.0 KiB)" in compare(left, parked).order
