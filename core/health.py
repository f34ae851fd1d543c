"""Remember how each venue has been answering, and pause one that keeps failing.

Three failed reads in a row pause a venue for 30 s, each further one for twice as long,
up to ten minutes. Whoever reads asks here first and comes back with one cheap probe.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.model.health import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from core.model.trouble import Trouble
    from core.model.units import VenueId
    from core.ports import Clock

PAUSED_FROM: Final = 3
"""Failures in a row that pause a venue."""
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=10)
COUNTED_FOR: Final = timedelta(hours=1)
"""How long a read counts in the tally."""
_MOST_DOUBLINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Answering:
    """How one venue has been answering."""

    latency: timedelta | None = None
    failures: int = 0
    """Failed reads in a row."""
    failing_since: datetime | None = None
    trouble: Trouble | None = None
    """Why the last read failed; None after a good one."""

    @property
    def is_failing(self) -> bool:
        """Tell whether it failed so often that it is paused, or must be probed."""
        return self.failures >= PAUSED_FROM

    def paused_until(self, *, is_held: bool) -> datetime | None:
        """Return until when it is left alone, None if it need not be.

        Where a pair of ours is open the pause never grows: its prices are needed.
        """
        if self.trouble is None or not self.is_failing:
            return None
        doublings = 0 if is_held else min(self.failures - PAUSED_FROM, _MOST_DOUBLINGS)
        factor: int = 2**doublings
        return self.trouble.at + min(FIRST_PAUSE * factor, LONGEST_PAUSE)


class VenueMonitor:
    """Counts good and failed reads per venue."""

    def __init__(self, venue_ids: Iterable[VenueId], clock: Clock) -> None:
        self._clock = clock
        self._answering = {venue_id: Answering() for venue_id in venue_ids}
        self._reads: dict[VenueId, deque[tuple[float, bool]]] = {
            venue_id: deque() for venue_id in self._answering
        }
        self.held: frozenset[VenueId] = frozenset()
        """Venues on which a pair of ours is open."""

    def answered(self, venue_id: VenueId, latency: timedelta) -> None:
        """Note a good read."""
        self._answering[venue_id] = Answering(latency=latency)
        self._count(venue_id, is_good=True)

    def failed(self, trouble: Trouble) -> None:
        """Note a failed read."""
        before = self._answering[trouble.venue_id]
        self._answering[trouble.venue_id] = replace(
            before,
            failures=before.failures + 1,
            failing_since=before.failing_since or trouble.at,
            trouble=trouble,
        )
        self._count(trouble.venue_id, is_good=False)

    def of(self, venue_id: VenueId) -> Answering:
        """Return how a venue has been answering."""
        return self._answering[venue_id]

    def tally(self, venue_id: VenueId) -> Tally:
        """Return how many of the last hour's reads failed."""
        reads = self._recent(venue_id)
        return Tally(len(reads), sum(not is_good for _, is_good in reads))

    def paused_until(self, venue_id: VenueId) -> datetime | None:
        """Return until when a venue is left alone, None if it may be asked now."""
        answering = self._answering[venue_id]
        until = answering.paused_until(is_held=venue_id in self.held)
        return until if until is not None and self._clock.now() < until else None

    def pause(self, venue_id: VenueId) -> Trouble | None:
        """Return why a venue is not asked now, None if it may be."""
        trouble, until = self.of(venue_id).trouble, self.paused_until(venue_id)
        if until is None or trouble is None:
            return None
        count = self.of(venue_id).failures
        detail = f"paused until {until:%H:%M:%S} UTC after {count} failures in a row"
        return replace(trouble, detail=f"{detail}: {trouble.detail}")

    def _count(self, venue_id: VenueId, *, is_good: bool) -> None:
        reads = self._recent(venue_id)
        reads.append((self._clock.monotonic(), is_good))

    def _recent(self, venue_id: VenueId) -> deque[tuple[float, bool]]:
        reads = self._reads[venue_id]
        since = self._clock.monotonic() - COUNTED_FOR.total_seconds()
        while reads and reads[0][0] <= since:
            reads.popleft()
        return reads
