"""``bayplan snapshot``: what a memory snapshot holds, as text and as JSON."""

import json
import pickle
from pathlib import Path

import pytest

from app.cli.command_line import main
from tests.runtime.snapshot.snapshots import snapshot, write


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "oom.pickle", snapshot(900, seed=5), 5)


def test_a_snapshot_is_summed_up(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", str(file)]) == 0
    text = capsys.readouterr().out
    for said in ("oom.pickle: device 0", "Most allocated", "Lost to fragmentation", "model.py:"):
        assert said in text
    assert "You lose" not in text


def test_placing_anew_says_what_is_lost(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", str(file), "--place", "20", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    lost = report["reserved_peak_bytes"] - report["allocated_peak_bytes"]
    assert report["fragmentation_bytes"] == lost > 0
    assert report["placed_bytes"] == report["placed_bound_bytes"] == report["allocated_peak_bytes"]
    assert sum(share["bytes"] for share in report["peak"]) == report["allocated_peak_bytes"]
    assert main(["snapshot", str(file), "--place", "20"]) == 0
    assert "to fragmentation; this placement needs none of it." in capsys.readouterr().out


def test_a_part_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--from", "0.002", "--to", "0.004", "--least", "64KiB", "--json"]
    assert main(["snapshot", str(file), *arguments]) == 0
    part = json.loads(capsys.readouterr().out)
    assert main(["snapshot", str(file), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert 0 < part["allocations"] < whole["allocations"]
    assert part["left_out"] > 0 and part["seconds"] <= 0.002


def test_a_device_that_is_not_there_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snapshot", str(file), "--device", "3"]) == 2
    assert "nothing of device 3; it has: 0" in capsys.readouterr().err


def test_what_is_no_snapshot_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.pickle"
    bad.write_bytes(pickle.dumps(print))
    assert main(["snapshot", str(bad)]) == 2
    assert "bad.pickle cannot be opened: it asks for 'builtins.print'" in capsys.readouterr().err
