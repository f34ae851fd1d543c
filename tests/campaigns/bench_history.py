"""Measure what remembering costs: bytes a day, time of a week's statistics, stalls.

A made-up market in which every contract's rate, price and volume moves at every scan:
a real one keeps stiller, so that its record is smaller.
"""

from __future__ import annotations

import math
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from core.history import History
from core.model.history import HourOfRates
from core.model.instrument import Instrument, TokenRow
from core.model.market import FundingSnapshot
from core.model.opportunity import Opportunity
from core.model.units import Base, FundingRate, VenueId
from storage.spread_history import SqliteSpreadHistory
from tests.campaigns.stalls import StallMeter
from tests.fakes.objects import scan_result
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from core.model.opportunity import ScanResult

TOKENS = 500
SCANS_AN_HOUR = 60
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FULL_HOUR = START.replace(minute=0, second=0)
_VENUES = (("binance", 8, 8, 8), ("hyperliquid", 1, 10, 6), ("lighter", 8, 8, 6),
           ("extended", 1, 6, 6))  # fmt: skip
"""Name, hours of the rate field, decimals of a rate, digits of a price."""


@dataclass
class _Contract:
    """One contract and what it shows now."""

    instrument: Instrument
    field_hours: int
    rate_decimals: int
    price_digits: int
    per_hour: float
    price: float
    volume: float

    def move(self, chance: random.Random) -> None:
        """Walk a step of a minute."""
        self.per_hour += chance.gauss(0, 2e-7)
        self.price *= 1 + chance.gauss(0, 0.0005)
        self.volume *= 1 + chance.gauss(0, 0.0005)

    def snapshot(self, at: datetime) -> FundingSnapshot:
        """Return what the venue shows."""
        places = max(0, self.price_digits - 1 - math.floor(math.log10(self.price)))
        per_interval = Decimal(repr(self.per_hour * self.field_hours))
        hours = timedelta(hours=self.field_hours)
        return FundingSnapshot(
            instrument=self.instrument,
            rate=FundingRate(round(per_interval, self.rate_decimals), hours, hours),
            next_funding_at=at.replace(minute=0, second=0) + HOUR,
            mark_price=round(Decimal(repr(self.price)), places),
            index_price=None,
            volume_24h_usd=round(Decimal(repr(self.volume)), 2),
            observed_at=at,
        )


