"""What is kept parsed is never older than the last write."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from storage.journal import Journal
from storage.outbox import SqliteOutbox
from storage.shelf import Shelf
from tests.unit.storage.samples import CHAT, claim, issued_plan, payment

HOUR = timedelta(hours=1)

if TYPE_CHECKING:
    from storage.database import Database


async def test_a_value_is_read_once_until_something_is_written() -> None:
    """Read 1, kept 1, written, read 2."""
    shelf: Shelf[str, int] = Shelf(2)
    reads: list[int] = []

    async def read() -> int:
        reads.append(len(reads) + 1)
        return reads[-1]

    assert [await shelf.get("a", read), await shelf.get("a", read)] == [1, 1]
    shelf.forget()
    assert await shelf.get("a", read) == 2


async def test_what_was_read_while_somebody_wrote_is_not_kept() -> None:
    """The reader saw the rows before the write; the next one must see those after."""
    shelf: Shelf[str, str] = Shelf(2)
    go_on = asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        return "before"

    async def quick() -> str:
        return "after"

    reading = asyncio.ensure_future(shelf.get("a", slow))
    await asyncio.sleep(0)
    shelf.forget()
    go_on.set()

    assert await reading == "before"
    assert await shelf.get("a", quick) == "after"


async def test_no_more_is_kept_than_wanted() -> None:
    """The one that came first goes first."""
    shelf: Shelf[str, str] = Shelf(2)
    reads: list[str] = []
    for key in "abcaC":

        async def read(key: str = key) -> str:
            reads.append(key)
            return key

        await shelf.get(key.lower(), read)
    assert reads == ["a", "b", "c", "a"]


async def test_a_payment_is_seen_as_soon_as_it_is_booked(database: Database) -> None:
    """One, then two, then the first one corrected."""
    journal = Journal(database, SqliteOutbox(database, [CHAT]))
    await journal.draft(issued_plan())
    await journal.claim(claim())
    trade_id = claim().trade.trade_id
    first = replace(payment(), trade_id=trade_id, is_estimated=True)
    assert await journal.payments_of(trade_id) == ()

    await journal.book_payments([first])
    assert len(await journal.payments_of(trade_id)) == 1

    await journal.book_payments([replace(first, pay_at=first.pay_at + HOUR)])
    assert len(await journal.payments_of(trade_id)) == 2

    final = replace(first, is_estimated=False, amount_usd=Decimal("9.99"))
    await journal.book_payments([final])
    assert (await journal.payments_of(trade_id))[0].amount_usd == Decimal("9.99")
