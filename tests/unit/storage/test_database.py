"""A database opens private, whole and for one process, or says why not."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from storage import database as database_module
from storage.database import Database
from tests.fakes.runtime import FakeClock
from tests.unit.storage.facts import keys, put, reopened

if TYPE_CHECKING:
    from pathlib import Path


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


async def test_the_files_are_for_our_eyes_only(database: Database, path: Path) -> None:
    """Positions and user ids are nobody else's business on a shared host."""
    await database.write(put)

    names = ("paper.db", "paper.db-wal", "paper.db-shm", ".paper.db.lock")
    assert {name: mode(path.with_name(name)) for name in names} == dict.fromkeys(
        names, 0o600
    )
    assert mode(path.parent) == 0o700


async def test_a_lax_file_is_made_private(path: Path) -> None:
    """A copy often comes back readable by all; the folder is not ours to close."""
    await (await reopened(path)).close()
    open_to_all(path)

    database = await reopened(path)
    await database.close()

    assert (mode(path), mode(path.parent)) == (0o600, 0o755)


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
    await (await reopened(path)).close()


async def test_a_start_that_fails_late_lets_go_of_everything(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection open and one refused must not leave a lock or a thread."""
    before = workers()

    def refuse(_: Path, _pragmas: tuple[str, ...]) -> sqlite3.Connection:
        message = "too many open files"
        raise sqlite3.OperationalError(message)

    monkeypatch.setattr(database_module, "connect_to_read", refuse)
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

    with pytest.raises(StorageError, match="is damaged"):
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
