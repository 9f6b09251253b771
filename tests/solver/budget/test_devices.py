"""Device models by name and from files, and what is refused."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from solver.budget.devices import V100, find_device, with_bandwidth
from solver.errors import BayplanError
from solver.terms import device_problems


def test_a_device_is_found_by_its_name_in_any_case() -> None:
    assert find_device("V100") is V100
    assert V100.flops_per_second["float32"] == 15.7e12


def test_a_device_written_to_a_file_comes_back_from_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(asdict(replace(V100, name="mine"))))
    assert find_device(str(path)) == replace(V100, name="mine")


def test_what_is_neither_a_name_nor_a_file_is_refused() -> None:
    with pytest.raises(BayplanError, match="no device 'z9'"):
        find_device("z9")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("flops_per_second", {"float16": 1e12}, "no peak for float32"),
        ("flops_per_second", {"float32": 0.0}, "flops_per_second of float32 is 0"),
        ("bytes_per_second", -1.0, "bytes_per_second is -1"),
        ("host_bytes_per_second", 1e300, "host_bytes_per_second is"),
        ("launch_seconds", -1e-6, "launch_seconds is -1e-06"),
        ("launch_seconds", "soon", "launch_seconds"),
        ("name", "", "its name is not a line of 1 to 100 characters"),
        ("name", "v100\x1b[31m", "its name is not a line"),
        ("name", "v" * 101, "its name is not a line"),
    ],
)
def test_a_file_with_impossible_figures_is_refused(
    tmp_path: Path, field: str, value: object, said: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**asdict(V100), field: value}))
    with pytest.raises(BayplanError, match=said):
        find_device(str(path))


def test_figures_that_are_no_numbers_are_no_figures() -> None:
    assert list(device_problems(replace(V100, bytes_per_second=float("nan"))))
    assert list(device_problems(replace(V100, launch_seconds=float("inf"))))
    assert not list(device_problems(V100))


def test_only_the_speed_of_copies_changes_with_a_bandwidth() -> None:
    assert with_bandwidth(V100, 25e9) == replace(V100, host_bytes_per_second=25e9)
    with pytest.raises(BayplanError, match="host_bytes_per_second is 0"):
        with_bandwidth(V100, 0)
