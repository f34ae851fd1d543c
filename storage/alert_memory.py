"""Keep what was pushed before, so that a restart announces nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.chat_rows import facts_of, facts_text
from storage.columns import Record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from storage.database import Database

_REMEMBER = """
INSERT INTO alert_memory (key, facts) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET facts = excluded.facts
"""


class SqliteAlertMemory:
    """Facts by key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recall(self) -> Mapping[str, Mapping[str, str]]:
        """Return all stored facts by key."""
        return await self._database.read(_recall)

    async def remember(self, key: str, facts: Mapping[str, str] | None) -> None:
        """Store facts under a key; None forgets the key."""
        text = None if facts is None else facts_text(facts)

        def work(connection: sqlite3.Connection) -> None:
            if text is None:
                connection.execute("DELETE FROM alert_memory WHERE key = ?", (key,))
            else:
                connection.execute(_REMEMBER, (key, text))

        await self._database.write(work)


def _recall(connection: sqlite3.Connection) -> Mapping[str, Mapping[str, str]]:
    rows = connection.execute("SELECT key, facts FROM alert_memory ORDER BY key")
    records = (Record("alert_memory", row) for row in rows)
    return {each.text("key"): facts_of(each.text("facts")) for each in records}
