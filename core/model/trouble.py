"""Name what went wrong at a venue, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import TroubleKind
from core.model.units import VenueId


@dataclass(frozen=True, slots=True)
class Trouble:
    """A venue that failed, how, and when."""

    venue_id: VenueId
    kind: TroubleKind
    detail: str
    """One short plain phrase; raw venue text is shortened and free of secrets."""
    at: datetime
