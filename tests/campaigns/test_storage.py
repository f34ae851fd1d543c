"""Trading on SQLite while the disk is full, locked, damaged or set back (S01 to S10).

The database's own limit of pages gives the real error of a full disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import StorageError
from core.model.trade import TradeState
from core.model.units import TradeId
from storage.backups import back_up, restore
from tests.contract import test_execution_on_paper as paper
from tests.unit.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.order import SubmitResult

TRADE = TradeId("trade-a")
FLAT = [Decimal(0), Decimal(0)]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Trouble:
    """Stands between a desk and its database, and looks over its shoulder."""

    def __init__(self, desk: paper.Desk, path: Path) -> None:
        self.path, self.sent = path, 0
        self.full = 0
        """So many of the next matching writes find the disk full."""
        self.full_for: Callable[[str], bool] = lambda _: True
        self.struck = asyncio.Event()
        self.unwritten: list[str] = []
        """Orders that left without their row on disk."""
        self._watch_writes(desk)
        for venue in desk.venues.values():
            self._watch_orders(venue)

    def _watch_orders(self, venue: paper.FragileVenue) -> None:
        honest = venue.submit

        async def submit(order: OrderIntent, listed: Instrument) -> SubmitResult:
            self.sent += 1
            if not await asyncio.to_thread(self._is_on_disk, order):
                self.unwritten.append(order.intent_id)
            return await honest(order, listed)

        venue.submit = submit  # type: ignore[method-assign, assignment]

    def _is_on_disk(self, order: OrderIntent) -> bool:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as reader:
            query = "SELECT count(*) FROM intent WHERE client_order_id = ?"
            found = reader.execute(query, (order.client_order_id,)).fetchone()
        return bool(found[0] == 1)

    def _watch_writes(self, desk: paper.Desk) -> None:
        database = desk.journal._database
        honest = database.write

        async def write(work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
            name = getattr(work, "__qualname__", "")
            if not self.full or not self.full_for(name):
                return await honest(work)
            self.full -= 1
            self.struck.set()
            return await honest(lambda connection: _filling(connection, work))

        database.write = write  # type: ignore[method-assign]


def _filling(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]
) -> object:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    try:
        result = work(connection)
        # what the work left of the disk, and more
        connection.execute("CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler")
    finally:
        connection.execute("PRAGMA max_page_count = 1000000")
    return result


def _locked(path: Path) -> sqlite3.Connection:
    foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    foreign.execute("BEGIN IMMEDIATE")
    return foreign


def _unlock(foreign: sqlite3.Connection) -> None:
    foreign.execute("ROLLBACK")
    foreign.close()


def commits(name: str) -> bool:
    """Tell whether a write is a step of a trade."""
    return "commit" in name


def results(name: str) -> bool:
    """Tell whether a write is an order's result."""
    return "settle" in name


