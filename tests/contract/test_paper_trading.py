"""A pair planned, opened, held over payments and closed on paper, over real HTTP.

The market readers with ccxt's own classes speak to the pretend venues; the account's
books lie in SQLite.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.liquidity import PairBooks, limit_price
from core.model.estimate import FeeSource, TakerFee
from core.model.intent import OrderIntent, Purpose
from core.model.opportunity import Opportunity
from core.model.order import Accepted
from core.model.trade import Trade, TradeLeg
from core.model.units import (
    Base,
    ChatId,
    ClientOrderId,
    IntentId,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
    VenueId,
)
from core.planning import Holding, Tariff, build_open_plan, exit_side
from core.positions import value_trade
from core.venues.markets import open_markets
from core.venues.paper import PaperVenue
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from storage.paper_ledger import SqlitePaperLedger
from tests.fakes.objects import ALL_VENUES
from tests.fakes.runtime import InstantClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.plan import OpenPlan, PlanLeg
    from core.venues.markets import MarketReader

START = datetime(2026, 11, 22, 21, 52, 13, tzinfo=UTC)
START_USD = Decimal(5000)


class SharedClock(InstantClock):
    """Our time; the pretend venues live in the same."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.theirs = SandboxClock(fixed_ms=int(start.timestamp() * 1000))

    async def sleep(self, duration: timedelta) -> None:
        """Move both."""
        await super().sleep(duration)
        self.theirs.set_ms(int(self.now().timestamp() * 1000))


@dataclass
class Desk:
    """One venue: what we read of it, and our paper account there."""

    reader: MarketReader
    instrument: Instrument
    snapshot: FundingSnapshot
    paper: PaperVenue

    async def look(self) -> FundingSnapshot:
        """Read the rates anew."""
        found, _ = await self.reader.funding({self.instrument.symbol: self.instrument})
        (self.snapshot,) = found
        return self.snapshot


class World:
    """All venues on one clock."""

    def __init__(self, clock: SharedClock, ledger: SqlitePaperLedger) -> None:
        self.clock = clock
        self.ledger = ledger
        self.desks: dict[VenueId, Desk] = {}

    async def open_desk(self, reader: MarketReader, base: str) -> None:
        """Open an account on a venue for one token."""
        listed, _ = await reader.instruments()
        (found,) = (each for each in listed if each.base == base)
        rates, _ = await reader.funding({found.symbol: found})
        paper = PaperVenue(
            rules=reader.rules,
            books=reader,
            settled=reader,
            marks=lambda _: self.desks[reader.venue_id].snapshot,
            instruments=lambda _: found,
            ledger=self.ledger,
            clock=self.clock,
            start_balance_usd=START_USD,
        )
        await paper.set_leverage(found, 3)
        self.desks[reader.venue_id] = Desk(reader, found, rates[0], paper)

    async def books(self, long: Desk, short: Desk) -> PairBooks:
        """Read both books."""
        return PairBooks(
            long=await long.reader.book(long.instrument),
            short=await short.reader.book(short.instrument),
        )

    async def send(
        self, desk: Desk, side: OrderSide, quantity: Decimal, name: str
    ) -> Accepted:
        """Send a limit IOC order 15 bp from the best price."""
        book = await desk.reader.book(desk.instrument)
        limit = limit_price(book, side, Decimal("0.0015"))
        assert limit is not None
        now = self.clock.now()
        intent = OrderIntent(
            intent_id=IntentId(name),
            trade_id=TradeId("t1"),
            leg=1,
            purpose=Purpose.ENTRY,
            seq=1,
            venue_id=desk.instrument.venue_id,
            symbol=desk.instrument.symbol,
            side=side,
            quantity_base=quantity,
            limit_price=limit,
            is_reduce_only=name.startswith("close"),
            client_order_id=ClientOrderId(name),
            created_at=now,
            send_by=now + timedelta(seconds=2),
            fence_at=now + timedelta(seconds=37),
            baseline_base=None,
        )
        reply = await desk.paper.submit(intent, desk.instrument)
        assert isinstance(reply, Accepted), reply
        return reply

    async def pass_time(self, duration: timedelta) -> None:
        """Let time pass and every venue show its new rates."""
        await self.clock.sleep(duration)
        for desk in self.desks.values():
            await desk.look()


@asynccontextmanager
async def opened_world(path: Path, base: str, *venues: VenueId) -> AsyncIterator[World]:
    """Start the pretend venues and open an account on each."""
    clock = SharedClock(START)
    ledger = await SqlitePaperLedger.open(path / "paper_venue.db", clock=clock)
    try:
        async with SandboxServer(clock.theirs) as server:
            urls = {each: server.venue_url(each) for each in venues}
            readers = open_markets(venues, urls, clock, paper=True)
            world = World(clock, ledger)
            try:
                for reader in readers.values():
                    await world.open_desk(reader, base)
                yield world
            finally:
                for reader in readers.values():
                    await reader.close()
    finally:
        await ledger.close()


