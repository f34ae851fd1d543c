"""Hold who may trade now: halts, cool-downs and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.trade import Trade
from core.model.units import Base, UserId, VenueId


class TradingState(StrEnum):
    """What may be sent in a scope; the strictest of all that apply wins."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Reduce-only orders."""
    HALTED = "halted"
    """Nothing automatic."""


GLOBAL_SCOPE = "all"
"""Scope of everything; others are a venue id, or `venue:symbol`."""
HALT_KEY = "halt"
"""Key of the halt by which a person stops everything automatic, repairs included."""


@dataclass(frozen=True, slots=True)
class Halt:
    """One reason why a scope is not active."""

    scope: str
    key: str
    """What set it: pause, halt, startup, attention:<trade>."""
    state: TradingState
    reason: str
    since: datetime
    by: UserId | None = None
    until: datetime | None = None
    """When it may end at the earliest; None: not known, or a person ends it."""


@dataclass(frozen=True, slots=True)
class Halted:
    """What a halt met."""

    is_new: bool
    """False if everything was halted already."""
    moving: tuple[Trade, ...]
    """Trades in the middle of something; a close that was confirmed goes on."""
    resting: int
    """Open pairs, which stay as they are."""


@dataclass(frozen=True, slots=True)
class Cooldown:
    """A pause of one pair after a failed entry."""

    base: Base
    venues: tuple[VenueId, VenueId]
    """Sorted by name."""
    until: datetime
    level: int


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit trail; never read to decide anything."""

    at: datetime
    who: str
    what: str
    detail: str = ""
