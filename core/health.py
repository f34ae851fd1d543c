"""Remember how each venue has been answering: latency, failures, since when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from core.model.trouble import Trouble
    from core.model.units import VenueId


@dataclass(frozen=True, slots=True)
class Answering:
    """How one venue has been answering."""

    latency: timedelta | None = None
    failures: int = 0
    """Failed reads in a row."""
    failing_since: datetime | None = None
    trouble: Trouble | None = None
    """Why the last read failed; None after a good one."""


class VenueMonitor:
    """Counts good and failed reads per venue."""

    def __init__(self, venue_ids: Iterable[VenueId]) -> None:
        self._answering = {venue_id: Answering() for venue_id in venue_ids}

    def answered(self, venue_id: VenueId, latency: timedelta) -> None:
        """Note a good read."""
        self._answering[venue_id] = Answering(latency=latency)

    def failed(self, trouble: Trouble) -> None:
        """Note a failed read."""
        before = self._answering[trouble.venue_id]
        self._answering[trouble.venue_id] = replace(
            before,
            failures=before.failures + 1,
            failing_since=before.failing_since or trouble.at,
            trouble=trouble,
        )

    def of(self, venue_id: VenueId) -> Answering:
        """Return how a venue has been answering."""
        return self._answering[venue_id]
