"""Book what others took of a leg: the venue's own executions, with their prices.

A liquidation, a deleveraging or a sale by hand shrinks a leg without an order of ours.
Positions tell that it is gone; the venue's executions tell what it brought. They are
booked only if they explain the loss exactly: what does not add up stays unexplained
rather than guessed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.execution.sizing import ZERO, leaving
from core.orders.desk import asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from core.execution.sizing import Docket
    from core.model.order import Fill
    from core.model.trade import TradeLeg
    from core.model.units import VenueId
    from core.ports import Clock, Trades, TradingVenue

log = logging.getLogger(__name__)

LOOKED_BACK = timedelta(days=6)
"""Some venues tell executions of a week at a time, and no older ones."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Who tells executions, and who keeps them."""

    venues: Mapping[VenueId, TradingVenue]
    trades: Trades
    clock: Clock


async def book_taken(
    sources: Sources, docket: Docket, known: Sequence[Fill]
) -> tuple[Fill, ...]:
    """Fetch and store what is missing of both legs' losses; return what was stored."""
    found: list[Fill] = []
    for leg in docket.trade.legs:
        missing = leg.lost_base - _booked(docket, leg, known)
        if missing >= leg.instrument.lot_base:
            found += await _fetched(sources, docket, leg, known, missing)
    if found:
        try:
            await sources.trades.book_fills(found)
        except StorageError:
            log.exception("losses not booked trade_id=%s", docket.trade.trade_id)
            return ()
    return tuple(found)


def _booked(docket: Docket, leg: TradeLeg, known: Sequence[Fill]) -> Decimal:
    """Return how much of a leg's loss our books explain already."""
    return _reduced(leg, [fill for fill in known if _is_others(docket, leg, fill)])


def _reduced(leg: TradeLeg, fills: Sequence[Fill]) -> Decimal:
    """Return by how much executions made a leg smaller."""
    side = leaving(leg)
    return sum(
        (
            fill.quantity_base if fill.side is side else -fill.quantity_base
            for fill in fills
        ),
        ZERO,
    )


def _is_others(docket: Docket, leg: TradeLeg, fill: Fill) -> bool:
    """Tell whether an execution in a leg's contract was by no order of ours."""
    ours = {each.client_order_id for each in docket.intents}
    return (
        fill.intent_id is None
        and fill.client_order_id not in ours
        and fill.venue_id == leg.instrument.venue_id
        and fill.symbol == leg.instrument.symbol
        and fill.at >= docket.trade.created_at
    )


async def _fetched(
    sources: Sources,
    docket: Docket,
    leg: TradeLeg,
    known: Sequence[Fill],
    missing: Decimal,
) -> list[Fill]:
    venue = sources.venues.get(leg.instrument.venue_id)
    if venue is None:
        return []
    since = max(docket.trade.created_at, sources.clock.now() - LOOKED_BACK)
    every = await asked(venue.fills(leg.instrument, since)) or ()
    stored = {(fill.venue_id, fill.symbol, fill.venue_trade_id) for fill in known}
    fresh = [
        replace(fill, trade_id=docket.trade.trade_id)
        for fill in every
        if _is_others(docket, leg, fill)
        and (fill.venue_id, fill.symbol, fill.venue_trade_id) not in stored
    ]
    is_whole = abs(_reduced(leg, fresh) - missing) < leg.instrument.lot_base
    return fresh if is_whole else []
