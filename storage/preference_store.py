"""Keep what chat may change, and small facts that survive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.chat_rows import preferences_of, preferences_text
from storage.columns import Record
from storage.journal_writes import put_event

if TYPE_CHECKING:
    import sqlite3

    from core.model.control import Event, Preferences
    from storage.database import Database

_SAVE = """
INSERT INTO preference (id, body) VALUES (1, ?)
ON CONFLICT (id) DO UPDATE SET body = excluded.body
"""
_SAVE_FACT = """
INSERT INTO fact (key, value) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


class SqlitePreferences:
    """One row of preferences, and facts by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def preferences(self) -> Preferences | None:
        """Return what chat has chosen; None before the first choice."""
        return await self._database.read(_preferences)

    async def save_preferences(self, value: Preferences, event: Event) -> None:
        """Store new preferences with their audit line, in one transaction."""
        body = preferences_text(value)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE, (body,))
            put_event(connection, event)

        await self._database.write(work)

    async def fact(self, key: str) -> str | None:
        """Return a small stored text."""

        def work(connection: sqlite3.Connection) -> str | None:
            query = "SELECT value FROM fact WHERE key = ?"
            row = connection.execute(query, (key,)).fetchone()
            return None if row is None else Record("fact", row).text("value")

        return await self._database.read(work)

    async def save_fact(self, key: str, value: str) -> None:
        """Store a small text."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE_FACT, (key, value))

        await self._database.write(work)


def _preferences(connection: sqlite3.Connection) -> Preferences | None:
    row = connection.execute("SELECT body FROM preference").fetchone()
    return (
        None if row is None else preferences_of(Record("preference", row).text("body"))
    )
