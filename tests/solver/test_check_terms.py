"""Terms: a plan within a budget states what it costs, and does no more than what was allowed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from random_steps import ORIGIN

from solver import check_terms
from solver.budget.devices import V100
from solver.check import check
from solver.plan import (
    HOME,
    Action,
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.step import Category, Op, Step, Storage
from solver.terms import Choice, Terms

STEP = Step(
    ORIGIN,
    (
        Storage(512, Category.PARAMETER, "w"),
        Storage(1000, Category.ACTIVATION, "x"),
        Storage(100, Category.OPTIMIZER_STATE, "momentum"),
    ),
    (
        Op("make", "make.default", (0,), (), (1,), seconds=2.0),
        Op("use", "use.default", (1,), (), (), seconds=1.0),
        Op("update", "update.default", (1, 2), (2,), (), seconds=1.0),
    ),
)
"""Residents take 1024 bytes, x another 1024; it takes 4 s."""

SLOW = replace(V100, host_bytes_per_second=1000.0)
PLAIN: tuple[Action, ...] = (Run(0, (), (0,)), Run(1, (0,), ()), Run(2, (0,), ()), Free(0))
AGAIN: tuple[Action, ...] = (
    Run(0, (), (0,)),
    Run(1, (0,), ()),
    Free(0),
    Run(0, (), (1,)),
    Run(2, (1,), ()),
)
AWAY: tuple[Action, ...] = (
    Run(0, (), (0,)),
    Offload(0, 0),
    Run(1, (0,), ()),
    Free(0),
    Prefetch(0, 1),
    Run(2, (1,), ()),
)


def _plan(actions: Sequence[Action], overhead: float, *allowed: Choice, budget: int = 2048) -> Plan:
    count = 1 + (actions is not PLAIN)
    terms = Terms(budget, allowed, SLOW, True, 4.0, overhead, 0.0)
    return Plan(
        STEP.fingerprint,
        "by hand",
        tuple(Instance(1, 0) for _ in range(count)),
        tuple(actions),
        1024,
        1024,
        Status.FEASIBLE,
        Certificate(1024, Proof.NONE, 0, 1024),
        host_slots=(HostSlot(1, 0),) if actions is AWAY else (),
        terms=terms,
    )


def _changed(plan: Plan, **terms: object) -> Plan:
    assert plan.terms is not None
    return replace(plan, terms=replace(plan.terms, **terms))  # type: ignore[arg-type]


def test_plans_that_state_what_they_cost_are_right() -> None:
    assert check(STEP, _plan(PLAIN, 0.0)) == []
    assert check(STEP, _plan(AGAIN, 0.5, Choice.RECOMPUTE)) == []
    assert check(STEP, _plan(AWAY, 0.25, Choice.OFFLOAD)) == []


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"budget_bytes": 2047}, "Its budget is 2,047 bytes; residents take 1,024"),
        ({"base_seconds": 4.01}, "for the unmodified step, which takes 4 s"),
        ({"base_seconds": float("nan")}, "for the unmodified step"),
        ({"overhead": 0.49}, "states an overhead of 49.000%; it has 50.000%"),
        ({"overhead": float("nan")}, "states an overhead of nan%"),
        ({"overhead_bound": 0.51}, "states 51.000% as the bound of its overhead"),
        ({"overhead_bound": float("-inf")}, "as the bound of its overhead"),
        ({"allowed": ()}, "It runs ops again, but recompute is not among what was allowed"),
        ({"device": replace(SLOW, bytes_per_second=0.0)}, "Its device cannot be: its bytes_per_second"),
        ({"measured": False}, "for the unmodified step"),
    ],
)
def test_a_wrong_statement_is_found(terms: dict[str, object], said: str) -> None:
    (problem, *_) = check(STEP, _changed(_plan(AGAIN, 0.5, Choice.RECOMPUTE), **terms))
    assert said in problem


def test_times_are_not_called_measured_where_none_was() -> None:
    untimed = replace(STEP, ops=tuple(replace(op, seconds=-1.0) for op in STEP.ops))
    problems = check(untimed, _plan(PLAIN, 0.0))
    assert "It says that op times were measured, but its step was not timed." in problems


def test_a_trip_to_the_host_must_have_been_allowed() -> None:
    (problem,) = check(STEP, _plan(AWAY, 0.25, Choice.RECOMPUTE))
    assert "keeps storages in host memory, but offload is not" in problem


def test_a_state_with_a_home_in_host_memory_is_no_resident_of_the_device() -> None:
    actions = (
        Run(0, (), (0,)),
        Run(1, (0,), ()),
        Prefetch(0, 1),
        Run(2, (0, 1), ()),
        Offload(1, 0),
        Free(1),
    )
    plan = replace(
        _plan(actions, 0.05, Choice.OFFLOAD),
        instances=(Instance(1, 0), Instance(2, 1024)),
        host_slots=(HostSlot(2, HOME),),
        peak_bytes=1536,
        height_bytes=1536,
        certificate=Certificate(1024, Proof.NONE, 0, 1536),
    )
    assert check(STEP, plan) == []
    assert "Its budget is" in check(STEP, _changed(plan, budget_bytes=2047))[0]
    assert "keeps storages in host memory" in check(STEP, _changed(plan, allowed=()))[0]


def test_fused_runs_and_exact_rewrites_are_implementations_and_others_approximate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fused = replace(
        _plan(AGAIN, 0.5, Choice.RECOMPUTE), actions=(*AGAIN[:3], replace(AGAIN[3], fused=True))
    )
    monkeypatch.setattr(check_terms, "is_exact", lambda name: name == "exact")
    for plan, choice in (
        (fused, Choice.IMPLEMENTATIONS),
        (replace(_plan(PLAIN, 0.0), rewrites=("exact",)), Choice.IMPLEMENTATIONS),
        (replace(_plan(PLAIN, 0.0), rewrites=("other",)), Choice.APPROXIMATE),
    ):
        every = tuple(Choice)
        assert not any(
            choice in said
            for said in check_terms.wrong_terms(STEP, STEP, _changed(plan, allowed=every), 1024)
        )
        but = tuple(each for each in Choice if each is not choice)
        said = check_terms.wrong_terms(STEP, STEP, _changed(plan, allowed=but), 1024)
        assert any(f"but {choice} is not among what was allowed" in each for each in said)
