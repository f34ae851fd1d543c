"""Imitate a venue's order entry and account over the venue's real public data.

A limit IOC order waits the latency, reads a new book and takes what is there within
its limit; the fills, the fee and the position are written in one transaction before
the reply, as a real venue's books would be. A crash of the caller therefore leaves the
same evidence as live trading does: `find`, `fills` and `positions` know the order.

Not imitated: queues, other people's reactions, auto-deleveraging, order rate limits.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import StorageError, TroubleKind, VenueError
from core.model.order import (
    Accepted,
    Balance,
    Rejected,
    Uncertain,
    VenuePosition,
)
from core.model.units import OrderSide
from core.venues import paper_funding as funding
from core.venues import paper_match as match
from core.venues.paper_account import PaperAccount
from core.venues.paper_match import Batch
from core.venues.paper_state import StateChange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.market import FundingSnapshot, OrderBook, SettledRate
    from core.model.order import (
        Fill,
        OrderRecord,
        Payment,
        SubmitResult,
    )
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.ports import Clock, OrderBooks, PaperLedger, SettledRates
    from core.venues.paper_state import Expected, PaperPosition, PaperState

log = logging.getLogger(__name__)

ZERO = Decimal(0)
LATENCY = timedelta(milliseconds=150)
MAX_BOOK_AGE = timedelta(seconds=3)
REQUEST_LIFE = timedelta(seconds=5)
"""A request that arrives later than this after it was sent is refused."""
READ_LIMIT_S = 5
RETRY_FAILED_LOOK = timedelta(minutes=1)
MAINTENANCE_RATE = Decimal("0.005")


class PaperVenue:
    """One pretend account at one venue."""

    def __init__(  # noqa: PLR0913 - a parts list, wired in one place
        self,
        *,
        rules: VenueRules,
        books: OrderBooks,
        settled: SettledRates,
        marks: Callable[[str], FundingSnapshot | None],
        instruments: Callable[[str], Instrument | None],
        ledger: PaperLedger,
        clock: Clock,
        start_balance_usd: Decimal,
        latency: timedelta = LATENCY,
        maintenance_rate: Decimal = MAINTENANCE_RATE,
    ) -> None:
        """Take the parts.

        `marks` and `instruments` answer by symbol with what the scans know; the start
        balance counts when the account's books are first written.
        """
        self._rules = rules
        self._books = books
        self._settled = settled
        self._marks = marks
        self._instruments = instruments
        self._clock = clock
        self._account = PaperAccount(rules.venue_id, ledger, start_balance_usd)
        self._latency = latency
        self._maintenance_rate = maintenance_rate
        self._taken = match.TakenSizes()
        self._settling = asyncio.Lock()
        self._look_at: dict[str, datetime] = {}

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self._rules.venue_id

    # --- orders -----------------------------------------------------------------------

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Fill a limit IOC order against a book that is read after the latency.

        The reply is final and holds the fills. An id that was taken before is
        uncertain: proof that an earlier copy arrived, to be looked up.
        """
        arrives_by = min(self._clock.now(), intent.send_by) + REQUEST_LIFE
        await self._clock.sleep(self._latency)
        try:
            if (await self._account.read()).has_order(intent):
                return Uncertain("duplicate client order id")
            book = await self._new_book(instrument)
            prices = {} if intent.is_reduce_only else await self._held_prices(book)
            arrival = _Arrival(intent, book, prices, arrives_by)
            async with self._account.lock:
                return await self._decide(await self._account.loaded(), arrival)
        except VenueError as trouble:
            return match.refuse("no_book", trouble.detail)
        except StorageError as error:
            return Uncertain(f"the paper books did not answer: {error}")

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Do nothing: no order ever rests."""

    async def _decide(self, state: PaperState, arrival: _Arrival) -> SubmitResult:
        intent = arrival.intent
        if state.has_order(intent):
            return Uncertain("duplicate client order id")
        order = self._checked(state, arrival)
        if isinstance(order, Rejected):
            return order
        now = self._clock.now()
        levels = self._taken.left(arrival.book, order.side, now)
        lot = arrival.book.instrument.lot_base
        batch = Batch(
            venue_id=self.venue_id,
            symbol=order.symbol,
            side=order.side,
            executions=match.walk(levels, order, lot),
            taker_fee=self._rules.taker_fee,
            at=now,
            client_order_id=order.client_order_id,
        )
        change = match.execute(state, batch)
        traded = (
            funding.remember(each, self._coming(each.symbol), now)
            for each in change.positions
        )
        known = arrival.book.instrument
        named = tuple(replace(each, instrument=known) for each in traded)
        change = replace(change, positions=named)
        await self._account.write(state, change)
        self._taken.note(batch)
        (record,) = change.orders
        return Accepted(
            venue_order_id=record.venue_order_id,
            filled_base=record.filled_base,
            average_price=record.average_price,
            fee_usd=record.fee_usd,
            is_final=True,
        )

    def _checked(self, state: PaperState, arrival: _Arrival) -> OrderIntent | Rejected:
        """Return the order as the venue takes it, or its refusal."""
        intent = arrival.intent
        if self._clock.now() > arrival.arrives_by:
            return match.refuse("expired", "the request arrived too late")
        listed = self._instruments(intent.symbol)
        if listed is None and intent.is_reduce_only:
            # what left the list can still be closed while its book is shown
            listed = state.position(intent.symbol).instrument
        if listed is None:
            return match.refuse("unknown_symbol", f"{intent.symbol} is not listed now")
        order = match.clamp(intent, state.position(intent.symbol))
        if isinstance(order, Rejected):
            return order
        refusal = match.broken_rule(order, listed)
        if refusal is None and not order.is_reduce_only:
            refusal = self._beyond_means(state, order, arrival)
        return refusal or order

    def _beyond_means(
        self, state: PaperState, order: OrderIntent, arrival: _Arrival
    ) -> Rejected | None:
        if any(each.symbol not in arrival.prices for each in state.held()):
            return match.refuse("no_book", "the account changed while a book was read")
        return match.lacks_margin(
            order,
            state.position(order.symbol),
            book=arrival.book,
            free_usd=match.means(state, arrival.prices).free_usd,
            taker_fee=self._rules.taker_fee,
        )

    # --- look-up and account ----------------------------------------------------------

    async def find(
        self,
        intent: OrderIntent,
        instrument: Instrument,  # noqa: ARG002 - the port's shape
    ) -> OrderRecord | None:
        """Look an order up by its client id; a refused one was never recorded."""
        return (await self._read_or_fail()).orders.get(intent.client_order_id)

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Return our executions in one symbol from a moment on, oldest first."""
        state = await self._read_or_fail()
        found = (
            fill
            for fill in state.fills.values()
            if fill.symbol == instrument.symbol and fill.at >= since
        )
        return tuple(sorted(found, key=lambda fill: (fill.at, fill.venue_trade_id)))

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Return every position that is not flat."""
        state = await self._read_or_fail()
        return tuple(
            VenuePosition(
                venue_id=self.venue_id,
                symbol=each.symbol,
                quantity_base=each.quantity_base,
                entry_price=each.holding.entry_price,
                liquidation_price=None,
            )
            for each in state.held()
        )

    async def balance(self) -> Balance:
        """Return equity at mark prices and what is free as margin.

        Raises:
            VenueError: a held symbol shows neither a mark price nor a book.
        """
        prices = await self._held_prices()
        state = await self._read_or_fail()
        worth = match.means(state, prices)
        return Balance(
            venue_id=self.venue_id,
            equity_usd=worth.equity_usd,
            free_usd=worth.free_usd,
            at=self._clock.now(),
            wallet_usd=state.wallet.balance_usd,
        )

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Return funding payments after a moment, oldest first."""
        try:
            await self._book_announced()
        except StorageError as error:
            kind = TroubleKind.UNREACHABLE
            raise VenueError(self.venue_id, kind, str(error)) from error
        state = await self._read_or_fail()
        found = (paid for paid in state.payments.values() if paid.pay_at > since)
        return tuple(sorted(found, key=lambda paid: (paid.pay_at, paid.symbol)))

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set the leverage of one symbol.

        Raises:
            VenueError: outside what the venue allows.
        """
        largest = instrument.max_leverage
        if leverage < 1 or (largest is not None and leverage > largest):
            detail = f"leverage {leverage} is not allowed for {instrument.symbol}"
            raise VenueError(self.venue_id, TroubleKind.REFUSED, detail)
        async with self._account.lock:
            state = await self._account.loaded()
            position = state.position(instrument.symbol)
            if position.leverage != leverage:
                changed = replace(position, leverage=leverage)
                await self._account.write(state, StateChange(positions=(changed,)))

    # --- funding and liquidation ------------------------------------------------------

    async def settle_funding(self) -> tuple[Payment, ...]:
        """Book what fell due since the last call; call at start and by a timer.

        Returns the payments that are new or corrected. A venue that does not answer is
        asked again later; a position whose margin is used up is liquidated.

        Raises:
            StorageError: the paper books could not be read or written.
        """
        async with self._settling:
            state = await self._account.read()
            booked: list[Payment] = []
            for symbol in sorted(state.positions):
                if funding.is_watched(state.positions[symbol], state.paid_in(symbol)):
                    booked += await self._settle(symbol)
            await self._liquidate()
            return tuple(booked)

    async def _book_announced(self) -> None:
        """Book what fell due by the announced rates, without asking the venue."""
        state = await self._account.read()
        for symbol in sorted(state.positions):
            if funding.is_watched(state.positions[symbol], state.paid_in(symbol)):
                await self._book(symbol, (), is_due=False)

    async def _settle(self, symbol: str) -> tuple[Payment, ...]:
        is_due = self._look_at.get(symbol, self._clock.now()) <= self._clock.now()
        rates = await self._settled_rates(symbol) if is_due else ()
        return await self._book(symbol, rates, is_due=is_due)

    async def _book(
        self, symbol: str, rates: tuple[SettledRate, ...] | None, *, is_due: bool
    ) -> tuple[Payment, ...]:
        async with self._account.lock:
            state, now = await self._account.loaded(), self._clock.now()
            before = state.position(symbol)
            facts = funding.FundingFacts(
                venue_id=self.venue_id,
                now=now,
                settled=rates or (),
                announced=self._coming(symbol),
                booked=state.paid_in(symbol),
            )
            after, payments = funding.settle(before, facts)
            if after != before or payments:
                await self._account.write(
                    state, funding.booking(state, after, payments)
                )
            look_at = funding.next_look(after, state.paid_in(symbol), now)
        if rates is None:
            look_at = now + RETRY_FAILED_LOOK
        elif not is_due:
            look_at = min(look_at, self._look_at.get(symbol, now))
        is_moved = funding.is_postponed(before.expected, after.expected, now)
        self._look_at[symbol] = now if is_moved else look_at
        return payments

    def _coming(self, symbol: str) -> Expected | None:
        return funding.announced(self._marks(symbol), self._rules.funding_price)

    async def _settled_rates(self, symbol: str) -> tuple[SettledRate, ...] | None:
        """Read what the venue settled; None when it does not tell."""
        position = (await self._account.read()).position(symbol)
        since = position.funded_until
        instrument = self._instruments(symbol) or position.instrument
        if since is None or instrument is None:
            return None
        try:
            async with asyncio.timeout(READ_LIMIT_S):
                return await self._settled.settled(instrument, since - funding.MINUTE)
        except (VenueError, TimeoutError) as trouble:
            log.warning(
                "%s: no settled rates of %s: %s", self.venue_id, symbol, trouble
            )
            return None

    async def _liquidate(self) -> None:
        """Close everything at mark once equity is below the maintenance margin."""
        try:
            prices = await self._held_prices()
        except VenueError:
            return
        async with self._account.lock:
            state = await self._account.loaded()
            if any(each.symbol not in prices for each in state.held()):
                return
            worth = match.means(state, prices)
            if worth.equity_usd >= worth.notional_usd * self._maintenance_rate:
                return
            for each in state.held():
                log.warning("%s: paper account liquidated: %s", self.venue_id, each)
                batch = self._liquidation(each, prices[each.symbol])
                await self._account.write(state, match.execute(state, batch))

    def _liquidation(self, position: PaperPosition, price: Decimal) -> Batch:
        is_long = position.quantity_base > 0
        part = match.Execution(price, abs(position.quantity_base))
        return Batch(
            venue_id=self.venue_id,
            symbol=position.symbol,
            side=OrderSide.SELL if is_long else OrderSide.BUY,
            executions=(part,),
            taker_fee=self._rules.taker_fee,
            at=self._clock.now(),
            client_order_id=None,
        )

    # --- reading and writing ----------------------------------------------------------

    async def _new_book(self, instrument: Instrument) -> OrderBook:
        """Read a book now.

        Raises:
            VenueError: none came, or it is old, empty or crossed.
        """
        try:
            async with asyncio.timeout(READ_LIMIT_S):
                book = await self._books.book(instrument)
        except TimeoutError:
            detail = "no order book in time"
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, detail) from None
        if not book.is_usable:
            detail = "the order book is empty or crossed"
            raise VenueError(self.venue_id, TroubleKind.NONSENSE, detail)
        if self._clock.now() - book.observed_at >= MAX_BOOK_AGE:
            detail = "the order book is old"
            raise VenueError(self.venue_id, TroubleKind.NONSENSE, detail)
        return book

    async def _held_prices(self, book: OrderBook | None = None) -> dict[str, Decimal]:
        """Price everything held: mark price, else the middle of the book.

        Raises:
            VenueError: a symbol has neither.
        """
        prices: dict[str, Decimal] = {}
        for each in (await self._read_or_fail()).held():
            snapshot = self._marks(each.symbol)
            price = None if snapshot is None else snapshot.mark_price
            if price is None and book and book.instrument.symbol == each.symbol:
                price = book.mid
            prices[each.symbol] = price or await self._mid(each)
        return prices

    async def _mid(self, held: PaperPosition) -> Decimal:
        symbol = held.symbol
        instrument = self._instruments(symbol) or held.instrument
        mid = None if instrument is None else (await self._new_book(instrument)).mid
        if mid is None:
            detail = f"{symbol} shows no price"
            raise VenueError(self.venue_id, TroubleKind.NONSENSE, detail)
        return mid

    async def _read_or_fail(self) -> PaperState:
        """Read the account as a caller sees it.

        Raises:
            VenueError: the account's books do not answer, which is no information.
        """
        try:
            return await self._account.read()
        except StorageError as error:
            kind = TroubleKind.UNREACHABLE
            raise VenueError(self.venue_id, kind, str(error)) from error


@dataclass(frozen=True, slots=True)
class _Arrival:
    """An order with what the venue knows when it comes in."""

    intent: OrderIntent
    book: OrderBook
    prices: Mapping[str, Decimal]
    """Of everything held; empty for an order that only reduces."""
    arrives_by: datetime
