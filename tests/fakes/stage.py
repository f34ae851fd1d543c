"""Two fake venues, a journal and the engine's trading parts, with restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from core.execution import Execution, World
from core.limits import Caps, Limits
from core.model.plan import Bounds
from core.model.trade import Addition, Trade, TradeLeg, TradeState, advance_trade
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    MessageId,
    PlanId,
    TradeId,
    UserId,
)
from core.model.venue import Acknowledgement, ClientIdFormat, VenueRules
from core.orders import Identity, Orders
from core.reconcile import Reconciler
from core.runtime import Nursery
from tests.fakes.account import FakeVenue
from tests.fakes.journal import Killed, MemoryJournal, MemoryOutbox, Switch
from tests.fakes.objects import BINANCE, HYPERLIQUID, instrument
from tests.fakes.runtime import CountedIds, FakeClock, settle

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from core.model.alert import Alert, AlertKind
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.units import VenueId

T = TypeVar("T")

LOT = Decimal("0.1")
QUANTITY = Decimal(10)
ADDED = Decimal(4)
PRICE = Decimal(50)
TRADE = TradeId("7F2")
BOUNDS = Bounds(
    min_spread_per_hour=Decimal("0.00006"),
    max_cost_usd=Decimal(2),
    max_slip_first=Decimal("0.0010"),
    max_slip_second=Decimal("0.0015"),
)
CAPS = Caps(max_open_trades=5, max_trade_usd=Decimal(10_000), max_leverage=Decimal(3))
LONGEST = timedelta(minutes=10)
"""A trade that still moves then is stuck."""
FENCE = timedelta(seconds=35)
NEVER = timedelta(hours=2)
"""Work without a limit that runs so long does not end."""
UNHEDGED_IS_FINE = {
    TradeState.LEG1,
    TradeState.LEG2,
    TradeState.BALANCE,
    TradeState.UNWIND,
    TradeState.CLOSE1,
    TradeState.CLOSE2,
    TradeState.REBALANCE,
}


def rules_of(venue_id: VenueId, fence: timedelta = FENCE) -> VenueRules:
    """Return a venue that answers with fills and forgets orders after 7 s."""
    return VenueRules(
        venue_id=venue_id,
        code=venue_id[:2].upper(),
        title=venue_id.title(),
        acknowledgement=Acknowledgement.RESULT,
        client_id_format=ClientIdFormat.ALPHANUMERIC,
        fence=fence,
        taker_fee=Decimal("0.0005"),
        funding_price="mark",
    )


class Stage:
    """A world to trade in; `restart` loses everything but venues and journal."""

    second_fence: timedelta = FENCE

    def __init__(
        self, *, second_lot: Decimal = LOT, second_fence: timedelta = FENCE
    ) -> None:
        self.clock = FakeClock()
        self.switch = Switch()
        self.journal = MemoryJournal(self.switch)
        self.first = self._venue(instrument("SOL", BINANCE))
        self.second = self._venue(
            replace(instrument("SOL", HYPERLIQUID), lot_base=second_lot)
        )
        self.second_fence = second_fence
        self.spread: Decimal | None = Decimal("0.0001")
        self.listed = True
        self.violations: list[str] = []
        self.journal.watch = self.check
        self.restart()

    def _venue(self, listed: Instrument) -> FakeVenue:
        venue = FakeVenue(listed, self.clock, self.switch, PRICE)
        venue.before_submit = self._check_order
        return venue

    @property
    def venues(self) -> dict[VenueId, FakeVenue]:
        """Return both venues by id."""
        return {each.venue_id: each for each in (self.first, self.second)}

    def restart(self, kill_at: int | None = None) -> None:
        """Start a new process over what storage and venues remember."""
        self.switch.revive(kill_at)
        self.nursery = Nursery()
        rules = {each: rules_of(each) for each in self.venues}
        rules[self.second.venue_id] = rules_of(self.second.venue_id, self.second_fence)
        limits = Limits(halts=self.journal, clock=self.clock, caps=CAPS)
        self.orders = Orders(
            venues=self.venues,
            intents=self.journal,
            limits=limits,
            rules=rules,
            clock=self.clock,
            ids=CountedIds(),
            nursery=self.nursery,
            identity=Identity("install", 1),
        )
        self.world = World(
            trades=self.journal,
            intents=self.journal,
            halts=self.journal,
            orders=self.orders,
            limits=limits,
            venues=self.venues,
            books=self.venues,
            clock=self.clock,
            is_listed=lambda _: self.listed,
            current_spread=self._current_spread,
        )
        self.execution = Execution(world=self.world, nursery=self.nursery)
        outbox = MemoryOutbox(self.journal)
        self.reconciler = Reconciler(execution=self.execution, outbox=outbox)

    async def _current_spread(
        self, long: Instrument, short: Instrument
    ) -> Decimal | None:
        del long, short
        return self.spread

    # --- play -------------------------------------------------------------------------

    async def play(
        self, work: Coroutine[object, object, T], *, limit: timedelta | None = None
    ) -> T | None:
        """Run work in virtual time; None if it was killed or is still at it then."""
        task = asyncio.get_running_loop().create_task(work)
        until = None if limit is None else self.clock.now() + limit
        never = self.clock.now() + NEVER
        while not task.done():
            await settle()
            if task.done() or (until is not None and self.clock.now() >= until):
                break
            await self._next_moment()
            assert self.clock.now() < never, f"no end in sight after {NEVER}"
        if not task.done() or self.switch.is_dead:
            task.cancel()
            await self.nursery.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        return task.result()

    async def _next_moment(self) -> None:
        sleepers = [each for each in self.clock._sleepers if not each[2].done()]
        if self.switch.is_dead:
            await self.nursery.cancel()
        assert sleepers, "nothing sleeps and nothing is done: stuck"
        await self.clock.advance(min(sleepers)[0] - self.clock.now())

    def confirmed(self) -> Trade:
        """Store a trade that was just confirmed."""
        trade = Trade(
            trade_id=TRADE,
            plan_id=PlanId("plan"),
            base=Base("SOL"),
            first=TradeLeg(self.first.instrument, LegSide.LONG, Decimal("0.0005")),
            second=TradeLeg(self.second.instrument, LegSide.SHORT, Decimal("0.0005")),
            quantity_base=QUANTITY,
            leverage=Decimal(3),
            spread_per_hour=Decimal("0.0001"),
            bounds=BOUNDS,
            opened_by=UserId(1),
            chat_id=ChatId(1),
            message_id=MessageId(10),
            created_at=self.clock.now(),
            version=1,
        )
        self.journal.rows[trade.trade_id] = trade
        return trade

    async def open(self) -> Trade:
        """Confirm a trade and run it until it rests."""
        trade = self.confirmed()
        await self.play(self.execution.drive(trade.trade_id))
        return self.trade

    def ask_close(self, target: Decimal = Decimal(0)) -> Trade:
        """Store what the tap on Close does."""
        trade = advance_trade(self.trade, "T19")
        moved = replace(
            trade,
            close_plan_id=PlanId("close"),
            close_target_base=target,
            close_rounds=0,
            message_id=MessageId(20),
        )
        self.journal.rows[trade.trade_id] = moved
        return moved

    def ask_addition(self, quantity: Decimal = ADDED) -> Trade:
        """Store what the tap on Add does."""
        trade = self.trade
        adding = Addition(
            plan_id=PlanId("add"),
            quantity_base=quantity,
            spread_per_hour=Decimal("0.0002"),
            bounds=replace(BOUNDS, max_cost_usd=Decimal("0.8")),
            at=self.clock.now(),
            orders_before=len(self.orders_made),
        )
        moved = replace(
            advance_trade(trade, "T35"), adding=adding, message_id=MessageId(30)
        )
        self.journal.rows[trade.trade_id] = moved
        return moved

    async def add(self, quantity: Decimal = ADDED) -> Trade:
        """Confirm an addition and run it until the pair rests."""
        trade = self.ask_addition(quantity)
        await self.play(self.execution.drive(trade.trade_id))
        return self.trade

    async def close(self) -> Trade:
        """Confirm a close and run it until it rests."""
        trade = self.ask_close()
        await self.play(self.execution.drive(trade.trade_id))
        return self.trade

    async def recover(self, kill_at: int | None = None) -> None:
        """Restart and run the start-up check until the trade rests or is killed."""
        self.restart(kill_at)
        await self.play(self._recovered(), limit=LONGEST)

    async def _recovered(self) -> None:
        await self.reconciler.at_start()
        while self.execution.is_busy(TRADE):
            await self.clock.sleep(timedelta(seconds=30))
            await self.reconciler.check_positions()

    # --- look -------------------------------------------------------------------------

    @property
    def trade(self) -> Trade:
        """Return the trade as stored."""
        return self.journal.rows[TRADE]

    @property
    def state(self) -> TradeState:
        """Return the trade's stored state."""
        return self.trade.state

    @property
    def orders_made(self) -> tuple[OrderIntent, ...]:
        """Return the trade's orders as stored."""
        return tuple(self.journal.orders.values())

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """Return what both venues truly hold, signed."""
        return self.first.position, self.second.position

    @property
    def coarser_lot(self) -> Decimal:
        """Return the larger of both lots."""
        return max(leg.instrument.lot_base for leg in self.trade.legs)

    @property
    def exposure(self) -> Decimal:
        """Return the true net position."""
        return sum(self.held, Decimal(0))

    def alerts(self, kind: AlertKind) -> list[Alert]:
        """Return the stored alerts of a kind."""
        return [each for each in self.journal.alerts.values() if each.kind is kind]

    @property
    def steps(self) -> list[str]:
        """Return the ids of the trade's arrows in the order they were taken."""
        lines = (event.what.split() for event in self.journal.trail)
        return [
            words[2] for words in lines if words[0] == "trade" and words[2] != "note"
        ]

    # --- what must always hold --------------------------------------------------------

    def _check_order(self, order: OrderIntent) -> None:
        stored = self.journal.orders.get(order.intent_id)
        self._expect(stored == order, "INV01 an order left without its row")
        twice = order.client_order_id in {
            each.client_order_id
            for venue in self.venues.values()
            for each in venue.submits
        }
        self._expect(not twice, "INV02 an order was sent twice")
        is_open = any(
            not each.state.is_terminal and each.intent_id != order.intent_id
            for each in self.orders_made
        )
        self._expect(not is_open, "INV08 an order while another is unresolved")
        is_reducing = order.purpose.is_reduce_only
        self._expect(order.is_reduce_only is is_reducing, "INV06 not reduce-only")

    def check(self) -> None:
        """Compare the journal with the truth after every write."""
        for number, venue in enumerate((self.first, self.second), start=1):
            built = sum(
                (each.filled_base or Decimal(0)) * (-1 if each.is_reduce_only else 1)
                for each in self.orders_made
                if each.leg == number
            )
            most = self._confirmed_base
            self._expect(built <= most, "INV05 more than confirmed")
            self._expect(abs(venue.position) <= most, "INV05 more than confirmed")
        self._check_exposure()

    @property
    def _confirmed_base(self) -> Decimal:
        trade = self.journal.rows.get(TRADE)
        return QUANTITY if trade is None else trade.quantity_base

    def _check_exposure(self) -> None:
        if TRADE not in self.journal.rows or abs(self.exposure) < self.coarser_lot:
            return
        is_known = (
            self.state in UNHEDGED_IS_FINE
            or any(not each.state.is_terminal for each in self.orders_made)
            or self.trade.needs_attention
        )
        self._expect(is_known, f"INV09 exposure {self.exposure} in {self.state}")

    def _expect(self, holds: bool, what: str) -> None:  # noqa: FBT001 - an assertion
        if not holds:
            self.violations.append(what)

    def check_end(self) -> None:
        """Check what must hold once faults stopped and the trade rests."""
        assert not self.violations, self.violations
        if not self.trade.needs_attention:
            kept = [key for _, key in self.journal.halt_rows if key.endswith(TRADE)]
            assert not kept, "entries stay off for a trade in order"
        assert abs(self.exposure) < self.coarser_lot, f"unhedged by {self.exposure}"
        legs = (abs(held) for held in self.held)
        booked = (leg.held_base for leg in self.trade.legs)
        assert self.state.is_terminal or tuple(legs) == tuple(booked)
        if self.state.is_terminal:
            assert not any(self.held), f"{self.state} and holding {self.held}"


def purposes(orders: Iterable[OrderIntent]) -> list[tuple[int, str]]:
    """Return leg and purpose of each order."""
    return [(each.leg, each.purpose.value) for each in orders]


__all__ = ["TRADE", "Killed", "Stage", "purposes"]
