"""Another process sees a lock while we live, and every commit after we were killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from tests.unit.storage.facts import keys, reopened

if TYPE_CHECKING:
    from pathlib import Path

CHILD = """
import asyncio, sys
from functools import partial
from pathlib import Path
from core.runtime import SystemClock
from storage.database import Database

def both(connection, number):
    for side in ("left", "right"):
        connection.execute("INSERT INTO fact VALUES (?, 'x')", (f"{side}-{number}",))

async def main():
    database = await Database.open(Path(sys.argv[1]), clock=SystemClock())
    number = int(sys.argv[2])
    while True:
        await database.write(partial(both, number=number))
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def test_a_killed_writer_loses_nothing_it_had_committed(path: Path) -> None:
    """An intent that was announced as written is found after any crash."""
    announced: set[int] = set()
    for _ in range(5):
        # the one killed before may have committed one more than it announced
        begin = max(announced, default=-2) + 2
        with subprocess.Popen(  # noqa: S603 our own interpreter and script
            [sys.executable, "-c", CHILD, str(path), str(begin)],
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            announced |= {int(child.stdout.readline()) for _ in range(20)}
            child.kill()
            rest = child.stdout.read().split("\n")
        announced |= {int(each) for each in rest[:-1]}

    async def stored() -> list[str]:
        database = await reopened(path)
        try:
            return await database.read(keys)
        finally:
            await database.close()

    found = asyncio.run(stored())
    left = {each.removeprefix("left-") for each in found if "left" in each}
    right = {each.removeprefix("right-") for each in found if "right" in each}
    assert len(announced) >= 100
    assert {str(number) for number in announced} <= left
    assert left == right


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
