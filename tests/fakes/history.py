"""Past rates in memory, and small scans to keep in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.model.history import RecordedScan, SpreadStats
from core.model.instrument import AbsenceReason, TokenRow
from core.model.units import Base
from tests.fakes.objects import BINANCE, EXTENDED, LIGHTER, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.history import HourOfRates, PastRates, SeriesKey
    from core.model.market import FundingSnapshot

MINUTE = timedelta(minutes=1)


class MemoryHistory:
    """Scans and hours in memory; refuses to write while `is_full`."""

    def __init__(self) -> None:
        self.recorded: list[RecordedScan] = []
        self.saved: dict[datetime, HourOfRates] = {}
        self.past: dict[SeriesKey, PastRates] = {}
        self.forgotten: list[tuple[datetime, datetime]] = []
        self.is_full = False

    async def record(self, scan: RecordedScan) -> None:
        """Keep a scan."""
        self._refuse()
        self.recorded.append(scan)

    async def scans(
        self, after: datetime | None, limit: int, *, every: timedelta | None = None
    ) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment."""
        found: list[RecordedScan] = []
        for each in self.recorded:
            last = found[-1].at if found else after
            apart = timedelta(0) if last is None else each.at - last
            if last is None or apart >= (every or timedelta(milliseconds=1)):
                found.append(each)
        return tuple(found[:limit])

    async def landmarks(self, after: datetime, limit: int) -> tuple[RecordedScan, ...]:
        """Return the scans after a moment; each is as cheap as the next here."""
        return await self.scans(after, limit)

    async def forget(self, scans_before: datetime, hours_before: datetime) -> bool:
        """Delete what is older."""
        self.forgotten.append((scans_before, hours_before))
        return False

    async def save_hour(self, hour: HourOfRates) -> None:
        """Keep an hour."""
        self._refuse()
        self.saved[hour.hour_at] = hour

    async def hours(self, since: datetime, until: datetime) -> tuple[HourOfRates, ...]:
        """Return the hours between two moments."""
        found = (self.saved[at] for at in sorted(self.saved))
        return tuple(each for each in found if since <= each.hour_at < until)

    async def save_past(self, past: PastRates) -> None:
        """Keep a contract's settled payments."""
        self._refuse()
        self.past[past.key] = past

    async def pasts(self, since: datetime) -> tuple[PastRates, ...]:
        """Return the settled payments read at or after a moment."""
        return tuple(each for each in self.past.values() if each.read_at >= since)

    def _refuse(self) -> None:
        if self.is_full:
            message = "The database refused: disk is full."
            raise StorageError(message)


def scan(at: datetime = START, *snapshots: FundingSnapshot) -> RecordedScan:
    """Return a scan of APT on the venues of these snapshots."""
    seen = tuple(replace(each, observed_at=at) for each in snapshots)
    listed = {each.instrument.venue_id: each.instrument for each in seen}
    row = TokenRow(Base("APT"), listed, {LIGHTER: AbsenceReason.PRE_MARKET})
    nothing = TokenRow(Base("MON"), {}, {BINANCE: AbsenceReason.NOT_LISTED})
    return RecordedScan(at, (row, nothing), {Base("APT"): seen} if seen else {})


def two_venues(per_hour: str = "0.00003", price: str | None = "5") -> RecordedScan:
    """Return a scan of two venues."""
    return scan(
        START,
        snapshot("APT", BINANCE, per_hour=per_hour, price=price),
        snapshot("APT", EXTENDED, per_hour="-0.00001"),
    )


def later(one: RecordedScan, minutes: int) -> RecordedScan:
    """Return the same scan some minutes later."""
    at = one.at + minutes * MINUTE
    snapshots = {
        base: tuple(replace(each, observed_at=at) for each in found)
        for base, found in one.snapshots.items()
    }
    return replace(one, at=at, snapshots=snapshots)


WEEK = SpreadStats(
    now_per_hour=Decimal("0.0001"),
    samples=168,
    hours=168,
    same_sign_share=Decimal("0.925"),
    mean_per_hour=Decimal("0.000065"),
    sd_per_hour=Decimal("0.00002"),
    phi=Decimal("0.967"),
    half_life=timedelta(hours=20.7),
    is_spike=False,
    is_thin=False,
    sign_age=timedelta(hours=30),
)
"""A week of 0.0065 % per hour, positive for 92.5 % of it."""
