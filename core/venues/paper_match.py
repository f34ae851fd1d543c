"""Decide what a paper venue does with an order: refuse it, or fill it from the book."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.order import Fill, OrderRecord, Rejected
from core.model.units import OrderSide
from core.venues.paper_state import StateChange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.market import BookLevel, OrderBook
    from core.model.units import ClientOrderId, VenueId
    from core.venues.paper_state import PaperPosition, PaperState

ZERO = Decimal(0)
TAKEN_FOR = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Execution:
    """A part of an order at one price."""

    price: Decimal
    quantity_base: Decimal


@dataclass(frozen=True, slots=True)
class Batch:
    """The executions of one order, or of one liquidation."""

    venue_id: VenueId
    symbol: str
    side: OrderSide
    executions: tuple[Execution, ...]
    taker_fee: Decimal
    at: datetime
    client_order_id: ClientOrderId | None
    """None for a liquidation."""

    def fee_usd(self, part: Execution) -> Decimal:
        """Return the fee of one part, positive is paid."""
        return part.quantity_base * part.price * self.taker_fee


class TakenSizes:
    """What own fills took from a level stays gone for 2 s.

    The real book does not know of our fills and would serve the same size twice.
    """

    def __init__(self) -> None:
        self._batches: list[Batch] = []

    def note(self, batch: Batch) -> None:
        """Remember what an order took."""
        self._batches.append(batch)

    def left(
        self, book: OrderBook, side: OrderSide, now: datetime
    ) -> tuple[BookLevel, ...]:
        """Return what an order may take, without what own orders took."""
        self._batches = [each for each in self._batches if now - each.at < TAKEN_FOR]
        gone: dict[Decimal, Decimal] = {}
        for batch in self._batches:
            if (batch.symbol, batch.side) == (book.instrument.symbol, side):
                for part in batch.executions:
                    taken = gone.get(part.price, ZERO)
                    gone[part.price] = taken + part.quantity_base
        levels = book.asks if side is OrderSide.BUY else book.bids
        rest = ((each, gone.get(each.price, ZERO)) for each in levels)
        return tuple(
            replace(level, quantity_base=level.quantity_base - taken)
            for level, taken in rest
            if level.quantity_base > taken
        )


def walk(
    levels: Sequence[BookLevel], intent: OrderIntent, lot_base: Decimal
) -> tuple[Execution, ...]:
    """Fill an order level by level within its limit, in whole lots in total."""
    wanted = intent.quantity_base
    reach = [level for level in levels if _is_within(level.price, intent)]
    total = min(sum((level.quantity_base for level in reach), ZERO), wanted)
    left = total // lot_base * lot_base
    executions: list[Execution] = []
    for level in reach:
        part = min(level.quantity_base, left)
        if part <= 0:
            break
        executions.append(Execution(level.price, part))
        left -= part
    return tuple(executions)


def _is_within(price: Decimal, intent: OrderIntent) -> bool:
    if intent.side is OrderSide.BUY:
        return price <= intent.limit_price
    return price >= intent.limit_price


def execute(state: PaperState, batch: Batch) -> StateChange:
    """Return wallet, position, order and fills after executions at one moment."""
    wallet, position = state.wallet, state.position(batch.symbol)
    first = wallet.executions + 1
    for part in batch.executions:
        position = position.executed(
            batch.side, part.quantity_base, part.price, batch.at
        )
    fees = sum((batch.fee_usd(part) for part in batch.executions), ZERO)
    earned = (
        position.holding.realised_usd
        - state.position(batch.symbol).holding.realised_usd
    )
    wallet = replace(
        wallet,
        realised_usd=wallet.realised_usd + earned,
        fees_usd=wallet.fees_usd + fees,
        executions=wallet.executions + max(len(batch.executions), 1),
    )
    return StateChange(
        wallet=wallet,
        positions=(position,),
        orders=_record(batch, first),
        fills=_fills(batch, first),
    )


def _record(batch: Batch, number: int) -> tuple[OrderRecord, ...]:
    if batch.client_order_id is None:
        return ()
    filled = sum((part.quantity_base for part in batch.executions), ZERO)
    paid = sum((part.quantity_base * part.price for part in batch.executions), ZERO)
    record = OrderRecord(
        client_order_id=batch.client_order_id,
        venue_order_id=f"paper-{number}",
        filled_base=filled,
        average_price=paid / filled if filled else None,
        fee_usd=sum((batch.fee_usd(part) for part in batch.executions), ZERO),
        is_final=True,
    )
    return (record,)


def _fills(batch: Batch, first: int) -> tuple[Fill, ...]:
    return tuple(
        Fill(
            venue_id=batch.venue_id,
            venue_trade_id=f"paper-{number:09d}",
            symbol=batch.symbol,
            side=batch.side,
            quantity_base=part.quantity_base,
            price=part.price,
            fee_usd=batch.fee_usd(part),
            at=batch.at,
            client_order_id=batch.client_order_id,
        )
        for number, part in enumerate(batch.executions, first)
    )


# --- refusals -------------------------------------------------------------------------


def refuse(code: str, detail: str) -> Rejected:
    """Return a refusal by the venue."""
    return Rejected(code=code, detail=detail, was_sent=True)


def clamp(intent: OrderIntent, position: PaperPosition) -> OrderIntent | Rejected:
    """Cut a reduce-only order to what it may close, or refuse it."""
    if not intent.is_reduce_only:
        return intent
    if position.quantity_base * intent.side.sign >= 0:
        return refuse("reduce_only", "there is nothing to reduce")
    smaller = min(intent.quantity_base, abs(position.quantity_base))
    return replace(intent, quantity_base=smaller)


def broken_rule(intent: OrderIntent, instrument: Instrument) -> Rejected | None:
    """Hold an order against the venue's published limits.

    The minimum does not bind an order that only reduces (true of Binance; taken for all
    here, so that a paper account cannot be stuck with dust).
    """
    quantity, limit = intent.quantity_base, intent.limit_price
    if quantity <= 0 or instrument.floor_quantity(quantity) != quantity:
        return refuse("lot", f"{quantity:f} is not in lots of {instrument.lot_base:f}")
    if limit <= 0 or instrument.round_limit(limit, intent.side) != limit:
        tick = instrument.price_tick
        return refuse("tick", f"{limit:f} is not a price in steps of {tick:f}")
    largest = instrument.max_quantity_base
    if largest is not None and quantity > largest:
        return refuse("max_quantity", f"{quantity:f} is above {largest:f}")
    return None if intent.is_reduce_only else _below_minimum(intent, instrument)


def _below_minimum(intent: OrderIntent, instrument: Instrument) -> Rejected | None:
    quantity, smallest = intent.quantity_base, instrument.min_quantity_base
    if smallest is not None and quantity < smallest:
        return refuse("min_quantity", f"{quantity:f} is below {smallest:f}")
    notional, least = quantity * intent.limit_price, instrument.min_notional_usd
    if least is not None and notional < least:
        return refuse("min_notional", f"{notional:.2f} USD is below {least:f} USD")
    return None


# --- margin ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Means:
    """What the account is worth at given prices."""

    equity_usd: Decimal
    used_usd: Decimal
    """Initial margin of what is held."""
    notional_usd: Decimal

    @property
    def free_usd(self) -> Decimal:
        """Return what may still be used as margin."""
        return max(self.equity_usd - self.used_usd, ZERO)


def means(state: PaperState, prices: Mapping[str, Decimal]) -> Means:
    """Value the account; `prices` must hold every symbol that is not flat."""
    equity, used, notional = state.wallet.balance_usd, ZERO, ZERO
    for each in state.held():
        price = prices[each.symbol]
        size = abs(each.quantity_base) * price
        equity += each.holding.open_result(price)
        used += size / each.leverage
        notional += size
    return Means(equity_usd=equity, used_usd=used, notional_usd=notional)


def lacks_margin(
    intent: OrderIntent,
    position: PaperPosition,
    *,
    book: OrderBook,
    free_usd: Decimal,
    taker_fee: Decimal,
) -> Rejected | None:
    """Refuse an order whose whole quantity the free margin cannot carry."""
    after = position.quantity_base + intent.side.sign * intent.quantity_base
    opened = abs(after) - abs(position.quantity_base)
    if opened <= 0:
        return None
    price = intent.limit_price
    if intent.side is OrderSide.SELL:
        price = max(price, book.bids[0].price)
    needed = opened * price / position.leverage
    needed += intent.quantity_base * price * taker_fee
    if needed <= free_usd:
        return None
    return refuse("margin", f"{needed:.2f} USD needed, {free_usd:.2f} USD free")
