"""One connection writes: nothing half-written, nothing lost, nobody kept waiting."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from storage.connection import SerialConnection
from tests.unit.storage.facts import keys, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from storage.database import Database


async def test_work_that_fails_half_way_leaves_nothing(database: Database) -> None:
    """Trade without intent, or intent without trade, is what crashes are made of."""

    def work(connection: sqlite3.Connection) -> None:
        put(connection, "first")
        put(connection, "first")

    with pytest.raises(StorageError, match="UNIQUE constraint failed"):
        await database.write(work)

    assert await database.read(keys) == []
    await database.write(put)
    assert await database.read(keys) == ["key"]


async def test_our_own_error_undoes_the_work_too(database: Database) -> None:
    """A refusal found between two statements must not leave the first one."""

    def work(connection: sqlite3.Connection) -> None:
        put(connection)
        message = "found in between"
        raise LookupError(message)

    with pytest.raises(LookupError, match="found in between"):
        await database.write(work)

    assert await database.read(keys) == []


async def test_a_value_error_of_the_work_is_not_taken_for_a_closed_database(
    database: Database,
) -> None:
    """A bug must be seen as what it is."""
    with pytest.raises(ValueError, match="invalid literal"):
        await database.write(lambda _: int("x"))


async def test_one_coroutines_failure_does_not_undo_anothers_work(
    database: Database,
) -> None:
    """Coroutines that share a connection must not share a transaction."""

    def fail(connection: sqlite3.Connection) -> None:
        put(connection, "lost")
        raise LookupError

    works: list[Callable[[sqlite3.Connection], None]]
    works = [partial(put, key=f"kept-{number}") for number in range(5)]
    works.insert(2, fail)
    results = await asyncio.gather(
        *(database.write(work) for work in works), return_exceptions=True
    )

    assert [type(each) for each in results].count(LookupError) == 1
    assert await database.read(keys) == [f"kept-{number}" for number in range(5)]


async def test_cancelling_the_caller_does_not_lose_the_commit(
    database: Database,
) -> None:
    """An order's result is written even if the task that sent it is cancelled."""
    begun, go_on = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(10)
        put(connection)

    caller = asyncio.create_task(database.write(work))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await database.write(lambda _: None)  # whatever comes after it in the queue

    assert await database.read(keys) == ["key"]


async def test_a_reader_does_not_wait_for_the_writer(database: Database) -> None:
    """/pos must answer while something is being written."""
    begun, go_on = threading.Event(), threading.Event()

    def work(connection: sqlite3.Connection) -> None:
        put(connection)
        begun.set()
        assert go_on.wait(10)

    writing = asyncio.create_task(database.write(work))
    await asyncio.to_thread(begun.wait, 10)
    seen_meanwhile = await database.read(keys)
    go_on.set()
    await writing

    assert seen_meanwhile == []
    assert await database.read(keys) == ["key"]


async def test_the_reader_cannot_write(database: Database) -> None:
    """A second writer would bring back every race the first one ended."""
    with pytest.raises(StorageError, match="readonly database"):
        await database.read(put)


async def test_a_full_disk_keeps_nothing_and_heals(database: Database) -> None:
    """Nothing is sent on a full disk, and the bot goes on when there is room."""

    def pages(connection: sqlite3.Connection, extra: int) -> None:
        used = int(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.execute(f"PRAGMA max_page_count = {used + extra}")

    def work(connection: sqlite3.Connection) -> None:
        put(connection, "small")
        put(connection, "large", "x" * 1_000_000)

    await database.write(lambda writer: pages(writer, 2))
    with pytest.raises(StorageError, match="database or disk is full"):
        await database.write(work)
    assert await database.read(keys) == []

    await database.write(lambda writer: pages(writer, 10_000))
    await database.write(work)
    assert await database.read(keys) == ["large", "small"]


async def test_an_io_error_drops_the_connection_and_reopens_it(
    database: Database,
) -> None:
    """After a failed fsync the old connection may believe what is not on disk."""

    def work(connection: sqlite3.Connection) -> None:
        put(connection, "lost")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    keep: list[sqlite3.Connection] = []
    await database.write(keep.append)
    with pytest.raises(StorageError, match="disk I/O error"):
        await database.write(work)
    await database.write(keep.append)
    await database.write(put)

    assert keep[0] is not keep[1]
    assert await database.read(keys) == ["key"]


async def test_a_connection_that_cannot_be_reopened_is_tried_again(
    tmp_path: Path,
) -> None:
    """A disk that comes back must not need a restart."""
    attempts = iter([True, False, True])

    def connect() -> sqlite3.Connection:
        if not next(attempts):
            message = "unable to open database file"
            raise sqlite3.OperationalError(message)
        return sqlite3.connect(tmp_path / "x.db", isolation_level=None)

    def fail(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    connection = SerialConnection(connect, "BEGIN IMMEDIATE")
    await connection
    try:
        with pytest.raises(StorageError, match="disk I/O error"):
            await connection.run(fail)
        with pytest.raises(StorageError, match="unable to open"):
            await connection.run(lambda _: None)
        answer = await connection.run(lambda one: one.execute("SELECT 7").fetchone())
    finally:
        await connection.close()

    assert answer == (7,)


async def test_a_foreign_lock_is_an_error_and_passes(
    database: Database, path: Path
) -> None:
    """Somebody's database browser must not hang the bot, nor cost a row later."""
    await database.write(lambda writer: writer.execute("PRAGMA busy_timeout = 20"))
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageError, match="database is locked"):
        await database.write(put)
    foreign.execute("ROLLBACK")
    foreign.close()
    await database.write(put)

    assert await database.read(keys) == ["key"]


async def test_the_log_beside_the_file_stays_small(
    database: Database, path: Path
) -> None:
    """A bot that runs for months must not fill the disk with its own log."""
    for number in range(60):
        text = partial(put, key=f"{number}", value="x" * 200_000)
        await database.write(text)

    log = path.with_name("paper.db-wal").stat().st_size
    assert log < 6_000_000
