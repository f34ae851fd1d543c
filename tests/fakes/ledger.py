"""The ledger in memory, and a pair whose results can be checked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.bookkeeping import Bookkeeper
from core.model.ledger import LedgerEntry, Paid
from core.model.order import Fill, Payment
from core.model.plan import Bounds
from core.model.trade import Trade, TradeLeg, TradeState
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
)
from core.pnl import moves, report
from tests.fakes.objects import BINANCE, EXTENDED, instrument
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from core.model.ledger import ExpectedPayment, Move, PnlReport, WalletMark
    from core.model.units import VenueId

HELD = Decimal("0.1")
BOUNDS = Bounds(None, None, Decimal("0.001"), Decimal("0.0015"))
OPENED = START - timedelta(days=2)
CLOSED = START - timedelta(hours=1)


def trade(state: TradeState = TradeState.CLOSED, name: str = "7f2") -> Trade:
    """Return a pair in BTC: long Extended, short Binance."""
    held = Decimal(0) if state.is_terminal else HELD
    return Trade(
        trade_id=TradeId(name),
        plan_id=PlanId(f"plan-{name}"),
        base=Base("BTC"),
        first=TradeLeg(
            instrument("BTC", EXTENDED), LegSide.LONG, Decimal("0.00025"), held
        ),
        second=TradeLeg(
            instrument("BTC", BINANCE), LegSide.SHORT, Decimal("0.0005"), held
        ),
        quantity_base=HELD,
        leverage=Decimal(3),
        spread_per_hour=Decimal("0.0001"),
        bounds=BOUNDS,
        opened_by=UserId(1001),
        chat_id=ChatId(1001),
        message_id=None,
        created_at=OPENED,
        state=state,
        opened_at=OPENED,
        closed_at=CLOSED if state.is_terminal else None,
    )


def fill(
    number: int,
    venue_id: VenueId,
    side: OrderSide,
    price: str,
    fee: str | None,
    at: datetime,
) -> Fill:
    """Return an execution of a tenth of a bitcoin."""
    return Fill(
        venue_id=venue_id,
        venue_trade_id=str(number),
        symbol=instrument("BTC", venue_id).symbol,
        side=side,
        quantity_base=HELD,
        price=Decimal(price),
        fee_usd=None if fee is None else Decimal(fee),
        at=at,
        client_order_id=None,
    )


def payment(venue_id: VenueId, amount: str, at: datetime) -> Payment:
    """Return a payment to the short on Binance or by the long on Extended."""
    held = HELD if venue_id == EXTENDED else -HELD
    return Payment(
        venue_id=venue_id,
        symbol=instrument("BTC", venue_id).symbol,
        pay_at=at,
        amount_usd=Decimal(amount),
        per_payment=Decimal("0.0001"),
        quantity_base=held,
        price=Decimal(91_000),
    )


ENTRY_FILLS = (
    fill(1, EXTENDED, OrderSide.BUY, "91050", "2.27625", OPENED),
    fill(2, BINANCE, OrderSide.SELL, "91090", "4.5545", OPENED),
)
EXIT_FILLS = (
    fill(3, EXTENDED, OrderSide.SELL, "92000", "2.3", CLOSED),
    fill(4, BINANCE, OrderSide.BUY, "92020", "4.601", CLOSED),
)
PAYMENTS = (
    payment(EXTENDED, "-1.15", OPENED + timedelta(hours=1)),
    payment(BINANCE, "22.40", OPENED + timedelta(hours=30)),
)


def closed_entry() -> LedgerEntry:
    """Return a round trip: +2.00 price, 13.73 fees, +21.25 funding, +9.52 in all."""
    return LedgerEntry(trade(), (*ENTRY_FILLS, *EXIT_FILLS), PAYMENTS)


def open_entry(name: str = "8a3") -> LedgerEntry:
    """Return the same pair while it is open."""
    return LedgerEntry(trade(TradeState.OPEN, name), ENTRY_FILLS, PAYMENTS)


def _paid_from(entry: LedgerEntry, moment: datetime) -> LedgerEntry:
    paid = tuple(each for each in entry.payments if each.pay_at >= moment)
    return replace(entry, payments=paid)


class MemoryLedger:
    """The port Ledger over entries that a test puts there."""

    def __init__(self, *entries: LedgerEntry) -> None:
        self.all = list(entries)
        self.expected: dict[tuple[VenueId, str, datetime], ExpectedPayment] = {}
        self.marks: list[WalletMark] = []

    async def entries(
        self, since: datetime | None = None, *, paid_since: datetime | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Return entries not ended before."""
        return tuple(
            each if paid_since is None else _paid_from(each, paid_since)
            for each in self.all
            if since is None
            or not each.trade.state.is_terminal
            or (each.trade.closed_at is not None and each.trade.closed_at >= since)
        )

    async def expect(self, payments: Sequence[ExpectedPayment]) -> None:
        """Keep."""
        for each in payments:
            self.expected[each.venue_id, each.symbol, each.pay_at] = each

    async def expected_of(self, trade_id: TradeId) -> tuple[ExpectedPayment, ...]:
        """Return a trade's."""
        found = (each for each in self.expected.values() if each.trade_id == trade_id)
        return tuple(sorted(found, key=lambda each: each.pay_at))

    async def mark_wallet(self, mark: WalletMark) -> None:
        """Keep."""
        self.marks.append(mark)

    async def wallet_mark(
        self, venue_id: VenueId, since: datetime | None
    ) -> WalletMark | None:
        """Return the last up to a moment, else the first after it."""
        own = [each for each in self.marks if each.venue_id == venue_id]
        before = [each for each in own if since is not None and each.at <= since]
        found = before[-1:] or own[:1]
        return found[0] if found else None

    async def latest_mark(self, venue_id: VenueId) -> WalletMark | None:
        """Return the newest."""
        own = [each for each in self.marks if each.venue_id == venue_id]
        return own[-1] if own else None


class ScriptedBooks(Bookkeeper):
    """Books of entries that a test puts there; nothing is read or told."""

    def __init__(self, *entries: LedgerEntry) -> None:
        self.all = entries

    async def pnl(self, since: datetime | None, zone: tzinfo) -> PnlReport:  # type: ignore[override]
        """Add the entries up at a mark of 91000."""
        return report(
            self.all, lambda _: Decimal(91_000), since=since, until=START, zone=zone
        )

    async def booked(self, since: datetime | None) -> tuple[Move, ...]:
        """Return all moves since a moment."""
        found = (move for each in self.all for move in moves(each))
        return tuple(move for move in found if since is None or move.at >= since)

    async def payments(self, trade_id: TradeId) -> tuple[Trade, tuple[Paid, ...]]:
        """Return a trade's payments, each a cent below what was expected."""
        entry = self.all[0]
        return replace(entry.trade, trade_id=trade_id), tuple(
            Paid(each, each.amount_usd + Decimal("0.01")) for each in entry.payments
        )
