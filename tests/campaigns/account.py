"""A venue account that can do to an order and to a reader whatever a venue can."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.market import BookLevel
from core.model.order import Accepted, Rejected, Uncertain
from tests.fakes.account import HALF_SPREAD, Answer, FakeVenue, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.market import OrderBook
    from core.model.order import Fill, OrderRecord, SubmitResult, VenuePosition
    from core.model.units import ClientOrderId, OrderSide

FOR_EVER = timedelta(hours=3)
LATE = 4.01
"""Seconds until a late order is taken, inside its expiry."""


@dataclass(frozen=True, slots=True)
class Deed(Answer):
    """An answer to an order, with what no ordinary answer has."""

    hangs: bool = False
    """No answer ever comes."""
    is_sent: bool = True
    """False: a refusal before any byte left."""
    factor: Decimal = Decimal(1)
    """Above 1 the venue fills more than was ordered."""
    is_dropped: bool = False
    """A receipt is given, and the order is never heard of again."""
    after_all_s: int | None = None
    """The order is filled so many seconds later, expiry or not."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch of time in which a venue behaves differently."""

    until: datetime
    submit: Callable[[], SubmitResult] | None = None
    """What every order is answered; None takes orders as always."""
    reads: str = "fine"
    """fine, fail or hang."""
    book: str = "fine"
    """fine, old, crossed or empty."""
    positions: str = "fine"
    """fine, omitted or none (a number that is missing)."""


@dataclass(frozen=True, slots=True)
class Look:
    """One answered read that could have shown an order."""

    at: float
    """Seconds by a clock that never jumps."""
    what: str
    order: ClientOrderId | None = None


