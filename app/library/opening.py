"""Opening the library's file: look before touching, migrate, and say what is wrong in plain words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.library.schema import HEAD
from solver.errors import BayplanError

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS = 5.0
"""How long to wait for another process's write before giving up."""

_WRITES = "bayplan_writes"
_MAGIC = b"SQLite format 3\0"
_ELSEWHERE = "Choose another library with --library or the variable BAYPLAN_LIBRARY"
_REASONS = {
    sqlite3.SQLITE_BUSY: "it is in use: another program has been writing to it for "
    f"{BUSY_SECONDS:.0f} seconds. Try again",
    sqlite3.SQLITE_FULL: "the disk is full. Make room and try again; nothing was changed",
    sqlite3.SQLITE_READONLY: "it may only be read. Change its permissions, or choose another library "
    "with --library or the variable BAYPLAN_LIBRARY",
    sqlite3.SQLITE_CORRUPT: f"it is damaged. Restore it from a copy. {_ELSEWHERE}",
    sqlite3.SQLITE_NOTADB: f"it is damaged or not a library. {_ELSEWHERE}",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened. {_ELSEWHERE}",
    sqlite3.SQLITE_IOERR: "the disk reports an error. Check the disk and its free space",
}


def open_library(path: Path) -> Engine:
    """An engine on the library at ``path``, created or migrated as needed. Raises BayplanError.

    A file that is damaged, newer than this program or no library is left as it is, to the byte.
    """
    revision = _look(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, f"its folder cannot be made: {error.strerror}. {_ELSEWHERE}") from None
    engine = _engine(path)
    with plain_errors(path):
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # Stays in the file.
        if revision != HEAD:
            _migrate(engine)
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, whose transactions take the write lock when they begin.

    A transaction that reads first and then finds somebody else writing would fail at once; one
    that begins with the lock waits its turn.
    """
    return engine.execution_options(**{_WRITES: True})


@contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what the world does to a database file into BayplanError; our own mistakes pass."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        # The lowest byte is the kind; what lies above tells variants of it apart.
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code not in _REASONS:
            raise
        raise _unusable(path, _REASONS[code], str(cause)) from None


def _unusable(path: Path, reason: str, details: str = "") -> BayplanError:
    return BayplanError(f"The library {path} cannot be used: {reason}.", details)


def _look(path: Path) -> str | None:
    """The revision of the library at ``path``; None: there is none yet. Raises BayplanError.

    Nothing is written, not even SQLite's side files.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
        side_file = path.with_name(f"{path.name}-wal")
        in_use = side_file.exists() and side_file.stat().st_size > 0
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror}. {_ELSEWHERE}") from None
    if magic != _MAGIC:
        raise _unusable(path, _REASONS[sqlite3.SQLITE_NOTADB])
    # Without a write-ahead log nobody is writing, and an immutable database needs no side files.
    uri = f"{path.resolve().as_uri()}?{'mode=ro' if in_use else 'immutable=1'}"
    with plain_errors(path), closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as file:
        (verdict,) = file.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise _unusable(path, _REASONS[sqlite3.SQLITE_CORRUPT], verdict)
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return None  # Another process has made the file and not yet its tables.
        if "alembic_version" not in tables or "step" not in tables:
            raise _unusable(path, f"it is a database of another program. {_ELSEWHERE}")
        row = file.execute("SELECT version_num FROM alembic_version").fetchone()
    revision = str(row[0]) if row else "none"
    if revision != HEAD and revision not in _known_revisions():
        raise _unusable(
            path,
            f"it was written by a newer Bayplan (its format is {revision}, this program knows "
            f"{HEAD}). Install that version, or choose another library with --library or the "
            "variable BAYPLAN_LIBRARY",
        )
    return revision


def _engine(path: Path) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        # The path goes in as an argument: a URL would need quoting. Each transaction has a connection
        # of its own: none is left to a thread that ends, or closed under one that reads.
        creator=lambda: sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # Python's sqlite3 would begin late and never for a CREATE TABLE; a migration must be whole.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migration_config() -> "Config":
    """Where Alembic finds the scripts."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "app.library:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _known_revisions() -> set[str]:
    # Imported here: only a library of another revision needs it, and it takes half a second.
    from alembic.script import ScriptDirectory

    return {
        script.revision for script in ScriptDirectory.from_config(migration_config()).walk_revisions()
    }


def _migrate(engine: Engine) -> None:
    """Run the missing scripts in one transaction; another process may have done so meanwhile."""
    # Imported before the lock is taken: others wait for the lock.
    from alembic import command

    config = migration_config()
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
