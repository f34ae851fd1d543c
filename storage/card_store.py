"""Keep what each sent card showed, so that its buttons mean what was on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.chat_rows import screen_of, screen_values
from storage.columns import to_ms

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from core.model.screen import Screen
    from core.model.units import ChatId, MessageId
    from storage.columns import Value
    from storage.database import Database

# REPLACE gives a card that is stored again a new, higher seq: it is the newest again.
_PUT = """
INSERT OR REPLACE INTO card
    (card_id, kind, chat_id, user_id, message_id, shown, created_at_ms)
VALUES
    (:card_id, :kind, :chat_id, :user_id, :message_id, :shown, :created_at_ms)
"""
_BY_ID = "SELECT * FROM card WHERE card_id = ?"
_OF_MESSAGE = """
SELECT * FROM card WHERE chat_id = ? AND message_id = ? ORDER BY seq DESC LIMIT 1
"""
_LATEST = """
SELECT * FROM card WHERE chat_id = ? AND kind = ? ORDER BY seq DESC LIMIT 1
"""
_BIND = "UPDATE card SET message_id = ? WHERE card_id = ?"
_FORGET = "DELETE FROM card WHERE created_at_ms < ?"


class SqliteCardStore:
    """Screens by id, by message and by kind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_screen(self, screen: Screen) -> None:
        """Store what a card shows, before it is sent."""
        values = screen_values(screen)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT, values)

        await self._database.write(work)

    async def screen(self, card_id: str) -> Screen | None:
        """Return a screen by the id in its buttons."""
        return await self._one(_BY_ID, (card_id,))

    async def screen_of_message(
        self, chat_id: ChatId, message_id: MessageId
    ) -> Screen | None:
        """Return the newest screen of a message."""
        return await self._one(_OF_MESSAGE, (chat_id, message_id))

    async def latest_screen(self, chat_id: ChatId, kind: str) -> Screen | None:
        """Return the newest screen of a kind in a chat, to strip its keyboard."""
        return await self._one(_LATEST, (chat_id, kind))

    async def bind_screen(self, card_id: str, message_id: MessageId) -> None:
        """Note which message shows the card."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_BIND, (message_id, card_id))

        await self._database.write(work)

    async def forget_screens(self, before: datetime) -> int:
        """Delete screens older than a moment; return how many."""
        before_ms = to_ms(before)

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(_FORGET, (before_ms,)).rowcount

        return await self._database.write(work)

    async def _one(self, query: str, values: tuple[Value, ...]) -> Screen | None:
        def work(connection: sqlite3.Connection) -> Screen | None:
            row = connection.execute(query, values).fetchone()
            return None if row is None else screen_of(row)

        return await self._database.read(work)
