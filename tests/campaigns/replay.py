"""Scan the pretend venues for days of their time, record it, and replay the record.

Pretend time and the scanner's clock move together, a step at a time, so that a week
takes minutes. On the way a venue falls silent, an interval changes, a contract leaves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.availability import AvailabilityCache
from core.backtest import Backtest
from core.health import VenueMonitor
from core.history import History
from core.opportunities import Gates, rank
from core.rates import Rates
from core.runtime import Nursery
from core.scanner import Scanner
from core.venues.markets import open_markets
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from storage.spread_history import SqliteSpreadHistory
from tests.fakes.objects import ALL_VENUES
from tests.fakes.runtime import START, FakeClock
from tests.fakes.stores import MemoryAvailability

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from core.model.units import VenueId
    from core.opportunities import Ranking
    from core.venues.markets import MarketReader

GATES = Gates(
    min_spread_per_hour=Decimal("0.00002"),
    min_volume_usd=Decimal(50000),
    allows_unknown_volume=True,
    max_stablecoin_gap=Decimal("0.005"),
)
_MILLISECOND = timedelta(milliseconds=1)
_BEGIN_MS = int(START.timestamp() * 1000)

Decided = tuple[tuple[object, ...], tuple[object, ...]]


def decided(ranking: Ranking) -> Decided:
    """Return what a ranking decided, without the words around it."""
    ranked, skips = ranking
    return (
        tuple(
            (
                one.base,
                one.long.instrument,
                one.short.instrument,
                one.spread_per_hour,
            )
            for one in ranked
        ),
        tuple(
            (one.base, one.reason, one.venue_id, one.symbol, one.between)
            for one in skips
        ),
    )


@dataclass
class Recording:
    """What was decided while it was recorded, oldest first."""

    decisions: list[Decided] = field(default_factory=list)
    silent: int = 0
    """Scans in which a venue did not answer."""
    intervals: set[timedelta] = field(default_factory=set)


async def record(
    path: Path, *, steps: int, step: timedelta, seed: int = 7
) -> Recording:
    """Scan a seeded pretend market so many times, a step of its time apart."""
    told, clock = Recording(), FakeClock(START)
    pretend = SandboxClock(fixed_ms=_BEGIN_MS)
    store = await SqliteSpreadHistory.open(path)
    try:
        async with SandboxServer(pretend, seed=seed) as box:
            urls = {venue: box.venue_url(venue) for venue in ALL_VENUES}
            markets = open_markets(ALL_VENUES, urls, clock, paper=True)
            scanner = _scanner(markets, clock, 3 * step)
            history = History(
                clock=clock,
                records=store,
                hours=store,
                scans_kept=timedelta(days=30),
            )
            try:
                for number in range(steps):
                    _disturb(box, number, steps)
                    if number % 36 == 0:
                        await scanner.availability.refresh()
                    result = await scanner.scan()
                    await history.note(result)
                    told.decisions.append(
                        decided(rank(result.matrix, result.snapshots, scanner.gates))
                    )
                    told.silent += any(not venue.is_ok for venue in result.venues)
                    told.intervals |= {
                        each.rate.payment_interval
                        for found in result.snapshots.values()
                        for each in found
                    }
                    await clock.advance(step)
                    pretend.set_ms(pretend.now_ms() + step // _MILLISECOND)
            finally:
                for market in markets.values():
                    await market.close()
    finally:
        await store.close()
    return told


async def replay(path: Path) -> list[Decided]:
    """Judge everything on record again, as `carrybot backtest` does."""
    store = await SqliteSpreadHistory.open_to_read(path)
    backtest = Backtest(records=store, gates=GATES, clock=FakeClock(START))
    try:
        return [decided(found) async for _, found in backtest.decisions(None)]
    finally:
        await store.close()


def _scanner(
    markets: Mapping[VenueId, MarketReader], clock: FakeClock, max_age: timedelta
) -> Scanner:
    monitor = VenueMonitor(ALL_VENUES, clock)
    return Scanner(
        availability=AvailabilityCache(
            sources=markets,
            store=MemoryAvailability(),
            clock=clock,
            monitor=monitor,
            tokens=None,
        ),
        rates=Rates(sources=markets, clock=clock, monitor=monitor, max_age=max_age),
        gates=GATES,
        clock=clock,
        nursery=Nursery(),
    )


def _disturb(box: SandboxServer, number: int, steps: int) -> None:
    """Let things happen at a quarter, a half and three quarters of the way."""
    quarter = steps // 4
    if number == quarter:
        box.world.set_interval("APT", "binance", 4)
    if number in {2 * quarter, 2 * quarter + 1}:
        box.faults.add("lighter", "*", "status", times=4, param=500)
    if number == 2 * quarter + 2:
        box.faults.clear()
    if number == 3 * quarter:
        box.world.set_status("APT", "hyperliquid", "absent")
