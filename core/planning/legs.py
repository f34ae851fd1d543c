"""Tell which side of a book a leg takes, and which leg is the harder one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.liquidity import depth_within, opposite
from core.model.units import LegSide, OrderSide
from core.model.venue import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.liquidity import PairBooks
    from core.model.units import VenueId
    from core.model.venue import VenueRules

MAX_SLIP_FIRST = Decimal("0.0010")
MAX_SLIP_SECOND = Decimal("0.0015")
"""Being hedged is worth 5 bp more than starting."""


def leg_order(
    books: PairBooks, rules: Mapping[VenueId, VenueRules]
) -> tuple[LegSide, LegSide]:
    """Return the sides in the order of execution: the harder leg first.

    The first difference decides: a venue that acknowledges before it knows the outcome;
    the coarser lot; the thinner book inside the bound; else the long leg.
    """

    def hardness(side: LegSide) -> tuple[bool, Decimal, Decimal]:
        book, order_side = books.of(side), entry_side(side)
        reply = rules[book.instrument.venue_id].acknowledgement
        depth = depth_within(opposite(book, order_side), MAX_SLIP_FIRST, order_side)
        return reply is Acknowledgement.ASYNC, book.instrument.lot_base, -depth

    if hardness(LegSide.SHORT) > hardness(LegSide.LONG):
        return LegSide.SHORT, LegSide.LONG
    return LegSide.LONG, LegSide.SHORT


def entry_side(side: LegSide) -> OrderSide:
    """Return what an order does that opens a leg."""
    return OrderSide.BUY if side is LegSide.LONG else OrderSide.SELL


def exit_side(side: LegSide) -> OrderSide:
    """Return what an order does that closes a leg."""
    return OrderSide.SELL if side is LegSide.LONG else OrderSide.BUY
