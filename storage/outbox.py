"""Keep messages until people have them: stored with the change that caused them.

One queue per chat and level, in order: while its head waits for a retry, what is behind
it waits too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from core.model.alert import AlertKind, AlertLevel
from core.model.units import MessageId
from storage.alarms import note_alarm
from storage.chat_rows import alert_text, item_of, item_values
from storage.columns import Record, to_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from core.model.alert import Alert, OutboxItem
    from core.model.units import ChatId
    from storage.database import Database

_RANKS = {level: rank for rank, level in enumerate(AlertLevel)}
_PUT = """
INSERT INTO outbox (
    chat_id, dedupe_key, level, alert, edits_message_id, created_at_ms, expires_at_ms,
    state, attempts, next_at_ms
) VALUES (
    :chat_id, :dedupe_key, :level, :alert, :edits_message_id, :created_at_ms,
    :expires_at_ms, 'pending', 0, :next_at_ms
)
ON CONFLICT (chat_id, dedupe_key) DO NOTHING
"""
_WAITING = """
SELECT outbox.item_id, outbox.chat_id, outbox.level, outbox.edits_message_id,
    outbox.expires_at_ms, outbox.next_at_ms,
    coalesce(parked_chat.until_ms, 0) AS parked_until_ms
FROM outbox LEFT JOIN parked_chat USING (chat_id)
WHERE outbox.state = 'pending' AND outbox.is_held = 0 ORDER BY outbox.item_id
"""
_ITEM = "SELECT * FROM outbox WHERE item_id = ? AND state = 'pending'"
_SENT = """
UPDATE outbox SET state = 'sent', attempts = attempts + 1, ended_at_ms = ?,
    message_id = ?, error = NULL
