"""One file, one process, one writer; nothing half-written, nothing lost."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from storage import database as database_module
from storage.connection import SerialConnection
from storage.database import Database
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def put(connection: sqlite3.Connection, key: str = "key", value: str = "x") -> None:
    """Write one fact."""
    connection.execute("INSERT INTO fact (key, value) VALUES (?, ?)", (key, value))


def keys(connection: sqlite3.Connection) -> list[str]:
    """Return what is stored."""
    rows = connection.execute("SELECT key FROM fact ORDER BY key")
    return [str(row["key"]) for row in rows]


def mode(path: Path) -> int:
    """Return permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    """Tell whether the file is there."""
    return path.exists()


def open_to_all(path: Path) -> None:
    """Give the modes that a careless copy has."""
    path.chmod(0o644)
    path.parent.chmod(0o755)


def write_nonsense(path: Path) -> None:
    """Put something else where the database goes."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and long enough to be sure of it" * 20)


def damage(path: Path) -> None:
    """Overwrite some pages in the middle."""
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 9] = b"\xa5" * (4096 * 4)
    path.write_bytes(content)


def workers() -> set[threading.Thread]:
    """Return SQLite's threads that are alive."""
    mark = "_connection_worker_thread"
    return {each for each in threading.enumerate() if mark in each.name}


def ended(threads: set[threading.Thread]) -> bool:
    """Tell whether the threads end within 5 s."""
    for each in threads:
        each.join(5)
    return not any(each.is_alive() for each in threads)


async def reopened(path: Path) -> Database:
    """Open the file once more."""
    return await Database.open(path, clock=FakeClock())


# --- opening --------------------------------------------------------------------------


async def test_the_files_are_for_our_eyes_only(database: Database, path: Path) -> None:
    """Positions and user ids are nobody else's business on a shared host."""
    await database.write(put)

    names = ("paper.db", "paper.db-wal", "paper.db-shm", ".paper.db.lock")
    assert {name: mode(path.with_name(name)) for name in names} == dict.fromkeys(
        names, 0o600
    )
    assert mode(path.parent) == 0o700


async def test_a_lax_file_is_made_private(path: Path) -> None:
    """A database copied by hand often comes back readable by all."""
    await (await reopened(path)).close()
    open_to_all(path)

    database = await reopened(path)
    await database.close()

    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


async def test_a_file_of_another_user_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the file can rewrite our positions."""
    await (await reopened(path)).close()
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)

    with pytest.raises(StorageError, match="belongs to another user"):
        await reopened(path)


async def test_the_pragmas_hold_on_the_writer(database: Database) -> None:
    """FULL is what makes a committed intent survive a power cut."""
    names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")

    found = await database.write(
        lambda writer: [
            writer.execute(f"PRAGMA {name}").fetchone()[0] for name in names
        ]
    )

    assert found == ["wal", 2, 1, 0]


async def test_a_second_opening_is_refused_in_one_sentence(
    database: Database, path: Path
) -> None:
    """Two bots on one record would answer one tap with two trades."""
    await database.write(put)

    with pytest.raises(StorageError) as refusal:
        await reopened(path)

    assert str(refusal.value) == (
        f"Another carrybot (process {os.getpid()}) already uses the data folder "
        f"{path.parent}."
    )


async def test_the_next_process_may_open_after_a_close(path: Path) -> None:
    """A restart must not need a hand."""
    first = await reopened(path)
    await first.write(put)
    await first.close()

    second = await reopened(path)
    found = await second.read(keys)
    await second.close()

    assert found == ["key"]


async def test_a_full_disk_refuses_the_start(path: Path) -> None:
    """Better no start than a trade that cannot be written down."""
    with pytest.raises(StorageError, match="Only 199 MB are free"):
        await Database.open(path, clock=FakeClock(), free=lambda _: 199_999_999)

    assert not exists(path)


async def test_a_refused_start_leaves_no_lock_and_no_thread(path: Path) -> None:
    """Whoever fixes the cause must be able to start at once."""
    write_nonsense(path)
    before = workers()

    with pytest.raises(StorageError, match="file is not a database"):
        await reopened(path)

    assert ended(workers() - before)
    path.unlink()  # noqa: ASYNC240 one small file
    await (await reopened(path)).close()


async def test_a_start_that_fails_late_lets_go_of_everything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection open and one refused must not leave a lock or a thread."""
    before = workers()

    def refuse(_: Path) -> sqlite3.Connection:
        message = "too many open files"
        raise sqlite3.OperationalError(message)

    monkeypatch.setattr(database_module, "_connect_to_read", refuse)
    with pytest.raises(StorageError, match="too many open files"):
        await reopened(path)
    monkeypatch.undo()

    assert ended(workers() - before)
    await (await reopened(path)).close()


async def test_a_damaged_file_is_refused(path: Path) -> None:
    """A record with holes must not be traded on."""
    database = await reopened(path)
    await database.write(lambda writer: put(writer, value="x" * 50_000))
    await database.close()
    damage(path)

    with pytest.raises(StorageError, match=r"is damaged|cannot be used"):
        await reopened(path)


async def test_a_closed_database_says_so(path: Path) -> None:
    """A late tap during shutdown gets a sentence, not a stack trace."""
    database = await reopened(path)
    await database.close()

    with pytest.raises(StorageError, match="The database is closed"):
        await database.write(put)


async def test_closing_ends_the_threads(path: Path) -> None:
    """SQLite's threads are no daemons: one left over keeps the process alive."""
    before = workers()
    database = await reopened(path)
    ours = workers() - before

    await database.close()

    assert len(ours) == 2
    assert ended(ours)


async def test_the_installation_keeps_its_identity(path: Path) -> None:
    """Client order ids are computed from it: another one would disown our orders."""
    first = await reopened(path)
    drawn = await first.identity()
    await first.close()
    second = await reopened(path)
    again = await second.identity()
    await second.close()

    assert drawn == again
    assert drawn.epoch == 1
    assert len(drawn.install_id) == 26
    assert set(drawn.install_id) <= set("abcdefghijklmnopqrstuvwxyz234567")


# --- one writer -----------------------------------------------------------------------


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
