"""The live world in, the two checked orders of an entry out, or the reason why not.

Every read runs at the same time, all within 5 s; a read that fails refuses the entry.
Nothing is swapped or resized: a world worse than the confirmed bounds is a refusal.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.economics import round_trip_cost
from core.execution import facts
from core.execution.caps import trade_over_caps
from core.execution.sizing import ZERO, entering, entry_price
from core.liquidity import (
    PairBooks,
    fill_within,
    is_fresh,
    limit_price,
    opposite,
    pair_prices,
)
from core.model.intent import Purpose
from core.model.opportunity import prices_agree
from core.model.units import LegSide
from core.orders.desk import Draft, asked
from core.planning import MIN_NOTIONALS, margin_needed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from decimal import Decimal

    from core.execution.sizing import Docket
    from core.execution.world import World
    from core.limits import Refusal
    from core.model.market import OrderBook
    from core.model.order import Balance
    from core.model.trade import Trade, TradeLeg

READ_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an entry or its second leg does not go."""

    code: str
    """One word of ours: book, price, spread, cost, margin, held, delisted …"""
    reason: str
    is_market: bool = False
    """A new quote may work: the book, the spread or the cost moved."""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the venues said; None is "no answer"."""

    books: tuple[OrderBook | None, OrderBook | None]
    balances: tuple[Balance | None, Balance | None]
    positions: tuple[Decimal | None, Decimal | None]
    is_leverage_set: tuple[bool | None, bool | None]
    spread_per_hour: Decimal | None


async def check_entry(world: World, docket: Docket) -> Draft | Refused:
    """Run every check of an entry or an addition and return its first order."""
    trade = docket.trade
    running = await world.trades.trades_in_progress()
    others = [each for each in running if each.trade_id != trade.trade_id]
    refusal = await world.limits.entry_refusal(trade, others)
    if refusal is not None:
        return of_limits(refusal)
    for leg in trade.legs:
        if not world.is_listed(leg.instrument):
            return _delisted(leg)
    doubt = world.entry_doubt(trade.long.instrument, trade.short.instrument)
    if doubt is not None:
        return Refused("doubt", doubt)
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            seen = await _look(world, trade)
    except TimeoutError:
        return Refused("slow", "the venues took longer than 5 s to answer")
    order = _judge(world, docket, seen)
    if isinstance(order, Draft):
        over = await trade_over_caps(world, docket, order.limit_price, others)
        return order if over is None else of_limits(over)
    return order


async def _look(world: World, trade: Trade) -> _Seen:
    first, second = (leg.instrument for leg in trade.legs)
    one, two = world.venues[first.venue_id], world.venues[second.venue_id]
    leverage = int(trade.leverage)
    async with asyncio.TaskGroup() as group:
        books = group.create_task(world.both_books(trade))
        money = (
            group.create_task(asked(one.balance())),
            group.create_task(asked(two.balance())),
        )
        held = (
            group.create_task(world.position(first)),
            group.create_task(world.position(second)),
        )
        geared = (
            group.create_task(asked(_done(one.set_leverage(first, leverage)))),
            group.create_task(asked(_done(two.set_leverage(second, leverage)))),
        )
        spread = group.create_task(_spread(world, trade))
    return _Seen(
        books=books.result(),
        balances=(money[0].result(), money[1].result()),
        positions=(held[0].result(), held[1].result()),
        is_leverage_set=(geared[0].result(), geared[1].result()),
        spread_per_hour=spread.result(),
    )


async def _done(call: Awaitable[None]) -> bool:
    await call
    return True


async def _spread(world: World, trade: Trade) -> Decimal | None:
    return await asked(
        world.current_spread(trade.long.instrument, trade.short.instrument)
    )


def _judge(world: World, docket: Docket, seen: _Seen) -> Draft | Refused:
    trade = docket.trade
    books = _fresh_books(world, trade, seen.books)
    if isinstance(books, Refused):
        return books
    return (
        _unlike_prices(trade, books)
        or _not_as_believed(docket, seen)
        or _leverage_not_set(trade, seen)
        or _not_enough(world, docket, seen, books)
        or _spread_broken(trade, seen.spread_per_hour)
        or cost_broken(docket, books, trade.wanted_base)
        or _order(docket, books, leg=1, quantity=trade.wanted_base)
    )


async def check_second(world: World, docket: Docket) -> Draft | Refused:
    """Check the second leg once the first is filled, and return its order.

    Its quantity is what the first leg is known to have got, in the second leg's lots.
    """
    trade = docket.trade
    leg = trade.second
    refusal = await world.limits.second_leg_refusal(trade)
    if refusal is not None:
        return of_limits(refusal)
    if not world.is_listed(leg.instrument):
        return _delisted(leg)
    try:
        async with asyncio.timeout(READ_WITHIN_S), asyncio.TaskGroup() as group:
            reading = group.create_task(world.both_books(trade))
            held = group.create_task(world.position(leg.instrument))
    except TimeoutError:
        return Refused("slow", "the venues took longer than 5 s to answer")
    books = _fresh_books(world, trade, reading.result())
    if isinstance(books, Refused):
        return books
    quantity = leg.instrument.floor_quantity(docket.added(1))
    return (
        _foreign(docket, 2, held.result())
        or cost_broken(docket, books, quantity)
        or _order(docket, books, leg=2, quantity=quantity)
    )


# --- single checks --------------------------------------------------------------------


def of_limits(refusal: Refusal) -> Refused:
    """Return a refusal of the limits as one of the entry."""
    return Refused(refusal.code, refusal.reason)


def _delisted(leg: TradeLeg) -> Refused:
    name, venue_id = leg.instrument.native_name, leg.instrument.venue_id
    return Refused("delisted", f"{venue_id} does not trade {name} any more")


def _fresh_books(
    world: World, trade: Trade, books: tuple[OrderBook | None, OrderBook | None]
) -> PairBooks | Refused:
    found: dict[LegSide, OrderBook] = {}
    for leg, book in zip(trade.legs, books, strict=True):
        venue_id = leg.instrument.venue_id
        if book is None:
            why = f"{venue_id} does not show its order book"
            return Refused("book", why, is_market=True)
        if not is_fresh(book, world.clock.now()):
            why = f"the order book of {venue_id} is old, empty or crossed"
            return Refused("book", why, is_market=True)
        found[leg.side] = book
    return PairBooks(found[LegSide.LONG], found[LegSide.SHORT])


def _unlike_prices(trade: Trade, books: PairBooks) -> Refused | None:
    long_mid, short_mid = books.long.mid, books.short.mid
    if long_mid and short_mid and prices_agree(long_mid, short_mid):
        return None
    why = f"the venues' prices of {trade.base} are more than 3% apart"
    return Refused("price", why)


def _not_as_believed(docket: Docket, seen: _Seen) -> Refused | None:
    """Refuse a venue that holds anything but what our books say.

    A position that is not ours would make every later look at it prove nothing.
    """
    for number, held in enumerate(seen.positions, start=1):
        refused = _foreign(docket, number, held)
        if refused is not None:
            return refused
    return None


def _foreign(docket: Docket, number: int, held: Decimal | None) -> Refused | None:
    leg = docket.trade.legs[number - 1]
    venue_id, base = leg.instrument.venue_id, leg.instrument.base
    if held is None:
        return Refused("read", f"{venue_id} does not show its positions")
    ours = docket.booked(number) * leg.side.sign
    if held == ours:
        return None
    why = f"{venue_id} already holds {held:f} {base}"
    if ours:
        why = f"{venue_id} holds {held:f} {base}, {ours:f} of it by this pair's books"
    return Refused("held", why)


def _leverage_not_set(trade: Trade, seen: _Seen) -> Refused | None:
    for leg, is_set in zip(trade.legs, seen.is_leverage_set, strict=True):
        if is_set is None:
            why = f"{leg.instrument.venue_id} did not take the leverage"
            return Refused("leverage", why)
    return None


def _not_enough(
    world: World, docket: Docket, seen: _Seen, books: PairBooks
) -> Refused | None:
    """Check caps, sizes and free margin at the price the order would pay.

    The cap counts what a leg holds already, the margin what is added.
    """
    trade = docket.trade
    for number, leg in enumerate(trade.legs, start=1):
        venue_id, balance = leg.instrument.venue_id, seen.balances[number - 1]
        best = opposite(books.of(leg.side), entering(leg))[0].price
        notional = trade.wanted_base * best
        whole = notional + docket.booked(number) * best
        if whole > world.limits.caps.max_trade_usd:
            cap = world.limits.caps.max_trade_usd
            return Refused("cap", f"{whole:.2f} USD is above the cap of {cap:f}")
        if _is_odd_size(leg, trade.wanted_base, notional):
            return Refused("size", f"{venue_id} does not take this size any more")
        if balance is None:
            return Refused("read", f"{venue_id} does not show its balance")
        needed = margin_needed(notional, trade.leverage, leg.taker_fee)
        if balance.free_usd < needed:
            why = (
                f"{venue_id} has {balance.free_usd:.2f} USD free, "
                f"{needed:.2f} is needed"
            )
            return Refused("margin", why)
    return None


def _is_odd_size(leg: TradeLeg, quantity: Decimal, notional: Decimal) -> bool:
    instrument = leg.instrument
    least, most = instrument.min_quantity_base, instrument.max_quantity_base
    least_usd = instrument.min_notional_usd
    return (
        instrument.floor_quantity(quantity) <= 0
        or (least is not None and quantity < least)
        or (most is not None and quantity > most)
        or (least_usd is not None and notional < MIN_NOTIONALS * least_usd)
    )


def _spread_broken(trade: Trade, spread: Decimal | None) -> Refused | None:
    if spread is None:
        return Refused("spread", "the funding spread cannot be told now")
    bound = trade.entry_bounds.min_spread_per_hour
    if spread > 0 and (bound is None or spread >= bound):
        return None
    why = "the funding spread fell below the card's bound"
    if spread <= 0:
        why = "the funding spread turned: the pair would pay"
    more = facts.known(bound="spread", was=trade.quoted_per_hour, now=spread)
    return Refused("spread", why, is_market=True, more=more)


def cost_broken(
    docket: Docket, books: PairBooks, quantity: Decimal, *, extra: Decimal = ZERO
) -> Refused | None:
    """Check the round trip's cost against the card's bound, in proportion to size.

    A first leg that is filled counts at the price it paid.

    Args:
        docket: the trade.
        books: both live books.
        quantity: base units per leg.
        extra: what more may be paid to become hedged, a fraction of one leg.
    """
    trade = docket.trade
    bound = trade.entry_bounds.max_cost_usd
    cost = _cost_usd(docket, books, quantity)
    if cost is None:
        why = "the books do not hold this size any more"
        return Refused("book", why, is_market=True)
    if bound is None:
        return None
    usd, mid = cost
    allowed = bound * quantity / trade.wanted_base + extra * quantity * mid
    if usd <= allowed:
        return None
    more = facts.known(bound="cost", was=round(allowed, 4), now=round(usd, 4))
    why = "the cost rose above the card's bound"
    return Refused("cost", why, is_market=True, more=more)


def _cost_usd(
    docket: Docket, books: PairBooks, quantity: Decimal
) -> tuple[Decimal, Decimal] | None:
    prices = pair_prices(books, quantity)
    if prices is None:
        return None
    trade = docket.trade
    paid = entry_price(docket.part, 1)
    if paid is not None:
        is_long = trade.first.side is LegSide.LONG
        prices = (
            replace(prices, long_in=paid) if is_long else replace(prices, short_in=paid)
        )
    cost = round_trip_cost(
        prices,
        quantity,
        long_fee=trade.long.taker_fee,
        short_fee=trade.short.taker_fee,
    )
    return cost.total_usd, prices.mid


def _order(
    docket: Docket, books: PairBooks, *, leg: int, quantity: Decimal
) -> Draft | Refused:
    """Return a leg's entry order, all of it fillable inside the slip bound."""
    bounds = docket.trade.entry_bounds
    slip = bounds.max_slip_first if leg == 1 else bounds.max_slip_second
    return entry_order(
        docket, books, Slot(leg, Purpose.ENTRY), quantity=quantity, slip=slip
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """Which order of a leg is meant."""

    leg: int
    purpose: Purpose


def entry_order(
    docket: Docket, books: PairBooks, slot: Slot, *, quantity: Decimal, slip: Decimal
) -> Draft | Refused:
    """Return an order that builds a leg, or why the book does not hold it."""
    leg = docket.trade.legs[slot.leg - 1]
    side, book = entering(leg), books.of(leg.side)
    notional = quantity * opposite(book, side)[0].price
    least = leg.instrument.min_notional_usd
    if quantity <= 0 or (least is not None and notional < least):
        why = f"{leg.instrument.venue_id} does not take so small an order"
        return Refused("size", why)
    limit = limit_price(book, side, slip)
    if limit is None:
        return Refused("book", "the order book is empty", is_market=True)
    if slot.purpose is Purpose.ENTRY:
        filled, _ = fill_within(opposite(book, side), quantity, limit, side)
        if filled < quantity:
            why = f"the order book of {leg.instrument.venue_id} became too thin"
            return Refused("book", why, is_market=True)
    return Draft(
        leg=slot.leg,
        purpose=slot.purpose,
        side=side,
        quantity_base=quantity,
        limit_price=limit,
        baseline_base=docket.booked(slot.leg) * leg.side.sign,
    )
