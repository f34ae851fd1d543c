"""One pair's expected net with numbers that can be checked by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.estimate import (
    BreakEven,
    FeeSource,
    LegEstimate,
    NetEstimate,
    Outlook,
    TakerFee,
)
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.units import VenueId

DAY = timedelta(hours=24)


def leg_estimate(
    venue: VenueId, funding: str, fees: str, *, price: str = "100", payments: int = 24
) -> LegEstimate:
    """Return one leg at a fee of 0.05 % that is 31 % away from its liquidation."""
    return LegEstimate(
        venue_id=venue,
        entry_price=Decimal(price),
        exit_price=Decimal(price),
        fee=TakerFee(Decimal("0.0005"), FeeSource.CATALOG),
        fees_usd=Decimal(fees),
        payments=payments,
        funding_usd=Decimal(funding),
        book_at=START - timedelta(seconds=2),
        liquidation_distance=Decimal("0.31"),
    )


def estimate(
    *,
    funding: str = "1.56",
    fees: str = "1.00",
    basis: str = "0.05",
    blended: str | None = None,
    after: timedelta | None = timedelta(hours=18, minutes=10),
    smooth: timedelta | None = timedelta(hours=19, minutes=30),
) -> NetEstimate:
    """Return an estimate at 500 USD and 24 h; net is funding - fees - basis.

    The long leg pays 0.12 and the short one receives the rest; 400 USD are locked.
    """
    half = Decimal(fees) / 2
    received = Decimal(funding) + Decimal("0.12")
    return NetEstimate(
        priced_at=START,
        hold=DAY,
        size_usd=Decimal(500),
        quantity_base=Decimal(5),
        notional_usd=Decimal(500),
        long=leg_estimate(EXTENDED, "-0.12", str(half)),
        short=leg_estimate(BINANCE, str(received), str(half), payments=6),
        entry_basis_usd=Decimal(basis),
        exit_basis_usd=Decimal(0),
        margin_usd=Decimal(400),
        break_even=BreakEven(smooth, None if after is None else 5, after),
        blended_net_usd=None if blended is None else Decimal(blended),
        outlooks=(
            Outlook(timedelta(hours=8), Decimal("-0.53")),
            Outlook(DAY, Decimal("0.51")),
            Outlook(timedelta(hours=72), Decimal("3.63")),
        ),
    )
