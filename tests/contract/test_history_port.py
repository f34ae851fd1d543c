"""What keeps past scans and hours, on disk and in memory: one suite for both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.history import HourOfRates, PastRates
from core.model.opportunity import SkipReason
from core.model.stablecoin import Stablecoins
from core.model.units import Base, FundingRate
from storage.spread_history import SqliteSpreadHistory
from tests.fakes.history import MINUTE, MemoryHistory, later, scan, two_venues
from tests.fakes.objects import BINANCE, EXTENDED, LIGHTER, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Store = MemoryHistory | SqliteSpreadHistory


@pytest.fixture(params=["disk", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty history."""
    if request.param == "memory":
        yield MemoryHistory()
        return
    opened = await SqliteSpreadHistory.open(tmp_path / "history.db")
    try:
        yield opened
    finally:
        await opened.close()


async def test_a_scan_comes_back_as_it_was(store: Store) -> None:
    """What is replayed must be judged as it was then, listings and reasons too."""
    kept = replace(
        two_venues(),
        refused={(BINANCE, "APT/USDT:USDT"): SkipReason.UNIT_SUSPECT},
        stablecoins=Stablecoins(Decimal("0.9987"), 12),
    )

    await store.record(kept)

    assert await store.scans(None, 10) == (kept,)


@pytest.mark.parametrize(
    ("rate", "price"),
    [
        ("0", None),
        ("-0.0001", "0.000000012345"),
        ("0.00010", "91234.56780000"),
        ("0.000012345678901234567", "5"),
        ("0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("-3E-12", "1E+5"),
    ],
)
async def test_rates_and_prices_are_exact_to_the_last_digit(
    store: Store, rate: str, price: str | None
) -> None:
    """A rounded rate could turn a tie and with it a whole ranking."""
    base = two_venues()
    side = base.snapshots[Base("APT")][0]
    exact = replace(
        side,
        rate=FundingRate(Decimal(rate), timedelta(hours=4), timedelta(hours=4)),
        mark_price=None if price is None else Decimal(price),
        next_funding_at=None,
    )

    await store.record(base)
    await store.record(scan(START + MINUTE, exact))

    assert (await store.scans(START, 1))[0].snapshots[Base("APT")] == (
        replace(exact, observed_at=START + MINUTE),
    )


async def test_unknown_volume_stays_unknown(store: Store) -> None:
    """Unknown must never come back as zero."""
    unknown = snapshot("APT", BINANCE, volume=None)

    await store.record(scan(START, unknown))

    (found,) = await store.scans(None, 10)
    assert found.snapshots[Base("APT")][0].volume_24h_usd is None


async def test_scans_are_read_in_parts_oldest_first(store: Store) -> None:
    """A month is never in memory at once."""
    kept = [later(two_venues(f"0.0000{n}"), n) for n in range(1, 10)]
    for each in kept:
        await store.record(each)

    first = await store.scans(None, 4)
    second = await store.scans(first[-1].at, 4)
    rest = await store.scans(second[-1].at, 4)

    assert [*first, *second, *rest] == kept
    assert await store.scans(kept[-1].at, 4) == ()


async def test_reading_may_begin_anywhere(store: Store) -> None:
    """`--days 2` of a month begins in the middle of what is kept."""
    kept = [later(two_venues(f"0.0000{n}"), n) for n in range(1, 10)]
    for each in kept:
        await store.record(each)

    assert await store.scans(kept[5].at, 100) == tuple(kept[6:])
    assert await store.scans(kept[1].at, 2) == tuple(kept[2:4])
    assert await store.scans(START - MINUTE, 1) == (kept[0],)


async def test_scans_may_be_taken_minutes_apart(store: Store) -> None:
    """A long replay is as telling with a scan every three minutes, and much faster."""
    kept = [later(two_venues(f"0.0000{n}"), n) for n in range(1, 10)]
    for each in kept:
        await store.record(each)

    first = await store.scans(None, 2, every=3 * MINUTE)
    rest = await store.scans(first[-1].at, 9, every=3 * MINUTE)

    assert [*first, *rest] == [kept[0], kept[3], kept[6]]


async def test_landmarks_are_scans_as_they_were_kept(store: Store) -> None:
    """Hourly prices are taken from them after a restart: the first scan is one."""
    kept = [later(two_venues(), minutes) for minutes in range(3)]
    for each in kept:
        await store.record(each)

    found = await store.landmarks(START - MINUTE, 9)

    assert found[0] == kept[0]
    assert all(each in kept for each in found)
    assert await store.landmarks(kept[-1].at, 9) == ()


async def test_a_venue_that_is_silent_for_a_scan_leaves_a_hole(store: Store) -> None:
    """Its last rate must not be repeated as if it had answered."""
    whole, half = two_venues(), scan(START + MINUTE, snapshot("APT", BINANCE))
    await store.record(whole)
    await store.record(half)
    await store.record(later(whole, 2))

    found = await store.scans(None, 10)

    assert [len(each.snapshots[Base("APT")]) for each in found] == [2, 1, 2]
    assert found[2] == later(whole, 2)


async def test_a_scan_without_any_rate_is_kept_too(store: Store) -> None:
    """All venues down is part of the record."""
    await store.record(scan(START))
    await store.record(later(two_venues(), 1))

    assert [len(each.snapshots) for each in await store.scans(None, 10)] == [0, 1]


async def test_an_hour_is_replaced_by_its_fuller_self(store: Store) -> None:
    """An unfinished hour is written every few minutes."""
    key = (BINANCE, "APT/USDT:USDT")
    hour = START.replace(minute=0, second=0)
    await store.save_hour(HourOfRates(hour, 5, {key: 3}))

    await store.save_hour(HourOfRates(hour, 60, {key: -4, (EXTENDED, "APT-USD"): 9}))

    full = HourOfRates(hour, 60, {key: -4, (EXTENDED, "APT-USD"): 9})
    assert await store.hours(hour, hour + MINUTE * 60) == (full,)
    assert await store.hours(hour - MINUTE * 60, hour) == ()


async def test_settled_payments_of_a_contract_are_replaced_as_a_whole(
    store: Store,
) -> None:
    """A later answer of the venue knows more than the earlier one."""
    key = (LIGHTER, "APT/USDC:USDC")
    hour = START.replace(minute=0, second=0)
    await store.save_past(PastRates(key, START, {hour: 1}))

    await store.save_past(PastRates(key, START + MINUTE, {hour - 60 * MINUTE: -2}))

    (found,) = await store.pasts(START)
    assert found == PastRates(key, START + MINUTE, {hour - 60 * MINUTE: -2})
    assert await store.pasts(START + 2 * MINUTE) == ()


async def test_empty_hours_and_pasts_come_back_empty(store: Store) -> None:
    """A venue may have paid nothing yet."""
    key = (LIGHTER, "APT/USDC:USDC")
    hour = START.replace(minute=0, second=0)

    await store.save_hour(HourOfRates(hour, 1, {}))
    await store.save_past(PastRates(key, START, {}))

    assert await store.hours(hour, hour + 60 * MINUTE) == (HourOfRates(hour, 1, {}),)
    assert await store.pasts(START) == (PastRates(key, START, {}),)
