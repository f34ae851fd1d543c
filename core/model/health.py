"""Hold the state of everything for the health screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.model.control import Halt, TradingState
from core.model.units import Mode, VenueId


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