@pytest.mark.parametrize("venue", ALL_VENUES)
async def test_a_position_is_opened_paid_for_and_closed_on_each_venue(
    tmp_path: Path, venue: VenueId
) -> None:
    """Every venue's books and settled rates fit the paper account."""
    async with opened_world(tmp_path, "APT", venue) as world:
        desk = world.desks[venue]
        quantity = desk.instrument.floor_quantity(Decimal(20))
        await world.send(desk, OrderSide.SELL, quantity, "open")
        await desk.paper.settle_funding()
        due = desk.snapshot.next_funding_at
        assert due is not None

        await world.pass_time(due - world.clock.now() + timedelta(seconds=2))
        estimated = await desk.paper.settle_funding()
        await world.pass_time(timedelta(minutes=3))
        final = await desk.paper.settle_funding()
        await world.send(desk, OrderSide.BUY, quantity, "close")

        (published,) = await desk.reader.settled(desk.instrument, START)
        assert [(paid.pay_at, paid.is_estimated) for paid in estimated] == [(due, True)]
        assert [(paid.pay_at, paid.is_estimated) for paid in final] == [(due, False)]
        (paid,) = final
        assert (paid.quantity_base, paid.per_payment) == (
            -quantity,
            published.per_payment,
        )
        assert paid.price is not None
        assert paid.amount_usd == quantity * paid.price * published.per_payment
        assert await desk.paper.positions() == ()


def _fee(desk: Desk) -> TakerFee:
    return TakerFee(desk.reader.rules.taker_fee, FeeSource.CATALOG)


async def test_what_the_venues_say_we_earned_is_what_the_position_shows(
    tmp_path: Path,
) -> None:
    """PEPE in thousands on two venues over 24 hours of payments: equal to the cent."""
    hyperliquid, binance = VenueId("hyperliquid"), VenueId("binance")
    async with opened_world(tmp_path, "PEPE", hyperliquid, binance) as world:
        desks = sorted(
            world.desks.values(), key=lambda each: each.snapshot.rate.per_hour
        )
        long, short = desks
        plan = build_open_plan(
            Opportunity(Base("PEPE"), long.snapshot, short.snapshot),
            await world.books(long, short),
            tariff=Tariff(
                {each.reader.venue_id: each.reader.rules for each in desks},
                {each.reader.venue_id: _fee(each) for each in desks},
            ),
            balances={
                each.reader.venue_id: await each.paper.balance() for each in desks
            },
            holding=Holding(
                world.clock.now(), timedelta(hours=24), Decimal(500), Decimal(3)
            ),
        )
        for number, leg in enumerate((plan.first, plan.second)):
            desk = world.desks[leg.instrument.venue_id]
            reply = await world.send(
                desk, leg.order_side, leg.quantity_base, f"open{number}"
            )
            assert reply.filled_base == plan.first.quantity_base
        for _ in range(24):
            await world.pass_time(timedelta(hours=1))
            for desk in desks:
                await desk.paper.settle_funding()
        await world.send(short, exit_side(plan.short.side), Decimal(200_000), "close1")

        fills = [
            fill
            for desk in desks
            for fill in await desk.paper.fills(desk.instrument, START)
        ]
        booked = [paid for desk in desks for paid in await desk.paper.payments(START)]
        balances = [await desk.paper.balance() for desk in desks]
        trade = await _trade_of(plan, world)
        position = value_trade(
            trade,
            fills,
            booked,
            {each.reader.venue_id: each.snapshot for each in desks},
            world.clock.now(),
        )

        assert len({(paid.venue_id, paid.pay_at) for paid in booked}) == len(booked)
        assert sum(paid.venue_id == hyperliquid for paid in booked) == 24
        assert position.total_usd is not None
        earned = sum((each.equity_usd for each in balances), -2 * START_USD)
        assert abs(earned - position.total_usd) < Decimal("1e-12")


async def _trade_of(plan: OpenPlan, world: World) -> Trade:
    """Return the trade as an engine would have booked it."""

    async def leg(planned: PlanLeg) -> TradeLeg:
        desk = world.desks[planned.instrument.venue_id]
        (held,) = await desk.paper.positions()
        return TradeLeg(
            instrument=planned.instrument,
            side=planned.side,
            taker_fee=planned.taker_fee,
            held_base=abs(held.quantity_base),
        )

    first = await leg(plan.first)
    return Trade(
        trade_id=TradeId("t1"),
        plan_id=PlanId("p1"),
        base=plan.base,
        first=first,
        second=await leg(plan.second),
        quantity_base=plan.first.quantity_base,
        leverage=plan.leverage,
        spread_per_hour=plan.spread_per_hour,
        bounds=plan.bounds,
        opened_by=UserId(1),
        chat_id=ChatId(1),
        message_id=None,
        created_at=START,
    )
