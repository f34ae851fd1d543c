"""Recorded scans in, the same ranking again out, with what each day's pairs came to.

Rates, prices, lists and doubts are those of then; order books are not recorded, so that
every decision here is gross: which pair of a token is widest and passes the gates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.backtest import DayOfPairs, PairOfDay
from core.model.opportunity import Skip
from core.model.units import hours_of
from core.opportunities import rank

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import date, datetime

    from core.model.history import RecordedScan
    from core.model.instrument import Instrument
    from core.model.opportunity import Opportunity
    from core.model.units import Base, VenueId
    from core.opportunities import Gates, Ranking
    from core.ports import Clock, ScanRecords

SCANS_AT_ONCE = 30
LONGEST_STEP = timedelta(minutes=15)
"""After a longer gap between two scans nobody knows what a pair brought meanwhile."""


def judge_again(scan: RecordedScan, gates: Gates) -> Ranking:
    """Rank a recorded scan as it was ranked then, by these gates."""
    as_then = replace(gates, doubt=_doubts_of(scan), stablecoins=scan.stablecoins)
    return rank(scan.rows, scan.snapshots, as_then)


def _doubts_of(scan: RecordedScan) -> Callable[[Instrument], Skip | None]:
    def doubt(instrument: Instrument) -> Skip | None:
        reason = scan.refused.get((instrument.venue_id, instrument.symbol))
        if reason is None:
            return None
        venue_id, symbol = instrument.venue_id, instrument.symbol
        return Skip(instrument.base, reason, "refused then too", venue_id, symbol)

    return doubt


class Backtest:
    """Replays what was recorded through the gates and ranking of today."""

    def __init__(self, *, records: ScanRecords, gates: Gates, clock: Clock) -> None:
        self._clock = clock
        self._records = records
        self._gates = gates

    async def decisions(
        self, after: datetime | None, *, every: timedelta | None = None
    ) -> AsyncIterator[tuple[RecordedScan, Ranking]]:
        """Yield every scan after a moment, oldest first, with its ranking.

        With `every`, only scans that are so far from the one before.

        Raises:
            StorageError: the record cannot be read.
        """
        while True:
            scans = await self._records.scans(after, SCANS_AT_ONCE, every=every)
            for scan in scans:
                yield scan, judge_again(scan, self._gates)
            if not scans:
                return
            after = scans[-1].at

    async def days(
        self, last: timedelta | None, *, best: int, every: timedelta | None = None
    ) -> AsyncIterator[DayOfPairs]:
        """Yield every day with its best pairs, oldest first; None replays them all.

        Raises:
            StorageError: the record cannot be read.
        """
        running: _Day | None = None
        after = None if last is None else self._clock.now() - last
        async for scan, (ranked, _) in self.decisions(after, every=every):
            if running is None or running.day != scan.at.date():
                if running is not None:
                    yield running.summary(best)
                running = _Day(scan.at.date())
            running.count(scan.at, ranked)
        if running is not None:
            yield running.summary(best)


@dataclass(slots=True)
class _Tally:
    """One pair's sums of a day."""

    scans: int = 0
    first: int = 0
    total_per_hour: Decimal = Decimal(0)
    highest_per_hour: Decimal = Decimal(0)
    brought: Decimal = Decimal(0)


@dataclass(slots=True)
class _Day:
    """The day that is being replayed."""

    day: date
    scans: int = 0
    last_at: datetime | None = None
    last: tuple[Opportunity, ...] = ()
    tallies: dict[tuple[Base, VenueId, VenueId], _Tally] = field(default_factory=dict)

    def count(self, at: datetime, ranked: tuple[Opportunity, ...]) -> None:
        """Take in a scan; what stood until now is credited for the time between."""
        if self.last_at is not None and at - self.last_at <= LONGEST_STEP:
            hours = hours_of(at - self.last_at)
            for pair in self.last:
                self.tallies[_key(pair)].brought += pair.spread_per_hour * hours
        for place, pair in enumerate(ranked):
            tally = self.tallies.setdefault(_key(pair), _Tally())
            tally.scans += 1
            tally.first += place == 0
            spread = pair.spread_per_hour
            tally.total_per_hour += spread
            tally.highest_per_hour = max(tally.highest_per_hour, spread)
        self.scans += 1
        self.last_at, self.last = at, ranked

    def summary(self, best: int) -> DayOfPairs:
        """Return the day's best pairs."""
        pairs = [_pair(key, tally) for key, tally in self.tallies.items()]
        pairs.sort(key=lambda one: (-one.brought, -one.mean_per_hour, one.base))
        return DayOfPairs(self.day, self.scans, tuple(pairs[:best]), len(pairs))


def _pair(key: tuple[Base, VenueId, VenueId], tally: _Tally) -> PairOfDay:
    base, long, short = key
    return PairOfDay(
        base=base,
        long=long,
        short=short,
        scans=tally.scans,
        first=tally.first,
        mean_per_hour=tally.total_per_hour / tally.scans,
        highest_per_hour=tally.highest_per_hour,
        brought=tally.brought,
    )


def _key(pair: Opportunity) -> tuple[Base, VenueId, VenueId]:
    return pair.base, pair.long.instrument.venue_id, pair.short.instrument.venue_id
