"""Hold the state of everything for the health screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from core.model.control import Halt, TradingState
from core.model.proof import VenueProof
from core.model.stablecoin import UNMEASURED, Stablecoins
from core.model.units import Mode, VenueId

ERRORS_ALLOWED = Decimal("0.05")
"""Share of an hour's reads that may fail: the error budget of a venue."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Count the reads of a venue's public data within the last hour."""

    reads: int = 0
    errors: int = 0

    @property
    def budget_left(self) -> Decimal | None:
        """Return the unused fraction of the error budget; None before the first read.

        Zero is all of it used, or more.
        """
        if not self.reads:
            return None
        allowed = self.reads * ERRORS_ALLOWED
        return max(1 - self.errors / allowed, Decimal(0))


NO_READS = Tally()


@dataclass(frozen=True, slots=True)
class VenueHealth:
    """How one venue has been answering."""

    venue_id: VenueId
    is_ok: bool
    latency: timedelta | None
    age: timedelta | None
    """Age of the newest rates; None when there are none."""
    failures: int
    """Failed reads in a row."""
    failing_since: datetime | None
    error: str | None
    instruments: int
    rates: int
    tally: Tally = NO_READS
    paused_until: datetime | None = None
    """Nothing is asked of its public data before; None while it is asked."""
    proof: VenueProof | None = None
    """How far its rates are proven to be in the right unit."""


@dataclass(frozen=True, slots=True)
class Health:
    """State of everything."""

    at: datetime
    mode: Mode
    trading: TradingState
    halts: tuple[Halt, ...]
    venues: tuple[VenueHealth, ...]
    scanned_at: datetime | None
    scan_took: timedelta | None
    outbox_waiting: int
    outbox_oldest: datetime | None
    open_trades: int
    started_at: datetime
    is_checking: bool
    """True while start-up reconciliation runs."""
    stablecoins: Stablecoins = UNMEASURED
