"""The command line as a whole: what it accepts, how it fails, how it stops."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import check, solve
from app.cli.command_line import COMMANDS
from app.cli.terminal import interrupts
from solver.errors import BayplanError
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(bayplan: Bayplan, command: str) -> None:
    answer = bayplan(command, "--help")

    assert answer.code == 0
    assert f"usage: bayplan {command}" in answer.out


def test_help_names_all_commands(bayplan: Bayplan) -> None:
    answer = bayplan("--help")

    assert answer.code == 0
    assert all(f"\n    {command} " in answer.out for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve"],
        ["solve", "x.step", "--deadline", "-1"],
        ["solve", "x.step", "--deadline", "nan"],
        ["map", "x.plan", "-o", "x.png", "--size", "1600"],
        ["map", "x.plan", "-o", "x.png", "--size", "10x99999"],
        ["map", "x.plan"],
        ["capture", "zoo:alexnet", "--optimizer", "lion", "-o", "x.step"],
        ["capture", "zoo:alexnet", "--batch", "0", "-o", "x.step"],
        ["verify", "x.plan", "--steps", "0"],
        ["check", "x.step"],
    ],
)
def test_a_wrong_call_is_explained(bayplan: Bayplan, arguments: list[str]) -> None:
    answer = bayplan(*arguments)

    assert answer.code == 2
    assert answer.out == ""
    assert "error: " in answer.err


def test_an_error_is_one_line_without_a_traceback(bayplan: Bayplan, tmp_path: Path) -> None:
    answer = bayplan("solve", tmp_path / "absent.step")

    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert "absent.step cannot be read" in answer.err


def test_details_of_an_error_are_shown_when_asked_for(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> int:
        raise BayplanError("It failed.", details="because of this")

    monkeypatch.setattr(check, "run", fail)

    assert "because" not in bayplan("check", "a", "b").err
    assert "because of this" in bayplan("check", "a", "b", "--verbose").err


def test_a_bug_shows_its_traceback_and_has_its_own_code(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "run", lambda _: {}["missing"])

    answer = bayplan("check", "a", "b")

    assert answer.code == 70
    assert "KeyError" in answer.err
    assert "bug in Bayplan" in answer.err


def test_ctrl_c_ends_without_a_traceback(bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(solve, "run", pressed)

    answer = bayplan("solve", "x.step")

    assert (answer.code, answer.err) == (130, "bayplan: stopped.\n")


def test_ctrl_c_before_the_commands_are_there_ends_without_a_traceback() -> None:
    pressed = (
        "import signal, sys\n"
        "class Press:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'app.cli.command_line':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Press())\n"
        "from app.__main__ import main\n"
        "sys.exit(main())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", pressed, "check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (130, "bayplan: stopped.\n")


def test_the_second_ctrl_c_stops_at_once() -> None:
    import signal

    before = signal.getsignal(signal.SIGINT)  # ignored, where a shell started the tests with &
    with interrupts() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_terminated_capture_takes_its_child_along(tmp_path: Path) -> None:
    import signal

    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "def build():\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "capture", tmp_path / "slow.py:build", "-o", tmp_path / "x.step"],
        stderr=subprocess.DEVNULL,
    )
    pid = tmp_path / "pid"
    while not (pid.is_file() and pid.read_text()) and process.poll() is None:
        time.sleep(0.05)

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_reader_that_leaves_is_no_error(toy_files: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "check", toy_files / "toy.step", toy_files / "toy.plan"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    threading.Thread(target=lambda: (time.sleep(60), process.kill()), daemon=True).start()

    assert process.wait() == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_commands_need_nothing_heavy_until_they_work() -> None:
    code = (
        "import sys; from app.cli.command_line import main; main(['--help']); "
        "print(sorted({'torch', 'ortools', 'numba', 'PySide6', 'sqlalchemy', 'alembic', 'pyqtgraph'} "
        "& set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.splitlines()[-1] == "[]"


def test_the_window_does_not_wait_for_the_other_commands() -> None:
    code = (
        "import sys; from app.cli.command_line import main; main(['window', '--help']); "
        "print(sorted(name for name in sys.modules if name.startswith(('solver', 'app.cli'))))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = out.stdout.splitlines()[-1]
    assert "solver.errors" in loaded
    assert "solver.check" not in loaded and "app.cli.bench" not in loaded
