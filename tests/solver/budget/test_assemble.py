"""Whatever schedule is put together becomes a right plan, and no broken one passes for right."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program_step
from random_steps import random_step
from test_repetition import batch_norm_step

from solver.budget.assemble import Assembler
from solver.budget.schedule import Entry, Schedule, Trip
from solver.check import Checker, check
from solver.explain import explain_slot, histories
from solver.files import decode_plan, encode_plan
from solver.placement.place import place_by_start
from solver.plan import (
    SAVED_STATISTICS,
    Action,
    Free,
    Offload,
    Plan,
    Prefetch,
    Provenance,
    Run,
)
from solver.proof import prove_peak
from solver.step import GRANULE, Step, round_up
from solver.timeline import plan_profile

from .random_schedules import random_schedule


def plan_of(step: Step, schedule: Schedule, *, which: int = -1, reuse: bool = True) -> Plan:
    """Its plan with the takeovers of one of its arrangements."""
    assembler = Assembler(step, reuse)
    one = assembler.arrangements(assembler.unroll(schedule))[which]
    problem, instances = assembler.problem(one)
    placed = dict(zip(instances, place_by_start(problem).tolist(), strict=True))
    return assembler.plan(one, placed, "test", Provenance())


def peak_of(step: Step, plan: Plan) -> int:
    """The most bytes alive while an op runs, counted one action after the other."""
    alive: set[int] = set()
    peak = 0
    for action in plan.actions:
        match action:
            case Run(creates=creates, takes=takes):
                alive -= {old for _, old in takes}
                alive |= {*creates}
                storages = [step.storages[plan.instances[i].storage] for i in alive]
                peak = max(peak, sum(round_up(storage.size) for storage in storages))
            case Free(instance):
                alive.discard(instance)
            case Prefetch(instance=instance):
                alive.add(instance)
    return peak


STEPS: list[Callable[[int], Step]] = [
    lambda seed: random_step(seed % 17, seed),
    lambda seed: random_step(12, seed, density=0.4, writes=0.4),
    lambda seed: random_program_step(2 + seed % 14, seed, sizes=1 + seed % 3),
    lambda seed: batch_norm_step(),
]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(STEPS), which=st.sampled_from([0, -1]))
def test_every_schedule_becomes_a_right_plan(
    seed: int, kind: Callable[[int], Step], which: int
) -> None:
    step = kind(seed)
    schedule = random_schedule(step, seed)
    plan = plan_of(step, schedule, which=which, reuse=seed % 3 > 0)
    assert check(step, plan) == []
    assert plan.peak_bytes == peak_of(step, plan)
    assert plan.order == tuple(entry.op for entry in schedule.entries)
    assert sum(isinstance(action, Offload) for action in plan.actions) == len(schedule.trips)
    assert decode_plan(encode_plan(plan), "plan") == plan


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(STEPS))
def test_explanations_and_proofs_are_right_where_storages_exist_several_times(
    seed: int, kind: Callable[[int], Step]
) -> None:
    step = kind(seed)
    plan = plan_of(step, random_schedule(step, seed))
    profile, known = plan_profile(step, plan), histories(step, plan)
    runs = [action for action in plan.actions if isinstance(action, Run)]
    for slot, run in enumerate(runs):
        told = explain_slot(step, plan, slot, known=known)
        assert told.live_bytes == sum(one.bytes for one in told.alive) == profile[slot]
        here = {one.instance for one in told.alive if one.used_here}
        assert here == {*run.uses, *run.creates} - {old for _, old in run.takes}
        for one in told.alive:
            later = [s for s, r in enumerate(runs) if s > slot and one.instance in r.uses]
            assert (one.following and one.following.slot) == (later[0] if later else None)
            made = [s for s, r in enumerate(runs) if one.instance in r.creates]
            assert (one.made and one.made.slot) == (made[0] if made else None)
    proof = prove_peak(step, plan)
    assert proof.cut_bytes == plan.certificate.peak_bound_bytes <= plan.peak_bytes
    assert profile.max(initial=0) == plan.peak_bytes


def test_the_random_schedules_have_all_that_schedules_can_have() -> None:
    """The test above would say little otherwise."""
    plans = []
    for seed in range(60):
        step = STEPS[seed % 4](seed)
        plans.append(plan_of(step, random_schedule(step, seed)))
    runs = [action for plan in plans for action in plan.actions if isinstance(action, Run)]
    assert sum(len(plan.order) - len({*plan.order}) for plan in plans) > 100
    assert sum(bool(run.takes) for run in runs) > 50
    assert sum(run.fused for run in runs) > 5
    assert sum(run.implementation == SAVED_STATISTICS for run in runs) > 3
    assert sum(len(plan.host_slots) for plan in plans) > 100


def _without(kind: type[Action], plan: Plan, rng: random.Random) -> Plan | None:
    """One of its actions of this kind is left out."""
    there = [at for at, action in enumerate(plan.actions) if isinstance(action, kind)]
    if not there:
        return None
    at = rng.choice(there)
    return replace(plan, actions=(*plan.actions[:at], *plan.actions[at + 1 :]))


def _without_a_run(plan: Plan, rng: random.Random) -> Plan | None:
    made = replace(plan, actions=tuple(a for a in plan.actions if not isinstance(a, Run) or a.creates))
    broken = _without(Run, made, rng)
    left_out = {*made.actions} - {*broken.actions} if broken else set()
    return replace(plan, actions=tuple(a for a in plan.actions if a not in left_out))


def _freed_early(plan: Plan, rng: random.Random) -> Plan | None:
    """Something is freed before the run that uses it last."""
    frees = [at for at, action in enumerate(plan.actions) if isinstance(action, Free)]
    rng.shuffle(frees)
    for at in frees:
        free = plan.actions[at]
        assert isinstance(free, Free)
        for before in range(at - 1, -1, -1):
            run = plan.actions[before]
            if isinstance(run, Run) and free.instance in run.uses:
                rest = (*plan.actions[:at], *plan.actions[at + 1 :])
                return replace(plan, actions=(*rest[:before], free, *rest[before:]))
    return None


def _another_instance(plan: Plan, rng: random.Random) -> Plan | None:
    """A run uses an instance of the same storage that is not alive then."""
    lifetimes = plan.lifetimes.tolist()
    slot, choices = 0, []
    for at, action in enumerate(plan.actions):
        if isinstance(action, Run):
            for used in action.uses:
                for other, instance in enumerate(plan.instances):
                    start, end = lifetimes[other]
                    same = instance.storage == plan.instances[used].storage
                    if same and not start <= slot < end and not any(used in t for t in action.takes):
                        choices.append((at, used, other))
            slot += 1
    if not choices:
        return None
    at, used, other = rng.choice(choices)
    run = plan.actions[at]
    assert isinstance(run, Run)
    changed = replace(run, uses=tuple(other if i == used else i for i in run.uses))
    return replace(plan, actions=(*plan.actions[:at], changed, *plan.actions[at + 1 :]))


def _overlapping(plan: Plan, rng: random.Random) -> Plan | None:
    """Two that are alive together begin at one byte."""
    lifetimes = plan.lifetimes.tolist()
    pairs = [
        (a, b)
        for a in range(len(lifetimes))
        for b in range(a)
        if lifetimes[a][0] < lifetimes[b][1] and lifetimes[b][0] < lifetimes[a][1]
    ]
    if not pairs:
        return None
    one, other = rng.choice(pairs)
    instances = list(plan.instances)
    instances[one] = replace(instances[one], address=instances[other].address)
    return replace(plan, instances=tuple(instances))


def _another_peak(plan: Plan, rng: random.Random) -> Plan | None:
    return replace(plan, peak_bytes=plan.peak_bytes + rng.choice((-1, 1)) * GRANULE)


def _all_again(plan: Plan, rng: random.Random) -> Plan | None:
    """An instance is made a second time."""
    made = [action for action in plan.actions if isinstance(action, Run) and action.creates]
    return replace(plan, actions=(*plan.actions, rng.choice(made))) if made else None


BREAKS: list[Callable[[Plan, random.Random], Plan | None]] = [
    _without_a_run,
    lambda plan, rng: _without(Offload, plan, rng),
    lambda plan, rng: _without(Prefetch, plan, rng),
    _freed_early,
    _another_instance,
    _overlapping,
    _another_peak,
    _all_again,
]


@pytest.mark.parametrize("number", range(len(BREAKS)))
def test_a_plan_with_one_thing_wrong_is_refused(number: int) -> None:
    tried = 0
    for seed in range(40):
        step = STEPS[seed % 4](seed)
        plan, checker = plan_of(step, random_schedule(step, seed)), Checker(step)
        for attempt in range(3):
            broken = BREAKS[number](plan, random.Random(attempt))
            if broken is not None and broken != plan:
                tried += 1
                assert checker.check(broken), (seed, attempt)
    assert tried > 20


def fused_runs(schedule: Schedule) -> list[bool]:
    plan = plan_of(batch_norm_step(), schedule)
    assert check(batch_norm_step(), plan) == []
    return [run.fused for run in plan.actions if isinstance(run, Run)]


def test_runs_are_fused_where_the_schedule_says_so_and_they_can_be() -> None:
    """Batch norm (0) and relu_ (1) make y, both again; tanh (2) makes z of it."""
    once, again = (Entry(0), Entry(1)), (Entry(0, saved_statistics=True), Entry(1, fused=True))
    rest = (Entry(2), Entry(3))
    assert fused_runs(Schedule((*once, *again, *rest))) == [False] * 3 + [True] + [False] * 2
    assert not any(fused_runs(Schedule((Entry(0), Entry(1, fused=True), *rest))))
    travelling = Trip(5, 2, 2, 3)
    """The mean leaves right after the second norm."""
    more = (*once, *again, *again, *rest)
    assert fused_runs(Schedule(more)) == [False] * 3 + [True, False, True] + [False] * 2
    leaves = Schedule(more, (replace(travelling, back=4),))
    assert fused_runs(leaves) == [False] * 5 + [True] + [False] * 2
    comes_back = Schedule(more, (replace(travelling, out=0, free=0, back=2),))
    assert fused_runs(comes_back) == [False] * 3 + [True, False, True] + [False] * 2


def test_a_use_of_what_was_never_made_is_a_mistake_of_the_search() -> None:
    with pytest.raises(ValueError, match="never made"):
        Assembler(batch_norm_step()).unroll(Schedule((Entry(1),)))
