"""One venue in trouble: the others' numbers stay true, and the cards name it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.opportunity import SkipReason
from tests.journeys.house import open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from core.model.opportunity import VenueStatus
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

LATER = timedelta(minutes=3)
"""More than two scan intervals: old values may not be used any more."""
AFTER_PAUSE = timedelta(minutes=11)
"""However long a venue has been failing, it is asked again by then."""
CODES = {"binance": "BN", "hyperliquid": "HL", "lighter": "LT", "extended": "EX"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open a bot that ranks by gross spread: these stories are about rates alone."""
    async with open_house(tmp_path, net_top_k=0) as opened:
        yield opened


def best_without(house: House, *venues: str) -> dict[str, tuple[str, str, Decimal]]:
    """Return each token's true best pair among the other venues, worth ranking."""
    found = {}
    for base, entry in house.box.control.truth()["tokens"].items():
        usable = {
            name: Decimal(facts["rate_hourly"])
            for name, facts in sorted(entry["venues"].items())
            if facts["live"]
            and name not in venues
            and (
                facts["volume_24h_usd"] is None
                or Decimal(facts["volume_24h_usd"]) >= 50_000
            )
        }
        if base == "ACE" or len(usable) < 2:  # two coins of one name
            continue
        low = min(usable, key=lambda name: usable[name])
        high = max(usable, key=lambda name: usable[name])
        if usable[high] - usable[low] >= Decimal("0.00002"):
            found[base] = (low, high, usable[high] - usable[low])
    return found


def ranked(house: House) -> dict[str, tuple[str, str, Decimal]]:
    """Return the bot's best pairs."""
    return {
        each.base: (
            each.long.instrument.venue_id,
            each.short.instrument.venue_id,
            each.spread_per_hour,
        )
        for each in house.ranking.opportunities
    }


def status_of(house: House, venue: str) -> VenueStatus:
    """Return what the last scan says of a venue."""
    return next(one for one in house.ranking.venues if one.venue_id == venue)


def asked_of(house: House, venue: str) -> int:
    """Return how many requests a venue saw."""
    return sum(one.venue == venue for one in house.box.requests)


FAULTS: list[tuple[str, str, object, str]] = [
    ("status", "502", 502, "answered 502"),
    ("reset", "hangs up", None, "no connection"),
    ("html_200", "HTML", None, "sent a page instead of data"),
    ("bad_json", "half a body", None, "sent data that breaks off"),
    ("truncated", "broken off", None, "sent an answer that breaks off"),
    ("empty", "nothing", None, "sent an empty answer"),
    ("null", "null", None, "sent a page instead of data"),
    ("429", "too many", 1, "answered 429"),
]


@pytest.mark.parametrize("venue", sorted(CODES))
async def test_a_venue_in_any_trouble_costs_only_itself(
    house: House, venue: str
) -> None:
    """Down, hung up, HTML, cut off, empty, busy: the rest is ranked as it truly is."""
    for kind, name, param, words in FAULTS:
        house.box.faults.clear()
        house.box.faults.add(venue, "*", kind, times=None, param=param)
        await house.pass_time(AFTER_PAUSE)
        await house.scan()
        status = status_of(house, venue)
        assert not status.is_ok, name
        assert status.error is not None
        assert words in status.error or status.error == "hung up", (name, status)
        assert ranked(house) == best_without(house, venue), name
        assert all(
            skip.reason in {SkipReason.STALE, SkipReason.VENUE_DOWN}
            for skip in house.ranking.skips
            if skip.venue_id == venue and skip.detail == status.error
        )
    top = (await house.say("/top")).text
    assert "3 of 4 venues" in top
    assert f"⏸ {CODES[venue]} paused, left out" in top
    health = (await house.say("/health")).text
    assert health.startswith("3 of 4 venues fine")
    assert (
        f"⏸ {venue.capitalize()} silent for 1 h 17: 8 failures in a row, left out and"
        " not asked until" in health
    )
    assert "answered 429" in health.splitlines(), "the raw words are there, folded"
    house.box.faults.clear()
    await house.pass_time(AFTER_PAUSE)
    await house.scan()
    assert ranked(house) == best_without(house), "back as if nothing had been"
    assert (await house.say("/health")).text.startswith("4 of 4 venues fine")


async def test_a_silent_venue_serves_two_scans_long_and_then_is_left_out(
    house: House,
) -> None:
    """A minute's outage changes nothing on screen but its age; then it is named."""
    before = ranked(house)
    house.box.faults.add("extended", "*", "status", times=None, param=502)
    await house.pass_time(timedelta(seconds=60))
    await house.scan()
    assert ranked(house).keys() == before.keys()
    assert status_of(house, "extended").age == timedelta(seconds=61)
    text = (await house.say("/top")).text
    assert "⚠️ EX silent, its rates are 61 s old" in text or (
        "⚠️ EX silent, its rates are 1 min" in text
    ), text
    await house.pass_time(timedelta(seconds=61))
    await house.scan()
    assert ranked(house) == best_without(house, "extended")
    assert {
        skip.reason for skip in house.ranking.skips if skip.venue_id == "extended"
    } >= {SkipReason.STALE}


