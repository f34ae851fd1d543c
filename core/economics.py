"""Turn prices, fees and fills into costs and results; pure arithmetic.

Signs: a cost is positive when we pay it, a result is positive when we receive it.
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
    from core.model.units import LegSide

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PairPrices:
    """Average prices per base unit of both legs, in and out, at one size."""

    long_in: Decimal
    long_out: Decimal
    short_in: Decimal
    short_out: Decimal
    mid: Decimal
    """Average of both venues' mids."""


@dataclass(frozen=True, slots=True)
class PairCost:
    """What one way in and out costs the pair."""

    fees_usd: Decimal
    basis_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """Return fees plus basis."""
        return self.fees_usd + self.basis_usd


@dataclass(frozen=True, slots=True)
class LegResult:
    """What one leg's executions and payments came to."""

    holding: Holding
    entry_price: Decimal | None
    """Average of the executions that opened the leg; None without any."""
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


def funding_usd(side: LegSide, per_payment: Decimal, notional_usd: Decimal) -> Decimal:
    """Return what one payment brings a leg: longs pay a positive rate."""
    return -side.sign * per_payment * notional_usd


def fee_fraction(long_fee: Decimal, short_fee: Decimal) -> Decimal:
    """Return four taker fees as a fraction of one leg's notional."""
    return 2 * long_fee + 2 * short_fee


def entry_basis(prices: PairPrices) -> Decimal:
    """Return the entry's basis cost as a fraction of the mid; negative is a gain."""
    return (prices.long_in - prices.short_in) / prices.mid


def exit_basis(prices: PairPrices) -> Decimal:
    """Return the exit's basis cost as a fraction of the mid; negative is a gain."""
    return (prices.short_out - prices.long_out) / prices.mid


def round_trip_cost(
    prices: PairPrices,
    quantity_base: Decimal,
    *,
    long_fee: Decimal,
    short_fee: Decimal,
) -> PairCost:
    """Return four taker fees and both basis costs of a quantity, in USD."""
    # fee = quantity * (price in + price out) * rate, for each leg
    long_fees = (prices.long_in + prices.long_out) * long_fee
    short_fees = (prices.short_in + prices.short_out) * short_fee
    # basis = quantity * ((long in - short in) + (short out - long out))
    gap = (prices.long_in - prices.short_in) + (prices.short_out - prices.long_out)
    return PairCost(
        fees_usd=quantity_base * (long_fees + short_fees),
        basis_usd=quantity_base * gap,
    )


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
        entry_price=_entry_price(leg, own),
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
