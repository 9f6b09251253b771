"""The allocator is compiled once, kept privately, and missed politely."""

import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.replay import build
from runtime.replay.build import NoCompilerError, built_library, built_placer, cache_folder


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Compiler calls that were made."""
    made: list[list[str]] = []
    real = subprocess.run

    def run(command: list[str], **options: object) -> object:
        made.append(command)
        return real(command, **options)

    monkeypatch.setattr(build.subprocess, "run", run)
    return made


def test_it_is_compiled_at_most_once(compilations: list[list[str]]) -> None:
    first = built_library()
    compilations.clear()
    assert built_library() == first
    assert compilations == []


def test_it_lies_in_a_folder_that_only_the_user_can_write() -> None:
    path = built_library()
    assert path.parent == cache_folder()
    for item in (path, path.parent):
        assert not item.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def test_a_library_that_others_could_have_written_is_built_again(
    compilations: list[list[str]],
) -> None:
    path = built_library()
    compilations.clear()
    path.chmod(0o777)
    assert built_library() == path
    assert len(compilations) == 1
    assert not path.stat().st_mode & stat.S_IWOTH


def test_a_cache_folder_that_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "bayplan" / "native"
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "_build", lambda command, path: None)
    assert built_library().parent != shared
    assert not built_library().parent.stat().st_mode & stat.S_IRWXO


def test_a_relative_cache_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    assert cache_folder().is_absolute()


def test_without_a_compiler_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(NoCompilerError, match="install g"):
        built_library()


def test_a_missing_compiler_that_was_asked_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler --fast")
    with pytest.raises(NoCompilerError, match="'no-such-compiler'"):
        built_library()


def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho no such header >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(NoCompilerError, match="no such header"):
        built_library()
    assert list(cache_folder().iterdir()) == []


def test_whoever_builds_at_the_same_time_sees_a_whole_library_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "slow"
    compiler.write_text(
        '#!/bin/sh\nfor last; do :; done\necho part > "$last"; sleep 0.4; echo whole > "$last"\n'
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(built_placer)
        time.sleep(0.2)
        others = [pool.submit(built_placer) for _ in range(2)]
        while not all(build.done() for build in (first, *others)):
            assert {path.read_text() for path in cache_folder().glob("placing-*")} <= {"whole\n"}
            time.sleep(0.01)
    assert [build.result() for build in others] == [first.result()] * 2
    assert list(cache_folder().iterdir()) == [first.result()]
