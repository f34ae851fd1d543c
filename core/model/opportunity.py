"""Name a pair worth a plan, and what was left out with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.estimate import NetEstimate
from core.model.health import NO_READS, Tally
from core.model.instrument import TokenRow
from core.model.market import FundingSnapshot
from core.model.proof import VenueProof
from core.model.stablecoin import UNMEASURED, Stablecoins
from core.model.trouble import Trouble
from core.model.units import HOURS_PER_YEAR, Base, VenueId

MAX_PRICE_RATIO = Decimal("1.03")
"""Higher unit price over lower: whichever venue is first, the answer is the same."""


def prices_agree(first: Decimal, second: Decimal) -> bool:
    """Tell whether two unit prices can be those of one asset (0.97 to 1.03).

    Both in one currency: `Stablecoins.in_usdc` makes them so.
    """
    low, high = sorted((first, second))
    return low > 0 and high / low <= MAX_PRICE_RATIO


class SkipReason(StrEnum):
    """Fixed list of reasons; `scan --json` prints these words."""

    NOT_LISTED = "not_listed"
    SINGLE_VENUE = "single_venue"
    BELOW_MIN_SPREAD = "below_min_spread"
    BELOW_MIN_VOLUME = "below_min_volume"
    UNKNOWN_VOLUME = "unknown_volume"
    STALE = "stale"
    VENUE_DOWN = "venue_down"
    NO_RATE = "no_rate"
    NO_INTERVAL = "no_interval"
    NO_PRICE = "no_price"
    MALFORMED = "malformed"
    PRICE_MISMATCH = "price_mismatch"
    DELISTED = "delisted"
    SETTLING = "settling"
    PRE_MARKET = "pre_market"
    DATED = "dated"
    NON_CRYPTO = "non_crypto"
    NOT_LINEAR = "not_linear"
    OTHER_QUOTE = "other_quote"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"
    NOT_CHOSEN = "not_chosen"
    """A person left the venue or the token out in chat."""
    BELOW_MIN_NET = "below_min_net"
    """Only gross pays: by then the costs are not earned, or too little is left."""
    LATE_BREAK_EVEN = "late_break_even"
    UNIT_SUSPECT = "unit_suspect"
    """The rate is not proven to be in the unit we take it for."""
    STABLECOIN_GAP = "stablecoin_gap"
    """The legs settle in two stablecoins that are too far apart."""


@dataclass(frozen=True, slots=True)
class Skip:
    """One token, or one side of it, that was left out and why."""

    base: Base
    reason: SkipReason
    detail: str
    """Plain words with the numbers that decided."""
    venue_id: VenueId | None = None
    symbol: str | None = None
    spread_per_hour: Decimal | None = None
    """Of a pair that pays too little, as a fraction: cards have a unit of their own."""
    between: tuple[VenueId, VenueId] | None = None
    """(long, short) where a pair was left out, not one side."""


@dataclass(frozen=True, slots=True)
class Opportunity:
    """Two instruments of one base: long the low rate, short the high one."""

    base: Base
    long: FundingSnapshot
    short: FundingSnapshot
    estimate: NetEstimate | None = None
    """What it brings net at the usual size; None while it is not priced."""
    unpriced: str | None = None
    """Why there is no estimate, in plain words; None with one."""
    refusal: Skip | None = None
    """Why its net keeps it from being entered without a person's own choice."""

    @property
    def spread_per_hour(self) -> Decimal:
        """Return short rate minus long rate as a fraction per hour; signed."""
        return self.short.rate.per_hour - self.long.rate.per_hour

    @property
    def gross_apr(self) -> Decimal:
        """Return the simple yearly fraction before any cost."""
        return self.spread_per_hour * HOURS_PER_YEAR

    @property
    def has_unknown_volume(self) -> bool:
        """Tell whether a side's day volume is not known."""
        return self.long.volume_24h_usd is None or self.short.volume_24h_usd is None


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """How one venue answered the scan."""

    venue_id: VenueId
    is_ok: bool
    instruments: int
    rates: int
    error: str | None
    age: timedelta | None
    """Age of the rates in use; None when there are none."""
    latency: timedelta | None = None
    proof: VenueProof | None = None
    """How far its rates are proven; None where nobody compares."""
    tally: Tally = NO_READS
    paused_until: datetime | None = None
    """It failed too often and is not asked before; None while it is asked."""


@dataclass(frozen=True, slots=True)
class ScanResult:
    """Everything one scan saw, ranked and dropped."""

    at: datetime
    venues: tuple[VenueStatus, ...]
    matrix: tuple[TokenRow, ...]
    opportunities: tuple[Opportunity, ...]
    """Best expected net first, then what is not priced by its hourly spread."""
    skips: tuple[Skip, ...]
    snapshots: Mapping[Base, tuple[FundingSnapshot, ...]] = field(default_factory=dict)
    """Fresh snapshots by token, whatever became of them."""
    troubles: tuple[Trouble, ...] = ()
    pairs: Mapping[Base, tuple[Opportunity, ...]] = field(default_factory=dict)
    """Every pair of the tokens that were priced, best expected net first."""
    stablecoins: Stablecoins = UNMEASURED

    @property
    def has_answer(self) -> bool:
        """Tell whether at least one venue answered."""
        return any(venue.is_ok for venue in self.venues)
