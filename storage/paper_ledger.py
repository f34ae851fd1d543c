"""Keep the paper venues' books in a file of their own, as a real venue would.

The engine's record and these books are never written together: a crash between the two
leaves the same evidence as a real venue leaves, and is repaired in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from storage.columns import Record
from storage.database import Database
from storage.schema import PAPER_BOOKS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from core.model.units import VenueId
    from core.ports import Clock
    from storage.ballast import Ballast

_WRITE = """
INSERT INTO paper_row (venue_id, key, value) VALUES (?, ?, ?)
ON CONFLICT (venue_id, key) DO UPDATE SET value = excluded.value
"""
_DELETE = "DELETE FROM paper_row WHERE venue_id = ? AND key = ?"
_STATE = "SELECT key, value FROM paper_row WHERE venue_id = ? ORDER BY key"


class SqlitePaperLedger:
    """Rows by venue and key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, ballast: Ballast | None = None
    ) -> Self:
        """Open the file, creating it.

        Raises:
            StorageError: why it cannot be used.
        """
        database = await Database.open(
            path, clock=clock, schema=PAPER_BOOKS, ballast=ballast
        )
        return cls(database)

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def paper_state(self, venue_id: VenueId) -> Mapping[str, str]:
        """Return a venue's stored rows as JSON texts by key."""

        def work(connection: sqlite3.Connection) -> dict[str, str]:
            rows = connection.execute(_STATE, (venue_id,))
            records = (Record("paper_row", row) for row in rows)
            return {each.text("key"): each.text("value") for each in records}

        return await self._database.read(work)

    async def save_paper(
        self, venue_id: VenueId, rows: Mapping[str, str | None]
    ) -> None:
        """Write rows in one transaction; None deletes a key."""
        given = dict(rows)

        def work(connection: sqlite3.Connection) -> None:
            for key, value in given.items():
                if value is None:
                    connection.execute(_DELETE, (venue_id, key))
                else:
                    connection.execute(_WRITE, (venue_id, key, value))

        await self._database.write(work)
