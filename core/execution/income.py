"""Funding payments in, stored with the trade that held the position when they came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.orders.desk import asked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from core.execution.world import World
    from core.model.order import Payment
    from core.model.trade import Trade, TradeLeg
    from core.model.units import VenueId

TOLD_LATE = timedelta(hours=24)
"""How long after a payment an earlier one may still become known."""


async def book_payments(world: World, trades: Sequence[Trade]) -> int:
    """Ask the venues and store what is new once; return how many were new."""
    count = 0
    for venue_id, venue in world.venues.items():
        ours = [trade for trade in trades if _leg_on(trade, venue_id) is not None]
        if not ours:
            continue
        known = {
            trade.trade_id: [
                paid
                for paid in await world.trades.payments_of(trade.trade_id)
                if paid.venue_id == venue_id
            ]
            for trade in ours
        }
        since = min(_missing_from(trade, known[trade.trade_id]) for trade in ours)
        mine = _with_trades(await asked(venue.payments(since)) or (), ours)
        booked = {paid for own in known.values() for paid in own}
        fresh = [paid for paid in mine if paid not in booked]
        if fresh:
            count += await world.trades.book_payments(fresh)
    return count


def _missing_from(trade: Trade, own: Sequence[Payment]) -> datetime:
    """Return the moment after which a trade's payments may be new or still estimated.

    A venue may tell a payment after a later one (its rates were not readable, the
    interval had changed), so a whole day is looked through again.
    """
    guessed = [paid.pay_at for paid in own if paid.is_estimated]
    newest = max((paid.pay_at for paid in own), default=trade.created_at)
    since = min([newest - TOLD_LATE, *(at - timedelta(seconds=1) for at in guessed)])
    return max(since, trade.created_at - timedelta(seconds=1))


def _leg_on(trade: Trade, venue_id: VenueId) -> TradeLeg | None:
    return next(
        (leg for leg in trade.legs if leg.instrument.venue_id == venue_id), None
    )


def _with_trades(payments: Iterable[Payment], trades: Iterable[Trade]) -> list[Payment]:
    """Return the payments that fell into a trade's life, with that trade."""
    known = tuple(trades)
    found = []
    for paid in payments:
        for trade in known:
            leg = _leg_on(trade, paid.venue_id)
            ended = trade.closed_at or paid.pay_at
            is_here = leg is not None and leg.instrument.symbol == paid.symbol
            if is_here and trade.created_at <= paid.pay_at <= ended:
                found.append(replace(paid, trade_id=trade.trade_id))
                break
    return found
