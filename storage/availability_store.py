"""Keep the availability cache, so that the matrix is there right after a restart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from core.model.instrument import Availability
from storage.columns import STRICT, Json, Record, to_ms

if TYPE_CHECKING:
    import sqlite3

    from storage.database import Database

_AVAILABILITY = Json("availability", TypeAdapter(tuple[Availability], config=STRICT))


class SqliteAvailability:
    """The cache as one JSON row: always read and written whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_availability(self) -> Availability | None:
        """Return the cache as last saved; None before the first save."""
        return await self._database.read(_load)

    async def save_availability(self, value: Availability) -> None:
        """Replace the saved cache."""
        # thousands of instruments: neither the loop nor the writer waits for the text
        body = await asyncio.to_thread(_AVAILABILITY.dump, (value,))
        values = {"built_at_ms": to_ms(value.built_at), "body": body}

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE, values)

        await self._database.write(work)


_SAVE = """
INSERT INTO availability (id, built_at_ms, body) VALUES (1, :built_at_ms, :body)
ON CONFLICT (id) DO UPDATE SET built_at_ms = excluded.built_at_ms, body = excluded.body
"""


def _load(connection: sqlite3.Connection) -> Availability | None:
    row = connection.execute("SELECT body FROM availability").fetchone()
    if row is None:
        return None
    return _AVAILABILITY.load(Record("availability", row).text("body"))[0]
