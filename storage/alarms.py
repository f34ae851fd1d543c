"""Keep each critical condition until a person saw it or it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.alert import AlertLevel
from storage.chat_rows import alarm_of, alarm_values
from storage.columns import to_ms
from storage.journal_writes import put_event

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from core.model.alert import Alarm, Alert
    from core.model.control import Event
    from core.model.units import UserId
    from storage.database import Database

# News on the same condition begins anew: what was seen before was something else.
_BEGIN = """
INSERT INTO alarm (cause, alert, began_at_ms, repeats, next_at_ms, seen_name)
VALUES (:cause, :alert, :began_at_ms, 0, :next_at_ms, '')
ON CONFLICT (cause) DO UPDATE SET
    alert = excluded.alert, began_at_ms = excluded.began_at_ms, repeats = 0,
    next_at_ms = excluded.next_at_ms, seen_by = NULL, seen_name = '',
    seen_at_ms = NULL, ended_at_ms = NULL
"""
_END = "UPDATE alarm SET ended_at_ms = ? WHERE cause = ? AND ended_at_ms IS NULL"
_RINGING = """
SELECT * FROM alarm WHERE ended_at_ms IS NULL AND seen_by IS NULL ORDER BY began_at_ms
"""
_RANG = "UPDATE alarm SET repeats = ?, next_at_ms = ? WHERE cause = ?"
_SEEN = """
UPDATE alarm SET seen_by = ?, seen_name = ?, seen_at_ms = ?
WHERE cause = ? AND seen_by IS NULL AND ended_at_ms IS NULL
"""
_FORGET = "DELETE FROM alarm WHERE ended_at_ms < ?"


def note_alarm(connection: sqlite3.Connection, alert: Alert) -> None:
    """Begin or end the alarm of a stored alert's condition, if it has one."""
    if alert.is_repeat:
        return
    if alert.level is AlertLevel.CRITICAL:
        connection.execute(_BEGIN, alarm_values(alert))
    elif alert.is_relief:
        values = (to_ms(alert.created_at), alert.condition)
        connection.execute(_END, values)


class SqliteAlarms:
    """Alarms by their condition."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ringing(self) -> tuple[Alarm, ...]:
        """Return what nobody has seen and is not over, the oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[Alarm, ...]:
            return tuple(alarm_of(row) for row in connection.execute(_RINGING))

        return await self._database.read(work)

    async def alarm(self, cause: str) -> Alarm | None:
        """Return the alarm of a condition, also one that was seen or is over."""

        def work(connection: sqlite3.Connection) -> Alarm | None:
            query = "SELECT * FROM alarm WHERE cause = ?"
            row = connection.execute(query, (cause,)).fetchone()
            return None if row is None else alarm_of(row)

        return await self._database.read(work)

    async def rang(self, cause: str, repeats: int, next_at: datetime) -> None:
        """Note that it was told again, and when it is due next."""
        await self._execute(_RANG, (repeats, to_ms(next_at), cause))

    async def end(self, cause: str) -> None:
        """Note that the condition is over."""
        now_ms = to_ms(self._database.clock.now())
        await self._execute(_END, (now_ms, cause))

    async def see(self, cause: str, user_id: UserId, name: str, event: Event) -> bool:
        """Note who saw it and when; False if somebody had, or if it is over."""
        values = (user_id, name, to_ms(event.at), cause)

        def work(connection: sqlite3.Connection) -> bool:
            is_new = connection.execute(_SEEN, values).rowcount == 1
            if is_new:
                put_event(connection, event)
            return is_new

        return await self._database.write(work)

    async def forget(self, before: datetime) -> None:
        """Delete what was over before a moment."""
        await self._execute(_FORGET, (to_ms(before),))

    async def _execute(
        self, statement: str, values: tuple[str | int | None, ...]
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(statement, values)

        await self._database.write(work)
