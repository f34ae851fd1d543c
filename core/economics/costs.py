"""Turn prices and fees into what one way in and out costs; pure arithmetic.

Signs: a cost is positive when we pay it, negative when it is a gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


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