WHERE item_id = ?
"""
_RETRY = """
UPDATE outbox SET attempts = attempts + 1, next_at_ms = ?, error = ?
WHERE item_id = ? AND state = 'pending'
"""
_DROP = """
UPDATE outbox SET state = 'dropped', ended_at_ms = ?, error = ?
WHERE item_id = ? AND state = 'pending'
"""
_FORGET = "DELETE FROM outbox WHERE state IN ('sent', 'dropped') AND ended_at_ms < ?"
_PARK = """
INSERT INTO parked_chat (chat_id, until_ms) VALUES (?, ?)
ON CONFLICT (chat_id) DO UPDATE SET until_ms = excluded.until_ms
"""
_DEPTH = """
SELECT count(*) AS waiting, min(created_at_ms) AS oldest_ms FROM outbox
WHERE state = 'pending' AND is_held = 0
"""
_HOLD = "UPDATE outbox SET is_held = 1 WHERE item_id = ? AND state = 'pending'"
_HELD = """
SELECT * FROM outbox WHERE state = 'pending' AND is_held = 1 ORDER BY item_id LIMIT ?
"""
_TOLD = """
SELECT item_id, state, message_id, is_held FROM outbox
WHERE chat_id = ? AND dedupe_key = ?
"""
_OUTDATE = """
UPDATE outbox SET state = 'dropped', ended_at_ms = ?, error = 'told again meanwhile'
WHERE state = 'pending' AND substr(dedupe_key, 1, length(?)) = ?
"""
_REWRITE = "UPDATE outbox SET alert = ? WHERE item_id = ?"


class _Waiting(NamedTuple):
    """What decides whether a stored message goes out now."""

    item_id: int
    chat_id: int
    level: AlertLevel
    edits: int | None
    expires_at_ms: int | None
    next_at_ms: int
    parked_until_ms: int


class SqliteOutbox:
    """Messages by chat, level and order of storing."""

    def __init__(self, database: Database, owners: Sequence[ChatId]) -> None:
        self._database = database
        self._owners = tuple(owners)

    def store(self, connection: sqlite3.Connection, alert: Alert) -> bool:
        """Store an alert inside the caller's transaction; False if it is known."""
        chats = self._owners if alert.chat_id is None else (alert.chat_id,)
        added = 0
        if alert.is_repeat:
            earlier = alert.dedupe_key.rpartition(":")[0] + ":"
            values = (to_ms(alert.created_at), earlier, earlier)
            connection.execute(_OUTDATE, values)
        for chat_id in chats:
            found = _addressed(connection, alert, chat_id)
            if found is not None:
                added += connection.execute(_PUT, item_values(found, chat_id)).rowcount
        if added:
            note_alarm(connection, alert)
        return added > 0

    async def put(self, alert: Alert) -> bool:
        """Store an alert for its chats; False if its key is already stored."""

        def work(connection: sqlite3.Connection) -> bool:
            return self.store(connection, alert)

        return await self._database.write(work)

    async def due(self, now: datetime, limit: int) -> tuple[OutboxItem, ...]:
        """Return what may be sent now: critical first, then in order of storing.

        Of several pending edits of one message only the newest is returned; older
        ones and expired alerts are dropped.
        """
        waiting = await self._database.read(_waiting)
        if not waiting:
            return ()
        now_ms = to_ms(now)
        outdated = _outdated(waiting, now_ms)
        if outdated:
            await self._drop_all(outdated)
        kept = [each for each in waiting if each.item_id not in outdated]
        chosen = _ready(kept, now_ms)[:limit]
        return await self._items([each.item_id for each in chosen])

    async def sent(self, item_id: int, message_id: MessageId | None) -> None:
        """Mark a message as delivered."""
        values = (to_ms(self._database.clock.now()), message_id, item_id)
        await self._execute(_SENT, values)

    async def retry(self, item_id: int, next_at: datetime, error: str) -> None:
        """Try a message again at a moment."""
        await self._execute(_RETRY, (to_ms(next_at), error, item_id))

    async def drop(self, item_id: int, why: str) -> None:
        """Give a message up."""
        await self._drop_all({item_id: why})

    async def hold(self, item_id: int) -> None:
        """Keep a message back until its reader's quiet hours are over."""
        await self._execute(_HOLD, (item_id,))

    async def held(self, limit: int) -> tuple[OutboxItem, ...]:
        """Return what is kept back, in the order of storing."""

        def work(connection: sqlite3.Connection) -> tuple[OutboxItem, ...]:
            return tuple(item_of(row) for row in connection.execute(_HELD, (limit,)))

        return await self._database.read(work)

    async def park_chat(self, chat_id: ChatId, until: datetime) -> None:
        """Hold everything for one chat until a moment."""
        await self._execute(_PARK, (chat_id, to_ms(until)))

    async def forget(self, before: datetime) -> int:
        """Delete what was delivered or given up before a moment; return how many."""
        before_ms = to_ms(before)

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(_FORGET, (before_ms,)).rowcount

        return await self._database.write(work)

    async def depth(self) -> tuple[int, datetime | None]:
        """Return how many wait and since when the oldest does."""
        return await self._database.read(_depth)

    async def _items(self, item_ids: Sequence[int]) -> tuple[OutboxItem, ...]:
        def work(connection: sqlite3.Connection) -> tuple[OutboxItem, ...]:
            rows = (connection.execute(_ITEM, (each,)).fetchone() for each in item_ids)
            return tuple(item_of(row) for row in rows if row is not None)

        return await self._database.read(work)

    async def _drop_all(self, reasons: dict[int, str]) -> None:
        ended_at_ms = to_ms(self._database.clock.now())

        def work(connection: sqlite3.Connection) -> None:
            for item_id, why in reasons.items():
                connection.execute(_DROP, (ended_at_ms, why, item_id))

        await self._database.write(work)

    async def _execute(
        self, statement: str, values: tuple[str | int | None, ...]
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(work)


def _addressed(
    connection: sqlite3.Connection, alert: Alert, chat_id: ChatId
) -> Alert | None:
    """Return an alert with the message it edits in this chat; None if there is none.

    What waits for the morning is rewritten there. Of what was not told yet, news that
    is over is dropped; a running sum is rewritten.
    """
    if alert.edits_key is None:
        return alert
    row = connection.execute(_TOLD, (chat_id, alert.edits_key)).fetchone()
    if row is None:
        return None
    told = Record("outbox", row)
    item_id, message_id = told.whole("item_id"), told.maybe_whole("message_id")
    is_sum = alert.kind is AlertKind.FUNDING
    if told.text("state") == "pending" and (told.whole("is_held") or is_sum):
        connection.execute(_REWRITE, (alert_text(alert), item_id))
    elif told.text("state") == "pending":
        why = "over before it was told"
        connection.execute(_DROP, (to_ms(alert.created_at), why, item_id))
    elif message_id is not None:
        return replace(alert, edits_message_id=MessageId(message_id))
    return None


def _waiting(connection: sqlite3.Connection) -> list[_Waiting]:
    records = (Record("outbox", row) for row in connection.execute(_WAITING))
    return [
        _Waiting(
            item_id=record.whole("item_id"),
            chat_id=record.whole("chat_id"),
            level=record.word("level", AlertLevel),
            edits=record.maybe_whole("edits_message_id"),
            expires_at_ms=record.maybe_whole("expires_at_ms"),
            next_at_ms=record.whole("next_at_ms"),
            parked_until_ms=record.whole("parked_until_ms"),
        )
        for record in records
    ]


def _outdated(waiting: Sequence[_Waiting], now_ms: int) -> dict[int, str]:
    """Return what is not worth sending any more, by item id, and why."""
    newest = {
        (each.chat_id, each.edits): each.item_id
        for each in waiting
        if each.edits is not None
    }
    found: dict[int, str] = {}
    for each in waiting:
        if each.edits is not None and newest[each.chat_id, each.edits] != each.item_id:
            found[each.item_id] = "a newer edit of the message"
        elif each.expires_at_ms is not None and each.expires_at_ms <= now_ms:
            found[each.item_id] = "expired"
    return found


def _ready(waiting: Sequence[_Waiting], now_ms: int) -> list[_Waiting]:
    """Return what may go out now, most important first, each queue in order."""
    held: set[tuple[int, AlertLevel]] = set()
    ready: list[_Waiting] = []
    for each in waiting:
        queue = (each.chat_id, each.level)
        is_early = max(each.next_at_ms, each.parked_until_ms) > now_ms
        if is_early or queue in held:
            held.add(queue)
        else:
            ready.append(each)
    return sorted(ready, key=lambda each: (_RANKS[each.level], each.item_id))


def _depth(connection: sqlite3.Connection) -> tuple[int, datetime | None]:
    record = Record("outbox", connection.execute(_DEPTH).fetchone())
    return record.whole("waiting"), record.maybe_moment("oldest_ms")
