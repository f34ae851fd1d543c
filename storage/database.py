"""Open one SQLite file and give out its writer and its reader.

One connection writes, for the whole process; another reads and never waits for it.
"""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from core.errors import StorageError
from core.model.disk import WriteTrouble
from storage.columns import to_ms
from storage.connection import (
    SerialConnection,
    connect,
    connect_to_read,
    primary_code,
    sentence,
)
from storage.files import (
    FileLock,
    check_local,
    check_room,
    free_bytes,
    mount_table,
    newest_aside,
    prepare_file,
    prepare_folder,
    set_aside,
)
from storage.schema import JOURNAL, migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from core.ports import Clock
    from storage.ballast import Ballast
    from storage.schema import Schema

T = TypeVar("T")
DAMAGED = "damaged"
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_OUR_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "busy_timeout = 5000",
    "trusted_schema = OFF",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this installation is; part of every client order id."""

    install_id: str
    """26 lower-case base-32 characters, drawn at the first open."""
    epoch: int
    """Rises when a backup is put back, so that no id is used twice."""


class Database:
    """One open file: a writer, a reader and the lock that makes them the only ones."""

    def __init__(
        self,
        *,
        clock: Clock,
        lock: FileLock,
        writer: SerialConnection,
        reader: SerialConnection,
        ballast: Ballast | None,
    ) -> None:
        self.clock = clock
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._ballast = ballast
        self.trouble: WriteTrouble | None = None
        """Why nothing can be written; None after a good write."""
        self.lost: Path | None = None
        """A record that was set aside, while this one begins with nothing."""

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        schema: Schema = JOURNAL,
        free: Callable[[Path], int] = free_bytes,
        ballast: Ballast | None = None,
    ) -> Self:
        """Lock, check, migrate and open the file, creating it and its folder.

        Close it in `finally`: its two threads keep the process alive. A damaged file is
        set aside. `ballast` is held until the disk is full or the file is closed.

        Raises:
            StorageError: why it cannot be used; everything is closed again.
        """
        ground = _Ground(path, schema, free, clock.now())
        lock, lost = await asyncio.to_thread(ground.prepare)
        make_room = None
        if ballast is not None:
            await asyncio.to_thread(ballast.lay)
            make_room = ballast.drop
        writer = SerialConnection(
            partial(connect, path, _PRAGMAS), "BEGIN IMMEDIATE", make_room
        )
        reader = SerialConnection(partial(connect_to_read, path, _PRAGMAS), "BEGIN")
        try:
            await writer
            await reader
        except sqlite3.Error as error:
            await _close(writer, reader, lock)
            raise StorageError(sentence(error)) from error
        except BaseException:
            await _close(writer, reader, lock)
            raise
        database = cls(
            clock=clock, lock=lock, writer=writer, reader=reader, ballast=ballast
        )
        database.lost = lost
        return database

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in one transaction of the only writer, after those before it.

        Cancelling the caller neither stops nor undoes it.

        Raises:
            StorageError: nothing was kept.
        """
        try:
            result = await self._writer.run(work)
        except StorageError as error:
            self._note(error)
            raise
        self.trouble = None
        return result

    def _note(self, error: StorageError) -> None:
        """Remember that the disk, and not what was written, is to blame."""
        cause = error.__cause__
        if isinstance(cause, sqlite3.Error) and not isinstance(cause, _OUR_MISTAKES):
            before = self.trouble
            since = self.clock.now() if before is None else before.since
            times = 1 if before is None else before.times + 1
            self.trouble = WriteTrouble(since, str(error), times)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work on one consistent view of what is committed.

        Raises:
            StorageError: the database could not be read.
        """
        return await self._reader.run(work)

    async def identity(self) -> Identity:
        """Return who this installation is, drawing the id at the first call."""
        created_at_ms = to_ms(self.clock.now())
        return await self.write(partial(_identity, created_at_ms=created_at_ms))

    async def close(self) -> None:
        """Finish what is queued, close both connections, let the next process in."""
        await _close(self._writer, self._reader, self._lock)
        if self._ballast is not None:
            await asyncio.to_thread(self._ballast.drop)


class DamagedError(Exception):
    """The file is no database, or one with holes."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a file is opened with; all of it blocks and runs in a thread."""

    path: Path
    schema: Schema
    free: Callable[[Path], int]
    at: datetime

    def prepare(self) -> tuple[FileLock, Path | None]:
        """Check folder, room and file, and bring the file to today's layout.

        Returns the lock and, where the file is new, a record that was set aside before.

        Raises:
            StorageError: it cannot be used; nothing stays locked.
        """
        folder = self.path.parent
        prepare_folder(folder)
        check_local(folder.resolve(), mount_table())
        check_room(folder, self.free(folder))
        lock = FileLock.take(lock_path(self.path))
        try:
            lost = None if self.path.exists() else newest_aside(self.path)
            prepare_file(self.path)
            self._bring_up()
        except BaseException:
            lock.release()
            raise
        return lock, lost

    def _bring_up(self) -> None:
        try:
            bring_up(self.path, self.schema)
        except DamagedError as error:
            aside = set_aside(self.path, DAMAGED, self.at)
            message = (
                f"The {self.schema.title} {self.path} is damaged ({error}). It was set "
                f"aside as {aside.name}. {self.schema.when_lost}"
            )
            raise StorageError(message) from error


def lock_path(path: Path) -> Path:
    """Return the file that is locked while a database is open."""
    return path.with_name(f".{path.name}.lock")


def bring_up(path: Path, schema: Schema) -> None:
    """Check a file and bring it to today's layout.

    Raises:
        StorageError: it cannot be used.
        DamagedError: it is no database, or has holes.
    """
    scripts = schema.migrations()
    try:
        connection = connect(path, _PRAGMAS)
        try:
            _quick_check(connection)
            migrate(connection, schema, scripts)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if primary_code(error) in _DAMAGE:
            raise DamagedError(str(error)) from error
        message = f"The database {path} cannot be used: {error}."
        raise StorageError(message) from error


def _quick_check(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise DamagedError(str(verdict))


async def _close(
    writer: SerialConnection, reader: SerialConnection, lock: FileLock
) -> None:
    # The writer goes last: the last connection to close folds the log into the file.
    try:
        await reader.close()
    finally:
        try:
            await writer.close()
        finally:
            lock.release()


def _identity(connection: sqlite3.Connection, *, created_at_ms: int) -> Identity:
    row = connection.execute("SELECT install_id, epoch FROM identity").fetchone()
    if row is not None:
        return Identity(str(row["install_id"]), int(row["epoch"]))
    drawn = bytes(connection.execute("SELECT randomblob(16)").fetchone()[0])
    identity = Identity(base64.b32encode(drawn).decode().rstrip("=").lower(), 1)
    connection.execute(
        "INSERT INTO identity (id, install_id, epoch, created_at_ms) "
        "VALUES (1, ?, ?, ?)",
        (identity.install_id, identity.epoch, created_at_ms),
    )
    return identity
