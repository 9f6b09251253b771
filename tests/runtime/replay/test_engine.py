"""Strict steps: what is not served as planned is noticed, and never wrong."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runtime.replay import engine as engine_module
from runtime.replay.engine import Engine
from runtime.replay.errors import ReplayError
from runtime.replay.plan_data import content_digest
from runtime.replay.plan_reading import read_plan
from runtime.replay.selftest import compare, random_residents, scalars_of_step
from runtime.replay.table import Table
from tests.runtime.conftest import Exported


def engine_of(exported: Exported, folder: Path, *, strict: bool) -> Engine:
    return Engine(exported.copy(folder), read_plan(exported.folder), strict=strict)


def settled(exported: Exported, folder: Path, *, strict: bool) -> Engine:
    """An engine after its first steps: recorded, proved, pointers checked."""
    result = engine_of(exported, folder, strict=strict)
    result.run(random_residents(result.plan, 1), scalars_of_step(result.plan, 1))
    return result


def use_changed(engine: Engine, change: object) -> None:
    """Put a changed table into a settled engine, as no check would let it in."""
    assert engine._table is not None
    engine._use(change(engine._table), recorded=False)


def stacked(table: Table) -> Table:
    """All results and temporaries at address 0."""
    slots = [tuple(replace(e, address=min(e.address, 0)) for e in slot) for slot in table.slots]
    return replace(table, slots=tuple(slots))


def grown(table: Table) -> Table:
    """No request has the size that was recorded."""
    slots = [tuple(replace(e, size=e.size + 64, address=-1) for e in slot) for slot in table.slots]
    return replace(table, slots=tuple(slots))


@pytest.mark.parametrize("change", [stacked, grown])
def test_a_wrong_table_costs_memory_and_never_a_bit(
    mlp: Exported, tmp_path: Path, change: object
) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=False)
    use_changed(engine, change)
    assert compare(engine, 2).equal
    counters = engine.counters
    assert counters.overlapped + counters.missed > 10
    assert counters.scratch_peak > 0


@pytest.mark.parametrize(("change", "message"), [(stacked, "still in use"), (grown, "asked for")])
def test_a_strict_step_raises_when_a_request_is_not_served_as_planned(
    mlp: Exported, tmp_path: Path, change: object, message: str
) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=True)
    use_changed(engine, change)
    with pytest.raises(ReplayError, match=message):
        compare(engine, 1)


def shift_results(engine: Engine) -> None:
    """Every result goes 64 bytes higher than the engine's table says."""
    true_table = engine._table
    shifted = [
        tuple(replace(e, address=e.address + 64 if e.address >= 0 else -1) for e in slot)
        for slot in true_table.slots
    ]
    use_changed(engine, lambda t: replace(t, slots=tuple(shifted), arena_bytes=t.arena_bytes + 64))
    engine._table = true_table
    engine._check_due = True


def test_a_result_that_is_not_where_the_plan_has_it_is_noticed(mlp: Exported, tmp_path: Path) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=True)
    shift_results(engine)
    with pytest.raises(ReplayError, match="planned is"):
        compare(engine, 1)


def test_a_recording_that_does_not_hold_any_more_is_made_anew(mlp: Exported, tmp_path: Path) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=False)
    (recording,) = (tmp_path / "copy" / "recordings").iterdir()
    before = recording.stat().st_mtime_ns
    shift_results(engine)
    with pytest.warns(UserWarning, match="records this machine anew"):
        assert compare(engine, 3).equal
    assert engine.report.recorded
    assert recording.stat().st_mtime_ns != before
    assert engine.pointers_checked == len(engine.plan.instances)


def test_automatic_casts_around_the_step_do_not_reach_into_it(mlp: Exported, tmp_path: Path) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=True)
    one, other = (random_residents(engine.plan, 2) for _ in range(2))
    scalars = scalars_of_step(engine.plan, 1)
    (expected,) = engine.run(one, scalars)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (found,) = engine.run(other, scalars)
    assert torch.equal(expected, found) and all(map(torch.equal, one, other))


