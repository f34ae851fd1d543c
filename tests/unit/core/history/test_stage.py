"""What is remembered of rates: hour by hour, over restarts, with a full disk."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.history.stage import History
from core.model.history import PastRates
from core.model.opportunity import Opportunity, Skip, SkipReason
from core.model.stablecoin import Stablecoins
from core.model.units import Base
from tests.fakes.history import MemoryHistory
from tests.fakes.objects import BINANCE, EXTENDED, instrument, scan_result, snapshot
from tests.fakes.runtime import START, FakeClock, InstantClock

if TYPE_CHECKING:
    from datetime import datetime

    import pytest

    from core.model.history import HourOfRates, SpreadStats
    from core.model.opportunity import ScanResult

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FULL_HOUR = START.replace(minute=0, second=0)
SHORT = (BINANCE, "APT/USDT:USDT")
LONG = (EXTENDED, "APT/USDC:USDC")


def pair(short: str, long: str = "0", at: datetime = START) -> Opportunity:
    """Return APT, short on Binance, with these rates in 0.001 % per hour."""
    sides = (
        snapshot("APT", venue, per_hour=str(Decimal(rate) / 100_000), at=at)
        for venue, rate in ((EXTENDED, long), (BINANCE, short))
    )
    return Opportunity(Base("APT"), next(sides), next(sides))


def scan(one: Opportunity, at: datetime) -> ScanResult:
    """Return a scan that saw just this pair."""
    found = {one.base: (one.long, one.short)}
    return replace(scan_result(one, at=at), snapshots=found)


def pair_of(base: str) -> Opportunity:
    """Return a pair of a token nobody has seen yet."""
    sides = (snapshot(base, venue) for venue in (EXTENDED, BINANCE))
    return Opportunity(Base(base), next(sides), next(sides))


class Desk:
    """A history over a store, on virtual time."""

    def __init__(
        self, store: MemoryHistory | None = None, *, at: datetime = START
    ) -> None:
        self.clock = FakeClock(at)
        self.store = store or MemoryHistory()
        self.history = History(
            clock=self.clock,
            records=self.store,
            hours=self.store,
            scans_kept=timedelta(days=30),
        )

    async def see(self, short: str, long: str = "0") -> None:
        """Take in a scan of this moment."""
        now = self.clock.now()
        await self.history.note(scan(pair(short, long, now), now))

    async def live(self, *hours: str) -> None:
        """See one scan an hour with these rates, beginning in this one."""
        for each in hours:
            await self.see(each)
            await self.clock.advance(HOUR)

    def stats(self, short: str = "1") -> SpreadStats | None:
        """Ask how the pair has been."""
        one = pair(short)
        return self.history.stats(one.long, one.short)


async def test_an_hour_counts_once_it_is_over() -> None:
    """Scans of 1 and 3 in one hour make 2; the hour under way says nothing yet."""
    desk = Desk()
    await desk.see("1")
    await desk.clock.advance(timedelta(minutes=5))
    await desk.see("3")

    assert desk.stats() is None

    await desk.clock.advance(HOUR)
    await desk.see("9")
    stats = desk.stats()
    assert stats is not None
    assert (stats.samples, stats.hours) == (1, 1)
    assert stats.mean_per_hour == Decimal("0.00002")


async def test_the_spread_is_short_minus_long_and_signed() -> None:
    """Short at 1, long at 4: the pair pays 3 every hour, however it is turned."""
    desk = Desk()
    await desk.see("1", "4")
    await desk.clock.advance(HOUR)
    await desk.see("1", "4")

    one = pair("1", "4")
    as_held = desk.history.stats(one.long, one.short)
    turned = desk.history.stats(one.short, one.long)
    assert as_held is not None
    assert turned is not None
    assert as_held.mean_per_hour == Decimal("-0.00003")
    assert turned.mean_per_hour == Decimal("0.00003")


async def test_four_of_five_hours_positive() -> None:
    """4, 3, 2, 2, -1 in 0.001 % per hour: mean 2, 80 % positive, turned an hour ago."""
    desk = Desk()

    await desk.live("4", "3", "2", "2", "-1")

    await desk.see("1")
    stats = desk.stats()
    assert stats is not None
    assert stats.mean_per_hour == Decimal("0.00002")
    assert stats.same_sign_share == Decimal("0.8")
    assert stats.sign_age == timedelta(0)
    assert stats.is_thin


async def test_only_seven_days_are_looked_at() -> None:
    """An hour of 1000 eight days ago must not move today's mean."""
    desk = Desk()
    await desk.live("1000")
    await desk.clock.advance(timedelta(days=7))

    await desk.live("2")

    await desk.see("2")
    stats = desk.stats()
    assert stats is not None
    assert (stats.samples, stats.mean_per_hour) == (1, Decimal("0.00002"))


