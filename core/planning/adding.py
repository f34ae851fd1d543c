"""Tell what a grown pair's legs will be like; the part itself is priced as an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.economics import leg_result
from core.planning.pricing import distance_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from core.model.opportunity import Opportunity
    from core.model.order import Fill
    from core.model.plan import OpenPlan, PlanLeg
    from core.model.trade import Trade, TradeLeg


def distances_after(
    trade: Trade, part: OpenPlan, pair: Opportunity, fills: Sequence[Fill]
) -> tuple[Decimal | None, Decimal | None]:
    """Return each leg's distance to liquidation once a part is added.

    A fraction of the mark, in the trade's order; None where the entry price of what is
    held, the mark or the venue's maintenance margin is not known.
    """

    def distance(leg: TradeLeg, more: PlanLeg) -> Decimal | None:
        held, entry = leg.held_base, leg_result(leg, fills, ()).entry_price
        if entry is None:
            return None
        whole = held + more.quantity_base
        mean = (held * entry + more.quantity_base * more.price) / whole
        snapshot = pair.long if leg.side is trade.long.side else pair.short
        return distance_of(snapshot, leg.side, mean, part.leverage)

    return distance(trade.first, part.first), distance(trade.second, part.second)
