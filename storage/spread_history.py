"""Keep past scans and hourly rates in a file of their own: market data, not our record.

Nothing here is ever part of a trading transaction, and a lost row costs a gap in a
statistic. One process writes; others may read beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Final, Self, TypeVar

from core.errors import StorageError
from core.model.history import HourOfRates, PastRates
from core.model.units import VenueId
from storage.columns import Record, from_ms, to_ms
from storage.connection import SerialConnection, connect, connect_to_read, sentence
from storage.files import (
    FileLock,
    check_local,
    check_room,
    free_bytes,
    mount_table,
    prepare_file,
    prepare_folder,
    set_aside,
)
from storage.planes import squeeze, unsqueeze
from storage.scan_rows import ScanReader, ScanWriter
from storage.schema import HISTORY, migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from core.model.history import RecordedScan, SeriesKey

T = TypeVar("T")
_PRIMARY_CODE: Final = 0xFF
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_HOUR_MS: Final = 3_600_000
_DELETED_AT_ONCE: Final = 100
"""So many rows go within a few milliseconds."""
_PRAGMAS: Final = (
    # counts for a new file only: rows of some kilobytes waste half a page each
    "page_size = 1024",
    "journal_mode = WAL",
    # a power cut may cost the last scans, never the file
    "synchronous = NORMAL",
    "busy_timeout = 5000",
    "trusted_schema = OFF",
)


class SqliteSpreadHistory:
    """One history file; without a writer it is only read."""

    def __init__(
        self,
        *,
        reader: SerialConnection,
        writer: SerialConnection | None = None,
        lock: FileLock | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._scan_writer = ScanWriter()
        self._scan_reader = ScanReader(reader.run)
        self._turn = asyncio.Lock()
        self.lost: Path | None = None
        """Where the damaged file is that this one replaces."""

    @classmethod
    async def open(cls, path: Path, *, at: datetime | None = None) -> Self:
        """Lock, migrate and open the file, creating it and its folder.

        Close it in `finally`: its threads keep the process alive. With a moment to name
        it by, a damaged file is set aside and a new one begun.

        Raises:
            StorageError: why it cannot be used; everything is closed again.
        """
        lock, lost = await asyncio.to_thread(_prepare, path, at)
        try:
            writer = await _open(partial(connect, path, _PRAGMAS), "BEGIN IMMEDIATE")
        except BaseException:
            lock.release()
            raise
        try:
            reader = await _open(partial(connect_to_read, path, _PRAGMAS), "BEGIN")
        except BaseException:
            await writer.close()
            lock.release()
            raise
        history = cls(reader=reader, writer=writer, lock=lock)
        history.lost = lost
        return history

    @classmethod
    async def open_to_read(cls, path: Path) -> Self:
        """Open a file that another process may be writing.

        Raises:
            StorageError: there is none, or it cannot be read.
        """
        await asyncio.to_thread(_must_exist, path)
        return cls(
            reader=await _open(partial(connect_to_read, path, _PRAGMAS), "BEGIN")
        )

    async def close(self) -> None:
        """Finish what is queued, close the file, let the next writer in."""
        try:
            await self._reader.close()
        finally:
            try:
                if self._writer is not None:
                    await self._writer.close()
            finally:
                if self._lock is not None:
                    self._lock.release()

    # --- scans ------------------------------------------------------------------------

    async def record(self, scan: RecordedScan) -> None:
        """Keep a scan.

        Raises:
            StorageError: it is not kept.
        """
        async with self._turn:
            try:
                if not self._scan_writer.is_ready:
                    known = await self._write(self._scan_writer.read_known)
                    await asyncio.to_thread(self._scan_writer.begin, known)
                packed = await asyncio.to_thread(self._scan_writer.pack, scan)
                await self._write(packed.write)
            except BaseException:
                self._scan_writer.start_anew()
                raise
            self._scan_writer.written(packed)

    async def scans(
        self, after: datetime | None, limit: int, *, every: timedelta | None = None
    ) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment, oldest first; None begins with the oldest.

        With `every`, only those that are so far from the one before.

        Raises:
            StorageError: the record cannot be read.
        """
        return await self._scan_reader.scans(after, limit, every)

    async def landmarks(self, after: datetime, limit: int) -> tuple[RecordedScan, ...]:
        """Return some of the scans after a moment, oldest first: about one in sixty.

        They are stored whole, so that little is read for each.

        Raises:
            StorageError: the record cannot be read.
        """
        return await self._scan_reader.landmarks(after, limit)

    async def forget(self, scans_before: datetime, hours_before: datetime) -> bool:
        """Delete a handful of what is older; True if more is left to delete.

        Raises:
            StorageError: nothing was deleted.
        """
        scans_ms, hours_ms = to_ms(scans_before), to_ms(hours_before)

        def work(connection: sqlite3.Connection) -> bool:
            gone = connection.execute(_FORGET_SCANS, (scans_ms, _DELETED_AT_ONCE))
            connection.execute(_FORGET_HOURS, (hours_ms // _HOUR_MS, _DELETED_AT_ONCE))
            connection.execute(_FORGET_PASTS, (hours_ms,))
            is_more = gone.rowcount >= _DELETED_AT_ONCE
            if gone.rowcount and not is_more:
                connection.execute(_FORGET_LISTINGS)
            return is_more

        return await self._write(work)

    # --- hours ------------------------------------------------------------------------

    async def save_hour(self, hour: HourOfRates) -> None:
        """Write an hour's means, replacing those of an unfinished one.

        Raises:
            StorageError: nothing is kept.
        """
        number = to_ms(hour.hour_at) // _HOUR_MS

        def work(connection: sqlite3.Connection) -> None:
            ids = _series_ids(connection, hour.trillionths)
            rows = sorted((ids[key], rate) for key, rate in hour.trillionths.items())
            body = squeeze(zip(*rows, strict=True) if rows else ((), ()))
            connection.execute(_SAVE_HOUR, (number, hour.scans, body))

        await self._write(work)

    async def hours(self, since: datetime, until: datetime) -> tuple[HourOfRates, ...]:
        """Return the hours that begin at or after one moment and before another.

        Raises:
            StorageError: they cannot be read.
        """
        first, end = to_ms(since) // _HOUR_MS, to_ms(until) // _HOUR_MS

        def work(connection: sqlite3.Connection) -> tuple[HourOfRates, ...]:
            keys = _series_keys(connection)
            rows = connection.execute(_HOURS, (first, end))
            return tuple(_hour(Record("hour", row), keys) for row in rows)

        return await self._reader.run(work)

    async def save_past(self, past: PastRates) -> None:
        """Replace what is known of one contract's settled payments.

        Raises:
            StorageError: nothing is kept.
        """
        rows = sorted(
            (to_ms(at) // _HOUR_MS, rate) for at, rate in past.trillionths.items()
        )
        body = squeeze(zip(*rows, strict=True) if rows else ((), ()))

        def work(connection: sqlite3.Connection) -> None:
            ids = _series_ids(connection, (past.key,))
            values = (ids[past.key], to_ms(past.read_at), body)
            connection.execute(_SAVE_PAST, values)

        await self._write(work)

    async def pasts(self, since: datetime) -> tuple[PastRates, ...]:
        """Return the settled payments that were read at or after a moment.

        Raises:
            StorageError: they cannot be read.
        """
        since_ms = to_ms(since)

        def work(connection: sqlite3.Connection) -> tuple[PastRates, ...]:
            keys = _series_keys(connection)
            rows = connection.execute(_PASTS, (since_ms,))
            return tuple(_past(Record("past", row), keys) for row in rows)

        return await self._reader.run(work)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            message = (
                "The history is written by another carrybot; here it is only read."
            )
            raise StorageError(message)
        return await self._writer.run(work)


# --- statements -----------------------------------------------------------------------

# rows before the last key that is old enough: every row left has its key
_FORGET_SCANS = """
DELETE FROM scan WHERE id IN (
    SELECT id FROM scan
    WHERE id < (SELECT MAX(id) FROM scan WHERE is_key = 1 AND at_ms <= ?)
    ORDER BY id LIMIT ?
)
"""
_FORGET_LISTINGS = """
DELETE FROM listing WHERE id < (SELECT MIN(listing_id) FROM scan)
"""
_FORGET_HOURS = """
DELETE FROM hour WHERE hour IN (
    SELECT hour FROM hour WHERE hour < ? ORDER BY hour LIMIT ?
)
"""
_FORGET_PASTS = "DELETE FROM past WHERE read_at_ms < ?"
_SAVE_HOUR = """
INSERT INTO hour (hour, scans, body) VALUES (?, ?, ?)
ON CONFLICT (hour) DO UPDATE SET scans = excluded.scans, body = excluded.body
"""
_HOURS = """
SELECT hour, scans, body FROM hour WHERE hour >= ? AND hour < ? ORDER BY hour
"""
_SAVE_PAST = """
INSERT INTO past (series_id, read_at_ms, body) VALUES (?, ?, ?)
ON CONFLICT (series_id) DO UPDATE
SET read_at_ms = excluded.read_at_ms, body = excluded.body
"""
_PASTS = "SELECT series_id, read_at_ms, body FROM past WHERE read_at_ms >= ?"
_ADD_SERIES = "INSERT INTO series (venue_id, symbol) VALUES (?, ?)"
_SERIES = "SELECT id, venue_id, symbol FROM series"


def _series_keys(connection: sqlite3.Connection) -> Mapping[int, SeriesKey]:
    records = (Record("series", row) for row in connection.execute(_SERIES))
    return {
        each.whole("id"): (VenueId(each.text("venue_id")), each.text("symbol"))
        for each in records
    }


def _series_ids(
    connection: sqlite3.Connection,
    wanted: Mapping[SeriesKey, int] | Sequence[SeriesKey],
) -> Mapping[SeriesKey, int]:
    known = {key: number for number, key in _series_keys(connection).items()}
    for key in wanted:
        if key not in known:
            connection.execute(_ADD_SERIES, key)
    if all(key in known for key in wanted):
        return known
    return {key: number for number, key in _series_keys(connection).items()}


def _hour(record: Record, keys: Mapping[int, SeriesKey]) -> HourOfRates:
    ids, rates = unsqueeze(record.bulk("body"), 2, "hour")
    return HourOfRates(
        hour_at=from_ms(record.whole("hour") * _HOUR_MS),
        scans=record.whole("scans"),
        trillionths={
            keys[number]: rate for number, rate in zip(ids, rates, strict=True)
        },
    )


def _past(record: Record, keys: Mapping[int, SeriesKey]) -> PastRates:
    hours, rates = unsqueeze(record.bulk("body"), 2, "past")
    return PastRates(
        key=keys[record.whole("series_id")],
        read_at=record.moment("read_at_ms"),
        trillionths={
            from_ms(hour * _HOUR_MS): rate
            for hour, rate in zip(hours, rates, strict=True)
        },
    )


# --- the file -------------------------------------------------------------------------


def _prepare(path: Path, at: datetime | None) -> tuple[FileLock, Path | None]:
    prepare_folder(path.parent)
    check_local(path.parent.resolve(), mount_table())
    check_room(path.parent, free_bytes(path.parent))
    lock, lost = FileLock.take(path.with_name(f".{path.name}.lock")), None
    try:
        try:
            _bring_up(path)
        except sqlite3.DatabaseError as error:
            if at is None or error.sqlite_errorcode & _PRIMARY_CODE not in _DAMAGE:
                raise
            lost = set_aside(path, "damaged", at)
            _bring_up(path)
    except sqlite3.Error as error:
        lock.release()
        message = f"The history {path} cannot be used: {error}."
        raise StorageError(message) from error
    except BaseException:
        lock.release()
        raise
    return lock, lost


def _bring_up(path: Path) -> None:
    prepare_file(path)
    connection = connect(path, _PRAGMAS)
    try:
        migrate(connection, HISTORY, HISTORY.migrations())
    finally:
        connection.close()


def _must_exist(path: Path) -> None:
    if not path.is_file():
        message = f"There is no history yet: {path} appears once the bot has scanned."
        raise StorageError(message)


async def _open(
    connect: Callable[[], sqlite3.Connection], begin: str
) -> SerialConnection:
    connection = SerialConnection(connect, begin)
    try:
        await connection
    except sqlite3.Error as error:
        await connection.close()
        raise StorageError(sentence(error)) from error
    except BaseException:
        await connection.close()
        raise
    return connection
