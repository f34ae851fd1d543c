"""State what a venue promises about orders and money, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.units import VenueId


class Acknowledgement(StrEnum):
    """What the reply to an order proves."""

    RESULT = "result"
    """Fills are in the reply."""
    ACCEPTED = "accepted"
    """An id only; the outcome must be looked up."""
    ASYNC = "async"
    """A receipt only; the venue may still refuse."""


class ClientIdFormat(StrEnum):
    """Which client order ids a venue takes."""

    ALPHANUMERIC = "alphanumeric"
    HEX_128 = "hex_128"
    INTEGER_48 = "integer_48"


@dataclass(frozen=True, slots=True)
class VenueRules:
    """What the trading stages must know of a venue."""

    venue_id: VenueId
    code: str
    """Two letters for tables: BN, HL, LT, EX."""
    title: str
    """Name in sentences: Binance."""
    acknowledgement: Acknowledgement
    client_id_format: ClientIdFormat
    fence: timedelta
    """Added to an intent's send_by before "not found" may count."""
    taker_fee: Decimal
    """Fraction of notional, base tier."""
    funding_price: str
    """Price a payment is computed on: mark or oracle."""
    accrues: bool = False
    """Funding flows all the time instead of in payments."""
