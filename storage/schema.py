"""Bring a database file to the newest layout: numbered SQL files, in one transaction.

Files are append-only: a released one is never edited, a change is a new number.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from importlib.resources import files

from core.errors import StorageError


@dataclass(frozen=True, slots=True)
class Schema:
    """One kind of database file."""

    title: str
    """For sentences: trading record."""
    prefix: str
    """Start of its migration files' names."""
    application_id: int
    """Mark in the file's header, so that no file is taken for another kind."""
    when_lost: str = ""
    """What to do when the file is damaged, in a sentence."""

    def migrations(self) -> tuple[str, ...]:
        """Return the scripts in order; the first brings an empty file to version 1."""
        folder = files("storage") / "migrations"
        found = sorted(
            (each for each in folder.iterdir() if self._owns(each.name)),
            key=lambda each: each.name,
        )
        return tuple(each.read_text("utf-8") for each in found)

    def _owns(self, name: str) -> bool:
        number = name.removeprefix(self.prefix)[:4]
        return (
            name.startswith(self.prefix) and name.endswith(".sql") and number.isdigit()
        )


JOURNAL = Schema(
    "trading record",
    "",
    0x43525259,
    "Put a backup in its place with `carrybot restore FILE`. Without one the next start"
    " knows none of your pairs and stays halted until you have looked at your"
    " positions.",
)
PAPER_BOOKS = Schema(
    "paper venues' books",
    "paper_",
    0x43525250,
    "Start again: the pretend accounts begin anew.",
)
HISTORY = Schema(
    "history of rates",
    "history_",
    0x43525248,
    "Start again: the history begins anew.",
)


def migrate(
    connection: sqlite3.Connection, schema: Schema, scripts: tuple[str, ...]
) -> int:
    """Apply what is missing in one transaction; return the version reached.

    Raises:
        StorageError: another kind of file, or one a newer carrybot has written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _check(connection, schema, len(scripts))
        for script in scripts[version:]:
            for statement in statements(script):
                connection.execute(statement)
        if version < len(scripts):
            # PRAGMA takes no parameters; both numbers are our own constants
            connection.execute(f"PRAGMA user_version = {len(scripts)}")
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(scripts)


def statements(script: str) -> tuple[str, ...]:
    """Split a script; a trigger's inner semicolons stay inside their statement."""
    found: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        if not pending and (not line.strip() or line.startswith("--")):
            continue
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    if pending.strip():
        message = f"a migration ends inside a statement: {pending.strip()[:60]}"
        raise StorageError(message)
    return tuple(found)


def _check(connection: sqlite3.Connection, schema: Schema, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
    has_tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
    if mark != schema.application_id and (mark or version or has_tables):
        message = f"The file is not carrybot's {schema.title}."
        raise StorageError(message)
    if version > newest:
        message = (
            f"The {schema.title} was written by a newer carrybot (layout {version}, "
            f"this one knows {newest})."
        )
        raise StorageError(message)
    return version
