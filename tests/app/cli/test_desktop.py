"""The menu entry, its icon and its file types: put into a folder of the user's, and taken out again."""

import configparser
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import pytest

from app.cli import desktop
from app.cli.desktop import data_folder, quoted
from tests.app.cli.conftest import Answer

Bayplan: TypeAlias = Callable[..., Answer]

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="menu entries are made on Linux only"
)


def test_what_is_installed_is_taken_out_again_and_nothing_else(
    bayplan: Bayplan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desktop, "CACHES", ())
    other = tmp_path / "applications" / "other.desktop"
    other.parent.mkdir()
    other.touch()
    answer = bayplan("desktop", "--install", "--data", str(tmp_path))
    assert answer.code == 0
    named = {Path(line) for line in answer.out.splitlines()}
    there = {path for path in tmp_path.rglob("*") if path.is_file()} - {other}
    assert named == there and len(there) == 3 + len(desktop.SIZES)
    assert bayplan("desktop", "--install", "--data", str(tmp_path)).code == 0
    assert bayplan("desktop", "--remove", "--data", str(tmp_path)).code == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_the_entry_starts_the_window_on_a_file_and_the_icons_have_their_sizes(
    bayplan: Bayplan, tmp_path: Path
) -> None:
    from PySide6.QtGui import QImage

    bayplan("desktop", "--install", "--data", str(tmp_path))
    entry = configparser.RawConfigParser()
    entry.read(tmp_path / "applications" / "bayplan.desktop", "utf-8")
    command = entry["Desktop Entry"]["exec"]
    assert command.endswith(" %f") and "@" not in command
    assert entry["Desktop Entry"]["icon"] == "bayplan"
    for size in desktop.SIZES:
        picture = QImage(str(tmp_path / f"icons/hicolor/{size}x{size}/apps/bayplan.png"))
        assert (picture.width(), picture.height()) == (size, size)
        assert picture.pixelColor(size // 2, size // 2).alpha() == 255
        assert picture.pixelColor(0, 0).alpha() < 255
    kinds = ElementTree.parse(tmp_path / "mime" / "packages" / "bayplan.xml").getroot()
    types = {kind.get("type") for kind in kinds}
    assert types == set(entry["Desktop Entry"]["mimetype"].strip(";").split(";"))


def test_the_entry_is_one_by_the_desktops_own_rules(bayplan: Bayplan, tmp_path: Path) -> None:
    judge = shutil.which("desktop-file-validate")
    if judge is None:
        pytest.skip("desktop-file-validate is not there")
    bayplan("desktop", "--install", "--data", str(tmp_path))
    entry = tmp_path / "applications" / "bayplan.desktop"
    done = subprocess.run([judge, str(entry)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_program_in_a_folder_with_odd_signs_is_quoted() -> None:
    assert quoted("bay plan/python") == '"bay plan/python"'
    assert quoted('a"b$c%d') == '"a\\\\"b\\\\$c%%d"'


def test_the_users_data_folder_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert data_folder() == Path.home() / ".local" / "share"


def test_a_folder_that_cannot_be_written_is_told(bayplan: Bayplan, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = bayplan("desktop", "--install", "--data", str(tmp_path / "file"))
    assert answer.code == 2 and "cannot be changed" in answer.err
