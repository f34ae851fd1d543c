"""Hold what a replay of recorded scans found, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from core.model.units import Base, VenueId


@dataclass(frozen=True, slots=True)
class PairOfDay:
    """One pair's standing in the rankings of a day; gross, before any cost."""

    base: Base
    long: VenueId
    short: VenueId
    scans: int
    """In how many of the day's scans it was ranked."""
    first: int
    """In how many it stood at the top."""
    mean_per_hour: Decimal
    """Average spread while it was ranked."""
    highest_per_hour: Decimal
    brought: Decimal
    """What its spread came to while it was ranked, a fraction of one leg."""


@dataclass(frozen=True, slots=True)
class DayOfPairs:
    """One day (UTC) of replayed scans."""

    day: date
    scans: int
    best: tuple[PairOfDay, ...]
    """Those that brought most first."""
    ranked: int
    """How many pairs were ranked at all that day."""
