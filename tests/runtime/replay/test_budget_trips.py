"""What is parked and what is made again in one step: bitwise as ever, and a missing wait shows."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.export import export
from runtime.replay import selftest
from runtime.replay.engine import Engine
from runtime.replay.errors import ReplayError
from runtime.replay.plan_reading import read_plan
from runtime.verify import verify
from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.graph import DROP, PARK, early_order, make_graph
from solver.budget.schedule import Schedule
from solver.budget.state import make_state
from solver.budget.trips import make_copies, schedule_with_trips
from solver.plan import Plan
from tests.runtime.conftest import Exported
from tests.runtime.offloading import without_wait
from tests.runtime.recomputing import planned, repeated


@dataclass(frozen=True)
class Made:
    """A model that does both, and its export."""

    schedule: Schedule
    plan: Plan
    folder: Path


@pytest.fixture(scope="module")
def both(exported: Callable[[str], Exported], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The deep MLP, of which in turn one gap is parked, one dropped and one kept."""
    step = exported("deep").step
    graph = make_graph(step, op_costs(step, V100, False), early_order(step, range(len(step.ops))))
    choice = graph.kept()
    choice[2::3], choice[3::3] = PARK, DROP
    state = make_state(graph)
    schedule = schedule_with_trips(graph, choice, state, make_copies(graph, state, 12e9), 1 << 40)
    assert schedule is not None
    plan = planned(step, schedule, "Both")
    folder = tmp_path_factory.mktemp("both") / "planned"
    export(step, plan, folder)
    return Made(schedule, plan, folder)


def test_what_is_parked_and_made_again_in_one_step_is_bitwise_eager_training(both: Made) -> None:
    assert both.schedule.trips
    assert repeated(both.plan)
    report = verify(both.folder, steps=2)
    assert report.ok
    assert report.eager
    assert report.transfers == 2 * len(both.schedule.trips)


def test_a_missing_wait_shows_there_too(both: Made, tmp_path: Path) -> None:
    source = (both.folder / "planned.py").read_text()
    back = re.findall(r"= transfers\.prefetch\((\d+)\)", source)
    # Of copies that are waited for one after the other, a later wait would do for an earlier one.
    alone = [
        number
        for number in back
        if re.search(rf"transfers\.prefetch\({number}\)\n *transfers\.wait\({number}\)\n", source)
    ]
    folder = without_wait(both.folder, tmp_path / "planned", (alone or back)[-1])
    for recording in (folder / "recordings").iterdir():
        recording.unlink()
    with pytest.raises(ReplayError, match="differs from the unplanned one"):
        selftest.compare(Engine(folder, read_plan(folder), strict=True), 1)