async def test_a_hanging_venue_holds_nobody_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' rates are there after our own limit, however long one hangs."""
    monkeypatch.setattr(house.engine._parts.scanner.rates, "_hang_limit", HALF_SECOND)
    house.box.faults.add("hyperliquid", "*", "timeout", times=None, param=30)
    await house.pass_time(LATER)
    async with asyncio.timeout(3):
        await house.scan()
    assert status_of(house, "hyperliquid").error == "no answer in time"
    assert ranked(house) == best_without(house, "hyperliquid")


HALF_SECOND = timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("venue", "endpoint", "row", "how"),
    [
        ("binance", "premiumIndex", "APTUSDT", "text"),
        ("hyperliquid", "metaAndAssetCtxs", "APT", "null_rate"),
        ("lighter", "funding-rates", "APT", "missing"),
        ("extended", "info/markets", "APT-USD", "text"),
        ("extended", "info/markets", "APT-USD", "null_price"),
        ("binance", "premiumIndex", "APTUSDT", "null_price"),
    ],
    ids=str,
)
async def test_one_broken_row_costs_one_row(
    house: House, venue: str, endpoint: str, row: str, how: str
) -> None:
    """APT goes on without that venue; every other token keeps it."""
    param = {"row": row, "how": how}
    house.box.faults.add(venue, endpoint, "broken_row", times=None, param=param)
    await house.pass_time(LATER)
    await house.scan()
    assert status_of(house, venue).is_ok
    expected = best_without(house)
    expected.pop("APT", None)
    if "APT" in best_without(house, venue):
        expected["APT"] = best_without(house, venue)["APT"]
    assert ranked(house) == expected
    (skip,) = (
        skip
        for skip in house.ranking.skips
        if (skip.base, skip.venue_id) == ("APT", venue)
    )
    assert skip.reason in {
        *(SkipReason.MALFORMED, SkipReason.NO_RATE, SkipReason.NO_PRICE)
    }
    card = (await house.say("/matrix APT")).text
    assert f"{CODES[venue]} {skip.detail}" in card.splitlines(), "the hole has a reason"


async def test_a_venue_that_stands_still_is_left_out_as_stale(house: House) -> None:
    """An answer that repeats old rates is worse than none; Binance dates its rows."""
    house.box.faults.add("binance", "premiumIndex", "stale", times=None)
    await house.scan()
    await house.pass_time(LATER)
    await house.scan()
    assert ranked(house) == best_without(house, "binance")
    assert status_of(house, "binance").error == "repeats its rates of 21:52:14 UTC"
    assert (await house.say("/health")).text.startswith("3 of 4 venues fine")
    assert "⚠️ BN silent" in (await house.say("/top")).text
    offer = (await house.say("/open APT")).text
    assert offer.splitlines()[1].split() == ["leg", "long", "LT", "short", "HL"]


async def test_all_venues_down_is_said_and_not_shown_as_an_empty_market(
    house: House,
) -> None:
    """No spread and no answer are different things."""
    house.box.faults.add("*", "*", "status", times=None, param=502)
    await house.pass_time(LATER)
    await house.scan()
    text = (await house.say("/top")).text
    assert "0 of 4 venues" in text
    for code in CODES.values():
        assert f"⚠️ {code} silent" in text
    assert (await house.say("/health")).text.startswith("0 of 4 venues fine")
    refusal = (await house.say("/open KAITO")).text
    assert "KAITO cannot be paired now" in refusal


async def test_a_bot_that_starts_while_a_venue_is_down_learns_it_later(
    tmp_path: Path,
) -> None:
    """A list that was never read is no proof that a token is not listed there."""
    async with open_house(tmp_path, net_top_k=0) as house:
        await house.stop()
        house.box.faults.add("lighter", "*", "status", times=None, param=502)
        (tmp_path / "data" / "paper.db").unlink()
        await house.start()
        assert "LT: list never read" in (await house.say("/matrix")).text
        house.box.faults.clear()
        await house.scan()
        assert "list never read" not in (await house.say("/matrix")).text
        assert ranked(house) == best_without(house)


async def test_a_venue_that_keeps_failing_is_left_alone_until_a_probe(
    house: House,
) -> None:
    """Three failures, 30 s without a request, one small question, everything again."""
    house.box.faults.add("lighter", "*", "status", times=None, param=502)
    for _ in range(3):
        await house.scan()
    seen = asked_of(house, "lighter")
    await house.scan()
    assert asked_of(house, "lighter") == seen
    assert ranked(house) == best_without(house, "lighter")
    assert "⏸ LT paused, left out" in (await house.say("/top")).text

    await house.pass_time(timedelta(seconds=30))
    await house.scan()
    assert asked_of(house, "lighter") == seen + 1, "only the probe"
    house.box.faults.clear()
    await house.pass_time(timedelta(seconds=60))
    await house.scan()
    assert ranked(house) == best_without(house)
    health = (await house.say("/health")).text
    assert health.startswith("4 of 4 venues fine")


async def test_a_changed_interval_is_right_from_the_next_scan(house: House) -> None:
    """Binance moves SUI from 8 to 4 to 1 hour: same rate an hour, paid more often."""
    assert "SUI" in ranked(house)
    for hours in (4, 1, 8):
        house.box.world.set_interval("SUI", "binance", hours)
        await house.pass_time(timedelta(minutes=1))
        await house.scan()
        assert ranked(house) == best_without(house)
        card = (await house.say("/matrix SUI")).text
        row = next(line for line in card.splitlines() if line.startswith("BN"))
        assert row.split()[2] == str(hours)
