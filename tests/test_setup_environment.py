"""Setting up: what is missing is installed by root and named to everybody else; once is enough."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
Commands = list[tuple[str, ...]]


@pytest.fixture
def setup_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, on a project in a temporary folder whose machine has everything."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "setup_environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setattr(module, "loads", lambda library: True)
    monkeypatch.setattr(module.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.delenv("DISPLAY", raising=False)
    return module


@pytest.fixture
def commands(setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What would be run; nothing is."""
    ran: Commands = []

    def run(*command: str, quiet: bool = False) -> None:
        ran.append(command)
        setup_environment.VENV.mkdir(exist_ok=True)

    monkeypatch.setattr(setup_environment, "run", run)
    return ran


def without(*libraries: str) -> Callable[[str], bool]:
    return lambda library: library not in libraries


def test_the_first_run_makes_the_environment_and_the_second_has_nothing_to_do(
    setup_environment: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup_environment.main()
    assert commands[0][1:4] == ("-m", "venv", "--clear")
    assert commands[1][-1] == ".[zoo,dev]"
    assert "constraints.txt" in commands[1]
    commands.clear()
    monkeypatch.setattr(setup_environment, "works", lambda: True)

    setup_environment.main()

    assert commands == []


def test_other_pins_set_up_again_in_the_same_environment(
    setup_environment: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup_environment.main()
    commands.clear()
    monkeypatch.setattr(setup_environment, "works", lambda: True)
    (setup_environment.ROOT / "constraints.txt").write_text("torch==9")

    setup_environment.main()

    assert "pip" in commands[0]
    assert "venv" not in commands[0]


def test_a_failure_leaves_no_stamp(
    setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_environment.sys, "executable", "/usr/bin/false")

    with pytest.raises(SystemExit) as caught:
        setup_environment.main()

    assert caught.value.code != 0
    assert not setup_environment.STAMP.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packages are Linux's")
def test_root_gets_the_missing_packages_installed(
    setup_environment: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_environment, "loads", without("libEGL.so.1"))
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 0)

    setup_environment.main()

    assert commands[0][:2] == ("apt-get", "update")
    assert commands[1][:2] == ("apt-get", "install")
    assert commands[1][-1] == "libegl1"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packages are Linux's")
def test_others_are_told_the_exact_command(
    setup_environment: ModuleType,
    commands: Commands,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = without("libEGL.so.1", "libxcb-cursor.so.0")
    monkeypatch.setattr(setup_environment, "loads", missing)
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("DISPLAY", ":0")

    with pytest.raises(SystemExit):
        setup_environment.main()

    expected = "sudo apt-get install --yes --no-install-recommends libegl1 libxcb-cursor0"
    assert expected in capsys.readouterr().err
    assert commands == []


class Done:
    """How a command ended."""

    def __init__(self, returncode: int) -> None:
        self.returncode = returncode


def test_root_gets_a_browser_for_the_tests_unless_there_is_one(
    setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> Done:
        ran.append(command)
        return Done(0)

    monkeypatch.setattr(setup_environment.subprocess, "run", run)
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup_environment.sys, "platform", "linux")
    setup_environment.install_browser()
    assert ran == []
    there = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(setup_environment.shutil, "which", there.get)
    setup_environment.install_browser()
    assert [command[1] for command in ran] == ["update", "install"]
    assert ran[1][-1] == "chromium-headless-shell"


def test_a_browser_that_never_comes_is_waited_for_so_long_only(
    setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], *, timeout: float, **_: object) -> Done:
        raise subprocess.TimeoutExpired(command, timeout)

    there = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(setup_environment.subprocess, "run", run)
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup_environment.shutil, "which", there.get)
    setup_environment.install_browser()
    assert "will be skipped" in capsys.readouterr().out


@pytest.mark.parametrize("user", [0, 1000])
def test_without_a_browser_the_other_tests_still_run(
    setup_environment: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: int,
) -> None:
    there = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(setup_environment.subprocess, "run", lambda *_, **__: Done(100))
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: user)
    monkeypatch.setattr(setup_environment.shutil, "which", there.get)

    setup_environment.install_browser()

    assert "will be skipped" in capsys.readouterr().out


def test_libraries_of_a_screen_are_needed_only_where_there_is_one(
    setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_environment, "loads", lambda library: False)

    assert "libxcb-cursor0" not in setup_environment.missing_system_packages()
    monkeypatch.setenv("DISPLAY", ":0")
    assert "libxcb-cursor0" in setup_environment.missing_system_packages()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packages are Linux's")
def test_what_only_tests_need_is_installed_by_root_if_that_works(
    setup_environment: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: Commands = []
    works = [True]

    def attempt(*command: str) -> bool:
        attempts.append(command)
        return works[0]

    present = ("apt-get", "g++", "xdotool")
    monkeypatch.setattr(setup_environment, "attempt", attempt)
    monkeypatch.setattr(setup_environment.shutil, "which", lambda program: program in present or None)
    monkeypatch.setattr(setup_environment, "loads", without("libxcb-cursor.so.0"))
    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 1000)
    setup_environment.main()
    assert attempts == []

    monkeypatch.setattr(setup_environment.os, "geteuid", lambda: 0)
    setup_environment.STAMP.unlink()
    setup_environment.main()
    assert attempts[0][:2] == ("apt-get", "update")
    assert attempts[1][-2:] == ("xvfb", "libxcb-cursor0")

    works[0] = False
    setup_environment.STAMP.unlink()
    setup_environment.main()
    assert setup_environment.STAMP.is_file()


def test_what_may_fail_stops_nothing(setup_environment: ModuleType) -> None:
    assert setup_environment.attempt(sys.executable, "-c", "pass")
    assert not setup_environment.attempt(sys.executable, "-c", "raise SystemExit(3)")
    assert not setup_environment.attempt("no-such-program")


def test_pythons_own_venv_module_may_be_a_package_too(
    setup_environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name)
    )

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert setup_environment.missing_system_packages() == [f"python{version}-venv"]


def test_a_missing_compiler_and_an_old_python_are_said(
    setup_environment: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(setup_environment.shutil, "which", lambda program: None)
    with pytest.raises(SystemExit):
        setup_environment.main()
    assert "no C++ compiler" in capsys.readouterr().err

    monkeypatch.setattr(setup_environment.sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit):
        setup_environment.main()
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_an_old_python_can_read_the_script() -> None:
    import ast

    source = (ROOT / "setup_environment.py").read_text(encoding="utf-8")

    ast.parse(source, feature_version=(3, 7))


def test_make_hands_a_failure_on(tmp_path: Path) -> None:
    result = subprocess.run(
        ["make", "-C", str(ROOT), "setup", "PYTHON=false"], capture_output=True, check=False
    )

    assert result.returncode != 0
