"""Describe how steady a spread has been, and what of each scan is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from core.model.instrument import TokenRow
from core.model.market import FundingSnapshot
from core.model.opportunity import SkipReason
from core.model.stablecoin import UNMEASURED, Stablecoins
from core.model.units import Base, VenueId, hours_of

WINDOW = timedelta(days=7)
"""What is said of a spread's past looks back so far."""
THIN_BELOW = 72
"""With fewer own hourly samples the past of a spread is called thin."""
THIN_PHI = Decimal("0.97")
"""How much of a deviation lasts an hour, until own samples can tell."""
MAX_PHI = Decimal("0.995")
TRILLIONTHS = 10**12

SeriesKey = tuple[VenueId, str]
"""Venue and symbol: one contract's series of rates."""


@dataclass(frozen=True, slots=True)
class SpreadStats:
    """How a pair's spread has been over the last days, its two sides held fixed.

    Rates are fractions per hour and signed: above zero the pair earns.
    """

    now_per_hour: Decimal
    samples: int
    """Own hourly means among the last seven days."""
    hours: int
    """Hours of the last seven days known at all, own or from settled payments."""
    same_sign_share: Decimal
    """Share of the known hours with the sign of the spread now, 0 to 1."""
    mean_per_hour: Decimal
    sd_per_hour: Decimal
    phi: Decimal
    """Part of a deviation from the mean that is left after an hour, 0 to 0.995."""
    half_life: timedelta | None
    """Until half of a deviation is gone; None when nothing of it outlasts an hour."""
    is_spike: bool | None
    """The spread now stands far above its own past; None if too little is known."""
    is_thin: bool
    """Too few own samples: `phi` is assumed, the mean leans on settled payments."""
    sign_age: timedelta
    """How long the spread has had its present sign, as far back as is known."""

    def blended_per_hour(self, hold: timedelta) -> Decimal:
        """Return the average hourly spread to expect over a holding time.

        The spread now is taken to fall back to its mean, by `phi` every hour.
        """
        hours = hours_of(hold)
        if hours <= 0:
            return self.now_per_hour
        # the mean, plus today's distance from it times the sum of phi^t over t < N,
        # divided by N; that sum is (1 - phi^N) / (1 - phi)
        share = (1 - self.phi**hours) / (hours * (1 - self.phi))
        return self.mean_per_hour + (self.now_per_hour - self.mean_per_hour) * share


@dataclass(frozen=True, slots=True)
class PriceMoves:
    """How far a contract's price has been going of late."""

    hours: int
    """Known of the last days, from the first price to the last."""
    daily: Decimal | None
    """A usual day's move, a fraction of the price; None while too few are known."""


@dataclass(frozen=True, slots=True)
class RecordedScan:
    """What one scan saw, enough to judge it again."""

    at: datetime
    rows: tuple[TokenRow, ...]
    snapshots: Mapping[Base, tuple[FundingSnapshot, ...]]
    refused: Mapping[SeriesKey, SkipReason] = field(default_factory=dict)
    """Contracts that were kept out by what no snapshot shows, such as their unit."""
    stablecoins: Stablecoins = UNMEASURED


@dataclass(frozen=True, slots=True)
class HourOfRates:
    """Every contract's mean rate in one hour, from our own scans."""

    hour_at: datetime
    """Full hour at which it begins."""
    scans: int
    """How many scans the means are of."""
    trillionths: Mapping[SeriesKey, int]
    """Rate per hour in units of 1e-12 of notional."""


@dataclass(frozen=True, slots=True)
class PastRates:
    """What one contract paid in each past hour, from its venue's settled payments."""

    key: SeriesKey
    read_at: datetime
    trillionths: Mapping[datetime, int]
    """Rate per hour in units of 1e-12 of notional, by full hour."""
