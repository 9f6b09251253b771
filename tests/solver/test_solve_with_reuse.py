"""Plans with in-place reuse are never higher than those without."""

from dataclasses import replace
from pathlib import Path

import pytest

from solver.files import load_step
from solver.placement import PlacementResult
from solver.plan import Run
from solver.solve import solve
from solver.solve_job import SolveJob
from solver.step import GRANULE

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "samples" / "resnet50.step"


def test_where_takeovers_do_not_place_well_the_plan_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = load_step(SAMPLE)
    without = solve(step, deadline=20.0, reuse=False).plan
    assert solve(step, deadline=20.0).plan.height_bytes < without.height_bytes
    place = SolveJob.place

    def with_a_gap(job: SolveJob, one, seed, **how):  # type: ignore[no-untyped-def]
        result, addresses = place(job, one, seed, **how)
        if not one.takeovers:
            return result, addresses
        above = without.height_bytes + GRANULE - result.height
        assert above > 0
        arenas = tuple(replace(arena, height=arena.height + above) for arena in result.arenas)
        raised = PlacementResult(result.addresses + above, arenas)
        return raised, {storage: address + above for storage, address in addresses.items()}

    monkeypatch.setattr(SolveJob, "place", with_a_gap)
    plan = solve(step, deadline=4.0).plan
    assert plan.height_bytes == without.height_bytes
    assert not any(isinstance(action, Run) and action.takes for action in plan.actions)
