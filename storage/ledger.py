"""Read whole trades for accounts, and keep what was expected and what wallets held."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.model.ledger import ExpectedPayment, LedgerEntry, WalletMark
from core.model.units import TradeId, VenueId
from storage.columns import Record, to_ms, to_text
from storage.connection import sentence
from storage.rows import fill_of, payment_of, trade_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from core.model.order import Fill, Payment
    from storage.database import Database

_TRADES = """
SELECT * FROM trade
WHERE state NOT IN ('closed', 'aborted') OR closed_at_ms >= :since
ORDER BY created_at_ms, rowid
"""
_FILLS = """
SELECT fill.* FROM fill JOIN trade USING (trade_id)
WHERE trade.state NOT IN ('closed', 'aborted') OR trade.closed_at_ms >= :since
ORDER BY fill.at_ms, fill.rowid
"""
_PAYMENTS = """
SELECT payment.* FROM payment JOIN trade USING (trade_id)
WHERE (trade.state NOT IN ('closed', 'aborted') OR trade.closed_at_ms >= :since)
    AND payment.pay_at_ms >= :paid
ORDER BY payment.pay_at_ms, payment.rowid
"""
_EXPECT = """
INSERT INTO expected_payment (
    venue_id, symbol, pay_at_ms, per_payment, amount_usd, noted_at_ms, trade_id
) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (venue_id, symbol, pay_at_ms) DO UPDATE SET
    per_payment = excluded.per_payment, amount_usd = excluded.amount_usd,
    noted_at_ms = excluded.noted_at_ms, trade_id = excluded.trade_id
"""
_EXPECTED = "SELECT * FROM expected_payment WHERE trade_id = ? ORDER BY pay_at_ms"
_MARK = """
INSERT INTO wallet_mark (venue_id, at_ms, wallet_usd, booked_usd) VALUES (?, ?, ?, ?)
ON CONFLICT (venue_id, at_ms) DO NOTHING
"""
_LATEST_MARK = """
SELECT * FROM wallet_mark WHERE venue_id = :venue ORDER BY at_ms DESC LIMIT 1
"""
_MARK_AT = """
SELECT * FROM (
    SELECT * FROM wallet_mark WHERE venue_id = :venue AND at_ms <= :since
    ORDER BY at_ms DESC LIMIT 1
)
UNION ALL
SELECT * FROM (
    SELECT * FROM wallet_mark WHERE venue_id = :venue AND at_ms > :since
    ORDER BY at_ms LIMIT 1
)
"""


class SqliteLedger:
    """The port Ledger on the trading record."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(
        self, since: datetime | None = None, *, paid_since: datetime | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Return trades not ended before a moment, each with all it booked.

        With `paid_since` payments before that moment are left out: they are many.
        """
        return await self._database.read(
            lambda reader: _entries(reader, since, paid_since)
        )

    async def expect(self, payments: Sequence[ExpectedPayment]) -> None:
        """Keep what payments would bring; a later look replaces an earlier one."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_EXPECT, [_expected_values(p) for p in payments])

        await self._database.write(work)

    async def expected_of(self, trade_id: TradeId) -> tuple[ExpectedPayment, ...]:
        """Return what a trade's payments were expected to bring, oldest first."""

        def work(connection: sqlite3.Connection) -> tuple[ExpectedPayment, ...]:
            rows = connection.execute(_EXPECTED, (trade_id,))
            return tuple(expected_of(row) for row in rows)

        return await self._database.read(work)

    async def mark_wallet(self, mark: WalletMark) -> None:
        """Keep a venue's wallet beside our books."""
        values = (
            mark.venue_id,
            to_ms(mark.at),
            to_text(mark.wallet_usd),
            to_text(mark.booked_usd),
        )
        await self._database.write(lambda writer: writer.execute(_MARK, values))

    async def wallet_mark(
        self, venue_id: VenueId, since: datetime | None
    ) -> WalletMark | None:
        """Return the last mark up to a moment, else the first after it."""
        after = 0 if since is None else to_ms(since)
        return await self._one_mark(_MARK_AT, venue_id, after)

    async def latest_mark(self, venue_id: VenueId) -> WalletMark | None:
        """Return a venue's newest mark."""
        return await self._one_mark(_LATEST_MARK, venue_id, 0)

    async def _one_mark(
        self, query: str, venue_id: VenueId, since_ms: int
    ) -> WalletMark | None:
        def work(connection: sqlite3.Connection) -> WalletMark | None:
            values = {"venue": venue_id, "since": since_ms}
            row = connection.execute(query, values).fetchone()
            return None if row is None else _mark_of(row)

        return await self._database.read(work)


def read_file(path: Path, since: datetime | None) -> tuple[LedgerEntry, ...]:
    """Read a trading record that a running bot may hold; blocks until it is read.

    Raises:
        StorageError: there is none, or it cannot be read.
    """
    if not path.exists():
        message = f"There is no trading record at {path}."
        raise StorageError(message)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        with closing(connection):
            connection.execute("BEGIN")
            return _entries(connection, since)
    except sqlite3.Error as error:
        raise StorageError(sentence(error)) from error


def _entries(
    connection: sqlite3.Connection,
    moment: datetime | None,
    paid_since: datetime | None = None,
) -> tuple[LedgerEntry, ...]:
    """Read trades, executions and payments as they stand at one moment."""
    since = {
        "since": 0 if moment is None else to_ms(moment),
        "paid": 0 if paid_since is None else to_ms(paid_since),
    }
    fills: defaultdict[str | None, list[Fill]] = defaultdict(list)
    payments: defaultdict[str | None, list[Payment]] = defaultdict(list)
    trades = [trade_of(row) for row in connection.execute(_TRADES, since)]
    for row in connection.execute(_FILLS, since):
        fill = fill_of(row)
        fills[fill.trade_id].append(fill)
    for row in connection.execute(_PAYMENTS, since):
        paid = payment_of(row)
        payments[paid.trade_id].append(paid)
    return tuple(
        LedgerEntry(each, tuple(fills[each.trade_id]), tuple(payments[each.trade_id]))
        for each in trades
    )


def _expected_values(one: ExpectedPayment) -> tuple[str | int, ...]:
    return (
        one.venue_id,
        one.symbol,
        to_ms(one.pay_at),
        to_text(one.per_payment),
        to_text(one.amount_usd),
        to_ms(one.noted_at),
        one.trade_id,
    )


def expected_of(row: sqlite3.Row) -> ExpectedPayment:
    """Return an expected payment."""
    record = Record("expected_payment", row)
    return ExpectedPayment(
        venue_id=VenueId(record.text("venue_id")),
        symbol=record.text("symbol"),
        pay_at=record.moment("pay_at_ms"),
        per_payment=record.decimal("per_payment"),
        amount_usd=record.decimal("amount_usd"),
        noted_at=record.moment("noted_at_ms"),
        trade_id=TradeId(record.text("trade_id")),
    )


def _mark_of(row: sqlite3.Row) -> WalletMark:
    record = Record("wallet_mark", row)
    return WalletMark(
        venue_id=VenueId(record.text("venue_id")),
        at=record.moment("at_ms"),
        wallet_usd=record.decimal("wallet_usd"),
        booked_usd=record.decimal("booked_usd"),
    )