@dataclass
class ArenaVenue(FakeVenue):
    """A fake account with outages, overfills, hands from outside, and a memory."""

    conduct: Callable[[ArenaVenue, OrderIntent], Answer | None] = lambda *_: None
    """What happens to an order; None asks the script of the ordinary fake."""
    executed: Callable[[], None] = lambda: None
    outages: list[Outage] = field(default_factory=list)
    replies: dict[str, SubmitResult | None] = field(default_factory=dict)
    """What each order was answered, None for silence."""
    looks: list[Look] = field(default_factory=list)
    excess: Decimal = Decimal(0)
    """Filled beyond what was ordered, or beyond an order's life."""
    taken: Decimal = Decimal(0)
    """Moved by hands that are not ours."""
    has_lied: bool = False
    """A list of positions was served that is not true."""
    moved_at: datetime | None = None
    """When something last happened that our side could not know."""
    before: tuple[datetime, Decimal] | None = None
    """The moment of the last such event and the position before it."""
    half_spread: Decimal = HALF_SPREAD
    lose_after_fill: Decimal = Decimal(0)
    """Taken from the position right after the next execution."""
    price_moved_at: datetime | None = None
    _factor: Decimal = Decimal(1)

    # --- orders -----------------------------------------------------------------------

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Take an order, refuse it, lose it, or keep silent about it."""
        del instrument
        await self.switch.point(f"submit {self.venue_id}")
        self.before_submit(intent)
        self.submits.append(intent)
        answer = self.conduct(self, intent)
        if answer is None:
            answer = self.answers.popleft() if self.answers else self.answer()
        deed = answer if isinstance(answer, Deed) else _as_deed(answer)
        outage = self._outage(lambda each: each.submit is not None)
        await self.clock.sleep(self.latency)
        if outage is not None and outage.submit is not None:
            result = outage.submit()
        else:
            result = self._done(intent, deed)
        await self.switch.point(f"answered {self.venue_id}")
        if deed.hangs:
            await self.clock.sleep(FOR_EVER)
        self.replies[intent.intent_id] = result
        if deed.reply is Reply.BROKEN:
            self.replies[intent.intent_id] = None
            message = "unheard of"
            raise RuntimeError(message)
        return result

    def _done(self, intent: OrderIntent, deed: Deed) -> SubmitResult:
        loop = asyncio.get_running_loop()
        if deed.after_all_s is not None:
            loop.call_later(deed.after_all_s, self._after_all, intent)
        if deed.reply is Reply.LATE:
            loop.call_later(LATE, self._take_late)
        if deed.reply is Reply.REJECT:
            return Rejected(deed.code, f"refused: {deed.code}", was_sent=deed.is_sent)
        if deed.is_dropped:
            return Accepted("receipt", None, None, None, is_final=False)
        self._factor = deed.factor
        try:
            return self._result(intent, deed)
        finally:
            self._factor = Decimal(1)

    def _after_all(self, intent: OrderIntent) -> None:
        held = -self.position * intent.side.sign
        wanted = intent.quantity_base
        filled = min(wanted, max(held, Decimal(0))) if intent.is_reduce_only else wanted
        self.moved_at, self.before = self.clock.now(), None
        self.excess += filled
        self._book(intent, filled, self._best(intent.side), self.clock.now())

    def _book(
        self, intent: OrderIntent, filled: Decimal, price: Decimal, visible_at: datetime
    ) -> None:
        self.excess += filled * (self._factor - 1)
        super()._book(intent, filled * self._factor, price, visible_at)
        taken, self.lose_after_fill = self.lose_after_fill, Decimal(0)
        if taken:
            self.move_position(taken)
        self.executed()

    def move_position(self, change: Decimal) -> None:
        """Change the position by a hand that is not ours."""
        self.before = self.clock.now(), self.position
        super().move_position(change)
        self.taken += abs(change)
        self.moved_at = self.clock.now()

    def _best(self, side: OrderSide) -> Decimal:
        return self.price * (1 + side.sign * self.half_spread)

    def move_price(self, share: Decimal) -> None:
        """Move both quotes by a fraction."""
        self.price += self.price * share
        self.price_moved_at = self.clock.now()

    # --- reads ------------------------------------------------------------------------

    def _outage(self, counts: Callable[[Outage], bool]) -> Outage | None:
        now = self.clock.now()
        now_on = (each for each in self.outages if each.until > now and counts(each))
        return next(now_on, None)

    async def _read(self, name: str) -> None:
        outage = self._outage(lambda each: each.reads != "fine")
        if outage is not None and outage.reads == "hang":
            await self.clock.sleep(FOR_EVER)
        await super()._read(name)
        if outage is not None:
            raise VenueError(self.venue_id, TroubleKind.UNREACHABLE, f"{name} failed")

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by client id, and remember who looked for what was not there."""
        found = await super().find(intent, instrument)
        if found is None:
            self._looked("find", intent.client_order_id)
        return found

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read our own executions."""
        found = await super().fills(instrument, since)
        self._looked("fills")
        return found

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions, or what a confused venue makes of them."""
        found = await super().positions()
        outage = self._outage(lambda each: each.positions != "fine")
        if outage is not None and outage.positions == "omitted":
            self.has_lied = True
            return ()
        if outage is not None:
            nothing: Decimal = None  # type: ignore[assignment]  # what venues send
            return tuple(replace(each, quantity_base=nothing) for each in found)
        self._looked("positions")
        return found

    def _looked(self, what: str, order: ClientOrderId | None = None) -> None:
        self.looks.append(Look(self.clock.monotonic(), what, order))

    async def book(self, instrument: Instrument) -> OrderBook:
        """Read a book, or one that nobody should trade on."""
        book = await super().book(instrument)
        outage = self._outage(lambda each: each.book != "fine")
        if outage is None:
            return book
        if outage.book == "old":
            return replace(book, observed_at=book.observed_at - timedelta(minutes=5))
        if outage.book == "empty":
            return replace(book, bids=(), asks=())
        too_high = BookLevel(book.asks[0].price * 2, Decimal(1))
        return replace(book, bids=(too_high, *book.bids))


def _as_deed(answer: Answer) -> Deed:
    return Deed(answer.reply, answer.share, answer.code, answer.hidden_for)


def lost() -> SubmitResult:
    """Answer nothing that proves anything."""
    return Uncertain("timeout")


def refused(code: str, *, is_sent: bool = True) -> Callable[[], SubmitResult]:
    """Return the maker of a refusal with this code."""
    return lambda: Rejected(code, f"refused: {code}", was_sent=is_sent)
