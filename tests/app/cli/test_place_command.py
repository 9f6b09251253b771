"""bayplan place: minimalloc's files in and out, exit codes that tell no from not yet."""

import csv
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from solver import placement
from solver.placement import ArenaResult, PlacementProblem, PlacementResult
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]

PLAIN = "id,lower,upper,size\na,0,3,4096\nb,2,5,6144\nc,4,6,4096\n"
TIGHT = "id,lower,upper,size\nA,0,2,2\nD,0,1,2\nr,1,3,1\ns,1,4,1\np,2,4,1\nq,2,3,1\nB,3,5,2\nC,4,5,2\n"
"""Its live sum is 4, but nothing is lower than 5."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(content: str) -> Path:
        path = tmp_path / "in.csv"
        path.write_text(content)
        return path

    return write


def offsets(path: Path) -> dict[str, int]:
    with path.open(newline="") as file:
        return {row["id"]: int(row["offset"]) for row in csv.DictReader(file)}


def test_without_a_capacity_the_height_is_minimised(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    answer = bayplan("place", write(PLAIN), "-o", out)
    assert (answer.code, answer.err) == (0, "")
    assert out.read_text().startswith("id,lower,upper,size,offset\na,0,3,4096,")
    found = offsets(out)
    assert found["b"] in (0, 4096)
    lines = answer.out.splitlines()
    assert lines[0] == "in.csv: 3 storages"
    assert "Height" in lines[1]
    assert "10,240 B" in lines[1]
    assert "Optimal, gap 0.0 %" in lines[3]
    assert lines[-1] == str(out)


def test_the_json_report_is_one_object_of_four_figures(
    bayplan: Bayplan, write: Callable[[str], Path]
) -> None:
    answer = bayplan("place", write(PLAIN), "--json")
    report = json.loads(answer.out)
    assert list(report) == ["height", "bound", "seconds", "status"]
    assert (report["height"], report["bound"], report["status"]) == (10240, 10240, "optimal")
    assert report["seconds"] >= 0


def test_what_fits_the_capacity_is_written_and_what_cannot_is_not(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    source, out = write(TIGHT), tmp_path / "out.csv"
    no = bayplan("place", source, "--capacity", 4, "-o", out, "--json")
    assert no.code == 1
    assert "nothing fits the capacity of 4 bytes: any placement needs at least 5" in no.err
    assert json.loads(no.out)["status"] == "infeasible"
    assert not out.exists()
    assert bayplan("place", source, "--capacity", 5, "-o", out).code == 0
    assert max(offsets(out).values()) <= 4


def test_a_capacity_below_the_live_sum_is_infeasible_at_once(
    bayplan: Bayplan, write: Callable[[str], Path]
) -> None:
    answer = bayplan("place", write(PLAIN), "--capacity", 10239)
    assert answer.code == 1
    assert "any placement needs at least 10,240" in answer.err
    assert "Infeasible" in answer.out


def test_what_was_not_found_in_time_has_its_own_code(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    answer = bayplan("place", write(TIGHT), "--capacity", 4, "--deadline", 0, "-o", out)
    assert answer.code == 3
    assert "no placement within the capacity of 4 bytes was found in time" in answer.err
    assert not out.exists()


def test_alignments_fixed_addresses_and_forbidden_bytes_hold(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    source = write("id,lower,upper,size,alignment,fixed\na,0,9,10,,20\nb,0,9,5,8,\nc,0,3,9,,\n")
    out = tmp_path / "out.csv"
    answer = bayplan("place", source, "--forbid", "0:8", "--forbid", "30:40@0:2", "-o", out)
    assert answer.code == 0
    assert offsets(out) == {"a": 20, "b": 40, "c": 8}


def test_arenas_have_figures_and_capacities_of_their_own(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    source = write("id,lower,upper,size,arena\na,0,3,4,gpu0\nb,0,3,6,gpu1\nc,0,3,1,gpu0\n")
    out = tmp_path / "out.csv"
    answer = bayplan("place", source, "--capacity", "6", "--capacity", "gpu0=5", "--json", "-o", out)
    assert answer.code == 0
    assert json.loads(answer.out)["arenas"] == [
        {"arena": "gpu0", "height": 5, "bound": 5, "capacity": 5, "status": "optimal"},
        {"arena": "gpu1", "height": 6, "bound": 6, "capacity": 6, "status": "optimal"},
    ]
    small = bayplan("place", source, "--capacity", "gpu1=5", "-o", out)
    assert small.code == 1
    assert "Arena gpu1, height" in small.out
    assert "capacity of arena gpu1 of 5 bytes" in small.err
    assert "No storage lies in the arena 'gpu2'" in bayplan("place", source, "--capacity", "gpu2=5").err


@pytest.mark.parametrize(
    "options",
    [
        ["--capacity", "1e6"],
        ["--capacity", "-1"],
        ["--capacity", "gpu="],
        ["--capacity", "9" * 30],
        ["--forbid", "5"],
        ["--forbid", "5:5"],
        ["--forbid", "0:5@4:4"],
        ["--forbid", "0:99999999999999999999999"],
        ["--deadline", "-1"],
        ["--seed", "-1"],
        ["--seed", "2147483648"],
        ["--seed", "9" * 5_000],
    ],
)
def test_a_wrong_option_is_explained(
    bayplan: Bayplan, write: Callable[[str], Path], options: list[str]
) -> None:
    answer = bayplan("place", write(PLAIN), *options)
    assert answer.code == 2
    assert f"argument {options[0]}: " in answer.err


def test_a_broken_file_is_named_with_its_line_and_nothing_is_written(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    answer = bayplan("place", write(PLAIN + "d,9,9,1\n"), "-o", out)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "bayplan: in.csv, line 5: upper is 9, not above lower, 9.\n"
    assert not out.exists()


def test_the_input_is_never_the_output(bayplan: Bayplan, write: Callable[[str], Path]) -> None:
    source = write(PLAIN)
    answer = bayplan("place", source, "-o", source)
    assert answer.code == 2
    assert source.read_text() == PLAIN


@pytest.mark.skipif(not Path("/dev/null").is_char_device(), reason="a system without devices")
def test_a_device_is_never_replaced_by_a_file(bayplan: Bayplan, write: Callable[[str], Path]) -> None:
    answer = bayplan("place", write(PLAIN), "-o", "/dev/null")
    assert answer.code == 2
    assert "/dev/null cannot be written: it is no ordinary file" in answer.err


def test_a_name_that_no_file_can_have_is_no_bug(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path
) -> None:
    answer = bayplan("place", write(PLAIN), "-o", tmp_path / ("x" * 300))
    assert answer.code == 2
    assert "cannot be written: File name too long" in answer.err


def test_a_wrong_placement_is_never_written(
    bayplan: Bayplan,
    write: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(problem: PlacementProblem, **_: object) -> PlacementResult:
        return PlacementResult(problem.sizes * 0, (ArenaResult(6144, 6144),))

    monkeypatch.setattr(placement, "place", broken)
    out = tmp_path / "out.csv"
    answer = bayplan("place", write(PLAIN), "-o", out)
    assert answer.code == 2
    assert "Storages a and b both live at slot 2 and overlap" in answer.err
    assert not out.exists()


@pytest.mark.parametrize("name", ["resnet50", "G_1"])
def test_recorded_files_are_placed_at_their_bound(
    bayplan: Bayplan, cases: Path, tmp_path: Path, name: str
) -> None:
    source, out = cases / "placement" / f"{name}.csv", tmp_path / "out.csv"
    report = json.loads(bayplan("place", source, "-o", out, "--json").out)
    assert (report["height"], report["status"]) == (report["bound"], "optimal")
    with source.open() as before, out.open() as after:
        for old, new in zip(csv.DictReader(before), csv.DictReader(after), strict=True):
            assert old == {key: value for key, value in new.items() if key != "offset"}


def test_ctrl_c_keeps_the_best_placement_so_far(
    bayplan: Bayplan, write: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = placement.place

    def pressed(problem: PlacementProblem, **given: object) -> PlacementResult:
        if "cancelled" in given:  # Not while the kernels are loaded.
            signal.raise_signal(signal.SIGINT)
        return real(problem, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(placement, "place", pressed)
    out = tmp_path / "out.csv"
    answer = bayplan("place", write(TIGHT), "-o", out)
    assert answer.code == 130
    assert len(offsets(out)) == 8
    tight = bayplan("place", write(TIGHT), "--capacity", 4, "-o", tmp_path / "other.csv")
    assert tight.code == 130
    assert "was found before it was stopped" in tight.err
