"""One venue account with scripted answers: lost, late, short, refused, silent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.market import BookLevel, OrderBook
from core.model.order import (
    Accepted,
    Balance,
    Fill,
    OrderRecord,
    Rejected,
    Uncertain,
    VenuePosition,
)
from core.model.units import OrderSide

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.order import (
        Payment,
        SubmitResult,
    )
    from core.model.units import ClientOrderId, VenueId
    from core.ports import Clock
    from tests.fakes.journal import Switch

EXPIRY = timedelta(seconds=7)
"""From creation: 2 s to be sent, 5 s at the venue."""
HALF_SPREAD = Decimal("0.0001")


class Reply(StrEnum):
    """What happens to one order."""

    FILL = "fill"
    LOST = "lost"
    """Accepted, but the answer does not arrive."""
    NEVER = "never"
    """The order does not arrive."""
    LATE = "late"
    """No answer; the venue takes the order 4 s later."""
    ACK = "ack"
    """An id, and no word about the fill."""
    BLANK = "blank"
    """A final answer that does not tell the fill."""
    REJECT = "reject"
    DUPLICATE = "duplicate"
    """Accepted, then refused as a duplicate of itself."""
    REST = "rest"
    """Does not execute and rests in the book until cancelled."""
    BROKEN = "broken"
    """Accepted, then the adapter raises something unheard of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer to an order."""

    reply: Reply = Reply.FILL
    share: Decimal = Decimal(1)
    """How much of the quantity is filled."""
    code: str = "margin"
    hidden_for: timedelta = timedelta(0)
    """How long order and executions do not show up."""


@dataclass(slots=True)
class _Order:
    intent: OrderIntent
    filled: Decimal
    price: Decimal
    visible_at: datetime
    is_final: bool = True


@dataclass(slots=True)
class FakeVenue:
    """A venue with one instrument, unlimited patience and a script."""

    instrument: Instrument
    clock: Clock
    switch: Switch
    price: Decimal
    depth: Decimal = Decimal(1_000_000)
    free_usd: Decimal = Decimal(100_000)
    latency: timedelta = timedelta(milliseconds=50)
    position_lag: timedelta = timedelta(0)
    answers: deque[Answer] = field(default_factory=deque)
    answer: Callable[[], Answer] = Answer
    """Makes the answers after the scripted ones."""
    fails: Callable[[str], bool] = lambda _: False
    """Tells whether a read of this name fails now."""
    before_submit: Callable[[OrderIntent], None] = lambda _: None
    """Checks an order at the moment it leaves."""
    orders: dict[ClientOrderId, _Order] = field(default_factory=dict)
    submits: list[OrderIntent] = field(default_factory=list)
    cancels: list[OrderIntent] = field(default_factory=list)
    executions: list[Fill] = field(default_factory=list)
    paid: list[Payment] = field(default_factory=list)
    leverage: int | None = None
    _changes: list[tuple[datetime, Decimal]] = field(default_factory=list)
    _late: list[tuple[datetime, OrderIntent, Answer]] = field(default_factory=list)

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self.instrument.venue_id

    @property
    def position(self) -> Decimal:
        """Return what is truly held, signed."""
        self._take_late()
        return sum((change for _, change in self._changes), Decimal(0))

    def move_position(self, change: Decimal) -> None:
        """Change the position by a hand that is not ours."""
        self._changes.append((self.clock.now(), change))

    def take_away(
        self, side: OrderSide, quantity: Decimal, price: Decimal, fee_usd: Decimal
    ) -> None:
        """Trade the position ourselves, as in a liquidation or by another hand."""
        self.move_position(side.sign * quantity)
        fill = Fill(
            venue_id=self.venue_id,
            venue_trade_id=str(len(self.executions) + 1),
            symbol=self.instrument.symbol,
            side=side,
            quantity_base=quantity,
            price=price,
            fee_usd=fee_usd,
            at=self.clock.now(),
            client_order_id=None,
        )
        self.executions.append(fill)

    def take_after_all(self, intent: OrderIntent) -> None:
        """Fill an order long after its expiry, as a venue never should."""
        self._book(intent, intent.quantity_base, self.price, self.clock.now())

    # --- orders -----------------------------------------------------------------------

    async def submit(self, intent: OrderIntent, instrument: Instrument) -> SubmitResult:
        """Take an order as the script says."""
        del instrument
        await self.switch.point(f"submit {self.venue_id}")
        self.before_submit(intent)
        self.submits.append(intent)
        answer = self.answers.popleft() if self.answers else self.answer()
        await self.clock.sleep(self.latency)
        result = self._result(intent, answer)
        await self.switch.point(f"answered {self.venue_id}")
        if answer.reply is Reply.BROKEN:
            message = "unheard of"
            raise RuntimeError(message)
        return result

    def _result(self, intent: OrderIntent, answer: Answer) -> SubmitResult:
        if answer.reply is Reply.REJECT:
            return Rejected(answer.code, f"refused: {answer.code}", was_sent=True)
        if answer.reply is Reply.LATE:
            due = self.clock.now() + timedelta(seconds=4)
            self._late.append((due, intent, answer))
        if answer.reply in {Reply.LATE, Reply.NEVER}:
            return Uncertain("timeout")
        return self._execute(intent, answer) or self._accepted(intent, answer)

    def _accepted(self, intent: OrderIntent, answer: Answer) -> SubmitResult:
        order = self.orders[intent.client_order_id]
        if answer.reply in {Reply.LOST, Reply.BROKEN}:
            return Uncertain("timeout")
        if answer.reply is Reply.DUPLICATE:
            return Rejected("duplicate", "duplicate client id", was_sent=True)
        if answer.reply is Reply.FILL:
            fee = order.filled * order.price * Decimal("0.0005")
            return Accepted("1", order.filled, order.price, fee, is_final=True)
        is_final = answer.reply is Reply.BLANK
        return Accepted("1", None, None, None, is_final=is_final)

    def _execute(self, intent: OrderIntent, answer: Answer) -> Rejected | None:
        now = self.clock.now()
        if now > intent.created_at + EXPIRY:
            return Rejected("expired", "too late", was_sent=True)
        if intent.client_order_id in self.orders:
            return Rejected("duplicate", "duplicate client id", was_sent=True)
        wanted = intent.quantity_base
        if intent.is_reduce_only:
            held = -self.position * intent.side.sign
            if held <= 0:
                return Rejected("reduce_only", "nothing to reduce", was_sent=True)
            wanted = min(wanted, held)
        rests = answer.reply is Reply.REST
        filled = self.instrument.floor_quantity(wanted * answer.share)
        filled = Decimal(0) if rests else min(filled, self.depth)
        price = self._best(intent.side)
        self._book(intent, filled, price, now + answer.hidden_for)
        self.orders[intent.client_order_id].is_final = not rests
        return None

    def _book(
        self, intent: OrderIntent, filled: Decimal, price: Decimal, visible_at: datetime
    ) -> None:
        key = intent.client_order_id
        self.orders[key] = _Order(intent, filled, price, visible_at)
        if filled:
            now = self.clock.now()
            self._changes.append((now, filled * intent.side.sign))
            fill = Fill(
                venue_id=self.venue_id,
                venue_trade_id=str(len(self.executions) + 1),
                symbol=intent.symbol,
                side=intent.side,
                quantity_base=filled,
                price=price,
                fee_usd=filled * price * Decimal("0.0005"),
                at=now,
                client_order_id=key,
            )
            self.executions.append(fill)

    def _take_late(self) -> None:
        due = [each for each in self._late if each[0] <= self.clock.now()]
        self._late = [each for each in self._late if each not in due]
        for _, intent, answer in due:
            self._execute(intent, replace(answer, reply=Reply.FILL))

    def _best(self, side: OrderSide) -> Decimal:
        return self.price * (1 + side.sign * HALF_SPREAD)

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel a resting order."""
        del instrument
        await self._read("cancel")
        self.cancels.append(intent)
        order = self.orders.get(intent.client_order_id)
        if order is not None:
            order.is_final = True

    # --- reads ------------------------------------------------------------------------

    async def _read(self, name: str) -> None:
        await self.switch.point(f"{name} {self.venue_id}")
        await self.clock.sleep(self.latency)
        if self.fails(name):
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, f"{name} failed")
        self._take_late()

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by client id."""
        del instrument
        await self._read("find")
        order = self.orders.get(intent.client_order_id)
        if order is None or self.clock.now() < order.visible_at:
            return None
        fee = order.filled * order.price * Decimal("0.0005")
        return OrderRecord(
            client_order_id=intent.client_order_id,
            venue_order_id="1",
            filled_base=order.filled,
            average_price=order.price if order.filled else None,
            fee_usd=fee,
            is_final=order.is_final,
        )

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read our own executions."""
        del instrument
        await self._read("fills")
        now = self.clock.now()
        return tuple(
            fill
            for fill in self.executions
            if fill.at >= since
            and (
                fill.client_order_id is None
                or now >= self.orders[fill.client_order_id].visible_at
            )
        )

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions, as they were a while ago when this venue lags."""
        await self._read("positions")
        until = self.clock.now() - self.position_lag
        held = sum((change for at, change in self._changes if at <= until), Decimal(0))
        if not held:
            return ()
        symbol = self.instrument.symbol
        return (VenuePosition(self.venue_id, symbol, held, self.price, None),)

    async def balance(self) -> Balance:
        """Read free margin."""
        await self._read("balance")
        free = self.free_usd
        return Balance(self.venue_id, free, free, self.clock.now())

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding."""
        await self._read("payments")
        return tuple(paid for paid in self.paid if paid.pay_at > since)

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set leverage."""
        del instrument
        await self._read("set_leverage")
        self.leverage = leverage

    async def book(self, instrument: Instrument) -> OrderBook:
        """Read a book of one deep level per side."""
        await self._read("book")
        bids = (BookLevel(self._best(OrderSide.SELL), self.depth),)
        asks = (BookLevel(self._best(OrderSide.BUY), self.depth),)
        return OrderBook(instrument, bids, asks, self.clock.now())