async def test_nothing_is_sent_while_the_disk_is_full(tmp_path: Path) -> None:
    """S01: the row comes first, so no row is no order; later a fresh quote works."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        trouble.full, trouble.full_for = 5, commits

        await desk.execution.drive(TRADE)

        assert trouble.full == 0
        assert (trouble.sent, trouble.unwritten) == (0, [])
        assert (await desk.trade()).state is TradeState.ABORTED
        assert await desk.held() == FLAT


async def test_a_close_goes_on_when_the_disk_has_room_again(tmp_path: Path) -> None:
    """S01: a close waits for its row, and is not forgotten."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        await desk.execution.drive(TRADE)
        await paper.asked_to_close(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        trouble.full, trouble.full_for = 3, commits

        await desk.execution.drive(TRADE)

        assert (await desk.trade()).state is TradeState.CLOSED
        assert (trouble.sent, trouble.unwritten) == (2, [])
        assert await desk.held() == FLAT


async def test_a_close_on_a_full_disk_uses_the_room_that_was_kept_for_it(
    tmp_path: Path,
) -> None:
    """S01: what a person frees in an hour, a close needs now."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        await desk.execution.drive(TRADE)
        await paper.asked_to_close(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        given_up = await _fill_up(desk)

        await desk.execution.drive(TRADE)

        assert given_up == [True]
        assert (await desk.trade()).state is TradeState.CLOSED
        assert (trouble.sent, trouble.unwritten) == (2, [])
        assert await desk.held() == FLAT


async def _fill_up(desk: paper.Desk) -> list[bool]:
    """Leave no page of the disk, but for what is given up; return when it is."""
    database, given_up = desk.journal._database, []
    kept: list[sqlite3.Connection] = []

    def tighten(connection: sqlite3.Connection) -> None:
        kept.append(connection)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO event VALUES (NULL, 1, 'x', 'x', 'x')")

    def make_room() -> bool:
        given_up.append(True)
        kept[0].execute("PRAGMA max_page_count = 1000000")
        return True

    await database.write(tighten)
    with contextlib.suppress(StorageError):
        while True:
            await database.write(fill)
    database._writer._make_room = make_room
    return given_up


async def test_a_result_that_could_not_be_written_is_kept_and_written(
    tmp_path: Path,
) -> None:
    """S02: the answer is in memory until the disk takes it; nothing is sent twice."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        trouble.full, trouble.full_for = 3, results

        await desk.execution.drive(TRADE)

        assert trouble.full == 0
        assert (await desk.trade()).state is TradeState.OPEN
        assert (trouble.sent, trouble.unwritten) == (2, [])


async def test_a_result_lost_with_the_process_is_found_at_the_venue(
    tmp_path: Path,
) -> None:
    """S02 with a crash: the row says that an order left, the venue says what became."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        trouble.full, trouble.full_for = 10_000, results
        driving = desk.nursery.start(desk.execution.drive(TRADE), name="drive")
        await trouble.struck.wait()
        await desk.nursery.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        assert trouble.sent == 1

    async with town.desk() as desk:
        trouble = Trouble(desk, tmp_path / "paper.db")
        await desk.reconciler.at_start()
        await desk.execution.drive(TRADE)

        orders = await desk.journal.intents_of(TRADE)
        assert [each.state for each in orders if each.seq > 1] == []
        assert (await desk.trade()).state in {TradeState.OPEN, TradeState.ABORTED}
        one, two = await desk.held()
        assert one + two == 0


async def test_a_locked_database_sends_nothing_and_passes(tmp_path: Path) -> None:
    """S03: somebody's database browser may not cost an order without a row."""
    town = paper.Town(tmp_path)
    async with town.desk() as desk:
        await paper.confirmed(desk)
        trouble = Trouble(desk, tmp_path / "paper.db")
        patience = "PRAGMA busy_timeout = 20"
        await desk.journal._database.write(lambda writer: writer.execute(patience))
        foreign = await asyncio.to_thread(_locked, tmp_path / "paper.db")
        with pytest.raises(StorageError, match="locked"):
            await desk.journal.log_event(samples.event())
        driving = desk.nursery.start(desk.execution.drive(TRADE), name="drive")
        await asyncio.sleep(0.1)
        assert trouble.sent == 0

        await asyncio.to_thread(_unlock, foreign)
        await driving

        assert (await desk.trade()).state in {TradeState.OPEN, TradeState.ABORTED}
        assert trouble.unwritten == []


async def test_an_older_backup_orders_nothing_twice(tmp_path: Path) -> None:
    """S06: the book says open, the venues say flat; the venues are right."""
    town = paper.Town(tmp_path)
    path = tmp_path / "paper.db"
    async with town.desk() as desk:
        await paper.confirmed(desk)
        await desk.execution.drive(TRADE)
        await asyncio.to_thread(back_up, path, tmp_path / "old.db", desk.clock.now())
        await paper.asked_to_close(desk)
        await desk.execution.drive(TRADE)
        assert await desk.held() == FLAT
    for tail in ("-wal", "-shm"):
        path.with_name(path.name + tail).unlink(missing_ok=True)
    shutil.move(tmp_path / "old.db", path)

    async with town.desk() as desk:
        trouble = Trouble(desk, path)
        assert (await desk.trade()).state is TradeState.OPEN
        await desk.reconciler.at_start()
        for _ in range(4):
            await desk.clock.sleep(timedelta(seconds=30))
            await desk.reconciler.check_positions()

        assert trouble.sent == 0
        assert (await desk.trade()).state is TradeState.CLOSED
        assert await desk.held() == FLAT


async def test_a_damaged_record_is_replaced_by_its_backup_and_the_pair_goes_on(
    tmp_path: Path,
) -> None:
    """S04: set aside, restored, compared with the venues: nothing bought or lost."""
    town = paper.Town(tmp_path)
    path = tmp_path / "paper.db"
    async with town.desk() as desk:
        await paper.confirmed(desk)
        await desk.execution.drive(TRADE)
        before = await desk.journal._database.identity()
        now = desk.clock.now()
        copy = await asyncio.to_thread(back_up, path, tmp_path / "copy.db", now)
    await asyncio.to_thread(_damage, path)
    with pytest.raises(StorageError, match="It was set aside as"):
        async with town.desk():
            pass

    await asyncio.to_thread(restore, path, copy, now)
    async with town.desk() as desk:
        trouble = Trouble(desk, path)
        await desk.reconciler.at_start()
        for _ in range(3):
            await desk.clock.sleep(timedelta(seconds=30))
            await desk.reconciler.check_positions()

        after = await desk.journal._database.identity()
        assert after.install_id == before.install_id
        assert after.epoch > before.epoch
        assert trouble.sent == 0
        assert (await desk.trade()).state is TradeState.OPEN
        assert not (await desk.trade()).needs_attention


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = b"\x00" * 100
    path.write_bytes(content)


@pytest.mark.parametrize("every", [1, 3])
async def test_a_backup_at_any_moment_of_a_trade_can_be_traded_on(
    tmp_path: Path, every: int
) -> None:
    """S10: each copy made while a pair opens and closes is one moment of its life."""
    town = paper.Town(tmp_path)
    path, copies = tmp_path / "paper.db", []
    async with town.desk() as desk:
        database, writes = desk.journal._database, 0
        honest = database.write

        async def write(work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401 - whatever the work returns
            nonlocal writes
            writes += 1
            if writes % every:
                return await honest(work)
            target, now = tmp_path / f"copy{writes}.db", desk.clock.now()
            copying = asyncio.to_thread(back_up, path, target, now)
            result, copy = await asyncio.gather(honest(work), copying)
            copies.append(copy)
            return result

        database.write = write  # type: ignore[method-assign]
        await paper.confirmed(desk)
        await desk.execution.drive(TRADE)
        await paper.asked_to_close(desk)
        await desk.execution.drive(TRADE)
        assert (await desk.trade()).state is TradeState.CLOSED

    assert len(copies) > 3
    for copy in copies:
        await asyncio.to_thread(_check_copy, copy)


def _check_copy(path: Path) -> None:
    """Assert that a copy is whole and no order in it lacks its trade or its plan."""
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
