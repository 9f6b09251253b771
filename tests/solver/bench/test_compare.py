"""What counts as worse between two runs of the benchmark, and what never does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from solver.bench.compare import compare
from solver.bench.results import Results, Rival, Row, load_results, save_results
from solver.errors import BayplanError

ROW = Row(
    "resnet50",
    ops=622,
    storages=555,
    resident_bytes=1000,
    reserved_bytes=9000,
    peak_bytes=5000,
    bound_bytes=5000,
    height_bytes=5000,
    status="optimal",
    seconds=1.0,
    work=10.0,
    rivals={"program order": Rival(6000, 9000)},
)
TABLE = Row(
    "A.csv", storages=154, peak_bytes=900, bound_bytes=900, height_bytes=990, capacity_bytes=1000
)


def results(*rows: Row) -> Results:
    return Results("2026-01-01T00:00:00+00:00", "a machine", {"python": "3.11"}, 0, 10.0, rows)


def worse(old: Row, new: Row) -> list[str]:
    return [difference.what for difference in compare(results(old), results(new)).worse]


def test_a_run_is_no_worse_than_itself() -> None:
    same = compare(results(ROW, TABLE), results(ROW, TABLE))
    assert (same.worse, same.better, same.times, same.compared, same.new) == ((), (), (), 2, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peak_bytes": 5050}, "peak 5,050 B, before 5,000 B (+1.00 %)"),
        ({"height_bytes": 5512}, "height 5,512 B, before 5,000 B (+10.24 %)"),
        ({"bound_bytes": 4000}, "bound 4,000 B, before 5,000 B (−20.00 %)"),
        ({"error": "No."}, "has failed: No."),
        ({"ops": 623}, "is another problem now: 623 ops and 555 storages, before 622 and 555"),
    ],
)
def test_worse_is_a_higher_peak_or_height_a_lower_bound_a_failure_another_problem(
    change: dict[str, Any], said: str
) -> None:
    found = worse(ROW, replace(ROW, **change))
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_case_that_vanished_is_worse_unless_the_run_was_about_others() -> None:
    before, after = results(ROW, TABLE), results(TABLE)
    assert [(d.case, d.what.split(":")[0]) for d in compare(before, after).worse] == [
        ("resnet50", "has vanished")
    ]
    assert compare(before, after, frozenset({"A.csv"})).worse == ()


def test_a_peak_under_a_bound_proven_before_is_no_progress_but_a_contradiction() -> None:
    found = worse(ROW, replace(ROW, peak_bytes=4000, height_bytes=4000, bound_bytes=4000))
    assert any("above the 4,000 B" in what for what in found)


def test_a_bound_above_the_earlier_plan_is_a_contradiction() -> None:
    found = worse(replace(ROW, bound_bytes=4000), replace(ROW, peak_bytes=6000, bound_bytes=5500))
    assert any("the later run's bound of 5,500 B" in what for what in found)


def test_below_the_capacity_one_height_or_bound_is_as_good_as_another() -> None:
    assert worse(TABLE, replace(TABLE, bound_bytes=890)) == []
    assert worse(replace(TABLE, bound_bytes=1100), TABLE) != []
    assert worse(TABLE, replace(TABLE, height_bytes=1000)) == []
    assert worse(TABLE, replace(TABLE, height_bytes=1001)) != []


def test_better_figures_and_times_are_told_but_do_not_fail() -> None:
    old = replace(ROW, peak_bytes=6000, height_bytes=6100, bound_bytes=4000)
    told = compare(results(old), results(replace(ROW, work=30.0)))
    assert told.worse == ()
    assert [d.what.split()[0] for d in told.better] == ["peak", "height", "bound"]
    assert [d.what for d in told.times] == ["3.00 × the work"]


def stopped(row: Row, seconds: float = 10.0) -> Row:
    return replace(row, status="feasible", bound_bytes=4000, seconds=seconds)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"peak_bytes": 5100}, "peak 5,100 B, before 5,000 B (+2.00 %); both ran out of time"),
        ({"height_bytes": 5100}, "height 5,100 B, before 5,000 B (+2.00 %); both ran out of time"),
        ({"bound_bytes": 3920}, "bound 3,920 B, before 4,000 B (−2.00 %); both ran out of time"),
    ],
)
def test_where_time_ran_out_a_little_worse_is_told_and_more_than_that_fails(
    change: dict[str, Any], said: str
) -> None:
    old = stopped(ROW)
    told = compare(results(old), results(replace(old, **change)))
    assert told.worse == () and [d.what for d in told.clock] == [said]
    ((name, value),) = change.items()
    more: dict[str, Any] = {name: value + (-1 if name == "bound_bytes" else 1)}
    told = compare(results(old), results(replace(old, **more)))
    assert told.clock == () and len(told.worse) == 1


def test_a_case_that_ended_early_before_has_no_tolerance_when_it_runs_out_of_time_now() -> None:
    slower = replace(ROW, status="feasible", bound_bytes=4950)
    assert worse(replace(ROW, seconds=2.5), slower) == []
    (found,) = worse(replace(ROW, seconds=2.4), slower)
    assert found.endswith("(−1.00 %); ran out of time, before it ended after 2.4 s")


def test_a_case_that_comes_to_its_end_has_no_tolerance() -> None:
    assert len(worse(stopped(ROW), replace(ROW, bound_bytes=3999))) == 1


def test_no_tolerance_makes_up_for_a_contradiction() -> None:
    old = replace(ROW, status="feasible", bound_bytes=4990)
    found = worse(old, replace(old, peak_bytes=4980, height_bytes=4980, bound_bytes=4970))
    assert len(found) == 1 and "above the 4,980 B" in found[0]


def test_what_may_explain_a_difference_is_told() -> None:
    later = replace(results(ROW), deadline=5.0, seed=3, versions={"python": "3.12"})
    assert compare(results(ROW), later).notes == (
        "The deadline is another: 5 s, before 10 s.",
        "The seed is another: 3, before 0.",
        "python is another: 3.12, before 3.11.",
    )


def test_a_case_that_failed_before_and_works_now_is_better() -> None:
    told = compare(results(Row("resnet50", error="No.")), results(ROW, TABLE))
    assert [d.what for d in told.better] == ["works now"]
    assert told.new == 1


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    save_results(results(ROW, TABLE, Row("x", error="No.")), path)
    assert load_results(path) == results(ROW, TABLE, Row("x", error="No."))
    assert [file.name for file in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "not a file that bayplan bench wrote"),
        ("[]", "not a file that bayplan bench wrote"),
        ('{"format": "bayplan-bench", "version": 9}', "format version 9"),
        ('{"format": "bayplan-bench", "version": 1, "results": {"rows": 3}}', "damaged"),
        ("{", "damaged"),
    ],
)
def test_a_file_that_is_not_results_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(content)
    with pytest.raises(BayplanError, match=said):
        load_results(path)


def test_gaps_are_of_the_peak_for_steps_and_of_the_height_for_tables() -> None:
    assert replace(ROW, peak_bytes=5500, height_bytes=6000).gap == pytest.approx(0.1)
    assert replace(ROW, height_bytes=5500).fragmentation == pytest.approx(0.1)
    assert TABLE.gap == 0
    assert replace(TABLE, height_bytes=1100).gap == pytest.approx(0.1)
    assert replace(TABLE, capacity_bytes=None).gap == pytest.approx(0.1)
