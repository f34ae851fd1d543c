"""Describe what a venue shows about one instrument at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.instrument import Instrument
from core.model.units import FundingRate


@dataclass(frozen=True, slots=True)
class FundingSnapshot:
    """One instrument's rate, interval, next payment, mark price and day volume."""

    instrument: Instrument
    rate: FundingRate
    next_funding_at: datetime | None
    mark_price: Decimal | None
    """Quote per one base unit."""
    index_price: Decimal | None
    volume_24h_usd: Decimal | None
    """None when the venue does not tell."""
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class BookLevel:
    """One price of an order book."""

    price: Decimal
    """Quote per one base unit."""
    quantity_base: Decimal


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Bids from high to low and asks from low to high."""

    instrument: Instrument
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    observed_at: datetime

    @property
    def is_usable(self) -> bool:
        """Tell whether both sides have levels and do not cross."""
        return bool(self.bids and self.asks) and self.bids[0].price < self.asks[0].price

    @property
    def mid(self) -> Decimal | None:
        """Return the middle of the best prices, None for an unusable book."""
        if not self.is_usable:
            return None
        return (self.bids[0].price + self.asks[0].price) / 2


@dataclass(frozen=True, slots=True)
class SettledRate:
    """One payment's rate as the venue settled it."""

    instrument: Instrument
    pay_at: datetime
    per_payment: Decimal
    """Fraction of notional, positive: longs paid shorts."""
    price: Decimal | None
    """Mark (Hyperliquid: oracle) price per base unit at the payment, if published."""
