"""Turn executions and payments into what a leg came to; pure arithmetic.

Signs: a fee is positive when we pay it, a result is positive when we receive it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.holding import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.model.order import Fill, Payment
    from core.model.trade import TradeLeg

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LegResult:
    """What one leg's executions and payments came to."""

    holding: Holding
    entry_price: Decimal | None
    """Average of what is held, or of all that opened a leg that is flat; None without
    any execution."""
    fees_usd: Decimal
    funding_usd: Decimal
    is_explained: bool
    """The executions we know make exactly what the leg holds."""

    def price_usd(self, price: Decimal | None) -> Decimal | None:
        """Return realised plus open price result at a price.

        None when something is open without a price, or when executions are missing.
        """
        if not self.is_explained:
            return None
        if not self.holding.quantity_base:
            return self.holding.realised_usd
        if price is None:
            return None
        return self.holding.realised_usd + self.holding.open_result(price)


def leg_result(
    leg: TradeLeg, fills: Iterable[Fill], payments: Iterable[Payment]
) -> LegResult:
    """Add up one leg out of its trade's executions (oldest first) and payments.

    A fee the venue has not told yet is taken at the taker rate until it does.
    """
    venue_id = leg.instrument.venue_id
    own = [fill for fill in fills if fill.venue_id == venue_id]
    holding, fees = Holding(), ZERO
    for fill in own:
        holding = holding.after(fill.side, fill.quantity_base, fill.price)
        guess = fill.quantity_base * fill.price * leg.taker_fee
        fees += guess if fill.fee_usd is None else fill.fee_usd
    received = sum(
        (paid.amount_usd for paid in payments if paid.venue_id == venue_id), ZERO
    )
    return LegResult(
        holding=holding,
        # of what is left: a part closed before more was added is not in it any more
        entry_price=holding.entry_price or _entry_price(leg, own),
        fees_usd=fees,
        funding_usd=received,
        is_explained=holding.quantity_base == leg.side.sign * leg.held_base,
    )


def _entry_price(leg: TradeLeg, fills: Iterable[Fill]) -> Decimal | None:
    entries = [fill for fill in fills if fill.side.sign == leg.side.sign]
    bought = sum((fill.quantity_base for fill in entries), ZERO)
    paid = sum((fill.quantity_base * fill.price for fill in entries), ZERO)
    return paid / bought if bought else None


def sum_known(parts: Iterable[Decimal | None]) -> Decimal | None:
    """Add up, None when a part is unknown."""
    total = ZERO
    for part in parts:
        if part is None:
            return None
        total += part
    return total
