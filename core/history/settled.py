"""The best pairs of a scan in, requests for their settled payments out, a few a run.

A fresh install then knows within minutes how the spreads it shows have been for a week.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import VenueError
from core.history.series import hour_at, hour_number
from core.history.stage import key_of
from core.history.statistics import WINDOW_HOURS, to_trillionths
from core.model.history import WINDOW, PastRates
from core.model.units import HOUR, hours_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from core.history.stage import History
    from core.model.history import SeriesKey
    from core.model.instrument import Instrument
    from core.model.market import SettledRate
    from core.model.opportunity import ScanResult
    from core.model.units import VenueId
    from core.ports import Clock, SettledRates

log = logging.getLogger(__name__)

BEST_PAIRS = 50
"""The tokens at the top of the ranking; what stands lower is not asked about."""
CONTRACTS_PER_RUN = 4
ENOUGH_HOURS = WINDOW_HOURS - 12
"""Gaps of half a day do not make a venue be asked."""
ASK_AGAIN = timedelta(hours=6)
LONGEST_INTERVAL = timedelta(hours=8)


class SettledReader:
    """Fills the past of the best pairs from what their venues paid."""

    def __init__(
        self, *, sources: Mapping[VenueId, SettledRates], history: History, clock: Clock
    ) -> None:
        self._sources = sources
        self._history = history
        self._clock = clock
        self._asked: dict[SeriesKey, datetime] = {}

    async def read_some(self, result: ScanResult | None) -> int:
        """Ask for a few contracts whose past has gaps, best first; return how many."""
        if result is None:
            return 0
        wanted = list(itertools.islice(self._wanted(result), CONTRACTS_PER_RUN))
        await asyncio.gather(*(self._read(each) for each in wanted))
        return len(wanted)

    def _wanted(self, result: ScanResult) -> Iterator[Instrument]:
        now = self._clock.now()
        for pair in result.opportunities[:BEST_PAIRS]:
            for side in (pair.long.instrument, pair.short.instrument):
                asked_at = self._asked.get(key_of(side))
                if asked_at is not None and now - asked_at < ASK_AGAIN:
                    continue
                if self._history.known_hours(side) < ENOUGH_HOURS:
                    yield side

    async def _read(self, instrument: Instrument) -> None:
        now, key = self._clock.now(), key_of(instrument)
        self._asked[key] = now
        since = hour_at(hour_number(now)) - WINDOW - LONGEST_INTERVAL
        try:
            payments = await self._sources[instrument.venue_id].settled(
                instrument, since
            )
        except VenueError as error:
            log.info("past of %s on %s not read: %s", key[1], key[0], error.detail)
            return
        await self._history.note_past(PastRates(key, now, by_hour(payments)))


def by_hour(payments: Sequence[SettledRate]) -> dict[datetime, int]:
    """Spread each payment over the hours since the one before it.

    Trillionths per hour, by full hour. Where payments stand further apart than any
    venue's interval one is missing, and those hours stay unknown.
    """
    found = {}
    for before, payment in itertools.pairwise(payments):
        spacing = payment.pay_at - before.pay_at
        if not timedelta(0) < spacing <= LONGEST_INTERVAL:
            continue
        rate = to_trillionths(payment.per_payment / hours_of(spacing))
        hour = hour_number(before.pay_at)
        while hour_at(hour) + HOUR <= payment.pay_at:
            found[hour_at(hour)] = rate
            hour += 1
    return found
