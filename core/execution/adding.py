"""Steps of an addition to an open pair, where they differ from those of an entry.

What an entry lets go is nothing; what an addition lets go is the pair as it was. Only
what its own orders put on a leg is ever taken back, so the part held before stays
hedged whatever becomes of the rest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution import endings, facts
from core.execution.balance import agreed, reduce, topup_of
from core.execution.preflight import Refused
from core.execution.sizing import (
    ZERO,
    cash_usd,
    fees_usd,
    is_level,
    last_of,
    zeros,
)
from core.execution.world import GO
from core.limits import pair_of
from core.model.alert import AlertKind
from core.model.intent import Purpose

if TYPE_CHECKING:
    from decimal import Decimal

    from core.execution.live import LivePositions
    from core.execution.sizing import Docket, Held
    from core.execution.world import World

_OF_ADDITIONS = {"T03": "T36", "T05": "T37", "T06": "T38"}
"""How an addition ends where an entry would: back to the pair, not to nothing."""


async def let_go(world: World, docket: Docket, row: str, refused: Refused) -> Docket:
    """End what got nothing: an entry, or an addition to a pair that stays as it was."""
    if docket.trade.adding is None:
        return await endings.not_opened(world, docket, row, refused)
    return await not_added(world, docket, _OF_ADDITIONS[row], refused)


async def balance(world: World, live: LivePositions, docket: Docket) -> timedelta:
    """Level what was added, or take it back (T10 to T12, T40)."""
    seen = await agreed(world, live, docket)
    if isinstance(seen, timedelta):
        return seen
    trade, held = docket.trade, seen.held
    has_both = not any(zeros(trade, held))
    if has_both and is_level(trade, held, may_add=True):
        return await _ends(world, docket)
    topup = await topup_of(world, docket) if has_both else None
    if topup is None:
        return await _without_topup(world, docket, held)
    if isinstance(topup, timedelta):
        return topup
    tell = world.follow(docket, "balancing")
    await world.move(docket, "T11", draft=topup, tell=tell)
    return GO


async def _without_topup(world: World, docket: Docket, held: Held) -> timedelta:
    """Settle for what the lots allow, or take back at most what was added.

    Legs that differ beyond that lost a part they held before: that is a repair, and the
    addition is over.
    """
    trade = docket.trade
    has_both = not any(zeros(trade, held))
    if has_both and is_level(trade, held, may_add=False):
        return await _ends(world, docket)
    surplus = min(held.difference, docket.added(held.larger))
    instrument = trade.legs[held.larger - 1].instrument
    if has_both and instrument.floor_quantity(surplus) > ZERO:
        return await reduce(world, docket, "T12", held.larger, surplus)
    fresh = replace(trade, adding=None, steps=0, series_at=world.clock.now())
    tell = world.follow(docket, "repairing")
    await world.move(docket, "T40", changed=fresh, tell=tell)
    return GO


async def _ends(world: World, docket: Docket) -> timedelta:
    """Rest with what both legs got, or with what the pair held before."""
    lots = (leg.instrument.lot_base for leg in docket.trade.legs)
    if min(docket.added(1), docket.added(2)) >= min(lots):
        await grown(world, docket)
    else:
        await not_added(world, docket, "T10", _taken_back(docket))
    return GO


def _taken_back(docket: Docket) -> Refused:
    """Say why the second leg did not follow the first."""
    trade = docket.trade
    order = last_of(docket.part.of(2, Purpose.ENTRY, Purpose.TOPUP))
    if order is None:
        return Refused("rechecked", trade.outcome or "the second leg was not sent")
    venue_id = trade.second.instrument.venue_id
    if order.refusal is None or order.refusal_code is None:
        why = f"{venue_id} did not fill its leg, so the other one went back"
        return Refused("no_fill", why, is_market=True)
    why = f"{venue_id} refused ({order.refusal}), so the other leg went back"
    return Refused(order.refusal_code, why)


async def not_added(world: World, docket: Docket, row: str, refused: Refused) -> Docket:
    """Go back to OPEN with what the pair held before, and say why it did not grow.

    An addition that was taken back pauses the pair as an entry that was undone does;
    what is held stays and may be closed.
    """
    was_filled = docket.part.was_filled
    docket = await world.enriched(docket) if was_filled else docket
    trade = docket.trade
    cooldown = await endings.pause_after(world, trade) if was_filled else None
    is_as_before = not docket.added(1) and not docket.added(2)
    more = {
        **facts.known(
            reason=refused.reason,
            code=refused.code,
            cost_usd=endings.cost_of(docket.part) if is_as_before else None,
            was_ordered="yes" if docket.part.intents else "no",
            new_quote="yes" if refused.is_market else None,
            pause_until=None if cooldown is None else cooldown.until.isoformat(),
            stays=min(docket.booked(1), docket.booked(2)),
        ),
        **refused.more,
    }
    rested = replace(trade, adding=None, outcome=f"nothing was added: {refused.reason}")
    if was_filled:
        await world.limits.note_unwind(trade.second.instrument.venue_id)
    return await endings.came_to_nothing(world, docket, row, rested, more, cooldown)


async def grown(world: World, docket: Docket) -> Docket:
    """Enter OPEN from BALANCE with what was added to both legs (T10)."""
    docket = await world.enriched(docket)
    trade, part = docket.trade, docket.part
    added = min(docket.added(1), docket.added(2))
    is_exact = docket.added(1) == docket.added(2)
    more = facts.known(
        quantity=added,
        planned=trade.wanted_base,
        fees_usd=fees_usd(part.intents),
        price_gap_usd=cash_usd(part.intents) if is_exact else None,
        spread_per_hour=trade.quoted_per_hour,
        held=min(docket.booked(1), docket.booked(2)),
        items=facts.added_legs(docket),
    )
    is_news = not world.is_watched(trade)
    rested = replace(
        trade, adding=None, outcome=None, spread_per_hour=_mean_spread(docket, added)
    )
    after = await world.settle_down(
        docket,
        "T10",
        changed=rested,
        tell=(world.result(AlertKind.OPENED, more, is_news=is_news),),
    )
    await world.halts.clear_cooldown(trade.base, pair_of(trade))
    return after


def _mean_spread(docket: Docket, added: Decimal) -> Decimal:
    """Return the entry spread of a grown pair: of all its parts, by their size."""
    trade, whole = docket.trade, min(docket.booked(1), docket.booked(2))
    former = max(whole - added, ZERO)
    total = trade.spread_per_hour * former + trade.quoted_per_hour * added
    return total / (former + added)
