"""Small domain objects with numbers that can be checked by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.health import Tally
from core.model.instrument import Instrument
from core.model.market import FundingSnapshot
from core.model.opportunity import ScanResult, VenueStatus
from core.model.units import Base, FundingRate, VenueId
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.opportunity import Opportunity

BINANCE = VenueId("binance")
HYPERLIQUID = VenueId("hyperliquid")
LIGHTER = VenueId("lighter")
EXTENDED = VenueId("extended")
ALL_VENUES = (BINANCE, HYPERLIQUID, LIGHTER, EXTENDED)

NATIVE_HOURS = {BINANCE: (8, 8), HYPERLIQUID: (1, 1), LIGHTER: (8, 1), EXTENDED: (1, 1)}
"""Hours of the venue's rate field, and hours between its payments."""


def instrument(
    base: str = "APT", venue: VenueId = BINANCE, *, multiplier: str = "1"
) -> Instrument:
    """Return a listed instrument with a lot of 0.1 base units."""
    quote = "USDT" if venue == BINANCE else "USDC"
    return Instrument(
        venue_id=venue,
        symbol=f"{base}/{quote}:{quote}",
        native_name=base,
        base=Base(base),
        multiplier=Decimal(multiplier),
        quote=quote,
        settle=quote,
        unit=Decimal(1),
        lot_base=Decimal("0.1"),
        price_tick=Decimal("0.001"),
    )


def snapshot(
    base: str = "APT",
    venue: VenueId = BINANCE,
    *,
    per_hour: str = "0.00001",
    price: str | None = "5",
    volume: str | None = "1000000",
    at: datetime = START,
) -> FundingSnapshot:
    """Return a snapshot whose rate is this fraction per hour."""
    field_hours, payment_hours = NATIVE_HOURS[venue]
    return FundingSnapshot(
        instrument=instrument(base, venue),
        rate=FundingRate(
            per_interval=Decimal(per_hour) * field_hours,
            interval=timedelta(hours=field_hours),
            payment_interval=timedelta(hours=payment_hours),
        ),
        next_funding_at=at + timedelta(minutes=8),
        mark_price=None if price is None else Decimal(price),
        index_price=None,
        volume_24h_usd=None if volume is None else Decimal(volume),
        observed_at=at,
    )


def scan_result(*opportunities: Opportunity, at: datetime = START) -> ScanResult:
    """Return a result in which every venue answered."""
    statuses = tuple(
        VenueStatus(
            venue_id=venue,
            is_ok=True,
            instruments=1,
            rates=1,
            error=None,
            age=timedelta(0),
            latency=timedelta(milliseconds=80),
            tally=Tally(20, 0),
        )
        for venue in ALL_VENUES
    )
    return ScanResult(
        at=at,
        venues=statuses,
        matrix=(),
        opportunities=opportunities,
        skips=(),
    )
