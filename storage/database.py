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
from storage.columns import to_ms
from storage.connection import SerialConnection, sentence
from storage.files import (
    FileLock,
    check_local,
    check_room,
    free_bytes,
    mount_table,
    prepare_file,
    prepare_folder,
)
from storage.schema import JOURNAL, migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from core.ports import Clock
    from storage.schema import Schema

T = TypeVar("T")
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
    ) -> None:
        self.clock = clock
        self._lock = lock
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        schema: Schema = JOURNAL,
        free: Callable[[Path], int] = free_bytes,
    ) -> Self:
        """Lock, check, migrate and open the file, creating it and its folder.

        Close it in `finally`: its two threads keep the process alive.

        Raises:
            StorageError: why it cannot be used; everything is closed again.
        """
        lock = await asyncio.to_thread(_prepare, path, schema, free)
        writer = SerialConnection(partial(_connect, path), "BEGIN IMMEDIATE")
        reader = SerialConnection(partial(_connect_to_read, path), "BEGIN")
        try:
            await writer
            await reader
        except sqlite3.Error as error:
            await _close(writer, reader, lock)
            raise StorageError(sentence(error)) from error
        except BaseException:
            await _close(writer, reader, lock)
            raise
        return cls(clock=clock, lock=lock, writer=writer, reader=reader)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work in one transaction of the only writer, after those before it.

        Cancelling the caller neither stops nor undoes it.

        Raises:
            StorageError: nothing was kept.
        """
        return await self._writer.run(work)

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


def _prepare(path: Path, schema: Schema, free: Callable[[Path], int]) -> FileLock:
    prepare_folder(path.parent)
    check_local(path.parent.resolve(), mount_table())
    check_room(path.parent, free(path.parent))
    lock = FileLock.take(path.with_name(f".{path.name}.lock"))
    try:
        prepare_file(path)
        _bring_up(path, schema)
    except BaseException:
        lock.release()
        raise
    return lock


def _bring_up(path: Path, schema: Schema) -> None:
    scripts = schema.migrations()
    try:
        connection = _connect(path)
        try:
            _quick_check(connection, path)
            migrate(connection, schema, scripts)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        message = f"The database {path} cannot be used: {error}."
        raise StorageError(message) from error


def _quick_check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        message = f"The database {path} is damaged: {verdict}."
        raise StorageError(message)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_to_read(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


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