async def test_the_same_scan_counts_once() -> None:
    """A tap on Refresh may get the timer's scan."""
    desk = Desk()
    result = scan(pair("1"), START)

    await desk.history.note(result)
    await desk.history.note(result)

    assert len(desk.store.recorded) == 1


async def test_a_restart_forgets_nothing_that_was_written() -> None:
    """2 and 4, then an hour half 5 and half 7 with a restart between: 2, 4, 6."""
    first = Desk(at=FULL_HOUR)
    await first.live("2", "4")
    await first.see("5")
    await first.clock.advance(timedelta(minutes=20))
    await first.see("5")
    await first.history.close()

    second = Desk(first.store, at=first.clock.now())
    await second.history.load()
    await second.see("7")
    await second.clock.advance(timedelta(minutes=20))
    await second.see("7")
    await second.clock.advance(timedelta(minutes=30))
    await second.see("1")

    stats = second.stats()
    assert stats is not None
    assert stats.samples == 3
    assert stats.mean_per_hour == Decimal("0.00004")
    assert first.store.saved[FULL_HOUR + 2 * HOUR].trillionths[SHORT] == 60_000_000


async def test_an_unfinished_hour_is_written_every_five_minutes() -> None:
    """A crash must not cost the hour."""
    desk = Desk()
    await desk.see("1")
    assert desk.store.saved == {}

    await desk.clock.advance(timedelta(minutes=5))
    await desk.see("1")

    assert desk.store.saved[FULL_HOUR].scans == 2


async def test_settled_payments_fill_hours_that_were_not_scanned() -> None:
    """A fresh install knows at once what the venues paid; own scans win where both."""
    desk = Desk()
    await desk.live("8")
    await desk.see("8")
    hours = {FULL_HOUR - n * HOUR: 20_000_000 for n in range(25)}
    await desk.history.note_past(PastRates(SHORT, START, hours))
    await desk.history.note_past(PastRates(LONG, START, dict.fromkeys(hours, 0)))

    stats = desk.stats()

    assert stats is not None
    assert (stats.samples, stats.hours) == (1, 25)
    assert stats.mean_per_hour == (24 * Decimal("0.00002") + Decimal("0.00008")) / 25
    assert desk.store.past[SHORT].trillionths == hours


async def test_every_scan_is_recorded_with_what_kept_a_contract_out() -> None:
    """A replay must refuse what was refused then, though no snapshot shows it."""
    desk = Desk()
    why = Skip(Base("APT"), SkipReason.UNIT_SUSPECT, "8 times", *SHORT)
    coins = Stablecoins(Decimal("0.999"), 12)
    seen = replace(scan(pair("1"), START), skips=(why,), stablecoins=coins)

    await desk.history.note(seen)

    (kept,) = desk.store.recorded
    assert kept.at == START
    assert kept.snapshots == seen.snapshots
    assert kept.refused == {SHORT: SkipReason.UNIT_SUSPECT}
    assert kept.stablecoins == coins


