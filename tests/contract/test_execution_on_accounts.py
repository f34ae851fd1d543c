"""The trading machine on real adapters: all twelve ordered pairs of the four venues."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from core.execution import Execution, World
from core.limits import Limits
from core.model.trade import TradeLeg, TradeState, advance_trade
from core.model.units import Base, LegSide, TradeId, VenueId
from core.orders import Identity, Orders
from core.runtime import Nursery
from core.venues.account import open_account
from core.venues.catalog import VENUES
from core.venues.markets import MarketReader
from storage.database import Database
from storage.journal import Journal
from storage.outbox import SqliteOutbox
from tests.fakes.runtime import CountedIds
from tests.fakes.stage import BOUNDS, CAPS
from tests.unit.core.venues.accounts import KEYS
from tests.unit.sandbox.venue_clients import frozen_box
from tests.unit.storage.samples import (
    CHAT,
    claim,
    close_plan,
    issued_plan,
    new_trade,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.instrument import Instrument
    from core.model.trade import Trade
    from core.venues.account import LiveVenue
    from sandbox.app import SandboxServer

TRADE = TradeId("trade-a")
SIZE = Decimal("0.02")
PAIRS = list(permutations(("binance", "hyperliquid", "lighter", "extended"), 2))


class WorldClock:
    """The pretend world's own time, which moves when somebody sleeps."""

    def __init__(self, box: SandboxServer) -> None:
        self._clock = box.clock

    def now(self) -> datetime:
        """Return the world's moment."""
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    def monotonic(self) -> float:
        """Return the world's seconds."""
        return self._clock.now_ms() / 1000

    async def sleep(self, duration: timedelta) -> None:
        """Move the world's time at once."""
        step = max(duration, timedelta(0)) // timedelta(milliseconds=1)
        self._clock.set_ms(self._clock.now_ms() + step)
        await asyncio.sleep(0)


@dataclass(slots=True)
class Desk:
    """One process with two accounts."""

    journal: Journal
    execution: Execution
    accounts: dict[VenueId, LiveVenue]
    instruments: dict[VenueId, Instrument]
    clock: WorldClock

    async def trade(self) -> Trade:
        """Return the trade as stored."""
        found = await self.journal.trade(TRADE)
        assert found is not None
        return found

    async def held(self) -> dict[VenueId, Decimal]:
        """Return what each venue says it holds for us."""
        return {
            venue_id: sum(
                (each.quantity_base for each in await account.positions()), Decimal(0)
            )
            for venue_id, account in self.accounts.items()
        }

    async def confirm(self, first: VenueId, second: VenueId) -> None:
        """Claim a plan that is long on the first venue and short on the second."""
        long, short = self.instruments[first], self.instruments[second]
        trade = replace(
            new_trade(),
            base=Base("BTC"),
            first=TradeLeg(long, LegSide.LONG, Decimal("0.0005")),
            second=TradeLeg(short, LegSide.SHORT, Decimal("0.0005")),
            quantity_base=SIZE,
            bounds=replace(BOUNDS, max_cost_usd=Decimal(20)),
            created_at=self.clock.now(),
        )
        await self.journal.draft(issued_plan())
        assert await self.journal.claim(claim(trade=trade))

    async def close(self) -> None:
        """Claim the plan that closes it whole."""
        plan = issued_plan("b", close_plan(TRADE))
        trade = replace(
            await self.trade(),
            close_target_base=Decimal(0),
            close_plan_id=plan.plan_id,
        )
        await self.journal.draft(plan)
        assert await self.journal.claim(claim("b", trade=advance_trade(trade, "T19")))


@asynccontextmanager
async def desk_on(
    box: SandboxServer, folder: Path, venues: tuple[str, str]
) -> AsyncIterator[Desk]:
    """Open readers, accounts and files as the bot does in live mode."""
    clock, nursery = WorldClock(box), Nursery()
    async with AsyncExitStack() as stack:
        database = await Database.open(folder / "live.db", clock=clock)
        stack.push_async_callback(database.close)
        journal = Journal(database, SqliteOutbox(database, (CHAT,)))
        readers: dict[VenueId, MarketReader] = {}
        accounts: dict[VenueId, LiveVenue] = {}
        instruments: dict[VenueId, Instrument] = {}
        for venue_id in map(VenueId, venues):
            url, keys = box.venue_url(venue_id), KEYS.of(venue_id)
            assert keys is not None
            reader = MarketReader(VENUES[venue_id], base_url=url, clock=clock)
            stack.push_async_callback(reader.close)
            account = open_account(
                venue_id, keys, reader=reader, base_url=url, clock=clock
            )
            stack.push_async_callback(account.close)
            listed, _ = await reader.instruments()
            instruments[venue_id] = next(each for each in listed if each.base == "BTC")
            readers[venue_id], accounts[venue_id] = reader, account
        stack.push_async_callback(nursery.cancel)
        limits = Limits(halts=journal, clock=clock, caps=CAPS)
        orders = Orders(
            venues=accounts,
            intents=journal,
            limits=limits,
            rules={venue_id: VENUES[venue_id].rules for venue_id in accounts},
            clock=clock,
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
            venues=accounts,
            books=readers,
            clock=clock,
            is_listed=lambda _: True,
            current_spread=_spread,
        )
        execution = Execution(world=world, nursery=nursery)
        yield Desk(journal, execution, accounts, instruments, clock)


async def _spread(long: Instrument, short: Instrument) -> Decimal:
    del long, short
    return Decimal("0.0001")


@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_a_pair_opens_and_closes_on_any_two_venues(
    first: str, second: str, tmp_path: Path
) -> None:
    """Whatever a venue's reply proves, both legs are known, equal, and gone again."""
    async with (
        frozen_box() as box,
        desk_on(box, tmp_path, (first, second)) as desk,
    ):
        await desk.confirm(VenueId(first), VenueId(second))
        await desk.execution.drive(TRADE)
        opened, held = await desk.trade(), await desk.held()
        await desk.clock.sleep(timedelta(seconds=5))
        await desk.close()
        await desk.execution.drive(TRADE)

        closed, left = await desk.trade(), await desk.held()
        intents = await desk.journal.intents_of(TRADE)

    assert opened.state is TradeState.OPEN, opened
    assert held == {first: SIZE, second: -SIZE}
    assert closed.state is TradeState.CLOSED, closed
    assert left == {first: 0, second: 0}
    assert all(each.state.is_terminal for each in intents)


@pytest.mark.parametrize("venue", ["binance", "hyperliquid", "lighter", "extended"])
@pytest.mark.parametrize("kind", ["reset", "truncated", "html_200"])
async def test_a_lost_reply_opens_one_position_and_no_second(
    venue: str, kind: str, tmp_path: Path
) -> None:
    """Booked as a failure and sent again, it would be twice as large."""
    other = "extended" if venue == "binance" else "binance"
    async with frozen_box() as box, desk_on(box, tmp_path, (venue, other)) as desk:
        box.faults.add(venue, "@order", kind)
        await desk.confirm(VenueId(venue), VenueId(other))
        await desk.execution.drive(TRADE)

        opened, held = await desk.trade(), await desk.held()
        intents = await desk.journal.intents_of(TRADE)

    assert opened.state is TradeState.OPEN, opened
    assert held == {venue: SIZE, other: -SIZE}
    assert len(intents) == 2
