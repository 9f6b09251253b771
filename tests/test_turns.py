"""Tests in several processes: who needs the machine alone gets it, and nobody waits for ever."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.turns import turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")

ROOT = Path(__file__).resolve().parents[1]
SUITE = """
import time
from pathlib import Path
import pytest
running = Path(__file__).parent / "running"
running.mkdir(exist_ok=True)

def others_while_this_one_runs(name, seconds=0.02):
    (running / name).touch()
    time.sleep(seconds)
    found = {path.name for path in running.iterdir()} - {name}
    (running / name).unlink()
    return found

@pytest.mark.parametrize("number", range(10))
def test_beside_others(number):
    others_while_this_one_runs(f"NAME {number}")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(5))
def test_alone(number):
    assert others_while_this_one_runs(f"NAME alone {number}", 0.05) == set()
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the tests in a folder with this project's plugin, in two processes."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.turns", "-p", "no:cacheprovider", "-c"]
    command += ["/dev/null", "--rootdir", str(folder), "-n", "2", "--dist", "loadfile", str(folder)]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_test_marked_alone_runs_while_no_other_does(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(SUITE.replace("NAME", name))
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "45 passed" in done.stdout.splitlines()[-1]


def test_a_failure_is_in_the_last_lines_and_in_the_exit_code(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "test_good.py").write_text("def test_good(): pass\n")
    (tmp_path / "test_bad.py").write_text(
        "import pytest\n@pytest.mark.alone\ndef test_bad(): assert False\n"
    )
    done = run(tmp_path)
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout.splitlines()[-1]


def test_who_waits_to_be_alone_goes_before_those_who_come_later(tmp_path: Path) -> None:
    order: list[str] = []

    def hold(name: str, alone: bool) -> None:
        with turn(tmp_path, alone=alone):
            order.append(name)

    with turn(tmp_path, alone=False):
        first = threading.Thread(target=hold, args=("alone", True))
        first.start()
        time.sleep(0.1)
        second = threading.Thread(target=hold, args=("later", False))
        second.start()
        second.join(0.1)
        assert order == []
    first.join(5)
    second.join(5)
    assert order == ["alone", "later"]
