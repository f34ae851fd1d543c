"""Copies of the record under fire: made while the bot dies, or cut short themselves."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storage.backups import back_up, restore
from storage.schema import JOURNAL
from tests.journeys.bots import Forked
from tests.journeys.crashing import Orders

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.crashing import Moment
    from tests.journeys.killed import Story
    from tests.journeys.machine import Machine

NEWEST = len(JOURNAL.migrations())
"""Layout of a record that today's carrybot has opened."""
ENOUGH = 3
"""Copies made one after another while the bot dies."""
RECORDED = "SELECT client_order_id FROM intent ORDER BY 1"


async def cut_copy(machine: Machine, story: Story, moment: Moment) -> Path:
    """Let `carrybot backup` die at the moment, then make the same copy again.

    The bot goes on meanwhile. Return the copy.
    """
    target = machine.folder / "copies" / "cut.db"
    await asyncio.to_thread(target.parent.mkdir)
    status = await _backup(machine, target, moment)
    if status >= 0:
        story.wrongs.append(f"the backup lived: the moment never came ({moment})")
    story.kills += status < 0
    if target.exists():
        _check_whole(machine, story, target)
        target = target.with_name("again.db")
    status = await _backup(machine, target)
    if status:
        story.wrongs.append(f"after a cut the next backup ends with status {status}")
    if not machine.lives:
        story.wrongs.append("the bot died of a backup")
    _check_whole(machine, story, target)
    left = {each.name for each in target.parent.iterdir()} - {"cut.db", "again.db"}
    if left and target.name == "cut.db":
        story.wrongs.append(f"the next backup leaves {sorted(left)}")
    return target


async def _backup(machine: Machine, target: Path, moment: Moment | None = None) -> int:
    """Run `carrybot backup` in a process of its own; return how it ended."""
    orders = Orders(machine.environment(), machine.folder, moment)
    process = Forked(replace(orders, words=("backup", str(target))))
    await machine.until(lambda: process.status() is not None, "a backup never ends")
    status = process.status()
    assert status is not None
    return status


async def copy_until_dead(machine: Machine, story: Story) -> list[Path]:
    """Make copies without a pause until the bot is dead and one more is made."""
    folder = machine.folder / "copies"
    await asyncio.to_thread(folder.mkdir)
    made: list[Path] = []
    lives = True
    while lives or len(made) < ENOUGH:
        lives = machine.lives
        target = folder / f"{len(made)}.db"
        made.append(
            await asyncio.to_thread(back_up, machine.record_file, target, _now())
        )
    for each in made:
        _check_whole(machine, story, each)
    return made


def _now() -> datetime:
    return datetime.now(UTC)


def _check_whole(machine: Machine, story: Story, copy: Path) -> None:
    """Check that a copy is sound, of today's layout, and holds nothing of its own."""
    if not copy.exists():
        story.wrongs.append(f"there is no copy {copy.name}")
        return
    with closing(sqlite3.connect(copy)) as connection:
        for query, good in (
            ("PRAGMA integrity_check", [("ok",)]),
            ("PRAGMA foreign_key_check", []),
            ("PRAGMA user_version", [(NEWEST,)]),
        ):
            rows = connection.execute(query).fetchall()
            if rows != good:
                story.wrongs.append(f"{copy.name}: {query}: {rows}")
        in_copy = {row[0] for row in connection.execute(RECORDED)}
    known = {row["client_order_id"] for row in machine.rows(machine.record, RECORDED)}
    if not in_copy <= known:
        story.wrongs.append(f"{copy.name} holds orders the record lacks")


def check_usable(machine: Machine, story: Story, copy: Path) -> None:
    """Put a copy back on another computer, and look at what is there."""
    with closing(sqlite3.connect(copy)) as connection:
        expected = connection.execute(RECORDED).fetchall()
    record = machine.folder / "elsewhere" / machine.record
    restore(record, copy, _now())
    with closing(sqlite3.connect(record)) as connection:
        if connection.execute(RECORDED).fetchall() != expected:
            story.wrongs.append(f"{copy.name} put back is another record")
