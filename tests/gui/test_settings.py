"""What the window remembers."""

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from app.settings import RECENT_FILES, Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bayplan.ini"


def reopened(settings: Settings) -> Settings:
    settings.save()
    return Settings(settings.path)


def test_recent_files_are_the_last_ones_first_without_doubles_or_lost_ones(
    path: Path, tmp_path: Path
) -> None:
    settings = Settings(path)
    files = [tmp_path / f"{number}.step" for number in range(RECENT_FILES + 3)]
    for file in files:
        file.touch()
        settings.add_recent(file)
    settings.add_recent(files[5])
    files[-1].unlink()
    recents = reopened(settings).recents
    assert recents[0] == files[5]
    assert len(recents) == len(set(recents)) == RECENT_FILES - 1
    assert files[-1] not in recents


def test_one_recent_file_is_a_list_of_one(path: Path, tmp_path: Path) -> None:
    settings = Settings(path)
    (tmp_path / "a.step").touch()
    settings.add_recent(tmp_path / "a.step")
    assert reopened(settings).recents == (tmp_path / "a.step",)


def test_values_that_make_no_sense_are_replaced_by_the_usual_ones(path: Path) -> None:
    path.write_text("[General]\ntheme=purple\nrecents=@Invalid()\n[solve]\ndeadline=soon\nseed=-4\n")
    settings = Settings(path)
    assert (settings.theme, settings.deadline, settings.seed) == ("system", 60.0, 0)
    assert settings.recents == ()


@pytest.mark.qt_log_level_fail("WARNING")
def test_objects_in_the_file_are_not_built_and_the_rest_is_kept(path: Path) -> None:
    path.write_bytes(
        b"[General]\nunits=GB\ntheme=@Variant(\\x0\\x0\\x0\\x7f\\xff)\nrecents=@Variant(xxx)\n\xff\xfe\n"
    )
    settings = Settings(path)
    assert (settings.theme, settings.recents, settings.units) == ("system", (), "GB")
    assert b"Variant" not in path.read_bytes()


def test_limits_theme_and_layout_survive(path: Path) -> None:
    settings = Settings(path)
    settings.theme, settings.deadline, settings.seed = "light", 2.5, 7
    settings.set_layout("docks", QByteArray(b"\x00\xff"))
    again = reopened(settings)
    assert (again.theme, again.deadline, again.seed) == ("light", 2.5, 7)
    assert again.layout("docks") == QByteArray(b"\x00\xff")
    assert again.layout("nothing").isEmpty()
