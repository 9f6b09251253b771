"""What counts as worse between two runs of the benchmark, and what never does."""

from dataclasses import replace
from pathlib import Path

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
    change: dict[str, int], said: str
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


def test_below_the_capacity_one_height_is_as_good_as_another() -> None:
    assert worse(TABLE, replace(TABLE, height_bytes=1000)) == []
    assert worse(TABLE, replace(TABLE, height_bytes=1001)) != []


def test_better_figures_and_times_are_told_but_do_not_fail() -> None:
    old = replace(ROW, peak_bytes=6000, height_bytes=6100, bound_bytes=4000)
    told = compare(results(old), results(replace(ROW, work=30.0)))
    assert told.worse == ()
    assert [d.what.split()[0] for d in told.better] == ["peak", "height", "bound"]
    assert [d.what for d in told.times] == ["3.00 × the work"]


def test_what_may_explain_a_difference_is_told() -> None:
    stopped = replace(ROW, status="stopped", bound_bytes=4000)
    found = worse(stopped, replace(stopped, peak_bytes=5050))
    assert found == ["peak 5,050 B, before 5,000 B (+1.00 %); both ran out of time"]
    later = replace(results(ROW), deadline=5.0, seed=3)
    assert compare(results(ROW), later).notes == (
        "The deadline is another: 5 s, before 10 s.",
        "The seed is another: 3, before 0.",
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
