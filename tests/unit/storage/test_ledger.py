"""Accounts as SQLite keeps them: whole trades, expectations and wallets."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.errors import StorageError
from core.model.ledger import ExpectedPayment, WalletMark
from core.model.trade import TradeState
from core.model.units import ChatId, VenueId
from storage.journal import Journal
from storage.ledger import SqliteLedger, read_file
from storage.outbox import SqliteOutbox
from tests.unit.storage.samples import (
    CHAT,
    NOW,
    claim,
    commit,
    fill,
    issued_plan,
    new_trade,
    payment,
)

if TYPE_CHECKING:
    from pathlib import Path

    from core.model.trade import Trade
    from storage.database import Database

BINANCE = VenueId("binance")


@pytest.fixture
def ledger(database: Database) -> SqliteLedger:
    """Return the ledger of an empty record."""
    return SqliteLedger(database)


async def put_trade(database: Database, name: str = "a") -> Trade:
    """Store a running trade with one execution and one payment."""
    journal = Journal(database, SqliteOutbox(database, [ChatId(CHAT)]))
    await journal.draft(issued_plan(name))
    assert await journal.claim(claim(name))
    step = commit(new_trade(name), "T02")
    own = step.trade.trade_id
    booked = replace(fill(name), trade_id=own, intent_id=None)
    assert await journal.commit(replace(step, fills=(booked,)))
    await journal.book_payments([replace(payment(name), trade_id=own)])
    return step.trade


async def end_trade(database: Database, trade: Trade, hours: int) -> None:
    """Let a trade end so many hours from now."""
    journal = Journal(database, SqliteOutbox(database, [ChatId(CHAT)]))
    step = commit(trade, "T05")
    at = NOW + timedelta(hours=hours)
    assert await journal.commit(replace(step, trade=replace(step.trade, closed_at=at)))


async def test_trades_come_with_everything_they_booked(
    database: Database, ledger: SqliteLedger
) -> None:
    """A result is only right if no execution and no payment is left behind."""
    trade = await put_trade(database)
    (entry,) = await ledger.entries(NOW + timedelta(days=9))

    assert entry.trade == trade
    assert [each.trade_id for each in entry.fills] == [trade.trade_id]
    assert [each.trade_id for each in entry.payments] == [trade.trade_id]


async def test_what_ended_before_is_left_out_and_what_runs_never_is(
    database: Database, ledger: SqliteLedger
) -> None:
    """Today's result must not read a year of closed pairs."""
    first = await put_trade(database)
    await end_trade(database, first, hours=1)
    second = await put_trade(database, "b")

    late = await ledger.entries(NOW + timedelta(hours=2))
    assert [each.trade.trade_id for each in late] == [second.trade_id]
    early = await ledger.entries(NOW + timedelta(minutes=30))
    assert {each.trade.state for each in early} == {
        TradeState.ABORTED,
        TradeState.PREFLIGHT,
    }
    assert len(await ledger.entries()) == 2


def expected(trade: Trade, amount: str, minutes: int) -> ExpectedPayment:
    """Return what the payment at the full hour should bring, as seen earlier."""
    return ExpectedPayment(
        venue_id=BINANCE,
        symbol="1000PEPE/USDT:USDT",
        pay_at=NOW.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
        per_payment=Decimal("0.0001"),
        amount_usd=Decimal(amount),
        noted_at=NOW + timedelta(minutes=minutes),
        trade_id=trade.trade_id,
    )


async def test_the_last_expectation_of_a_payment_is_kept(
    database: Database, ledger: SqliteLedger
) -> None:
    """What was shown right before the payment is what it is compared with."""
    trade = await put_trade(database)
    await ledger.expect([expected(trade, "0.40", 1)])
    last = expected(trade, "0.41", 2)
    await ledger.expect([last])

    assert await ledger.expected_of(trade.trade_id) == (last,)


def mark(hours: int, wallet: str) -> WalletMark:
    """Return a wallet so many hours from now."""
    at = NOW + timedelta(hours=hours)
    return WalletMark(BINANCE, at, Decimal(wallet), Decimal("1.5"))


async def test_a_period_begins_with_the_wallet_at_its_beginning(
    ledger: SqliteLedger,
) -> None:
    """The comparison starts at the last agreed moment before, else the first after."""
    for each in (mark(0, "5000"), mark(2, "5001"), mark(4, "5002")):
        await ledger.mark_wallet(each)

    after = NOW + timedelta(hours=3)
    assert await ledger.wallet_mark(BINANCE, after) == mark(2, "5001")
    assert await ledger.wallet_mark(BINANCE, NOW - timedelta(days=1)) == mark(0, "5000")
    assert await ledger.wallet_mark(BINANCE, None) == mark(0, "5000")
    assert await ledger.latest_mark(BINANCE) == mark(4, "5002")
    assert await ledger.latest_mark(VenueId("lighter")) is None


async def test_the_file_of_a_running_bot_can_be_exported(
    database: Database, path: Path
) -> None:
    """`carrybot export` must not need the bot to stop."""
    trade = await put_trade(database)
    (entry,) = await asyncio.to_thread(read_file, path, None)

    assert entry.trade == trade


def test_a_record_that_is_not_there_is_named(path: Path) -> None:
    """A mistyped folder must not look like an empty year."""
    with pytest.raises(StorageError, match="There is no trading record at"):
        read_file(path.with_name("none.db"), None)
