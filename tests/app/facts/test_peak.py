"""The peak by module, and what would lower it: sums that hold, figures as brute force finds them."""

import pytest

from app.facts.modules import storage_modules
from app.facts.peak import Share, alive_storages, levers, module_shares
from app.facts.plan import PlanFacts
from solver.step import Step
from tests.app.toy_case import PEAK, RESERVED, RESIDENT, loose_plan, toy_baseline, toy_plan


@pytest.fixture
def facts(toy_step: Step) -> PlanFacts:
    return PlanFacts(toy_step, toy_plan(toy_step))


def test_a_storage_belongs_to_the_module_whose_op_makes_it(toy_step: Step) -> None:
    modules = storage_modules(toy_step)
    assert modules[2] == modules[6] == "linear"
    assert modules[3] == "act"
    assert modules[0] == modules[1] == "", "their names have no module in them"


def test_everything_alive_is_ranked_with_residents(facts: PlanFacts) -> None:
    assert alive_storages(facts, 3) == [2, 5, 3, 0, 1, 4]


def leaves(shares: tuple[Share, ...]) -> list[Share]:
    return [leaf for s in shares for leaf in (leaves(s.children) if s.children else [s])]


def test_modules_add_up_to_the_live_bytes_at_every_slot(facts: PlanFacts) -> None:
    for slot in range(facts.slots):
        shares = module_shares(facts, slot)
        assert sum(share.size for share in shares) == int(facts.profile[slot])
        assert [s.size for s in shares] == sorted((s.size for s in shares), reverse=True)


def test_each_storage_is_in_one_leaf_of_a_real_step(resnet50_step: Step) -> None:
    from solver.solve import solve

    plan = solve(resnet50_step, deadline=2.0).plan
    facts = PlanFacts(resnet50_step, plan)
    shares = module_shares(facts, facts.peak_slot)
    flat = [storage for leaf in leaves(shares) for storage in leaf.storages]
    assert sorted(flat) == sorted(alive_storages(facts, facts.peak_slot))
    assert sum(s.size for s in shares) == facts.live_peak


def test_a_proven_peak_says_that_order_and_addresses_cannot_help(facts: PlanFacts) -> None:
    said = {one.title: one for one in levers(facts)}
    assert said["Another order of the ops"].saved == 0
    assert "proven" in said["Another order of the ops"].detail
    assert said["Better addresses"].saved == 0


def test_lost_addresses_are_what_would_be_saved(toy_step: Step) -> None:
    loose = PlanFacts(toy_step, loose_plan(toy_step))
    assert {one.title: one.saved for one in levers(loose)}["Better addresses"] == 512
    baseline = toy_baseline(toy_step)
    as_run = PlanFacts(toy_step, baseline.plan, baseline)
    assert {one.title: one.saved for one in levers(as_run)}["Place the tensors by a plan"] == (
        RESERVED - PEAK - RESIDENT
    )


def test_a_tensor_in_use_at_the_peak_is_no_lever(facts: PlanFacts) -> None:
    """At slot 3 relu's backward reads both activations and makes the gradient: nothing is idle."""
    assert not [one for one in levers(facts) if one.storages]


def test_an_idle_tensor_saves_what_the_peak_without_it_shows(resnet50_step: Step) -> None:
    from solver.solve import solve

    facts = PlanFacts(resnet50_step, solve(resnet50_step, deadline=2.0).plan)
    all_of = levers(facts)
    assert [one.saved for one in all_of] == sorted((one.saved for one in all_of), reverse=True)
    found = [one for one in all_of if len(one.storages) == 1]
    assert found
    for lever in found[:3]:
        (storage,) = lever.storages
        span = next(s for s in facts.spans(storage) if s.start <= facts.peak_slot < s.end)
        used = {use.slot for use in (*facts.producers(storage), *facts.consumers(storage))}
        before = max(slot for slot in used if slot < facts.peak_slot)
        after = min((slot for slot in used if slot > facts.peak_slot), default=span.end)
        profile = facts.profile.copy()
        for slot in range(before + 1, after):
            profile[slot] -= int(facts.sizes[storage])
        assert lever.saved == int(facts.profile.max()) - int(profile.max())
