"""Copies of the record, and what is different once one is put back."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from core.model.units import ChatId
from storage import backups
from storage.backups import back_up, restore
from storage.database import Database
from storage.outbox import SqliteOutbox
from tests.fakes.runtime import START, FakeClock
from tests.unit.storage import samples
from tests.unit.storage.facts import keys, put, reopened

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from storage.backups import Restored

LATER = START + timedelta(minutes=5)


async def copied(path: Path, target: Path, at: datetime) -> Path:
    """Copy a record beside the loop, as the terminal does."""
    return await asyncio.to_thread(back_up, path, target, at)


async def put_back(path: Path, backup: Path, at: datetime) -> Restored:
    """Put a copy back beside the loop."""
    return await asyncio.to_thread(restore, path, backup, at)


def names_in(folder: Path) -> set[str]:
    """Return what is in a folder."""
    return {each.name for each in folder.iterdir()}


def make_nonsense(path: Path) -> None:
    """Overwrite the whole file."""
    path.write_bytes(b"not a database any more, and long enough to be sure" * 20)


def damage_pages(path: Path) -> bytes:
    """Overwrite some pages in the middle; return what is there now."""
    content = bytearray(path.read_bytes())
    content[4096 * 5 : 4096 * 9] = b"\xa5" * (4096 * 4)
    path.write_bytes(content)
    return bytes(content)


async def with_one_fact(path: Path, key: str = "old") -> int:
    """Write one fact and return the record's epoch."""
    database = await reopened(path)
    try:
        await database.write(lambda writer: put(writer, key))
        return (await database.identity()).epoch
    finally:
        await database.close()


async def facts_of(path: Path) -> list[str]:
    """Open the record once more and read its facts."""
    database = await reopened(path)
    try:
        return await database.read(keys)
    finally:
        await database.close()


async def epoch_of(path: Path) -> int:
    """Open the record once more and read its epoch."""
    database = await reopened(path)
    try:
        return (await database.identity()).epoch
    finally:
        await database.close()


