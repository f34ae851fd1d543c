"""One paper account on one pretend market, with short ways to order and to wait."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.intent import OrderIntent, Purpose
from core.model.order import Accepted
from core.model.units import (
    ClientOrderId,
    FundingRate,
    IntentId,
    OrderSide,
    TradeId,
)
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.venues.paper import PaperVenue
from tests.fakes.markets import FakeMarket, book
from tests.fakes.objects import BINANCE, instrument, snapshot
from tests.fakes.paper_ledger import FakePaperLedger
from tests.fakes.runtime import InstantClock

if TYPE_CHECKING:
    from core.model.order import SubmitResult
    from tests.fakes.markets import Rungs

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FEE = Decimal("0.0005")
RULES = VenueRules(
    venue_id=BINANCE,
    code="BN",
    title="Binance",
    acknowledgement=Acknowledgement.RESULT,
    client_id_format=ClientIdFormat.ALPHANUMERIC,
    fence=timedelta(seconds=35),
    taker_fee=FEE,
    funding_price="mark",
)
APT = replace(instrument(venue=BINANCE), price_tick=Decimal("0.01"))
BIDS: Rungs = (("4.99", "100"), ("4.98", "200"))
ASKS: Rungs = (("5.01", "100"), ("5.02", "200"))


class PaperWorld:
    """The venue under test, its market, its books and its time (noon, UTC)."""

    def __init__(self, *, start_usd: str = "1000") -> None:
        self.clock = InstantClock(NOON)
        self.market = FakeMarket(BINANCE, self.clock)
        self.ledger = FakePaperLedger()
        self.start_usd = Decimal(start_usd)
        self.market.quote(book(APT, bids=BIDS, asks=ASKS))
        self._numbers = itertools.count(1)
        self.venue = self.restarted()

    def restarted(self, rules: VenueRules = RULES) -> PaperVenue:
        """Return the account as a new process finds it, and use it from now on."""
        self.venue = PaperVenue(
            rules=rules,
            books=self.market,
            settled=self.market,
            marks=self.market.mark,
            instruments=self.market.find,
            ledger=self.ledger,
            clock=self.clock,
            start_balance_usd=self.start_usd,
        )
        return self.venue

    def intent(
        self,
        side: OrderSide,
        quantity: str,
        limit: str,
        *,
        is_reduce_only: bool = False,
        client_order_id: str | None = None,
    ) -> OrderIntent:
        """Return an order that was just written down."""
        now, number = self.clock.now(), next(self._numbers)
        return OrderIntent(
            intent_id=IntentId(f"i{number}"),
            trade_id=TradeId("t1"),
            leg=1,
            purpose=Purpose.CLOSE if is_reduce_only else Purpose.ENTRY,
            seq=number,
            venue_id=BINANCE,
            symbol=APT.symbol,
            side=side,
            quantity_base=Decimal(quantity),
            limit_price=Decimal(limit),
            is_reduce_only=is_reduce_only,
            client_order_id=ClientOrderId(client_order_id or f"c{number}"),
            created_at=now,
            send_by=now + timedelta(seconds=2),
            fence_at=now + timedelta(seconds=37),
            baseline_base=None,
        )

    async def order(
        self,
        side: OrderSide,
        quantity: str,
        limit: str,
        *,
        is_reduce_only: bool = False,
    ) -> SubmitResult:
        """Send an order."""
        intent = self.intent(side, quantity, limit, is_reduce_only=is_reduce_only)
        return await self.venue.submit(intent, APT)

    async def buy(self, quantity: str, limit: str = "5.50") -> Accepted:
        """Buy at the asks."""
        return accepted(await self.order(OrderSide.BUY, quantity, limit))

    async def sell(self, quantity: str, limit: str = "4.50") -> Accepted:
        """Sell at the bids."""
        return accepted(await self.order(OrderSide.SELL, quantity, limit))

    async def held(self) -> Decimal:
        """Return the signed position."""
        positions = await self.venue.positions()
        return sum((each.quantity_base for each in positions), Decimal(0))

    async def wait_until(self, moment: datetime) -> None:
        """Let time pass."""
        await self.clock.sleep(moment - self.clock.now())

    def announce(
        self, rate: str, pay_at: datetime, *, hours: int = 8, mark: str = "5"
    ) -> None:
        """Show a rate per payment, the coming payment and the mark price."""
        shown = snapshot(venue=BINANCE, price=mark, at=self.clock.now())
        interval = timedelta(hours=hours)
        self.market.snapshots[APT.symbol] = replace(
            shown,
            instrument=APT,
            rate=FundingRate(Decimal(rate), interval, interval),
            next_funding_at=pay_at,
        )


def accepted(result: SubmitResult) -> Accepted:
    """Return the acceptance, or fail the test with what came instead."""
    assert isinstance(result, Accepted), result
    return result


def at(hour: int, minute: int = 0, second: int = 0, *, day: int = 22) -> datetime:
    """Return a moment of the test's days."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC)
