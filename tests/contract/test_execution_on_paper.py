"""The trading machine on what it really runs on: SQLite and paper accounts."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.execution import Execution, World
from core.limits import Limits
from core.model.intent import IntentState
from core.model.trade import TradeLeg, TradeState, advance_trade
from core.model.units import Base, LegSide, OrderSide, TradeId
from core.orders import Identity, Orders
from core.positions import value_trade
from core.reconcile import Reconciler
from core.runtime import Nursery
from core.venues.paper import PaperVenue
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from tests.fakes.markets import FakeMarket, book
from tests.fakes.objects import BINANCE, HYPERLIQUID, instrument, snapshot
from tests.fakes.paper_ledger import FakePaperLedger
from tests.fakes.runtime import CountedIds, InstantClock
from tests.fakes.stage import BOUNDS, CAPS, rules_of
from tests.unit.storage.samples import (
    CHAT,
    NOW,
    claim,
    close_plan,
    issued_plan,
    new_trade,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.instrument import Instrument
    from core.model.order import SubmitResult
    from core.model.trade import Trade
    from core.model.units import VenueId

TEN = Decimal(10)
LONG = instrument("SOL", BINANCE)
SHORT = instrument("SOL", HYPERLIQUID)


class Killed(BaseException):
    """The process is gone."""


class FragileVenue(PaperVenue):
    """A paper account whose process dies right after an order was accepted."""

    dies = False

    async def submit(self, intent: object, instrument: Instrument) -> SubmitResult:
        """Take the order; the answer may have nobody to arrive at."""
        result = await super().submit(intent, instrument)  # type: ignore[arg-type]
        if self.dies:
            raise Killed
        return result


@dataclass(slots=True)
class Desk:
    """One process over files and markets that outlive it."""

    journal: Journal
    execution: Execution
    reconciler: Reconciler
    venues: dict[VenueId, FragileVenue]
    clock: InstantClock
    nursery: Nursery

    async def trade(self) -> Trade:
        """Return the trade as stored."""
        found = await self.journal.trade(TradeId("trade-a"))
        assert found is not None
        return found

    async def held(self) -> list[Decimal]:
        """Return both venues' positions."""
        return [
            sum((each.quantity_base for each in await venue.positions()), Decimal(0))
            for venue in self.venues.values()
        ]


