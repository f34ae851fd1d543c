"""Steps that make both legs equal or zero: BALANCE, UNWIND, REBALANCE.

After the second leg's answer a leg that is short may be topped up twice; otherwise the
larger leg is reduced, reduce-only, at 30, then 100, then 300 bp from the best opposite
quote. When that does not help within 60 s a person is called, entries on both
instruments are turned off, and the widest attempt is repeated every 60 s.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.execution import endings, facts
from core.execution.live import NotYet
from core.execution.preflight import Refused, Slot, cost_broken, entry_order
from core.execution.sizing import (
    BANDS,
    MAX_ROUNDS,
    MAX_TOPUPS,
    ZERO,
    accepted,
    booked,
    is_level,
    last_of,
    leaving,
    reduction,
    zeros,
)
from core.execution.world import GO, READ_AGAIN, REPAIR_AGAIN
from core.liquidity import PairBooks, is_fresh, limit_price, slip_limit
from core.model.control import TradingState
from core.model.intent import IntentState, Purpose
from core.model.units import LegSide
from core.orders.desk import Draft

if TYPE_CHECKING:
    from datetime import datetime

    from core.execution.live import Agreed, LivePositions
    from core.execution.sizing import (
        Docket,
        Held,
    )
    from core.execution.world import World
    from core.model.intent import OrderIntent
    from core.model.trade import Trade, TradeLeg

SERIES_WITHIN = timedelta(seconds=60)
TOPUP_WITHIN = timedelta(seconds=20)
TOPUP_EXTRA = Decimal("0.0020")
"""What being hedged may cost beyond the confirmed bound, a fraction of one leg."""
RATE_LIMIT_WAIT = timedelta(seconds=5)
RATE_LIMITED = "rate_limit"
HALTED = "orders to the venue are halted"
TURNED = "a venue filled more than it held and turned the position around"
NO_PRICE = "a venue shows no price to sell at"
LEG_GONE = "one leg was closed at its venue, so I closed the other"
HEDGED_AGAIN = "the legs were made equal again"
ACCEPTED = "what one leg holds more was accepted by an owner"


async def agreed(
    world: World, live: LivePositions, docket: Docket
) -> Agreed | timedelta:
    """Read both positions again; the time to wait when nothing may be decided.

    Losses and strangers' quantities are told and written before anything is ordered.
    """
    seen = await live.compare(docket)
    if isinstance(seen, NotYet):
        if seen.is_overdue and not docket.trade.needs_attention:
            await world.raise_attention(docket, "a venue does not show its positions")
        return seen.again_in
    if seen.foreign is not None and not docket.trade.needs_attention:
        await world.raise_attention(seen.docket, seen.foreign)
        return GO
    if seen.lost.first or seen.lost.second:
        await world.move(seen.docket, None, changed=seen.docket.trade)
        return GO
    if min(seen.held.first, seen.held.second) < 0 and not all(
        zeros(docket.trade, seen.held)
    ):
        return await _turned(world, docket)
    return seen


async def _turned(world: World, docket: Docket) -> timedelta:
    """Call a person about a position that points the wrong way; nothing is ordered."""
    if not docket.trade.needs_attention:
        await world.raise_attention(docket, TURNED)
    return REPAIR_AGAIN


async def balance(world: World, live: LivePositions, docket: Docket) -> timedelta:
    """Level the legs after the entry, or give it up (T10 to T14)."""
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    trade, held = docket.trade, seen.held
    is_zero = zeros(trade, held)
    if all(is_zero):
        await endings.not_opened(world, docket, "T14", _given_up(docket))
        return GO
    if not any(is_zero) and is_level(trade, held, may_add=True):
        await endings.opened(world, docket)
        return GO
    topup = None if is_zero[0] else await topup_of(world, docket)
    if isinstance(topup, timedelta):
        return topup
    if topup is not None:
        tell = world.follow(docket, "balancing")
        await world.move(docket, "T11", draft=topup, tell=tell)
        return GO
    return await _without_topup(world, docket, held)


async def _without_topup(world: World, docket: Docket, held: Held) -> timedelta:
    """Settle for what the lots allow, trim, or give the entry up."""
    trade = docket.trade
    if any(zeros(trade, held)):
        why = _given_up(docket).reason
        fresh = replace(trade, steps=0, series_at=world.clock.now(), outcome=why)
        tell = world.follow(docket, "unwinding")
        await world.move(docket, "T13", changed=fresh, tell=tell)
        return GO
    if is_level(trade, held, may_add=False):
        await endings.opened(world, docket)
        return GO
    return await reduce(world, docket, "T12", held.larger, held.difference)


def _given_up(docket: Docket) -> Refused:
    order = last_of(docket.of(2, Purpose.ENTRY, Purpose.TOPUP))
    venue = docket.trade.second.instrument.venue_id
    if order is None or order.refusal is None or order.refusal_code is None:
        why = f"{venue} did not fill its leg, so the other one was closed again"
        return Refused("no_fill", why, is_market=True)
    why = f"{venue} refused ({order.refusal}), so the other leg was closed again"
    return Refused(order.refusal_code, why)


# --- top-up ---------------------------------------------------------------------------


async def topup_of(world: World, docket: Docket) -> Draft | timedelta | None:
    """Return the order that fills up the second leg, None if none is allowed.

    A duration asks to wait: the venue said it is too busy.
    """
    trade, now = docket.trade, world.clock.now()
    missing = min(
        docket.added(1) - docket.added(2), docket.booked(1) - docket.booked(2)
    )
    latest = last_of(docket.part.of(2, Purpose.ENTRY, Purpose.TOPUP))
    known_at = trade.leg1_filled_at
    if missing <= 0 or latest is None or known_at is None:
        return None
    topups = docket.part.of(2, Purpose.TOPUP)
    if len(topups) >= MAX_TOPUPS or not _may_repeat(latest):
        return None
    if now - known_at >= TOPUP_WITHIN:
        return None
    if wait_for_venue(latest, now) > GO:
        return RATE_LIMIT_WAIT
    if await world.limits.second_leg_refusal(trade) is not None:
        return None
    return await _priced_topup(world, docket, missing)


def wait_for_venue(latest: OrderIntent, now: datetime) -> timedelta:
    """Return how long a venue that was too busy for an order is left alone."""
    if latest.refusal_code != RATE_LIMITED:
        return GO
    return max(latest.created_at + RATE_LIMIT_WAIT - now, GO)


def _may_repeat(order: OrderIntent) -> bool:
    """Tell whether an answer leaves hope: a short fill, none at all, or too busy."""
    if order.state is not IntentState.NONE:
        return True
    return order.refusal_code is None or order.refusal_code == RATE_LIMITED


async def _priced_topup(world: World, docket: Docket, missing: Decimal) -> Draft | None:
    trade = docket.trade
    first, second = await world.both_books(trade)
    if first is None or second is None:
        return None
    if not all(is_fresh(book, world.clock.now()) for book in (first, second)):
        return None
    is_first_long = trade.first.side is LegSide.LONG
    books = PairBooks(first, second) if is_first_long else PairBooks(second, first)
    total = trade.second.instrument.floor_quantity(docket.added(1))
    if cost_broken(docket, books, total, extra=TOPUP_EXTRA) is not None:
        return None
    order = entry_order(
        docket,
        books,
        Slot(2, Purpose.TOPUP),
        quantity=trade.second.instrument.floor_quantity(missing),
        slip=trade.entry_bounds.max_slip_second,
    )
    return order if isinstance(order, Draft) else None


# --- reduce ---------------------------------------------------------------------------


async def unwind(world: World, live: LivePositions, docket: Docket) -> timedelta:
    """Sell what an entry that failed still holds (T15, T16)."""
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    trade, held = docket.trade, seen.held
    if all(zeros(trade, held)):
        why = trade.outcome or "the second leg could not be filled"
        await endings.not_opened(world, docket, "T16", Refused("unwound", why))
        return GO
    return await reduce(world, docket, "T15", held.larger, held.of(held.larger))


async def rebalance(
    world: World, live: LivePositions, docket: Docket, *, at_start: bool
) -> timedelta:
    """Reduce the larger leg of an open pair until both are equal (T29 to T32)."""
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    trade, held = docket.trade, seen.held
    is_zero = zeros(trade, held)
    if all(is_zero):
        why = "you closed it" if trade.close_target_base is not None else LEG_GONE
        await endings.closed(world, docket, "T32", why)
        return GO
    if any(is_zero) or not is_level(trade, held, may_add=False):
        return await reduce(world, docket, "T29", held.larger, held.difference)
    if goes_on(docket) and not at_start:
        fresh = replace(trade, steps=0, close_rounds=trade.close_rounds + 1)
        await world.move(docket, "T30", changed=_calm(fresh))
        return GO
    why = "the close stopped" if trade.close_target_base is not None else HEDGED_AGAIN
    if accepted(trade, held.larger):
        why = ACCEPTED
    await endings.stays_open(world, docket, "T31", why)
    return GO


def goes_on(docket: Docket) -> bool:
    """Tell whether a running close is above its target and has a round left."""
    trade = docket.trade
    target = trade.close_target_base
    if target is None or trade.close_rounds + 1 >= MAX_ROUNDS:
        return False
    remaining = min(docket.booked(1), docket.booked(2)) - target
    return trade.first.instrument.floor_quantity(remaining) > 0


async def reduce(
    world: World, docket: Docket, row: str, leg: int, by: Decimal
) -> timedelta:
    """Send one reduce-only attempt, or call a person when the series is over."""
    trade, now = docket.trade, world.clock.now()
    started = trade.series_at or now
    asked = last_of(docket.of(leg))
    if asked is not None and wait_for_venue(asked, now) > GO:
        return wait_for_venue(asked, now)
    if trade.needs_attention:
        latest = last_of(docket.intents)
        again_at = now if latest is None else latest.created_at + REPAIR_AGAIN
        if trade.steps > 0 and now < again_at:
            await _told_anew(world, docket)
            return again_at - now
    elif trade.steps >= len(BANDS) or now - started > SERIES_WITHIN:
        why = "the excess could not be sold in time"
        await world.raise_attention(docket, why, row=row)
        return REPAIR_AGAIN
    if await is_halted(world, docket, leg):
        return await held_up(world, docket, HALTED)
    purpose = Purpose.UNWIND if row == "T15" else Purpose.TRIM
    draft = await reducing_order(world, docket, Slot(leg, purpose), by)
    if draft is None:
        return await held_up(world, docket, NO_PRICE)
    changed = replace(trade, steps=trade.steps + 1, series_at=started)
    stage = {"T12": "balancing", "T15": "unwinding"}.get(row, "repairing")
    await world.move(
        docket, row, changed=changed, draft=draft, tell=world.follow(docket, stage)
    )
    return GO


async def _told_anew(world: World, docket: Docket) -> None:
    """Write and tell what an attempt left to repair, if it sold a part."""
    trade = docket.trade
    if docket.brought_up_to_date() == trade:
        return
    why = trade.attention or "the excess could not be sold in time"
    tell = (lambda after: facts.not_hedged(after, why, world.clock.now()),)
    await world.move(docket, None, changed=trade, tell=tell)


async def is_halted(
    world: World, docket: Docket, leg: int, *, for_close: bool = False
) -> bool:
    """Tell whether not even reduce-only orders may go to a leg's venue.

    A close goes on while a person has halted what is automatic: it is their own order.
    """
    instrument = docket.trade.legs[leg - 1].instrument
    state = await world.limits.state(
        instrument.venue_id, instrument.symbol, for_close=for_close
    )
    return state is TradingState.HALTED


async def held_up(world: World, docket: Docket, why: str) -> timedelta:
    """Wait until an order can be made; after 60 s a person is called."""
    trade, now = docket.trade, world.clock.now()
    started = trade.series_at or now
    if not trade.needs_attention and now - started > SERIES_WITHIN:
        await world.raise_attention(docket, why)
    elif trade.series_at is None:
        await world.move(docket, None, changed=replace(trade, series_at=now))
    return READ_AGAIN


async def reducing_order(
    world: World, docket: Docket, slot: Slot, by: Decimal
) -> Draft | None:
    """Return a reduce-only order in the series' next band, None without a price."""
    trade = docket.trade
    leg = trade.legs[slot.leg - 1]
    band = BANDS[-1] if trade.needs_attention else BANDS[min(trade.steps, 2)]
    limit = await _reducing_limit(world, leg, band)
    quantity = reduction(trade, booked(docket), slot.leg, by)
    if limit is None or quantity <= ZERO:
        return None
    return Draft(
        leg=slot.leg,
        purpose=slot.purpose,
        side=leaving(leg),
        quantity_base=quantity,
        limit_price=limit,
        baseline_base=docket.booked(slot.leg) * leg.side.sign,
    )


async def _reducing_limit(world: World, leg: TradeLeg, band: Decimal) -> Decimal | None:
    """Return a limit a band away from the best quote, or from the mark without one.

    A frozen book is better than no price, and worse than a mark.
    """
    side = leaving(leg)
    book = await world.book(leg.instrument)
    is_usable = book is not None and book.is_usable
    mark = world.mark_price(leg.instrument)
    if (
        book is not None
        and is_usable
        and (mark is None or is_fresh(book, world.clock.now()))
    ):
        return limit_price(book, side, band)
    if mark is None:
        return None
    return leg.instrument.round_limit(slip_limit(mark, side, band), side)


def _calm(trade: Trade) -> Trade:
    return replace(trade, series_at=None)
