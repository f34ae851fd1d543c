"""Another process sees a lock while we live, and every commit after we were killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from storage.database import Database
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

CHILD = """
import asyncio, sys
from pathlib import Path
from core.runtime import SystemClock
from storage.database import Database
from storage.preference_store import SqlitePreferences

async def main() -> None:
    database = await Database.open(Path(sys.argv[1]), clock=SystemClock())
    facts = SqlitePreferences(database)
    number = int(sys.argv[2])
    while True:
        await facts.save_fact(f"fact-{number}", "kept")
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def keys(connection: sqlite3.Connection) -> list[str]:
    """Return what is stored."""
    rows = connection.execute("SELECT key FROM fact ORDER BY key")
    return [str(row["key"]) for row in rows]


async def reopened(path: Path) -> Database:
    """Open the file once more."""
    return await Database.open(path, clock=FakeClock())


def test_a_killed_writer_loses_nothing_it_had_committed(path: Path) -> None:
    """An intent that was announced as written is found after any crash."""
    announced = 0
    for _ in range(5):
        with subprocess.Popen(  # noqa: S603 our own interpreter and script
            [sys.executable, "-c", CHILD, str(path), str(announced)],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            for _ in range(20):
                announced = int(child.stdout.readline()) + 1
            child.kill()
            rest = child.stdout.read().split("\n")
        announced = max([announced, *(int(each) + 1 for each in rest[:-1])])

    async def stored() -> list[str]:
        database = await reopened(path)
        try:
            return await database.read(keys)
        finally:
            await database.close()

    found = set(asyncio.run(stored()))
    assert announced >= 100
    assert {f"fact-{number}" for number in range(announced)} <= found


def test_a_second_process_is_refused(path: Path) -> None:
    """The lock holds across processes, and names the one that has it."""
    holder = subprocess.Popen(  # noqa: S603 our own interpreter and script
        [sys.executable, "-c", CHILD, str(path), "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StorageError, match=f"process {holder.pid}"):
            asyncio.run(reopened(path))
        holder.kill()
