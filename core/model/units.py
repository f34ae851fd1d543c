"""Turn bare numbers and names into types that carry their unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NewType

VenueId = NewType("VenueId", str)
"""Name of a venue in settings and JSON: binance, hyperliquid, lighter, extended."""
Base = NewType("Base", str)
"""Canonical base asset after multipliers: PEPE for 1000PEPE and kPEPE."""
UserId = NewType("UserId", int)
ChatId = NewType("ChatId", int)
MessageId = NewType("MessageId", int)
TradeId = NewType("TradeId", str)
PlanId = NewType("PlanId", str)
IntentId = NewType("IntentId", str)
Nonce = NewType("Nonce", str)
"""Secret of one confirm button, 22 URL-safe characters; stored only as a hash."""
ClientOrderId = NewType("ClientOrderId", str)

HOUR = timedelta(hours=1)
HOURS_PER_YEAR = Decimal(8760)


class Mode(StrEnum):
    """Where the money is."""

    PAPER = "paper"
    LIVE = "live"


class LegSide(StrEnum):
    """Long or short part of a pair."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """Return +1 for long, -1 for short."""
        return 1 if self is LegSide.LONG else -1

    @property
    def other(self) -> LegSide:
        """Return the side of the other leg."""
        return LegSide.SHORT if self is LegSide.LONG else LegSide.LONG


class OrderSide(StrEnum):
    """What one order does."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for a purchase, -1 for a sale."""
        return 1 if self is OrderSide.BUY else -1


@lru_cache(maxsize=64)
def hours_of(interval: timedelta) -> Decimal:
    """Return an interval in hours, exactly."""
    return Decimal(interval // timedelta(microseconds=1)) / Decimal(3_600_000_000)


@dataclass(frozen=True, slots=True)
class FundingRate:
    """What longs pay shorts at each payment, and the period the number refers to."""

    per_interval: Decimal
    """Fraction of notional; below zero, shorts pay longs."""
    interval: timedelta
    """Period of the number (Lighter publishes per 8 h and pays every hour)."""
    payment_interval: timedelta
    """Time between two payments, as the venue states it today."""

    @property
    def per_hour(self) -> Decimal:
        """Return the fraction of notional per hour."""
        return self.per_interval / hours_of(self.interval)

    @property
    def per_payment(self) -> Decimal:
        """Return the fraction of notional that one payment moves."""
        return self.per_hour * hours_of(self.payment_interval)

    @property
    def apr(self) -> Decimal:
        """Return the simple yearly fraction (365 days)."""
        return self.per_hour * HOURS_PER_YEAR