class Town:
    """Markets, paper books and the database's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = InstantClock(NOW)
        self.ledger = FakePaperLedger()
        self.markets = {
            each.venue_id: FakeMarket(each.venue_id, self.clock)
            for each in (LONG, SHORT)
        }
        for each in (LONG, SHORT):
            market = self.markets[each.venue_id]
            market.show(snapshot("SOL", each.venue_id, price="50"))
            levels = (
                (("49.99", "6"), ("49.98", "100")),
                (("50.01", "6"), ("50.02", "9")),
            )
            market.quote(book(each, bids=levels[0], asks=levels[1]))

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """Open the files as a new process would."""
        database = await Database.open(self.folder / "paper.db", clock=self.clock)
        nursery = Nursery()
        try:
            outbox = SqliteOutbox(database, (CHAT,))
            yield self._desk(Journal(database, outbox), outbox, nursery)
        finally:
            await nursery.cancel()
            await database.close()

    def _desk(self, journal: Journal, outbox: SqliteOutbox, nursery: Nursery) -> Desk:
        venues = {venue_id: self._venue(venue_id) for venue_id in self.markets}
        limits = Limits(halts=journal, clock=self.clock, caps=CAPS)
        orders = Orders(
            venues=venues,
            intents=journal,
            limits=limits,
            rules={venue_id: rules_of(venue_id) for venue_id in venues},
            clock=self.clock,
            ids=CountedIds(),
            nursery=nursery,
            identity=Identity("install", 1),
        )
        world = World(
            trades=journal,
            intents=journal,
            halts=journal,
            orders=orders,
            limits=limits,
            venues=venues,
            books=self.markets,
            clock=self.clock,
            is_listed=lambda _: True,
            current_spread=_spread,
        )
        execution = Execution(world=world, nursery=nursery)
        reconciler = Reconciler(execution=execution, outbox=outbox)
        return Desk(journal, execution, reconciler, venues, self.clock, nursery)

    def _venue(self, venue_id: VenueId) -> FragileVenue:
        market = self.markets[venue_id]
        return FragileVenue(
            rules=rules_of(venue_id),
            books=market,
            settled=market,
            marks=market.mark,
            instruments=market.find,
            ledger=self.ledger,
            clock=self.clock,
            start_balance_usd=Decimal(1000),
        )


async def _spread(long: Instrument, short: Instrument) -> Decimal:
    del long, short
    return Decimal("0.0001")


async def confirmed(desk: Desk) -> None:
    """Claim a plan for ten long and ten short."""
    trade = replace(
        new_trade(),
        base=Base("SOL"),
        first=TradeLeg(LONG, LegSide.LONG, Decimal("0.0005")),
        second=TradeLeg(SHORT, LegSide.SHORT, Decimal("0.0005")),
        quantity_base=TEN,
        bounds=replace(BOUNDS, max_cost_usd=Decimal(3)),
        created_at=desk.clock.now(),
    )
    await desk.journal.draft(issued_plan())
    assert await desk.journal.claim(claim(trade=trade))


async def asked_to_close(desk: Desk) -> None:
    """Move the open trade into its close, as a claim does."""
    plan = issued_plan("b", close_plan(TradeId("trade-a")))
    trade = replace(
        await desk.trade(), close_target_base=Decimal(0), close_plan_id=plan.plan_id
    )
    moved = advance_trade(trade, "T19")
    await desk.journal.draft(plan)
    tap = replace(claim("b", trade=moved), now=NOW)
    assert await desk.journal.claim(tap)


async def test_a_pair_opens_and_closes_and_its_result_adds_up(tmp_path: Path) -> None:
    """In: 6 at 50.01, 4 at 50.02 against 49.99 and 49.98; out: the same mirrored."""
    town = Town(tmp_path)
    async with town.desk() as desk:
        await confirmed(desk)

        await desk.execution.drive(TradeId("trade-a"))
        opened, held = await desk.trade(), await desk.held()
        await town.clock.sleep(timedelta(seconds=5))
        await asked_to_close(desk)
        await desk.execution.drive(TradeId("trade-a"))

        closed = await desk.trade()
        fills = await desk.journal.fills_of(closed.trade_id)
        value = value_trade(closed, fills, (), {}, town.clock.now())
    assert opened.state is TradeState.OPEN
    assert held == [TEN, -TEN]
    assert closed.state is TradeState.CLOSED
    # each way loses 10 x 0.02 + 4 x 0.02 = 0.28
    assert value.price_usd == Decimal("-0.56")
    assert {fill.side for fill in fills} == {OrderSide.BUY, OrderSide.SELL}


async def test_killed_after_an_acceptance_the_order_is_found_and_hedged(
    tmp_path: Path,
) -> None:
    """Our record says "prepared", the venue says "filled": the venue is right."""
    town = Town(tmp_path)
    async with town.desk() as desk:
        await confirmed(desk)
        desk.venues[BINANCE].dies = True
        with pytest.raises(Killed):
            await desk.execution.drive(TradeId("trade-a"))
        (before,) = await desk.journal.intents_of(TradeId("trade-a"))

    async with town.desk() as desk:
        await desk.reconciler.at_start()
        await desk.nursery.drain(timedelta(seconds=5))
        after = await desk.trade()
        held = await desk.held()
        halts = await desk.journal.halts()

    assert before.state is IntentState.PREPARED
    assert after.state is TradeState.OPEN
    assert held == [TEN, -TEN]
    assert not halts
