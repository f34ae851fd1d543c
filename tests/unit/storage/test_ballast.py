"""Room that is held back for the moment when the disk is full."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from storage.ballast import BALLAST_BYTES, Ballast
from storage.database import Database
from storage.disk import DataDisk
from tests.fakes.runtime import START, FakeClock
from tests.unit.storage.facts import keys, put

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


def test_sixteen_megabytes_are_really_taken(tmp_path: Path) -> None:
    """A file with holes would give nothing back."""
    ballast = Ballast(tmp_path)

    assert ballast.lay()

    found = (tmp_path / ".ballast").stat()
    assert found.st_size == BALLAST_BYTES == 16_777_216
    assert found.st_blocks * 512 >= BALLAST_BYTES
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert ballast.lay(), "a second time changes nothing"
    assert (ballast.drop(), ballast.drop(), ballast.is_laid) == (True, False, False)


def test_a_disk_without_that_much_room_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot runs on; the watch over the disk says what is wrong."""

    def refuse(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    ballast = Ballast(tmp_path)

    assert not ballast.lay()
    assert list(tmp_path.iterdir()) == []


class TightDisk:
    """A database that is full as long as the ballast lies on its disk."""

    def __init__(self, ballast: Ballast) -> None:
        self.ballast = ballast
        self.tries = 0

    def work(self, connection: sqlite3.Connection) -> None:
        """Write a megabyte."""
        self.tries += 1
        used = int(connection.execute("PRAGMA page_count").fetchone()[0])
        more = 2 if self.ballast.is_laid or self.tries > 2 else 10_000
        connection.execute(f"PRAGMA max_page_count = {used + more}")
        put(connection, f"small {self.tries}")
        put(connection, f"large {self.tries}", "x" * 1_000_000)


async def test_a_full_disk_gives_the_ballast_up_and_writes_once_more(
    path: Path,
) -> None:
    """S01: the close's row is written; the next time nothing is left to give."""
    ballast = Ballast(path.parent)
    database = await Database.open(path, clock=FakeClock(), ballast=ballast)
    disk = DataDisk(database, path.parent, ballast)
    tight = TightDisk(ballast)
    try:
        assert await disk.has_reserve()
        await database.write(tight.work)

        assert await database.read(keys) == ["large 2", "small 2"]
        assert not await disk.has_reserve()
        with pytest.raises(StorageError, match="database or disk is full"):
            await database.write(tight.work)
        trouble = disk.trouble
        assert trouble is not None
        assert (trouble.since, trouble.times) == (START, 1)
        assert "disk is full" in trouble.detail
    finally:
        await database.close()


async def test_a_good_write_ends_the_trouble(path: Path) -> None:
    """The watch asks with a write that does not matter."""
    clock = FakeClock()
    database = await Database.open(path, clock=clock)
    disk = DataDisk(database, path.parent, Ballast(path.parent), lambda _: 7)

    def limit(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")
        put(connection, "large", "x" * 1_000_000)

    def loosen(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 10000")

    try:
        for _ in range(2):
            with pytest.raises(StorageError):
                await database.write(limit)
        trouble = disk.trouble
        assert trouble is not None
        assert trouble.times == 2
        await database.write(loosen)
        await disk.probe()

        assert disk.trouble is None
        assert await disk.free_bytes() == 7
        assert await disk.hold_reserve()
        assert await disk.has_reserve()
    finally:
        await database.close()


async def test_a_row_that_breaks_a_rule_is_no_trouble_of_the_disk(path: Path) -> None:
    """Only what the disk did stops trading."""
    database = await Database.open(path, clock=FakeClock())
    try:
        await database.write(put)
        with pytest.raises(StorageError, match="UNIQUE"):
            await database.write(put)

        assert database.trouble is None
    finally:
        await database.close()


async def test_the_ballast_lies_there_only_while_a_bot_runs(path: Path) -> None:
    """Nobody has to wonder about a file of nothing."""
    ballast = Ballast(path.parent)
    database = await Database.open(path, clock=FakeClock(), ballast=ballast)
    assert await asyncio.to_thread(lambda: ballast.is_laid)

    await database.close()

    assert not await asyncio.to_thread(lambda: ballast.is_laid)
