"""Value open trades now: price result, fees and funding by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.economics import leg_result
from core.model.position import LegValue, Position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from core.model.market import FundingSnapshot
    from core.model.order import Fill, Payment
    from core.model.trade import Trade, TradeLeg
    from core.model.units import VenueId


def value_trade(
    trade: Trade,
    fills: Sequence[Fill],
    payments: Sequence[Payment],
    snapshots: Mapping[VenueId, FundingSnapshot],
    now: datetime,
) -> Position:
    """Value one trade at the marks of both venues.

    `fills` are oldest first. `snapshots` holds fresh ones only: a venue that is missing
    leaves its rate and its price result None.
    """

    def valued(leg: TradeLeg) -> LegValue:
        return _value_leg(leg, fills, payments, snapshots)

    return Position(
        trade=trade,
        long=valued(trade.long),
        short=valued(trade.short),
        valued_at=now,
    )


def _value_leg(
    leg: TradeLeg,
    fills: Sequence[Fill],
    payments: Sequence[Payment],
    snapshots: Mapping[VenueId, FundingSnapshot],
) -> LegValue:
    result = leg_result(leg, fills, payments)
    snapshot = snapshots.get(leg.instrument.venue_id)
    mark = None if snapshot is None else snapshot.mark_price
    # executions are fetched a moment after their order: until then nothing is known
    is_untold = leg.held_base != 0 and result.entry_price is None
    return LegValue(
        leg=leg,
        entry_price=result.entry_price,
        mark_price=mark,
        funding_usd=result.funding_usd,
        fees_usd=result.fees_usd,
        price_usd=None if is_untold else result.price_usd(mark),
        rate=None if snapshot is None else snapshot.rate,
        next_funding_at=None if snapshot is None else snapshot.next_funding_at,
    )
