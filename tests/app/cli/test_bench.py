"""bench: a row a case, a file that grows row by row, a comparison that fails loudly."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import bench
from app.cli.bench_captures import captured_cases
from app.cli.bench_table import RIVALS, head, percent, rivals_text, row_text, summary
from solver.bench.results import Rival, Row, load_results, save_results
from solver.files import save_step
from solver.ordering.heuristics import HEURISTICS
from solver.step import Step
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is timed, so nothing need be compiled before."""
    monkeypatch.setattr(bench, "warm_up", lambda cancelled: None)


@pytest.fixture
def folder(tmp_path: Path, toy_step: Step) -> Path:
    """A folder with two steps, one of them in a folder below, and a damaged one."""
    folder = tmp_path / "cases"
    (folder / "below").mkdir(parents=True)
    save_step(toy_step, folder / "toy.step")
    save_step(replace(toy_step, ops=toy_step.ops[:5]), folder / "below" / "short.step")
    (folder / "damaged.step").write_bytes(b"{")
    (folder / "README.md").write_text("no case")
    return folder


def test_every_case_is_a_row_and_a_damaged_one_says_so(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    answer = bayplan("bench", folder, "-o", path)

    assert answer.code == 1, "a failed case must not look like success"
    rows = {row.case: row for row in load_results(path).rows}
    assert list(rows) == ["short", "damaged", "toy"]
    assert "damaged.step is damaged" in rows["damaged"].error
    toy = rows["toy"]
    assert (toy.ops, toy.storages, toy.peak_bytes, toy.bound_bytes, toy.height_bytes) == (
        (6, 4, 5120, 5120, 5120)
    )
    assert toy.rivals["program order"].peak_bytes == 5120
    assert toy.reserved_bytes == toy.rivals["program order"].reserved_bytes
    assert set(toy.rivals) == set(HEURISTICS)
    assert toy.seconds > 0
    assert toy.work > 0
    assert "3 cases: 2 with peak and height at the bound; 1 failed" in answer.out
    assert [line for line in answer.out.splitlines()[:-1] if len(line) > 100] == []


def test_the_same_figures_compare_well_and_worse_ones_fail_by_name(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    path, earlier = tmp_path / "result.json", tmp_path / "earlier.json"
    step = folder / "toy.step"
    bayplan("bench", step, "-o", earlier)

    again = bayplan("bench", step, "-o", path, "--compare", earlier)
    assert (again.code, "Nothing got worse." in again.out) == (0, True)

    results = load_results(earlier)
    row = replace(results.rows[0], height_bytes=4608, peak_bytes=4608, bound_bytes=4608)
    save_results(replace(results, rows=(row,)), earlier)
    worse = bayplan("bench", step, "--compare", earlier)
    assert worse.code == 1
    assert "WORSE:\n  toy: peak 5,120 B, before 4,608 B (+11.11 %)" in worse.out


def test_a_case_that_vanished_from_its_folder_fails(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    (folder / "damaged.step").unlink()
    earlier = tmp_path / "earlier.json"
    assert bayplan("bench", folder, "-o", earlier).code == 0
    (folder / "below" / "short.step").unlink()

    answer = bayplan("bench", folder, "--compare", earlier)
    assert answer.code == 1
    assert "short: has vanished" in answer.out
    assert bayplan("bench", folder, "--compare", earlier, "--only", "toy").code == 0


def test_without_paths_only_shared_cases_that_should_be_there_are_missed(
    bayplan: Bayplan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "damaged.step").unlink()
    shared = tmp_path / "shared"
    shared.mkdir()
    folder.rename(shared / "steps")
    monkeypatch.setattr(bench, "CASES", shared)
    for generated in ("captured_cases", "wired_cases", "skip_cases"):
        monkeypatch.setattr(bench, generated, list)
    earlier = tmp_path / "earlier.json"
    (shared / "placement").mkdir()
    (shared / "placement" / "one.csv").write_text("id,lower,upper,size\na,0,1,4\n")
    assert bayplan("bench", "-o", earlier).code == 0
    assert [row.case for row in load_results(earlier).rows] == ["short", "toy", "one.csv", "resnet50"]

    (shared / "steps" / "toy.step").unlink()
    gone = bayplan("bench", "--compare", earlier)
    assert (gone.code, "toy: has vanished" in gone.out) == (1, True)
    (shared / "placement").rename(tmp_path / "elsewhere")
    assert bayplan("bench", "--compare", earlier).code == 0, "nobody without the cases has them"


def test_a_comparison_without_a_common_case_is_no_success(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.json"
    assert bayplan("bench", folder / "below" / "short.step", "-o", earlier).code == 0
    other = bayplan("bench", folder / "toy.step", "--compare", earlier)
    assert (other.code, "NOTHING COMPARED" in other.out) == (1, True)


def test_captured_cases_are_steps_of_the_zoo_as_their_names_say(
    toy_step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def capture(source: str, **how: object) -> Step:
        asked.append((source, how))
        return toy_step

    monkeypatch.setattr("runtime.capture.capture", capture)
    cases = captured_cases()
    assert all(case.load() is toy_step for case in cases)
    assert len({case.name for case in cases}) == len(cases)
    named = dict(zip((case.name for case in cases), asked, strict=True))
    how: dict[str, object] = {"batch": 8, "optimizer": "sgd", "options": {"micro_batches": 4}}
    assert named["resnet18_b8_sgd_micro-batches-4"] == ("zoo:resnet18", how)
    assert {case["optimizer"] for _, case in asked} == {"", "sgd", "adam", "adamw"}


def test_ctrl_c_keeps_the_rows_that_are_there(
    bayplan: Bayplan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"

    @contextmanager
    def pressed_after_the_first_row() -> Iterator[Callable[[], bool]]:
        yield path.exists

    monkeypatch.setattr(bench, "interrupts", pressed_after_the_first_row)
    answer = bayplan("bench", folder, "-o", path)

    assert answer.code == 130
    assert [row.case for row in load_results(path).rows] == ["short"]
    assert "1 case" in answer.out


def test_json_is_the_result_and_the_comparison(bayplan: Bayplan, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    bayplan("bench", folder / "toy.step", "-o", path)

    answer = bayplan("bench", folder / "toy.step", "--json", "--compare", path, "--seed", 3)
    said = json.loads(answer.out)
    assert said["results"]["seed"] == 3
    assert said["results"]["rows"][0]["case"] == "toy"
    assert said["comparison"]["worse"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("--only", "no such case"), "No case has 'no such case' in its name"),
        (("--compare", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(
    bayplan: Bayplan, arguments: tuple[str, ...], said: str
) -> None:
    answer = bayplan("bench", *arguments)
    assert answer.code == 2
    assert said in answer.err


def test_a_folder_without_cases_is_no_benchmark(bayplan: Bayplan, tmp_path: Path) -> None:
    answer = bayplan("bench", tmp_path)
    assert answer.code == 2
    assert "holds no case" in answer.err


def test_files_of_one_name_are_told_apart_by_their_folders(
    bayplan: Bayplan, folder: Path, toy_step: Step
) -> None:
    save_step(toy_step, folder / "below" / "toy.step")
    answer = bayplan("bench", folder, "--only", "toy", "--json")
    assert [row["case"] for row in json.loads(answer.out)["results"]["rows"]] == [
        "below/toy",
        "cases/toy",
    ]


def test_a_bug_in_one_case_leaves_the_others_alone(
    bayplan: Bayplan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(step: Step) -> None:
        raise IndexError("5")

    monkeypatch.setattr("solver.bench.measure.rivals", broken)
    answer = bayplan("bench", folder / "toy.step", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["results"]["rows"][0]["error"] == "a bug in Bayplan: IndexError: 5"


def test_the_table_names_all_heuristics_and_stays_in_100_columns() -> None:
    big = Row(
        "a-case-with-a-name-of-thirty-chars",
        ops=20_807,
        storages=20_000,
        reserved_bytes=64 << 30,
        peak_bytes=64 << 30,
        bound_bytes=25 << 30,
        height_bytes=80 << 30,
        seconds=1234.5,
    )
    assert set(RIVALS) == set(HEURISTICS)
    assert len(head()) == len(row_text(big)) <= 100
    assert rivals_text([big]) == ""


def test_a_case_in_which_pytorch_does_better_is_named() -> None:
    ours = Row("a", ops=3, storages=2, peak_bytes=2048, bound_bytes=1024, height_bytes=2048)
    rivals = {"program order": Rival(4096, 4096), "depth first": Rival(1536, 2048)}
    assert "An order of PyTorch's has a lower peak: a" in summary([replace(ours, rivals=rivals)])
    assert "lower peak" not in summary([ours])


def test_small_gaps_are_not_rounded_away() -> None:
    shares = (0.0, 0.0031, 0.25, 525.0)
    assert [percent(share) for share in shares] == ["0", "0.31 %", "25.0 %", "×526"]
