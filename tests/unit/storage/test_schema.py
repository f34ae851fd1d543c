"""Layouts move forward in one step each, and no file is taken for another."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.errors import StorageError
from storage import schema
from storage.database import Database
from storage.schema import JOURNAL, PAPER_BOOKS, migrate, statements
from tests.fakes.runtime import FakeClock
from tests.unit.storage.facts import put, reopened


def plain(path: Path) -> sqlite3.Connection:
    """Open a file without any of our care."""
    return sqlite3.connect(path, isolation_level=None)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    """Every start migrates; only the first one has work."""
    connection = plain(tmp_path / "x.db")
    scripts = JOURNAL.migrations()

    assert migrate(connection, JOURNAL, scripts) == len(scripts)
    layout = connection.execute("SELECT sql FROM sqlite_schema").fetchall()
    assert migrate(connection, JOURNAL, scripts) == len(scripts)

    assert connection.execute("SELECT sql FROM sqlite_schema").fetchall() == layout
    assert connection.execute("PRAGMA user_version").fetchone() == (len(scripts),)
    connection.close()


def test_a_migration_that_fails_leaves_the_old_layout(tmp_path: Path) -> None:
    """An update that breaks half-way must still start the old version."""
    connection = plain(tmp_path / "x.db")
    scripts = JOURNAL.migrations()
    migrate(connection, JOURNAL, scripts)
    broken = "CREATE TABLE another (id INTEGER) STRICT;\nCREATE TABLE plan (id);\n"

    with pytest.raises(sqlite3.OperationalError, match="table plan already exists"):
        migrate(connection, JOURNAL, (*scripts, broken))

    assert connection.execute("PRAGMA user_version").fetchone() == (len(scripts),)
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'another'")
    assert found.fetchone() is None
    connection.close()


def test_a_later_migration_is_applied_alone(tmp_path: Path) -> None:
    """An update keeps the trades of yesterday."""
    connection = plain(tmp_path / "x.db")
    scripts = JOURNAL.migrations()
    migrate(connection, JOURNAL, scripts)
    put(connection)

    migrate(connection, JOURNAL, (*scripts, "ALTER TABLE fact ADD COLUMN more TEXT;\n"))

    assert connection.execute("SELECT * FROM fact").fetchall() == [("key", "x", None)]
    connection.close()


async def test_a_newer_layout_is_refused(path: Path) -> None:
    """An old bot must not write into a layout it does not understand."""
    await (await reopened(path)).close()
    connection = plain(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StorageError, match="written by a newer carrybot"):
        await reopened(path)


async def test_another_kind_of_file_is_refused(path: Path) -> None:
    """A wrong path in the settings must not fill somebody's database with tables."""
    await (await reopened(path)).close()
    with pytest.raises(StorageError, match="not carrybot's paper venues' books"):
        await Database.open(path, clock=FakeClock(), schema=PAPER_BOOKS)

    other = path.with_name("other.db")
    connection = plain(other)
    connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()
    with pytest.raises(StorageError, match="not carrybot's trading record"):
        await reopened(other)


def test_a_trigger_stays_one_statement() -> None:
    """Its inner semicolons would otherwise cut it in two."""
    trigger = (
        "CREATE TRIGGER c BEFORE DELETE ON a\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND;"
    )
    script = f"-- note\nCREATE TABLE a (b);\n\n{trigger}\n"

    assert statements(script) == ("CREATE TABLE a (b);", trigger)
    with pytest.raises(StorageError, match="ends inside a statement"):
        statements("CREATE TABLE a (\n")


def test_migrations_are_numbered_without_gaps() -> None:
    """A number used twice or skipped would be applied twice or never."""
    folder = Path(schema.__file__).parent / "migrations"
    names = sorted(each.name for each in folder.glob("*.sql"))

    for prefix in ("", "paper_"):
        numbers = [
            int(name.removeprefix(prefix)[:4])
            for name in names
            if name.removeprefix(prefix)[:4].isdigit() and name.startswith(prefix)
        ]
        assert numbers == list(range(1, len(numbers) + 1))
        assert numbers
