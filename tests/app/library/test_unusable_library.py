"""A library that cannot be used is named and explained, and left as it is, to the byte."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.library import Library
from app.library.opening import migration_config
from app.library.schema import HEAD, Base
from solver.errors import BayplanError
from solver.files import encode_plan
from solver.plan import Plan
from solver.step import Step


@pytest.fixture
def stored(library: Library, toy_step: Step, toy_plan: Plan) -> Path:
    """A closed library that holds a step and its plan."""
    library.add_plan(library.add_step(toy_step), toy_plan)
    library.close()
    return library.path


def refused(path: Path, message: str) -> None:
    """Opening raises an error that says ``message`` and changes nothing in the folder."""
    before = contents(path.parent)
    with pytest.raises(BayplanError, match=message) as caught:
        Library(path).open()
    assert str(path) in str(caught.value)
    assert contents(path.parent) == before


def contents(folder: Path) -> dict[str, bytes]:
    """All files; SQLite's shared lock table, which is no part of the data, by its name alone."""
    return {
        file.name: b"" if file.name.endswith("-shm") else file.read_bytes() for file in folder.iterdir()
    }


def change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def test_a_newer_library_is_not_touched(stored: Path) -> None:
    change(stored, "UPDATE alembic_version SET version_num = '9999'")
    refused(stored, r"newer Bayplan \(its format is 9999")


def test_a_newer_library_that_another_program_has_open_is_not_touched(stored: Path) -> None:
    with closing(sqlite3.connect(stored)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        assert stored.with_name(f"{stored.name}-wal").stat().st_size > 0
        refused(stored, "newer Bayplan")


def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    change(path, "CREATE TABLE mail (id INTEGER)")
    refused(path, "database of another program")


def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Some notes of mine, longer than a header.")
    refused(path, "not a library")


@pytest.mark.parametrize("keep", [20, 100, 4096, 10_000])
def test_a_library_that_was_cut_short_is_not_touched(stored: Path, keep: int) -> None:
    os.truncate(stored, keep)
    refused(stored, "damaged")


def test_a_library_with_overwritten_pages_is_not_touched(stored: Path) -> None:
    content = bytearray(stored.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    stored.write_bytes(content)
    refused(stored, "damaged")


def test_a_step_that_is_not_what_was_stored_is_refused(stored: Path) -> None:
    change(stored, "UPDATE step SET fingerprint = 'other'")
    with pytest.raises(BayplanError, match="not what was stored"):
        Library(stored).step(1)


def test_a_stored_plan_that_is_not_right_for_its_step_is_refused(stored: Path, toy_plan: Plan) -> None:
    overlapping = replace(toy_plan, instances=tuple(replace(i, address=0) for i in toy_plan.instances))
    with closing(sqlite3.connect(stored)) as connection, connection:
        connection.execute("UPDATE plan SET content = ?", [encode_plan(overlapping)])

    with pytest.raises(BayplanError, match="overlaps"):
        Library(stored).plan(1)


def test_an_empty_file_becomes_a_library(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert Library(path).steps() == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BayplanError, match=r"cannot be (read|made|used)"):
        Library(tmp_path / "file" / "library.sqlite").open()


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match="cannot be"):
        Library(tmp_path).open()


@contextmanager
def on_every_connection(pragma: str) -> Iterator[None]:
    """SQLite behaves on all new connections as it does in a bad world."""

    def connected(connection: Any, _record: object) -> None:
        connection.execute(pragma)

    event.listen(Engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(Engine, "connect", connected)


@pytest.mark.parametrize(
    ("pragma", "message"),
    [("PRAGMA max_page_count = 1", "disk is full"), ("PRAGMA query_only = ON", "only be read")],
)
def test_a_full_or_read_only_disk_is_an_error_and_loses_nothing(
    stored: Path, resnet50_step: Step, pragma: str, message: str
) -> None:
    library = Library(stored)
    with on_every_connection(pragma), pytest.raises(BayplanError, match=message):
        library.add_step(resnet50_step)
    library.close()

    assert [step.model for step in Library(stored).steps()] == ["toy"]


def test_a_library_that_stays_busy_is_an_error(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.library.opening.BUSY_SECONDS", 0.05)
    library = Library(stored)
    library.open()
    with closing(sqlite3.connect(stored, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BayplanError, match="in use"):
            library.rename_step(1, "Name")
        other.execute("ROLLBACK")

    library.rename_step(1, "Name")
    assert library.steps()[0].name == "Name"


def test_the_migrations_lead_to_the_tables_of_today(library: Library) -> None:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine

    assert ScriptDirectory.from_config(migration_config()).get_current_head() == HEAD
    compare: Callable[..., Any] = __import__("alembic.autogenerate").autogenerate.compare_metadata
    engine = create_engine(f"sqlite:///{library.path}")
    with engine.connect() as connection:
        assert compare(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_library_from_before_budgets_is_migrated_with_its_plans(
    stored: Path, toy_step: Step, toy_plan: Plan
) -> None:
    from alembic import command
    from sqlalchemy import create_engine

    config = migration_config()
    old = stored.with_name("old.sqlite")
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("ATTACH ? AS stored", (str(stored),))
        for table in ("step", "plan"):
            there = [row[1] for row in connection.execute(f"PRAGMA main.table_info('{table}')")]
            columns = ", ".join(there)
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM stored.{table}")

    library = Library(old)
    (step,) = library.steps()

    assert [plan.budget_bytes for plan in step.plans] == [None]
    assert library.plan(step.plans[0].id) == toy_plan
