"""Everything the steps of a trade ask or tell, and the one way to write a step down.

`World.move` commits one arrow with its order, audit line and messages, and only then
sends the order. A step that lost the race for the trade's version changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import CoreError
from core.execution import facts
from core.execution.sizing import ZERO, Docket, booked, excess
from core.execution.taken import Sources, book_taken
from core.limits import scope_of
from core.model.commit import Commit
from core.model.control import Event, Halt, TradingState
from core.model.trade import advance_trade
from core.orders.desk import Hooks, asked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from core.limits import Limits
    from core.model.alert import Alert, AlertKind
    from core.model.control import Cooldown
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.market import OrderBook
    from core.model.order import VenuePosition
    from core.model.trade import Trade
    from core.model.units import TradeId, UserId, VenueId
    from core.orders.desk import Draft, Orders
    from core.ports import Clock, Halts, Intents, OrderBooks, Trades, TradingVenue

    Tell = Callable[[Docket], Alert]

log = logging.getLogger(__name__)

GO = timedelta(0)
"""Answer of a step: look at the trade again at once."""
ON_SCREEN = timedelta(minutes=15)
"""How long after the tap its message is where a person looks."""
READ_AGAIN = timedelta(seconds=5)
REPAIR_AGAIN = timedelta(seconds=facts.REPEAT_S)
WHO = "engine"


def in_contract(positions: Iterable[VenuePosition], instrument: Instrument) -> Decimal:
    """Return the signed position in one contract; what is not listed is flat."""
    same = (each for each in positions if each.symbol == instrument.symbol)
    return sum((each.quantity_base for each in same), start=ZERO)


class RaceLostError(CoreError):
    """Another step changed the trade first; nothing of this one was kept."""

    def __init__(self, trade_id: str, version: int) -> None:
        super().__init__(f"trade {trade_id} moved on before version {version}")
        self.trade_id, self.version = trade_id, version


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports and questions of the steps."""

    trades: Trades
    intents: Intents
    halts: Halts
    orders: Orders
    limits: Limits
    venues: Mapping[VenueId, TradingVenue]
    books: Mapping[VenueId, OrderBooks]
    clock: Clock
    is_listed: Callable[[Instrument], bool]
    """Still trading by the venue's latest list."""
    current_spread: Callable[[Instrument, Instrument], Awaitable[Decimal | None]]
    """Hourly spread (long, short) from fresh rates; None when it cannot be told."""
    entry_doubt: Callable[[Instrument, Instrument], str | None] = lambda *_: None
    """Why (long, short) may not be entered: a unit not proven, coins apart."""
    mark_price: Callable[[Instrument], Decimal | None] = lambda _: None
    """Latest mark per base unit; prices a repair when the book cannot be read."""

    async def docket(self, trade_id: TradeId) -> Docket | None:
        """Return a trade with its orders as stored, None if there is no such trade."""
        trade = await self.trades.trade(trade_id)
        if trade is None:
            return None
        return Docket(trade, await self.intents.intents_of(trade_id))

    async def book(self, instrument: Instrument) -> OrderBook | None:
        """Return the order book as it is now, None without an answer."""
        venue = self.books.get(instrument.venue_id)
        return None if venue is None else await asked(venue.book(instrument))

    async def both_books(
        self, trade: Trade
    ) -> tuple[OrderBook | None, OrderBook | None]:
        """Return both legs' books, read at the same time."""
        async with asyncio.TaskGroup() as group:
            first = group.create_task(self.book(trade.first.instrument))
            second = group.create_task(self.book(trade.second.instrument))
        return first.result(), second.result()

    async def position(self, instrument: Instrument) -> Decimal | None:
        """Return the signed position a venue shows, None without an answer.

        A venue that the settings do not name any more gives none either.
        """
        positions = await self.positions(instrument.venue_id)
        return None if positions is None else in_contract(positions, instrument)

    async def positions(self, venue_id: VenueId) -> tuple[VenuePosition, ...] | None:
        """Return all that a venue shows, None without an answer."""
        venue = self.venues.get(venue_id)
        return None if venue is None else await asked(venue.positions())

    # --- write ------------------------------------------------------------------------

    async def move(
        self,
        docket: Docket,
        row: str | None,
        *,
        changed: Trade | None = None,
        draft: Draft | None = None,
        tell: Sequence[Tell] = (),
        cooldown: Cooldown | None = None,
    ) -> Docket:
        """Commit one step, then send its order; return what is known afterwards.

        Args:
            docket: the trade as it was read.
            row: id of the arrow; None changes fields within a state.
            changed: the trade with new fields, still in its old state.
            draft: order that belongs to the step.
            tell: makers of the step's messages, given the trade after the step.
            cooldown: pause of the pair that the step causes.

        Raises:
            RaceLostError: somebody else moved the trade; nothing was kept or sent.
            StorageError: nothing was kept or sent.
        """
        source = Docket(changed or docket.trade, docket.intents).brought_up_to_date()
        trade = (
            replace(source, version=source.version + 1)
            if row is None
            else advance_trade(source, row)
        )
        order = None
        if draft is not None:
            order = self.orders.prepare(trade, draft, docket.intents)
        after = Docket(
            trade, docket.intents if order is None else (*docket.intents, order)
        )
        change = Commit(
            trade=trade,
            event=self._event(docket.trade, trade, row, order),
            intents=() if order is None else (order,),
            alerts=tuple(make(after) for make in tell),
            cooldown=cooldown,
        )
        if not await self.trades.commit(change):
            raise RaceLostError(trade.trade_id, trade.version)
        if order is None:
            return after
        sent = await self.orders.send(trade, order)
        return Docket(trade, (*docket.intents, sent))

    def _event(
        self, old: Trade, new: Trade, row: str | None, order: OrderIntent | None
    ) -> Event:
        detail = f"{old.state.value} -> {new.state.value}"
        if new.adding is not None:
            detail += f", adding {new.adding.quantity_base:f}"
        if order is not None:
            detail += (
                f", {order.side.value} {order.quantity_base:f} on {order.venue_id} "
                f"at {order.limit_price:f}, order {order.client_order_id}"
            )
        what = f"trade {new.trade_id} {row or 'note'}"
        return Event(at=self.clock.now(), who=WHO, what=what, detail=detail)

    # --- messages ---------------------------------------------------------------------

    def follow(self, docket: Docket, stage: str) -> tuple[Tell, ...]:
        """Return the maker of a progress message, if somebody watches its message.

        That is so while a close runs, and for a while after an entry or an addition
        was confirmed.
        """
        if not self.is_watched(docket.trade):
            return ()
        return (lambda after: facts.progress(after, stage, self.clock.now()),)

    def is_watched(self, trade: Trade) -> bool:
        """Tell whether a person just started what the trade does, and has its message.

        What the bot began by itself has none: only its outcome is told.
        """
        if trade.message_id is None:
            return False
        if trade.close_target_base is not None:
            return True
        is_begun = trade.opened_at is None or trade.adding is not None
        return is_begun and self.clock.now() - trade.asked_at <= ON_SCREEN

    def result(
        self, kind: AlertKind, more: Mapping[str, str], *, is_news: bool = False
    ) -> Tell:
        """Return the maker of an outcome's message.

        Args:
            kind: which outcome.
            more: facts beside those of every trade alert.
            is_news: nobody waits for it, so it does not edit an old message.
        """
        make = facts.news if is_news else facts.result
        return lambda after: make(after, kind, self.clock.now(), more)

    def hooks(self, docket: Docket) -> Hooks:
        """Return who hears about an order of this trade that stays unknown."""

        def checking(order: OrderIntent) -> Alert:
            return facts.checking(docket, order, self.clock.now())

        async def exposed(order: OrderIntent) -> Alert | None:
            fresh = await self.docket(order.trade_id)
            if fresh is None or fresh.trade.needs_attention:
                return None
            if excess(fresh.trade, booked(fresh)) is None:
                return None
            return facts.exposed(fresh, order, self.clock.now())

        async def overdue(order: OrderIntent) -> None:
            fresh = await self.docket(order.trade_id)
            if fresh is not None and not fresh.trade.needs_attention:
                why = f"{order.venue_id} does not tell what became of an order"
                await self.raise_attention(fresh, why)

        return Hooks(checking=checking, exposed=exposed, overdue=overdue)

    # --- attention --------------------------------------------------------------------

    async def raise_attention(
        self, docket: Docket, reason: str, *, row: str | None = None
    ) -> Docket:
        """Flag a trade for a person, turn its instruments' entries off, tell owners.

        Executions are fetched once it is told: a slow venue must not delay the news,
        and the pair's own card shows what was paid by the time a person looks at it.
        """
        trade = docket.trade
        await self.halt_instruments(trade, reason)
        flagged = replace(trade, needs_attention=True, attention=reason)
        after = await self.move(
            docket,
            row,
            changed=flagged,
            tell=(lambda after: facts.not_hedged(after, reason, self.clock.now()),),
        )
        return await self.enriched(after)

    async def halt_instruments(self, trade: Trade, reason: str) -> None:
        """Allow only reduce-only orders in both instruments of a trade."""
        key = attention_key(trade.trade_id)
        for leg in trade.legs:
            scope = scope_of(leg.instrument.venue_id, leg.instrument.symbol)
            now = self.clock.now()
            halt = Halt(scope, key, TradingState.REDUCING, reason, now)
            event = Event(now, WHO, f"halt {scope}", reason)
            await self.halts.set_halt(halt, event)

    async def stop_repairs(self, trade: Trade, user_id: UserId | None) -> None:
        """Send nothing automatic in both instruments until a person allows it again.

        Without a user it is the owners' standing rule on lost legs.
        """
        reason = "repairs of this pair were stopped by an owner"
        if user_id is None:
            reason = "the rule is to ask before the other leg follows a lost one"
        for leg in trade.legs:
            scope = scope_of(leg.instrument.venue_id, leg.instrument.symbol)
            now = self.clock.now()
            key = stopped_key(trade.trade_id)
            halt = Halt(scope, key, TradingState.HALTED, reason, now, by=user_id)
            await self.halts.set_halt(halt, Event(now, WHO, f"halt {scope}", reason))

    async def allow_repairs(self, trade: Trade) -> None:
        """Take back what `stop_repairs` set."""
        await self._lift(trade, stopped_key(trade.trade_id))

    async def lift_instruments(self, trade: Trade) -> None:
        """Take back what `halt_instruments` and `stop_repairs` set."""
        await self.allow_repairs(trade)
        await self._lift(trade, attention_key(trade.trade_id))

    async def _lift(self, trade: Trade, key: str) -> None:
        for leg in trade.legs:
            scope = scope_of(leg.instrument.venue_id, leg.instrument.symbol)
            event = Event(self.clock.now(), WHO, f"lift {scope}", key)
            await self.halts.clear_halt(scope, key, event)

    async def settle_down(
        self,
        docket: Docket,
        row: str,
        *,
        changed: Trade,
        tell: Sequence[Tell] = (),
        cooldown: Cooldown | None = None,
    ) -> Docket:
        """Commit a step into a state of rest: attention, series and halts end."""
        rested = replace(
            changed, needs_attention=False, attention=None, steps=0, series_at=None
        )
        after = await self.move(
            docket, row, changed=rested, tell=tell, cooldown=cooldown
        )
        if docket.trade.needs_attention:
            await self.lift_instruments(docket.trade)
        return after

    async def enriched(self, docket: Docket) -> Docket:
        """Return the trade after fetching executions that are not stored yet."""
        await self.complete(docket)
        intents = await self.intents.intents_of(docket.trade.trade_id)
        return Docket(docket.trade, intents)

    async def complete(self, docket: Docket) -> None:
        """Fetch executions that are not stored yet, ours and what others took."""
        known = await self.trades.fills_of(docket.trade.trade_id)
        await self.orders.enrich(docket.trade, docket.intents, known)
        sources = Sources(self.venues, self.trades, self.clock)
        await book_taken(sources, docket, known)


def attention_key(trade_id: str) -> str:
    """Return the key of the halts that one trade's trouble sets."""
    return f"attention:{trade_id}"


def stopped_key(trade_id: str) -> str:
    """Return the key of the halts by which a person stops one trade's repairs."""
    return f"{attention_key(trade_id)}:stopped"
