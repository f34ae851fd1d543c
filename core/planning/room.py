"""A pair and what its venues have free in, the largest size that fits out. Pure."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from core.model.room import Room
from core.planning.opening import SLACK, largest_notional, margin_needed
from core.planning.pricing import allowed_leverage
from core.planning.quantity import smallest_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.estimate import TakerFee
    from core.model.opportunity import Opportunity
    from core.model.order import Balance
    from core.model.units import VenueId


def room_of(
    pair: Opportunity,
    *,
    size_usd: Decimal,
    leverage: Decimal,
    fees: Mapping[VenueId, TakerFee],
    balances: Mapping[VenueId, Balance],
) -> Room | None:
    """Return how much of a pair fits; None while that is not known.

    One venue that has too little decides, whatever the other one has. With one venue
    unknown and room on the other nothing is claimed.
    """
    instruments = pair.long.instrument, pair.short.instrument
    price = pair.long.mark_price or pair.short.mark_price
    if price is None:
        return None
    used = allowed_leverage(leverage, instruments)
    least = smallest_quantity(price, instruments) * price
    rooms = []
    for instrument in instruments:
        balance = balances.get(instrument.venue_id)
        if balance is None:
            continue
        fee = fees[instrument.venue_id].rate
        most = largest_notional(balance.free_usd, used, fee) * SLACK
        rooms.append(
            Room(
                size_usd=size_usd,
                most_usd=max(most, Decimal(0)).to_integral_value(ROUND_DOWN),
                least_usd=least,
                venue_id=instrument.venue_id,
                free_usd=balance.free_usd,
                needed_usd=margin_needed(size_usd, used, fee),
                read_at=balance.at,
            )
        )
    tightest = min(rooms, key=lambda each: each.most_usd, default=None)
    if tightest is None or (tightest.fits and len(rooms) < len(instruments)):
        return None
    return tightest
