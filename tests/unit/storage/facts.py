"""The smallest thing to write and read: one fact by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import Database
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def put(connection: sqlite3.Connection, key: str = "key", value: str = "x") -> None:
    """Write one fact."""
    connection.execute("INSERT INTO fact (key, value) VALUES (?, ?)", (key, value))


def keys(connection: sqlite3.Connection) -> list[str]:
    """Return what is stored."""
    rows = connection.execute("SELECT key FROM fact ORDER BY key")
    return [str(row["key"]) for row in rows]


async def reopened(path: Path) -> Database:
    """Open the file once more."""
    return await Database.open(path, clock=FakeClock())
