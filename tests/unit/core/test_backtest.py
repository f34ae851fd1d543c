"""Replayed days: who stood where, for how long, and what that came to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.backtest import Backtest, judge_again
from core.model.history import RecordedScan
from core.model.instrument import TokenRow
from core.model.opportunity import SkipReason
from core.model.stablecoin import Stablecoins
from core.model.units import Base
from core.opportunities import Gates
from tests.fakes.history import MINUTE, MemoryHistory, two_venues
from tests.fakes.objects import BINANCE, EXTENDED, snapshot
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from core.model.backtest import DayOfPairs

NIGHT = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)
GATES = Gates(Decimal("0.00002"), Decimal(50000), allows_unknown_volume=True)


def scan(at: datetime, **spreads: str) -> RecordedScan:
    """Return a scan of tokens with these spreads in 0.001 % per hour."""
    snapshots = {}
    for name, spread in spreads.items():
        per_hour = str(Decimal(spread) / 100_000)
        snapshots[Base(name)] = (
            snapshot(name, EXTENDED, per_hour="0", at=at),
            snapshot(name, BINANCE, per_hour=per_hour, at=at),
        )
    rows = tuple(
        TokenRow(base, {one.instrument.venue_id: one.instrument for one in found}, {})
        for base, found in snapshots.items()
    )
    return RecordedScan(at, rows, snapshots)


async def days(
    *scans: RecordedScan, last: timedelta | None = None, best: int = 10
) -> list[DayOfPairs]:
    """Replay these scans."""
    store, clock = MemoryHistory(), FakeClock(NIGHT)
    store.recorded = list(scans)
    backtest = Backtest(records=store, gates=GATES, clock=clock)
    return [day async for day in backtest.days(last, best=best)]


async def test_a_pair_is_credited_for_the_time_it_was_ranked() -> None:
    """6 per hour for five minutes and 12 for five more: 0.5 + 1 = 1.5 in 0.001 %."""
    (day,) = await days(
        scan(NIGHT - 10 * MINUTE, APT="6"),
        scan(NIGHT - 5 * MINUTE, APT="12"),
        scan(NIGHT, APT="3"),
    )

    (found,) = day.best
    assert round(found.brought, 12) == Decimal("0.000015")
    assert found.mean_per_hour == Decimal("0.00007")
    assert found.highest_per_hour == Decimal("0.00012")
    assert (found.base, found.long, found.short) == ("APT", EXTENDED, BINANCE)
    assert (found.scans, found.first, day.scans, day.ranked) == (3, 3, 3, 1)


async def test_days_are_utc_and_the_best_of_each_comes_first() -> None:
    """Ten to midnight and five past are two days; KAITO leads the second."""
    first, second = await days(
        scan(NIGHT, APT="6", KAITO="3"),
        scan(NIGHT + 5 * MINUTE, APT="6", KAITO="3"),
        scan(NIGHT + 15 * MINUTE, APT="6", KAITO="9"),
        scan(NIGHT + 20 * MINUTE, APT="6", KAITO="9"),
    )

    assert [str(day.day) for day in (first, second)] == ["2026-11-22", "2026-11-23"]
    assert [one.base for one in first.best] == ["APT", "KAITO"]
    assert [one.base for one in second.best] == ["KAITO", "APT"]
    assert [one.first for one in second.best] == [2, 0]


async def test_nobody_knows_what_a_pair_brought_while_the_bot_was_off() -> None:
    """Sixteen minutes between two scans are credited to nobody."""
    (day,) = await days(
        scan(NIGHT - 16 * MINUTE, APT="6"),
        scan(NIGHT, APT="6"),
    )

    assert day.best[0].brought == 0


async def test_a_direction_that_turns_is_another_pair() -> None:
    """Long and short change places: what earned before would cost now."""
    (day,) = await days(scan(NIGHT, APT="6"), scan(NIGHT + MINUTE, APT="-6"))

    assert {(one.long, one.short) for one in day.best} == {
        (EXTENDED, BINANCE),
        (BINANCE, EXTENDED),
    }


async def test_only_the_last_days_are_replayed_if_so_wished() -> None:
    """A month takes minutes; yesterday is often enough."""
    old, new = scan(NIGHT - timedelta(days=2), APT="6"), scan(NIGHT, APT="6")

    assert len(await days(old, new)) == 2
    assert [str(day.day) for day in await days(old, new, last=timedelta(days=1))] == [
        "2026-11-22"
    ]


async def test_only_so_many_pairs_are_told_but_all_are_counted() -> None:
    """Ten lines a day are read, two hundred are not."""
    (day,) = await days(scan(NIGHT, APT="6", KAITO="5", MON="4"), best=2)

    assert [one.base for one in day.best] == ["APT", "KAITO"]
    assert day.ranked == 3


async def test_without_scans_there_are_no_days() -> None:
    """An empty record is no error here."""
    assert await days() == []


def test_what_was_doubted_then_is_refused_again() -> None:
    """No snapshot shows that a unit was in doubt; the record does."""
    plain = two_venues()
    doubted = replace(
        plain, refused={(BINANCE, "APT/USDT:USDT"): SkipReason.UNIT_SUSPECT}
    )

    assert len(judge_again(plain, GATES)[0]) == 1
    ranked, skips = judge_again(doubted, GATES)
    assert ranked == ()
    assert (SkipReason.UNIT_SUSPECT, BINANCE) in {
        (skip.reason, skip.venue_id) for skip in skips
    }


def test_stablecoins_are_as_far_apart_as_they_were_then() -> None:
    """USDT at 0.98: a USDT leg against a USDC leg was no pair then."""
    gates = replace(GATES, max_stablecoin_gap=Decimal("0.005"))
    apart = replace(two_venues(), stablecoins=Stablecoins(Decimal("0.98"), 9))

    assert len(judge_again(two_venues(), gates)[0]) == 1
    assert judge_again(apart, gates)[0] == ()
