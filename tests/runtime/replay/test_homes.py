"""Weights and states of the optimizer in host memory: bitwise as ever, missed where forgotten."""

import copy
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runtime.export import export
from runtime.replay import selftest
from runtime.replay.engine import Engine
from runtime.replay.errors import ReplayError
from runtime.replay.loading import PlannedStep, load
from runtime.replay.plan_reading import decode_plan, read_plan
from runtime.verify import verify
from solver.plan import Offload, Prefetch
from tests.runtime.conftest import Exported
from tests.runtime.offloading import costliest, with_homes, with_trips

COUNT = 4
"""States of the MLP that live in host memory: the two of each of its two large weights."""


@pytest.fixture(scope="module")
def homes(mlp: Exported, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    plan = with_homes(mlp.step, mlp.plan, COUNT)
    folder = tmp_path_factory.mktemp("homes") / "planned"
    export(mlp.step, plan, folder)
    return replace(mlp, plan=plan, folder=folder)


def loaded(made: Exported) -> tuple[PlannedStep, torch.optim.Optimizer, tuple[torch.Tensor, ...]]:
    model, batch, _, optimizer = made.build()
    return load(made.folder, model, optimizer, strict=True), optimizer, batch


def states(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [s[key] for s in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]


def test_a_step_whose_states_live_in_host_memory_is_bitwise_eager_training(homes: Exported) -> None:
    report = verify(homes.folder, steps=4)
    assert report.ok and report.eager, report.lines()
    assert report.transfers == 2 * COUNT
    assert report.host_bytes == 2 * 64 * 64 * 4 + 2 * 64 * 32 * 4


def test_states_are_brought_into_the_arena(homes: Exported) -> None:
    engine = Engine(homes.folder, read_plan(homes.folder), strict=True)
    assert selftest.compare(engine, 2).equal
    table = engine._table.addresses()
    assert all(t.instance in table for t in engine.plan.transfers)
    assert not engine.report.unmatched


@pytest.mark.parametrize("forgotten", ["wait", "way home"])
def test_what_a_step_forgets_shows(homes: Exported, tmp_path: Path, forgotten: str) -> None:
    source = (homes.folder / "planned.py").read_text()
    if forgotten == "wait":
        first = re.search(r"transfers\.bring\((\d+)", source).group(1)
        line = rf" *transfers\.wait\({first}\)\n"
    else:
        last = re.findall(r"transfers\.take_home\((\d+)", source)[-1]
        line = rf" *transfers\.(take_home\({last}, .*|wait\({last})\)\n"
    folder = homes.copy(tmp_path / "planned")
    changed = re.sub(line, "", source)
    assert changed != source
    (folder / "planned.py").write_text(changed)
    record = json.loads((folder / "plan.json").read_text())
    record["files"]["planned.py"] = hashlib.sha256(changed.encode()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(record))
    engine = Engine(folder, read_plan(folder), strict=True)
    if forgotten == "wait":
        with pytest.raises(ReplayError, match="differs from the unplanned one"):
            selftest.compare(engine, 2)
    else:
        different = {resident.role for resident in selftest.compare(engine, 2).different_residents}
        assert different == {"optimizer", "parameter"}  # the next update is made of the old state


def test_states_and_other_storages_go_to_the_host_in_one_step(mlp: Exported, tmp_path: Path) -> None:
    plan = with_homes(mlp.step, with_trips(mlp.step, mlp.plan, costliest(mlp.step, mlp.plan, 2)), 3)
    assert {slot.address for slot in plan.host_slots} > {-1}
    export(mlp.step, plan, tmp_path / "both")
    engine = Engine(tmp_path / "both", read_plan(tmp_path / "both"), strict=True)
    assert selftest.compare(engine, 3).equal
    assert "3 states of the optimizer live in other memory" in (tmp_path / "both/README.md").read_text()


def test_what_a_guard_keeps_from_running_leaves_the_states_at_home_as_they_are(
    exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    made = exported("extras", "everything")
    export(made.step, with_homes(made.step, made.plan, 3), tmp_path / "planned")
    engine = Engine(tmp_path / "planned", read_plan(tmp_path / "planned"))
    assert engine.plan.home_bytes > 0 < len(engine.plan.guarded)
    assert selftest.compare(engine, 4).equal


# -- the optimizer stays the owner -----------------------------------------------------------------


def test_the_optimizer_shows_what_the_step_left_at_home(homes: Exported) -> None:
    step, optimizer, batch = loaded(homes)
    other, other_optimizer, _ = loaded(homes)
    for _ in range(3):
        assert torch.equal(step(*batch), other.traced(*batch))
    assert all(map(torch.equal, states(optimizer), states(other_optimizer)))
    assert all(float(state.abs().sum()) > 0 for state in states(optimizer))


def test_loaded_states_go_home_before_the_next_step(homes: Exported) -> None:
    step, optimizer, batch = loaded(homes)
    step(*batch)
    at_home = {state.data_ptr() for state in states(optimizer)}
    saved = copy.deepcopy(optimizer.state_dict())
    assert {s.data_ptr() for s in states(optimizer)} == at_home
    model = copy.deepcopy(step._model._model.state_dict())
    expected = [float(step(*batch)) for _ in range(2)]
    step._model._model.load_state_dict(model)
    optimizer.load_state_dict(saved)
    assert {s.data_ptr() for s in states(optimizer)} != at_home
    assert [float(step(*batch)) for _ in range(2)] == expected
    assert {s.data_ptr() for s in states(optimizer)} >= {
        s.data_ptr() for s in step._optimizer._homes._homes.values()
    }


def test_an_eager_update_between_two_steps_counts(homes: Exported) -> None:
    step, optimizer, batch = loaded(homes)
    other, other_optimizer, _ = loaded(homes)
    for one, its, run in ((step, optimizer, step), (other, other_optimizer, other.traced)):
        run(*batch)
        one.release()
        for parameter in one._model._model.parameters():
            parameter.grad = torch.ones_like(parameter)
        its.step()
        run(*batch)
    assert all(map(torch.equal, states(optimizer), states(other_optimizer)))


def test_a_state_of_another_shape_is_refused_by_name(homes: Exported) -> None:
    step, optimizer, batch = loaded(homes)
    step(*batch)
    weight = next(iter(optimizer.state))
    optimizer.state[weight]["exp_avg"] = torch.zeros(3)
    with pytest.raises(ReplayError, match=r"'0\.weight/exp_avg' has shape"):
        step(*batch)


# -- weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "states"), [("unet", 2), ("mlp", 4)])  # SGD with momentum, Adam
def test_a_step_whose_weights_live_in_host_memory_is_bitwise_eager_training(
    exported: Callable[..., Exported], tmp_path: Path, model: str, states: int
) -> None:
    made = exported(model)
    plan = with_homes(made.step, made.plan, states, weights=2)
    ways_in = sum(isinstance(action, Prefetch) for action in plan.actions)
    ways_home = sum(isinstance(action, Offload) for action in plan.actions)
    assert ways_in > ways_home == len(plan.homes) == states + 2
    export(made.step, plan, tmp_path / "planned")
    report = verify(tmp_path / "planned", steps=4)
    assert report.ok and report.eager, report.lines()
    assert report.transfers == ways_in + ways_home
    words = f"2 weights and {states} states of the optimizer live in other memory"
    assert words in (tmp_path / "planned/README.md").read_text()


def test_a_model_is_the_same_one_when_its_weights_are_at_home(mlp: Exported, tmp_path: Path) -> None:
    export(mlp.step, with_homes(mlp.step, mlp.plan, 2, weights=2), tmp_path / "planned")
    model, batch, _, optimizer = mlp.build()
    before = list(model.parameters())
    addresses = {parameter.data_ptr() for parameter in before}
    step = load(tmp_path / "planned", model, optimizer, strict=True)
    other, _, _ = loaded(mlp)
    for _ in range(2):
        assert torch.equal(step(*batch), other(*batch))
    assert all(one is two for one, two in zip(before, model.parameters(), strict=True))
    assert len(addresses - {parameter.data_ptr() for parameter in before}) == 2
    saved = copy.deepcopy(model.state_dict())
    step(*batch), other(*batch)
    for each in (model, other._model._model):
        each.load_state_dict(saved)
    step.release()
    assert torch.equal(model(batch[0]), other._model._model(batch[0]))
    assert torch.equal(step(*batch), other(*batch))


def test_weights_of_inference_are_brought_and_never_copied_home(
    mlp_inference: Exported, tmp_path: Path
) -> None:
    plan = with_homes(mlp_inference.step, mlp_inference.plan, 0, weights=2)
    assert plan.homes and not any(isinstance(action, Offload) for action in plan.actions)
    export(mlp_inference.step, plan, tmp_path / "planned")
    engine = Engine(tmp_path / "planned", read_plan(tmp_path / "planned"), strict=True)
    assert selftest.compare(engine, 3).equal


# -- the plan file ---------------------------------------------------------------------------------


def test_a_plan_file_with_a_home_that_cannot_be_is_refused(homes: Exported) -> None:
    content = json.loads((homes.folder / "plan.json").read_text())["plan"]
    batch = next(r for r in content["residents"] if r["role"] == "input")
    batch["home"] = 4
    with pytest.raises(ReplayError, match="has a home in host memory"):
        decode_plan(content, "plan.json")
    batch["home"] = 0
    back = next(transfer for transfer in content["transfers"] if not transfer[0])
    content["created"][content["instances"][back[2]][2]] = [-1]
    with pytest.raises(ReplayError, match="makes another instance"):
        decode_plan(content, "plan.json")
