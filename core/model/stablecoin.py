"""State what one stablecoin costs in another: legs settled in two of them carry it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.model.instrument import Instrument

USDT = "USDT"
SMALL_GAP = Decimal("0.001")
"""Prices are compared as they are while the two coins are closer than this."""


@dataclass(frozen=True, slots=True)
class Stablecoins:
    """USDT against USDC, as the venues' own prices of the same tokens tell it."""

    usdt_in_usdc: Decimal | None = None
    """Price of one USDT; None when too few tokens trade in both."""
    tokens: int = 0
    """Tokens whose prices were compared."""

    @property
    def gap(self) -> Decimal | None:
        """Return how far USDT is from USDC as a fraction: below zero is under it."""
        return None if self.usdt_in_usdc is None else self.usdt_in_usdc - 1

    def gap_between(self, one: Instrument, other: Instrument) -> Decimal | None:
        """Return the distance of two settlement coins, never below zero.

        Zero for one coin on both sides, None while it is not known.
        """
        if (one.settle == USDT) == (other.settle == USDT):
            return Decimal(0)
        return None if self.gap is None else abs(self.gap)

    def in_usdc(self, price: Decimal, instrument: Instrument) -> Decimal:
        """Return a price as if the instrument settled in USDC.

        Below `SMALL_GAP` the price is returned as it is: so much is noise.
        """
        if instrument.settle != USDT or self.usdt_in_usdc is None:
            return price
        is_small = abs(self.usdt_in_usdc - 1) <= SMALL_GAP
        return price if is_small else price * self.usdt_in_usdc


UNMEASURED = Stablecoins()
"""Nothing is known of the gap."""
