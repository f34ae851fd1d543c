"""Every scan in; on the way out, what each spread's past says of it.

All of it is kept in memory, so that a scan can ask without waiting, and written beside
it: what cannot be written is missed after a restart, and costs nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.history.prices import RECENT, Prices
from core.history.series import RunningHour, Series, hour_at, hour_number
from core.history.statistics import WINDOW_HOURS, past_of, to_trillionths
from core.model.history import TRILLIONTHS, WINDOW, HourOfRates, RecordedScan
from core.model.opportunity import SkipReason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Mapping
    from datetime import datetime

    from core.history.statistics import Past
    from core.model.history import PastRates, PriceMoves, SeriesKey, SpreadStats
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Opportunity, ScanResult, Skip
    from core.model.units import Base
    from core.ports import Clock, ScanRecords, SpreadHistory

log = logging.getLogger(__name__)

SAVE_EVERY = timedelta(minutes=5)
"""An unfinished hour is written this often: so much of it a crash may cost."""
HOURS_KEPT = timedelta(days=180)
_DAY = timedelta(days=1)
_SCANS_AT_ONCE = 12
_AT_ONCE = 250
"""Rates taken in before others get their turn."""
_PAIRS_AT_ONCE = 5
_INSTANT = timedelta(0)
_BREATH = timedelta(milliseconds=50)
_NOT_IN_SNAPSHOTS = frozenset({SkipReason.UNIT_SUSPECT})
"""Reasons to refuse a contract that its snapshot does not show."""


def key_of(instrument: Instrument) -> SeriesKey:
    """Return whose series a contract's rates are."""
    return instrument.venue_id, instrument.symbol