async def test_a_full_disk_costs_the_record_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Statistics go on in memory; the log is not flooded every minute."""
    caplog.set_level(logging.WARNING)
    desk = Desk()
    desk.store.is_full = True

    await desk.live("2", "2", "2")
    await desk.see("2")

    stats = desk.stats()
    assert stats is not None
    assert stats.samples == 3
    assert caplog.text.count("rates are not recorded") == 1


async def test_what_is_old_is_deleted_once_an_hour() -> None:
    """Scans go after 30 days, hourly means after half a year."""
    desk = Desk()
    await desk.live("1")

    await desk.see("1")

    now = desk.clock.now()
    assert desk.store.forgotten == [
        (now - timedelta(days=30), now - timedelta(days=180))
    ]


async def test_gaps_of_a_contract_are_counted() -> None:
    """Whoever asks venues for the past must know what is missing."""
    desk = Desk()

    await desk.live("1", "1", "1")
    await desk.see("1")

    assert desk.history.known_hours(instrument("APT", BINANCE)) == 3
    assert desk.history.known_hours(instrument("KAITO", BINANCE)) == 0


async def test_a_store_that_cannot_be_read_leaves_the_past_unknown() -> None:
    """A damaged history must not keep the bot from starting."""

    class Damaged(MemoryHistory):
        async def hours(
            self, since: datetime, until: datetime
        ) -> tuple[HourOfRates, ...]:
            self.is_full = True
            self._refuse()
            return await super().hours(since, until)

    desk = Desk(Damaged())

    await desk.history.load()

    assert desk.stats() is None


async def test_without_a_file_everything_is_remembered_until_the_end() -> None:
    """A folder that cannot be written costs the record, not the statistics."""
    clock = FakeClock(START)
    history = History(
        clock=clock, records=None, hours=None, scans_kept=timedelta(days=30)
    )
    await history.load()
    for rate in ("1", "3", "5"):
        now = clock.now()
        await history.note(scan(pair(rate, at=now), now))
        await clock.advance(HOUR)
    await history.note_past(PastRates(SHORT, START, {}))
    await history.close()

    one = pair("1")
    stats = history.stats(one.long, one.short)

    assert stats is not None
    assert stats.mean_per_hour == Decimal("0.00002")
    assert history.is_spike(one) is None
    assert history.is_spike(pair_of("KAITO")) is None


async def test_a_backlog_is_deleted_a_handful_at_a_time() -> None:
    """A shorter `CARRY_HISTORY_DAYS` must not hold up scans for seconds."""

    class Backlog(MemoryHistory):
        async def forget(self, scans_before: datetime, hours_before: datetime) -> bool:
            await super().forget(scans_before, hours_before)
            return len(self.forgotten) < 3

    store = Backlog()
    clock = InstantClock(START)
    history = History(
        clock=clock, records=store, hours=store, scans_kept=timedelta(days=1)
    )
    await history.note(scan(pair("1"), START))

    await history.note(scan(pair("1"), START + HOUR))

    assert len(store.forgotten) == 3


async def test_what_cannot_be_deleted_is_kept_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next hour tries again."""

    class Stuck(MemoryHistory):
        async def forget(self, scans_before: datetime, hours_before: datetime) -> bool:
            self.is_full = True
            self._refuse()
            return await super().forget(scans_before, hours_before)

    desk = Desk(Stuck())

    await desk.live("1", "1")

    assert "old scans not deleted" in caplog.text


async def test_a_large_scan_is_taken_in_by_turns() -> None:
    """Taps are answered while two thousand rates are counted."""
    desk, many = Desk(), [pair_of(f"T{n}") for n in range(300)]
    found = {one.base: (one.long, one.short) for one in many}
    result = replace(scan_result(*many, at=START), snapshots=found)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while not desk.store.recorded:
            turns += 1
            await desk.clock.sleep(timedelta(0))

    await asyncio.gather(desk.history.note(result), others())

    assert turns > 300 * 2 // 250


async def test_settled_payments_of_long_ago_are_forgotten() -> None:
    """A contract that left the ranking must not stay in memory for ever."""
    desk = Desk()
    await desk.history.note_past(PastRates(SHORT, START, {FULL_HOUR: 1}))
    await desk.history.note_past(PastRates(LONG, START, {FULL_HOUR + 8 * DAY: 1}))

    await desk.clock.advance(8 * DAY)
    await desk.see("1")
    await desk.clock.advance(HOUR)

    assert desk.history.known_hours(instrument("APT", BINANCE)) == 0
    assert desk.history.known_hours(instrument("APT", EXTENDED)) == 1
