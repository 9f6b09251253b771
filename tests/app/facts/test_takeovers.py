"""In-place reuse on the map and in the inspector: two tensors that touch, and a sentence for each."""

import pytest
from reuse_steps import simple_step

from app.facts.plan import plan_facts
from app.facts.stays import Takeover
from app.facts.storage import slot_facts, storage_facts
from app.facts.why import idle_cost, why_alive
from app.map.plan_scene import plan_scene
from app.map.relations import Relation, relations_of
from solver.assemble import assemble
from solver.check import check
from solver.plan import Certificate, Plan, Proof, Status
from solver.step import GRANULE, Step
from solver.timeline import order_profile


@pytest.fixture(scope="module")
def step() -> Step:
    """``a`` is made, read twice, and taken over by ``b``, the larger part of the peak."""
    calls = [
        ("mm.default", ("in",), "a"),
        ("mm.default", ("a",), "small"),
        ("sum.default", ("small",), "tiny"),
        ("mul.Tensor", ("a", "tiny"), "b"),
        ("mm.default", ("b",), "end"),
    ]
    return simple_step(calls, {"a": 8, "b": 8})


def plan_of(step: Step, takeovers: dict[int, int], addresses: dict[int, int]) -> Plan:
    """Program order at these addresses, not proven."""
    order = range(len(step.ops))
    peak = int(order_profile(step, order, takeovers).max())
    plan = assemble(
        step,
        order,
        addresses,
        name="test",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, peak, reuse=True),
        takeovers=takeovers,
    )
    assert check(step, plan) == []
    return plan


@pytest.fixture(scope="module")
def plan(step: Step) -> Plan:
    return plan_of(step, {3: 1}, {1: 0, 4: 0, 2: 4096, 3: 4608, 5: 5120})


def test_the_facts_know_who_takes_over_whom(step: Step, plan: Plan) -> None:
    facts = plan_facts(step, plan)
    assert facts.takes_over(4) == facts.taken_over(1) == (Takeover(3, 4, 1),)
    assert facts.takes_over(1) == facts.taken_over(4) == facts.taken_over(3) == ()


def test_their_rectangles_touch_and_do_not_overlap(step: Step, plan: Plan) -> None:
    scene = plan_scene(step, plan)
    (old,), (new,) = scene.rectangles_of([1]), scene.rectangles_of([4])
    assert (scene.low[old], scene.high[old]) == (scene.low[new], scene.high[new])
    assert scene.end[old] == scene.start[new] == 3
    assert scene.live[3] == scene.step.resident_bytes + 9 * GRANULE


def test_a_selected_tensor_is_linked_with_the_one_that_takes_it_over(step: Step, plan: Plan) -> None:
    scene = plan_scene(step, plan)
    (old,), (new,) = scene.rectangles_of([1]), scene.rectangles_of([4])
    assert relations_of(scene, 1).links[-1] == Relation(3, old, new)
    assert relations_of(scene, 4).links[0] == Relation(3, old, new)
    assert relations_of(scene, 1).uses == (("P", 0), ("1", 1), ("2", 3))


def test_the_inspector_says_whose_bytes_they_are(step: Step, plan: Plan) -> None:
    facts = plan_facts(step, plan)
    new = {f.name: (f.value, f.note) for f in storage_facts(facts, 4).figures}
    assert new["Takes over"] == ("the bytes of a", "at op 3")
    assert "Taken over" not in new
    old = {f.name: (f.value, f.note) for f in storage_facts(facts, 1).figures}
    assert old["Taken over"] == ("by b", "at op 3")
    assert old["Lifetime"] == ("ops 0 – 2", "3 of 5")
    assert why_alive(facts, 1).endswith("That op writes b into its bytes.")
    assert "into its bytes" not in why_alive(facts, 4)


def test_what_is_alive_at_the_slot_counts_the_bytes_once(step: Step, plan: Plan) -> None:
    facts = plan_facts(step, plan)
    assert [row.storage for row in slot_facts(facts, 3).alive] == [4, 3]
    assert sum(row.size for row in slot_facts(facts, 3).alive) == 9 * GRANULE


def test_keeping_it_until_it_is_taken_over_has_its_cost() -> None:
    calls = [
        ("mm.default", ("in",), "a"),
        ("mm.default", ("in",), "u"),
        ("mm.default", ("u",), "v"),
        ("mm.default", ("v",), "w"),
        ("mul.Tensor", ("a", "w"), "b"),
    ]
    step = simple_step(calls, {"a": 8, "b": 8})
    rest = {2: 8192, 3: 8704, 4: 9216}
    for takeovers, address in (({}, 4096), ({4: 1}, 0)):
        facts = plan_facts(step, plan_of(step, takeovers, {1: 0, 5: address} | rest))
        cost = "No op uses it between op 0 and op 4. Keeping it holds 4.0 KiB through 3 ops"
        assert idle_cost(facts, 1).startswith(cost)