class History:
    """What is remembered of every contract's rate.

    Args:
        clock: time.
        records: keeps whole scans; None keeps none.
        hours: keeps hourly means; None keeps them in memory only.
        scans_kept: how long whole scans stay.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        records: ScanRecords | None,
        hours: SpreadHistory | None,
        scans_kept: timedelta,
    ) -> None:
        self._clock = clock
        self._records = records
        self._hours = hours
        self._scans_kept = scans_kept
        self._series = Series()
        self._prices = Prices()
        self._running = RunningHour(hour_number(clock.now()))
        self._noted_at: datetime | None = None
        self._saved_at = clock.now()
        self._pasts: dict[tuple[SeriesKey, SeriesKey], Past | None] = {}
        self._pasts_hour = self._running.hour
        self._turn = asyncio.Lock()
        self._is_failing = False

    # --- ask --------------------------------------------------------------------------

    def stats(
        self, long: FundingSnapshot, short: FundingSnapshot
    ) -> SpreadStats | None:
        """Return how this pair's spread has been, None when nothing is known of it.

        The spread now is that of the two snapshots; its past is the last seven days of
        completed hours.
        """
        hour = hour_number(self._clock.now())
        if hour != self._pasts_hour:
            self._pasts.clear()
            self._pasts_hour = hour
        keys = key_of(long.instrument), key_of(short.instrument)
        if keys not in self._pasts:
            first = hour - WINDOW_HOURS
            samples = self._series.spreads(*keys, first, hour)
            self._pasts[keys] = past_of(samples)
        past, now = self._pasts[keys], short.rate.per_hour - long.rate.per_hour
        return None if past is None else past.seen_from(now, hour)

    def is_spike(self, pair: Opportunity) -> bool | None:
        """Tell whether a pair's spread stands far above its past; None if unknown."""
        stats = self.stats(pair.long, pair.short)
        return None if stats is None else stats.is_spike

    def hourly_rates(
        self, instrument: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a contract's rates of the last seven days, per hour, oldest first."""
        hour = hour_number(self._clock.now())
        found = self._series.rates(key_of(instrument), hour - WINDOW_HOURS, hour)
        return tuple((hour_at(at), Decimal(rate) / TRILLIONTHS) for at, rate in found)

    def hourly_spreads(
        self, long: Instrument, short: Instrument
    ) -> tuple[tuple[datetime, Decimal], ...]:
        """Return a pair's spreads of the last seven days, per hour, oldest first."""
        hour, keys = hour_number(self._clock.now()), (key_of(long), key_of(short))
        found = self._series.spreads(*keys, hour - WINDOW_HOURS, hour)
        return tuple(
            (hour_at(each.hour), Decimal(each.spread) / TRILLIONTHS) for each in found
        )

    def price_moves(self, instrument: Instrument) -> PriceMoves:
        """Return how far a contract's price goes in a usual day of late."""
        return self._prices.moves(key_of(instrument), self._clock.now())

    def known_hours(self, instrument: Instrument) -> int:
        """Return how many of the last seven days' hours are known of a contract."""
        hour = hour_number(self._clock.now())
        return self._series.known(key_of(instrument), hour - WINDOW_HOURS, hour)

    # --- take in ----------------------------------------------------------------------

    async def load(self) -> None:
        """Take in what earlier processes kept; a failure leaves the past unknown."""
        await self._load_rates()
        await self._load_prices()

    async def _load_rates(self) -> None:
        if self._hours is None:
            return
        async with self._turn:
            now = self._clock.now()
            first = hour_at(hour_number(now - WINDOW))
            try:
                for past in await self._hours.pasts(first):
                    self._put_past(past)
                while first <= now:
                    for each in await self._hours.hours(first, first + _DAY):
                        self._put_hour(each)
                        await self._clock.sleep(_INSTANT)
                    first += _DAY
            except StorageError as error:
                log.warning("past rates not read: %s", error)
            self._pasts.clear()

    async def _load_prices(self) -> None:
        """Take the marks of some of the last days' scans from the record."""
        if self._records is None:
            return
        after = self._clock.now() - RECENT
        try:
            while True:
                scans = await self._records.landmarks(after, _SCANS_AT_ONCE)
                for each in scans:
                    self._prices.put(each.at, _all_of(each.snapshots))
                    await self._clock.sleep(_INSTANT)
                if not scans:
                    return
                after = scans[-1].at
        except StorageError as error:
            log.warning("past prices not read: %s", error)

    async def note(self, result: ScanResult) -> None:
        """Remember a scan; the same one again changes nothing."""
        if self._noted_at is not None and result.at <= self._noted_at:
            return
        self._noted_at = result.at
        async with self._turn:
            await self._begin_hour(hour_number(result.at))
            self._prices.put(result.at, _all_of(result.snapshots))
            await self._count(result)
            await self._work_out(result)
            if result.at - self._saved_at >= SAVE_EVERY:
                await self._save_running()
            if self._records is not None:
                await self._kept(self._records.record(_recorded(result)))

    async def note_past(self, past: PastRates) -> None:
        """Remember a contract's settled payments."""
        self._put_past(past)
        self._pasts.clear()
        if self._hours is not None:
            await self._kept(self._hours.save_past(past))

    async def close(self) -> None:
        """Write the unfinished hour."""
        async with self._turn:
            await self._save_running()

    # --- how it is done ---------------------------------------------------------------

    def _put_past(self, past: PastRates) -> None:
        rates = {hour_number(at): rate for at, rate in past.trillionths.items()}
        self._series.put_past(past.key, rates)

    def _put_hour(self, each: HourOfRates) -> None:
        hour = hour_number(each.hour_at)
        if hour == self._running.hour:
            self._running.resume(each.scans, each.trillionths)
        else:
            self._series.put(hour, each.trillionths)

    async def _begin_hour(self, hour: int) -> None:
        """Close the hour under way once another has begun."""
        if hour == self._running.hour:
            return
        ended = self._running
        self._running = RunningHour(hour)
        if ended.scans:
            self._series.put(ended.hour, ended.means())
            self._pasts.clear()
            await self._save(ended)
        self._series.forget(hour - WINDOW_HOURS - 1)
        self._prices.forget(hour_at(hour))
        await self._forget_old()

    async def _count(self, result: ScanResult) -> None:
        self._running.scans += 1
        for number, snapshot in enumerate(_all_of(result.snapshots), 1):
            rate = to_trillionths(snapshot.rate.per_hour)
            self._running.add(key_of(snapshot.instrument), rate)
            if number % _AT_ONCE == 0:
                await self._clock.sleep(_INSTANT)

    async def _work_out(self, result: ScanResult) -> None:
        """Have the past of every ranked pair ready before anybody asks."""
        for number, pair in enumerate(result.opportunities, 1):
            self.stats(pair.long, pair.short)
            if number % _PAIRS_AT_ONCE == 0:
                await self._clock.sleep(_INSTANT)

    async def _save_running(self) -> None:
        if self._running.scans:
            await self._save(self._running)

    async def _save(self, hour: RunningHour) -> None:
        self._saved_at = self._clock.now()
        if self._hours is None:
            return
        means = HourOfRates(hour_at(hour.hour), hour.scans, hour.means())
        await self._kept(self._hours.save_hour(means))

    async def _forget_old(self) -> None:
        if self._records is None:
            return
        now = self._clock.now()
        try:
            while await self._records.forget(now - self._scans_kept, now - HOURS_KEPT):
                await self._clock.sleep(_BREATH)
        except StorageError as error:
            log.warning("old scans not deleted: %s", error)

    async def _kept(self, writing: Awaitable[None]) -> None:
        """Write; a failure is said once and costs only what it was to keep."""
        try:
            await writing
        except StorageError as error:
            if not self._is_failing:
                log.warning("rates are not recorded: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False


def _all_of(
    snapshots: Mapping[Base, tuple[FundingSnapshot, ...]],
) -> Iterator[FundingSnapshot]:
    return (one for found in snapshots.values() for one in found)


def _recorded(result: ScanResult) -> RecordedScan:
    return RecordedScan(
        at=result.at,
        rows=result.matrix,
        snapshots=result.snapshots,
        refused=_refused(result.skips),
        stablecoins=result.stablecoins,
    )


def _refused(skips: tuple[Skip, ...]) -> Mapping[SeriesKey, SkipReason]:
    return {
        (skip.venue_id, skip.symbol): skip.reason
        for skip in skips
        if skip.reason in _NOT_IN_SNAPSHOTS
        and skip.venue_id is not None
        and skip.symbol is not None
    }