class Market:
    """Four venues with the same tokens, in seeded motion."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self.contracts = [
            self._contract(Base(f"T{token}"), *venue)
            for venue in _VENUES
            for token in range(TOKENS)
        ]
        listed: dict[Base, dict[VenueId, Instrument]] = {}
        for each in self.contracts:
            one = each.instrument
            listed.setdefault(one.base, {})[one.venue_id] = one
        self._rows = tuple(TokenRow(base, found, {}) for base, found in listed.items())

    def _contract(
        self, base: Base, venue: str, hours: int, decimals: int, digits: int
    ) -> _Contract:
        one, chance = Decimal(1), self._chance
        name = f"{base}/USDT:USDT"
        instrument = Instrument(
            VenueId(venue), name, base, base, one, "USDT", "USDT", one, one, one
        )
        return _Contract(
            instrument,
            hours,
            decimals,
            digits,
            chance.gauss(0.00001, 0.00003),
            10 ** chance.uniform(-4, 4),
            10 ** chance.uniform(5, 8),
        )

    def scan(self, at: datetime) -> ScanResult:
        """Move everything and return what a scan sees."""
        found: dict[Base, tuple[FundingSnapshot, ...]] = {}
        for each in self.contracts:
            each.move(self._chance)
            one = each.snapshot(at)
            base = one.instrument.base
            found[base] = (*found.get(base, ()), one)
        best = (_widest(base, sides) for base, sides in found.items())
        return replace(scan_result(*best, at=at), matrix=self._rows, snapshots=found)


def _widest(base: Base, sides: tuple[FundingSnapshot, ...]) -> Opportunity:
    ordered = sorted(sides, key=lambda one: one.rate.per_hour)
    return Opportunity(base, ordered[0], ordered[-1])


async def measure_history() -> AsyncIterator[str]:
    """Yield one line per figure."""
    with tempfile.TemporaryDirectory() as folder:
        path, market = Path(folder) / "history.db", Market()
        yield (
            f"remembering 4 venues x {TOKENS} contracts, a scan every 60 s,"
            " everything moving"
        )
        async for line in _growth(path, market):
            yield line
        for line in [each async for each in _week(path, market)]:
            yield line


async def _growth(path: Path, market: Market) -> AsyncIterator[str]:
    """Record three hours; the last two tell the growth."""
    clock = FakeClock(FULL_HOUR)
    noted, stalls, sizes = [], [], []
    for _ in range(3):
        store = await SqliteSpreadHistory.open(path)
        history = _history(clock, store)
        for _ in range(SCANS_AN_HOUR):
            result = market.scan(clock.now())
            before = time.perf_counter()
            async with StallMeter() as meter:
                await history.note(result)
            noted.append(time.perf_counter() - before)
            stalls.append(meter.longest)
            await clock.advance(MINUTE)
        await history.close()
        await store.close()
        sizes.append(_size(path))
    a_day = (sizes[-1] - sizes[0]) / 2 * 24 / 1e6
    yield (
        f"storage: {a_day:.1f} MB a day, {a_day * 30:.0f} MB in 30 days,"
        f" {(sizes[-1] - sizes[0]) / 2 / SCANS_AN_HOUR / 1000:.1f} kB a scan"
    )
    yield (
        f"taking in a scan: {_middle(noted)} ms beside the loop;"
        f" longest stall median {_middle(stalls)} ms, worst {max(stalls) * 1000:.0f} ms"
    )


async def _week(path: Path, market: Market) -> AsyncIterator[str]:
    """Give the file a week of hours, load it as a start does, ask for all pairs."""
    clock = FakeClock(FULL_HOUR + timedelta(days=7))
    store = await SqliteSpreadHistory.open(path)
    try:
        before = _size(path)
        for each in _hours(market):
            await store.save_hour(each)
        await store.close()  # folds what was written into the file
        hourly = (_size(path) - before) / 7e6
        store = await SqliteSpreadHistory.open(path)
        history, begun = _history(clock, store), time.perf_counter()
        async with StallMeter() as meter:
            await history.load()
        took = time.perf_counter() - begun
        yield (
            f"hourly means: {hourly:.2f} MB a day;"
            f" loading a week at the start: {took * 1000:.0f} ms beside the loop,"
            f" longest stall {meter.longest * 1000:.0f} ms"
        )
        result = market.scan(clock.now())
        pairs = [
            pair
            for sides in result.snapshots.values()
            for pair in combinations(sides, 2)
        ]
        best = [(one.long, one.short) for one in result.opportunities]
        for words, asked in (("best pair of every token", best), ("all pairs", pairs)):
            cold = _timed(history, asked)
            yield (
                f"7-day statistics, {words} ({len(asked)}): {cold * 1000:.0f} ms"
                f" the first time in an hour, {_timed(history, asked) * 1000:.1f} ms"
                " after that"
            )
    finally:
        await store.close()


def _size(path: Path) -> int:
    return path.stat().st_size


def _timed(
    history: History, asked: list[tuple[FundingSnapshot, FundingSnapshot]]
) -> float:
    before = time.perf_counter()
    for long, short in asked:
        history.stats(long, short)
    return time.perf_counter() - before


def _hours(market: Market) -> Iterator[HourOfRates]:
    chance = random.Random(2)
    for number in range(1, 7 * 24):
        yield HourOfRates(
            FULL_HOUR + number * HOUR,
            SCANS_AN_HOUR,
            {
                (each.instrument.venue_id, each.instrument.symbol): int(
                    (each.per_hour + chance.gauss(0, 2e-6)) * 1e12
                )
                for each in market.contracts
            },
        )


def _history(clock: FakeClock, store: SqliteSpreadHistory) -> History:
    return History(
        clock=clock, records=store, hours=store, scans_kept=timedelta(days=30)
    )


def _middle(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f}"
