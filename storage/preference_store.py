"""Keep what people chose in chat, and small facts that survive a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.chat_rows import choice_of, choice_values
from storage.columns import Record
from storage.journal_writes import put_event
from storage.rows import event_of

if TYPE_CHECKING:
    import sqlite3

    from core.model.control import Event
    from core.model.preferences import Choice
    from core.model.units import UserId
    from storage.database import Database

_SAVE = """
INSERT INTO choice (key, user_id, value, at_ms, by_user_id)
VALUES (:key, :user_id, :value, :at_ms, :by_user_id)
ON CONFLICT (key, user_id) DO UPDATE SET
    value = excluded.value, at_ms = excluded.at_ms, by_user_id = excluded.by_user_id
"""
_DROP = "DELETE FROM choice WHERE key = ? AND user_id = ?"
_CHANGES = """
SELECT * FROM event WHERE what LIKE 'setting %' ORDER BY seq DESC LIMIT ?
"""
_SAVE_FACT = """
INSERT INTO fact (key, value) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


class SqlitePreferences:
    """Choices by key and person, and facts by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def choices(self) -> tuple[Choice, ...]:
        """Return everything that was chosen."""

        def work(connection: sqlite3.Connection) -> tuple[Choice, ...]:
            query = "SELECT * FROM choice ORDER BY key, user_id"
            return tuple(choice_of(row) for row in connection.execute(query))

        return await self._database.read(work)

    async def save_choice(self, choice: Choice, event: Event) -> None:
        """Store a choice with its audit line, in one transaction."""
        values = choice_values(choice)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE, values)
            put_event(connection, event)

        await self._database.write(work)

    async def drop_choice(self, key: str, user_id: UserId | None, event: Event) -> None:
        """Forget a choice, with its audit line, in one transaction."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_DROP, (key, user_id or 0))
            put_event(connection, event)

        await self._database.write(work)

    async def changes(self, limit: int) -> tuple[Event, ...]:
        """Return the latest changes of preferences, newest first."""

        def work(connection: sqlite3.Connection) -> tuple[Event, ...]:
            return tuple(
                event_of(row) for row in connection.execute(_CHANGES, (limit,))
            )

        return await self._database.read(work)

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
