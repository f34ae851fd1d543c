"""Trading on SQLite while the disk is full, locked or set back (S01, S02, S03, S06).

The database's own limit of pages gives the real error of a full disk.
"""

from __future__ import annotations

import asyncio
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


def _back_up(path: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(target)) as old,
    ):
        source.backup(old)


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
        await asyncio.to_thread(_back_up, path, tmp_path / "old.db")
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