async def test_a_copy_is_whole_private_and_one_file(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """It is made while the bot runs, with what was committed a moment ago."""
    await database.write(put)

    made = await copied(path, tmp_path / "copy.db", START)

    assert names_in(tmp_path) == {"copy.db", "data"}
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with closing(sqlite3.connect(made)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert copy.execute("SELECT key FROM fact").fetchall() == [("key",)]


async def test_half_a_step_is_not_copied(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """S10: a copy made inside a transaction holds all of the step or nothing."""
    made: list[Path] = []

    def step(connection: sqlite3.Connection) -> None:
        put(connection, "first")
        made.append(back_up(path, tmp_path / "copy.db", START))
        put(connection, "second")

    await database.write(step)

    with closing(sqlite3.connect(made[0])) as copy:
        assert copy.execute("SELECT count(*) FROM fact").fetchone()[0] == 0
    assert await database.read(keys) == ["first", "second"]


async def test_a_folder_gets_a_file_named_after_the_moment(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """A daily job needs no name of its own."""
    await database.write(put)

    made = await copied(path, tmp_path, START)

    assert made.name == "paper-20261122-215213.db"


async def test_a_copy_replaces_nothing(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """The only good copy must not be lost to a typing error."""
    await database.write(put)
    (tmp_path / "copy.db").write_text("dear")

    with pytest.raises(StorageError, match="exists; a backup replaces nothing"):
        await copied(path, tmp_path / "copy.db", START)

    assert (tmp_path / "copy.db").read_text() == "dear"


async def test_a_copy_cut_short_never_has_its_name(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """Whoever finds `copy.db` may rely on it; the next try clears what was left."""
    await database.write(put)
    (tmp_path / ".copy.db.coming").write_bytes(b"half")
    (tmp_path / ".copy.db.coming-journal").write_bytes(b"of it")

    made = await copied(path, tmp_path / "copy.db", START)

    assert names_in(tmp_path) == {"copy.db", "data"}
    with closing(sqlite3.connect(made)) as copy:
        assert copy.execute("SELECT key FROM fact").fetchall() == [("key",)]


@pytest.mark.parametrize("begun", ["copy.db", ".copy.db.coming"])
async def test_two_copies_under_one_name_are_never_mixed(
    path: Path,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    begun: str,
) -> None:
    """A daily job and a person may ask in the same second; the later one is kept."""
    await database.write(put)
    folded = backups._fold

    def fold(coming: Path) -> None:
        folded(coming)
        (tmp_path / "other").write_text("another's")
        (tmp_path / "other").replace(tmp_path / begun)

    monkeypatch.setattr(backups, "_fold", fold)

    with pytest.raises(StorageError, match=r"replaces nothing|begun meanwhile"):
        await copied(path, tmp_path / "copy.db", START)

    assert names_in(tmp_path) == {begun, "data"}
    assert (tmp_path / begun).read_text() == "another's"


def test_without_a_record_there_is_nothing_to_copy(path: Path, tmp_path: Path) -> None:
    """Most likely the mode or the folder is another one."""
    with pytest.raises(StorageError, match="There is no record at"):
        back_up(path, tmp_path / "copy.db", START)
    with pytest.raises(StorageError, match="There is no backup at"):
        restore(path, tmp_path / "copy.db", START)


async def test_a_copy_of_something_else_is_not_kept(tmp_path: Path) -> None:
    """The paper venues' books are no trading record."""
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE something (x)")

    with pytest.raises(StorageError, match="is not carrybot's trading record"):
        await copied(other, tmp_path / "copy.db", START)

    assert not (tmp_path / "copy.db").exists()


async def test_a_record_that_is_put_back_uses_no_order_id_again(
    path: Path, tmp_path: Path
) -> None:
    """S06: the epoch is in every id, and higher than all that were in use."""
    assert await with_one_fact(path) == 1
    copy = await copied(path, tmp_path / "copy.db", START)
    await with_one_fact(path, "newer")

    once = await put_back(path, copy, LATER)
    assert (once.epoch, await epoch_of(path)) == (2, 2)
    assert await facts_of(path) == ["old"]
    again = await put_back(path, copy, LATER + timedelta(seconds=1))

    assert (again.epoch, await epoch_of(path)) == (3, 3)


async def test_what_was_there_is_kept_beside_it(path: Path, tmp_path: Path) -> None:
    """Whoever restored by mistake can go back."""
    await with_one_fact(path)
    copy = await copied(path, tmp_path / "copy.db", START)
    await with_one_fact(path, "newer")

    done = await put_back(path, copy, LATER)

    assert done.aside is not None
    assert done.aside.name == "paper.db.replaced-20261122-215713"
    assert await facts_of(path) == ["old"]
    await put_back(path, done.aside, LATER + timedelta(seconds=1))
    assert await facts_of(path) == ["newer", "old"]


async def test_without_a_readable_record_the_epoch_is_beyond_any_count(
    path: Path, tmp_path: Path
) -> None:
    """Nobody can tell how often a lost record had been put back."""
    await with_one_fact(path)
    copy = await copied(path, tmp_path / "copy.db", START)
    make_nonsense(path)

    done = await put_back(path, copy, LATER)

    assert done.epoch == int(LATER.timestamp()) == 1795384633
    assert await facts_of(path) == ["old"]


async def test_old_messages_are_not_said_again(path: Path, tmp_path: Path) -> None:
    """What waited when the copy was made was said, or is wrong by now."""
    database = await reopened(path)
    outbox = SqliteOutbox(database, (ChatId(1),))
    await outbox.put(samples.alert())
    await database.identity()
    await database.close()
    copy = await copied(path, tmp_path / "copy.db", START)

    await put_back(path, copy, LATER)

    database = await reopened(path)
    assert await SqliteOutbox(database, (ChatId(1),)).depth() == (0, None)
    await database.close()


async def test_nothing_is_put_back_under_a_running_bot(
    path: Path, database: Database, tmp_path: Path
) -> None:
    """Its next write would land in a file nobody opens again."""
    await database.write(put)
    copy = await copied(path, tmp_path / "copy.db", START)

    with pytest.raises(StorageError, match="Another carrybot"):
        await put_back(path, copy, LATER)

    assert await database.read(keys) == ["key"]


@pytest.mark.parametrize("damage", ["cut", "garbage"])
async def test_a_damaged_backup_changes_nothing(
    path: Path, tmp_path: Path, damage: str
) -> None:
    """The record in use is better than none."""
    await with_one_fact(path)
    copy = await copied(path, tmp_path / "copy.db", START)
    content = copy.read_bytes()
    copy.write_bytes(content[:20_000] if damage == "cut" else b"x" * 20_000)

    with pytest.raises(StorageError, match=r"cannot be (copied|used)"):
        await put_back(path, copy, LATER)

    assert await facts_of(path) == ["old"]
    assert names_in(path.parent) == {"paper.db", ".paper.db.lock"}


async def test_a_damaged_record_is_set_aside_and_the_next_start_knows(
    path: Path,
) -> None:
    """S04: one sentence says where it is and what to do; nothing is traded blindly."""
    await with_one_fact(path)
    content = damage_pages(path)

    with pytest.raises(StorageError) as refusal:
        await reopened(path)

    said = str(refusal.value)
    assert "is damaged" in said
    assert "set aside as paper.db.damaged-20261122-215213" in said
    assert "`carrybot restore FILE`" in said
    database = await reopened(path)
    try:
        assert database.lost is not None
        assert database.lost.name == "paper.db.damaged-20261122-215213"
        assert database.lost.read_bytes() == content
    finally:
        await database.close()
    database = await reopened(path)
    assert database.lost is None, "said once: from now on this is the record"
    await database.close()


async def test_a_backup_in_place_of_a_damaged_record_is_no_loss(
    path: Path, tmp_path: Path
) -> None:
    """S04: after a restore the start is as any other."""
    await with_one_fact(path)
    copy = await copied(path, tmp_path / "copy.db", START)
    make_nonsense(path)
    with pytest.raises(StorageError, match="set aside"):
        await Database.open(path, clock=FakeClock())

    await put_back(path, copy, LATER)

    database = await reopened(path)
    assert database.lost is None
    assert await database.read(keys) == ["old"]
    await database.close()
