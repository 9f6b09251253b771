"""``bayplan [FILE]`` and ``bayplan demo``: when the window opens, and on what."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import demo, window
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]
Opened = list[tuple[Path | None, Path | None, bool]]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """What the window was opened on: file, library, whether it is the sample."""
    calls: Opened = []

    def show(file: Path | None, library: Path | None, *, example: bool = False) -> int:
        calls.append((file, library, example))
        return 0

    monkeypatch.setattr(window, "show", show)
    return calls


def display(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """The environment says this of the display and nothing else."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_bare_command_opens_the_window(
    bayplan: Bayplan, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    display(monkeypatch, DISPLAY=":0")

    assert bayplan().code == 0
    assert bayplan("some.plan").code == 0
    assert bayplan("--library", "mine.sqlite", "some.step").code == 0

    assert opened == [
        (None, None, False),
        (Path("some.plan"), None, False),
        (Path("some.step"), Path("mine.sqlite"), False),
    ]


def test_the_demo_opens_the_sample_where_there_is_a_display(
    bayplan: Bayplan, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    display(monkeypatch, WAYLAND_DISPLAY="wayland-0")

    assert bayplan("demo").code == 0

    assert opened == [(demo.sample_step().with_suffix(".plan"), None, True)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
@pytest.mark.parametrize("variables", [{}, {"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}])
def test_the_demo_works_into_a_folder_where_there_is_none(
    bayplan: Bayplan,
    opened: Opened,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    display(monkeypatch, **variables)
    worked: list[tuple[Path, Path]] = []
    monkeypatch.setattr(demo, "work", lambda *paths: worked.append(paths) or 0)

    assert bayplan("demo").code == 0
    assert bayplan("demo", "-o", "elsewhere").code == 0

    assert worked == [(demo.sample_step(), Path("out")), (demo.sample_step(), Path("elsewhere"))]
    assert opened == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_without_a_display_the_window_is_refused_in_one_line(
    bayplan: Bayplan, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    display(monkeypatch)

    answer = bayplan("some.step")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert "no display" in answer.err
    assert opened == []
