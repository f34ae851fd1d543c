"""Steps of a close: CLOSE1, CLOSE2.

The harder leg goes first, reduce-only; the other follows to the same remaining size, at
most five rounds. When the first leg cannot be reduced nothing else is: hedged beats
half closed.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution import endings
from core.execution.balance import (
    HALTED,
    NO_PRICE,
    agreed,
    goes_on,
    held_up,
    is_halted,
    reducing_order,
    wait_for_venue,
)
from core.execution.preflight import Slot
from core.execution.sizing import (
    BANDS,
    ZERO,
    Docket,
    booked,
    is_level,
    last_of,
    zeros,
)
from core.execution.world import GO
from core.liquidity import is_fresh
from core.model.intent import Purpose

if TYPE_CHECKING:
    from core.execution.live import LivePositions
    from core.execution.sizing import (
        Held,
    )
    from core.execution.world import World
    from core.model.trade import Trade
    from core.orders.desk import Draft

DONE = "you closed it"
FLAT_ALREADY = "both legs were flat already"
RESTARTED = "I was restarted before the close went on"


async def close1(
    world: World, live: LivePositions, docket: Docket, *, at_start: bool
) -> timedelta:
    """Reduce the first leg, or stop the close hedged (T20 to T24)."""
    trade, ours = docket.trade, booked(docket)
    is_even = _is_hedged(docket, ours)
    if is_even and await live.read(trade) is None:
        why = "a venue does not show its positions"
        await endings.stays_open(world, docket, "T21", why)
        return GO
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    held = seen.held
    if all(zeros(trade, held)):
        why = _done(trade) if docket.of(1, Purpose.CLOSE) else FLAT_ALREADY
        await endings.closed(world, docket, "T24", why)
    elif _is_hedged(docket, held):
        if trade.steps == 0 and _left_alone(world, docket, 1) > GO:
            return _left_alone(world, docket, 1)
        await _round(world, docket, held, at_start=at_start)
    elif held.first < held.second:
        return await _follow(world, docket, held)
    else:
        fresh = replace(trade, steps=0, series_at=world.clock.now())
        tell = world.follow(docket, "repairing")
        await world.move(docket, "T23", changed=fresh, tell=tell)
    return GO


def _left_alone(world: World, docket: Docket, leg: int) -> timedelta:
    """Return how long a venue that was too busy just before the close gets no order."""
    asked = last_of(docket.of(leg))
    return GO if asked is None else wait_for_venue(asked, world.clock.now())


def is_confirmed(trade: Trade) -> bool:
    """Tell whether a person asked for the running close, not a rule."""
    return trade.close_plan_id is not None


def _done(trade: Trade) -> str:
    return DONE if is_confirmed(trade) else trade.outcome or DONE


def _is_hedged(docket: Docket, held: Held) -> bool:
    return not any(zeros(docket.trade, held)) and is_level(
        docket.trade, held, may_add=False
    )


async def _round(world: World, docket: Docket, held: Held, *, at_start: bool) -> None:
    """Order the next part of the first leg, or say why the close stops."""
    checked = RESTARTED if at_start else await _next_order(world, docket, held)
    if isinstance(checked, str):
        await endings.stays_open(world, docket, "T21", checked)
        return
    trade = docket.trade
    now = world.clock.now()
    await world.move(
        docket,
        "T20",
        changed=replace(trade, steps=trade.steps + 1, series_at=now),
        draft=checked,
        tell=world.follow(docket, "closing"),
    )


async def _next_order(world: World, docket: Docket, held: Held) -> Draft | str:
    """Return the first leg's next order, or the plain reason why there is none."""
    trade = docket.trade
    for number in (1, 2):
        # a halt stops what a rule began; what a person confirmed goes on
        if await is_halted(world, docket, number, for_close=is_confirmed(trade)):
            return HALTED
    latest = last_of(docket.of(1, Purpose.CLOSE))
    is_busy = latest is not None and wait_for_venue(latest, world.clock.now()) > GO
    if trade.steps >= len(BANDS) or (trade.steps > 0 and is_busy):
        return _stopped(docket)
    books = await world.both_books(trade)
    for leg, book in zip(trade.legs, books, strict=True):
        if book is None or not is_fresh(book, world.clock.now()):
            return f"{leg.instrument.venue_id} shows no usable order book"
    # All of it includes what the other leg's coarser lot could not match.
    target = trade.close_target_base or ZERO
    left = min(held.first, held.second) - target if target else held.first
    if trade.first.instrument.floor_quantity(left) <= 0:
        return "nothing is left to close in whole lots"
    order = await reducing_order(world, docket, Slot(1, Purpose.CLOSE), left)
    return order or f"{trade.first.instrument.venue_id} shows no price"


def _stopped(docket: Docket) -> str:
    venue_id = docket.trade.first.instrument.venue_id
    order = last_of(docket.of(1, Purpose.CLOSE))
    if order is not None and order.refusal is not None and order.refusal_code:
        return f"{venue_id} refused: {order.refusal}"
    return f"{venue_id} did not fill the order"


async def _follow(world: World, docket: Docket, held: Held) -> timedelta:
    """Reduce the second leg to what the first still holds (T22)."""
    trade, now = docket.trade, world.clock.now()
    if await is_halted(world, docket, 2, for_close=True):
        return await held_up(world, docket, HALTED)
    if _left_alone(world, docket, 2) > GO:
        return _left_alone(world, docket, 2)
    narrow = Docket(replace(trade, steps=0), docket.intents)
    order = await reducing_order(world, narrow, Slot(2, Purpose.CLOSE), held.difference)
    if order is None:
        return await held_up(world, docket, NO_PRICE)
    await world.move(
        docket,
        "T22",
        changed=replace(trade, steps=0, series_at=now),
        draft=order,
        tell=world.follow(docket, "closing"),
    )
    return GO


async def close2(
    world: World, live: LivePositions, docket: Docket, *, at_start: bool
) -> timedelta:
    """Judge a round after the second leg's answer (T25 to T28)."""
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    trade, held = docket.trade, seen.held
    if all(zeros(trade, held)):
        await endings.closed(world, docket, "T28", _done(trade))
    elif not _is_hedged(docket, held):
        fresh = replace(trade, steps=0, series_at=world.clock.now())
        tell = world.follow(docket, "repairing")
        await world.move(docket, "T27", changed=fresh, tell=tell)
    elif goes_on(docket) and not at_start:
        fresh = replace(trade, steps=0, close_rounds=trade.close_rounds + 1)
        await world.move(docket, "T25", changed=fresh)
    else:
        why = RESTARTED if at_start else _why_rest(docket)
        await endings.stays_open(world, docket, "T26", why)
    return GO


def _why_rest(docket: Docket) -> str:
    trade = docket.trade
    left = min(docket.booked(1), docket.booked(2)) - (trade.close_target_base or ZERO)
    if trade.first.instrument.floor_quantity(left) <= 0:
        return endings.PART_CLOSED
    return "the books were too thin to close all of it"