def test_a_planned_step_that_differs_is_not_used(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(mlp, tmp_path / "copy", strict=True)
    residents = random_residents(engine.plan, 0)
    before = [t.clone() for t in residents]
    real = Engine._run_checked

    def off_by_one_bit(
        self: Engine, residents: Sequence[torch.Tensor], scalars: Sequence[float], **options: bool
    ) -> tuple:
        (loss,), problem = real(self, residents, scalars, **options)
        return (torch.nextafter(loss, loss + 1),), problem

    monkeypatch.setattr(Engine, "_run_checked", off_by_one_bit)
    with pytest.raises(ReplayError, match="differs from the unplanned one in 1 of"):
        engine.run(residents, scalars_of_step(engine.plan, 1))
    assert all(map(torch.equal, residents, before))
    assert not (engine.folder / "recordings").exists()


def test_a_kernel_that_asks_for_something_else_now_and_then_only_costs_memory(
    mlp: Exported, tmp_path: Path
) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=False)
    other = settled(mlp, tmp_path / "other", strict=False)
    real = engine._function

    def step(arm: object, residents: Sequence[torch.Tensor], scalars: Sequence[float]) -> object:
        def and_more(slot: int) -> None:
            arm(slot)
            torch.empty(12_345)

        return real(and_more, residents, scalars)

    engine._function, engine.flat = step, False
    assert compare(engine, 2).equal
    assert engine.counters.missed == len(engine.plan.ops)
    assert compare(other, 2).equal and other.counters.missed == 0


def test_a_step_whose_requests_repeat_runs_without_arming(mlp: Exported, tmp_path: Path) -> None:
    engine = engine_of(mlp, tmp_path / "copy", strict=True)
    assert not engine.flat
    engine.run(random_residents(engine.plan, 1), scalars_of_step(engine.plan, 1))
    assert engine.flat
    real = engine._unarmed_function

    def step(arm: object, residents: Sequence[torch.Tensor], scalars: Sequence[float]) -> object:
        return real(None, residents, scalars)

    engine._unarmed_function = step
    assert compare(engine, 3).equal
    assert engine.flat and engine.counters.planned > 10


def test_a_step_that_asks_for_something_else_is_armed_from_then_on(
    mlp: Exported, tmp_path: Path
) -> None:
    engine = settled(mlp, tmp_path / "copy", strict=False)
    real = engine._unarmed_function

    def step(arm: object, residents: Sequence[torch.Tensor], scalars: Sequence[float]) -> object:
        torch.empty(12_345)
        return real(arm, residents, scalars)

    engine._unarmed_function = step
    assert compare(engine, 1).equal
    assert not engine.flat and engine.counters.missed == 1
    assert compare(engine, 1).equal
    assert engine.counters.missed == 0


def test_a_first_step_that_fills_caches_does_not_cost_the_recording(
    mlp: Exported, tmp_path: Path
) -> None:
    settled(mlp, tmp_path / "copy", strict=True)
    again = Engine(tmp_path / "copy", read_plan(tmp_path / "copy"))
    real, calls = again._source.observed, []

    def filling(observe: object, **options: bool) -> object:
        step = real(observe, **options)

        def run(arm: object, *arguments: object) -> object:
            calls.append(arm)
            if len(calls) == 1:
                arm(0)
                torch.empty(12_345)
            return step(arm, *arguments)

        return run

    object.__setattr__(again._source, "observed", filling)
    assert compare(again, 3).equal
    assert len(calls) == 2 and not again.report.recorded
    assert again.counters.missed == 0
    assert len(list((tmp_path / "copy" / "recordings").iterdir())) == 1


def change_recording(folder: Path, change: object, *, seal: bool) -> None:
    (path,) = (folder / "recordings").iterdir()
    file = json.loads(path.read_text())
    change(file["table"])
    if seal:
        file["digest"] = content_digest(file["table"])
    path.write_text(json.dumps(file))


def move_all(table: dict) -> None:
    for slot in table["slots"]:
        for entry in slot:
            entry[1] = min(entry[1], 0)


@pytest.mark.parametrize(
    ("change", "seal", "message"),
    [
        (move_all, False, "was changed"),
        (move_all, True, "not where the plan has it|share bytes"),
        (lambda t: t.update(arena_bytes=64), True, "cannot be"),
        (lambda t: t["slots"].pop(), True, "another plan"),
        (lambda t: t.update(plan="0" * 64), True, "another plan"),
        (lambda t: t["slots"][0][0].__setitem__(0, "64"), True, "damaged"),
        (lambda t: t["slots"][0][0].pop(), True, "damaged"),
    ],
)
def test_a_recording_that_was_tampered_with_is_refused(
    mlp: Exported, tmp_path: Path, change: object, seal: bool, message: str
) -> None:
    settled(mlp, tmp_path / "copy", strict=True)
    change_recording(tmp_path / "copy", change, seal=seal)
    again = Engine(tmp_path / "copy", read_plan(tmp_path / "copy"), strict=True)
    with pytest.raises(ReplayError, match=message):
        again.run(random_residents(again.plan, 1), scalars_of_step(again.plan, 1))


def test_the_proof_fills_the_arena_with_something_first(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[int] = []
    real = engine_module.native.Arena.fill
    monkeypatch.setattr(
        engine_module.native.Arena,
        "fill",
        lambda self, value: (filled.append(value), real(self, value))[1],
    )
    settled(mlp, tmp_path / "copy", strict=True)
    assert filled == [0xFF]
