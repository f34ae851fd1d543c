"""Hold how much of a pair the free margin of its venues carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.units import VenueId


@dataclass(frozen=True, slots=True)
class Room:
    """What fits, by the venue that has the least room for its leg."""

    size_usd: Decimal
    """Wanted per leg."""
    most_usd: Decimal
    """Largest size per leg that fits, in whole dollars, rounded down."""
    least_usd: Decimal
    """Smallest size that both venues take."""
    venue_id: VenueId
    free_usd: Decimal
    needed_usd: Decimal
    """Free margin that the wanted size asks for there."""
    read_at: datetime
    """When the venue told what is free."""

    @property
    def fits(self) -> bool:
        """Tell whether the wanted size fits."""
        return self.free_usd >= self.needed_usd

    @property
    def can_enter(self) -> bool:
        """Tell whether any size that the venues take fits."""
        return self.fits or self.most_usd >= self.least_usd
