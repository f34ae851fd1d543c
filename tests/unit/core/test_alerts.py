"""Pushes on new spreads: said when it is news, and only once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from core.alerts import SpreadWatch
from core.model.alert import AlertKind
from core.model.opportunity import Opportunity
from core.model.preferences import Mute
from core.model.units import Base
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import BINANCE, EXTENDED, scan_result, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.preferences import Mutes
    from core.ports import Outbox

LEAST = Decimal("0.0001")


def pair(base: str = "KAITO", per_hour: str = "0.0002") -> Opportunity:
    """Return a pair with this hourly spread."""
    return Opportunity(
        Base(base),
        snapshot(base, EXTENDED, per_hour="0"),
        snapshot(base, BINANCE, per_hour=per_hour),
    )


class World:
    """A watch with its memory, fed scan by scan, a minute apart."""

    def __init__(self, memory: FakeAlertMemory | None = None) -> None:
        self.memory = memory or FakeAlertMemory()
        self.pushed = FakePutbox()
        self.now = START
        self.is_spike: bool | None = None
        self.watch = SpreadWatch(
            memory=self.memory,
            outbox=cast("Outbox", self.pushed),
            is_spike=lambda _: self.is_spike,
        )

    async def scan(self, *pairs: Opportunity, mutes: Mutes | None = None) -> None:
        """Let one scan pass."""
        self.now += timedelta(minutes=1)
        result = scan_result(*pairs, at=self.now)
        await self.watch.consider(result, LEAST, mutes or {})


async def test_one_scan_above_the_threshold_is_not_yet_news() -> None:
    """A single sample may be a spike."""
    world = World()

    await world.scan(pair())

    assert world.pushed.alerts == []


async def test_the_second_scan_in_a_row_is_pushed_once() -> None:
    """Two scans make it news; the third says nothing new."""
    world = World()

    for _ in range(3):
        await world.scan(pair())

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.NEW_SPREAD]
    assert world.pushed.alerts[0].facts["spread_per_hour"] == "0.0002"


async def test_a_gap_between_two_scans_breaks_the_streak() -> None:
    """Above, gone, above is not twice in a row."""
    world = World()

    await world.scan(pair())
    await world.scan()
    await world.scan(pair())

    assert world.pushed.alerts == []


async def test_growth_by_half_is_news_again_and_less_is_not() -> None:
    """0.0002 to 0.00029 is silent, to 0.0003 is told."""
    world = World()
    await world.scan(pair())
    await world.scan(pair())

    await world.scan(pair(per_hour="0.00029"))
    told_before = len(world.pushed.alerts)
    await world.scan(pair(per_hour="0.0003"))

    assert (told_before, len(world.pushed.alerts)) == (1, 2)


async def test_four_hours_later_a_standing_spread_is_told_again() -> None:
    """A reminder, not a stream."""
    world = World()
    await world.scan(pair())
    await world.scan(pair())

    world.now += timedelta(hours=3, minutes=58)
    await world.scan(pair())
    told_before = len(world.pushed.alerts)
    await world.scan(pair())

    assert (told_before, len(world.pushed.alerts)) == (1, 2)


async def test_a_restart_announces_nothing_again() -> None:
    """The common fault of such bots: every restart repeats the whole list."""
    before = World()
    await before.scan(pair())
    await before.scan(pair())

    after = World(before.memory)
    after.now = before.now
    for _ in range(3):
        await after.scan(pair())

    assert after.pushed.alerts == []


async def test_more_than_three_at_once_make_one_digest() -> None:
    """Four new spreads are one message that names all four."""
    world = World()
    pairs = [pair(base) for base in ("APT", "KAITO", "MON", "SUI")]

    await world.scan(*pairs)
    await world.scan(*pairs)
    await world.scan(*pairs)

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.SPREAD_DIGEST]
    items = json.loads(world.pushed.alerts[0].facts["items"])
    assert [item["base"] for item in items] == ["APT", "KAITO", "MON", "SUI"]


async def test_a_muted_token_is_silent_until_its_moment() -> None:
    """Muting holds for the token alone and ends by itself."""
    world = World()
    muted = {Mute(Base("KAITO")): START + timedelta(minutes=3, seconds=30)}

    for _ in range(3):
        await world.scan(pair(), pair("APT"), mutes=muted)
    during = [a.base for a in world.pushed.alerts]
    await world.scan(pair(), pair("APT"), mutes=muted)

    assert during == ["APT"]
    assert [a.base for a in world.pushed.alerts] == ["APT", "KAITO"]


async def test_a_side_that_did_not_answer_this_scan_is_not_news() -> None:
    """Old values may rank for two intervals, but they do not ring."""
    world = World()
    result = scan_result(pair(), at=START)
    silent_binance = tuple(
        replace(v, is_ok=v.venue_id != BINANCE) for v in result.venues
    )

    for _ in range(3):
        await world.watch.consider(replace(result, venues=silent_binance), LEAST, {})

    assert world.pushed.alerts == []


async def test_unknown_volume_is_not_pushed() -> None:
    """Liquid means known to be liquid."""
    world = World()
    unknown = Opportunity(
        Base("FOO"),
        snapshot("FOO", EXTENDED, per_hour="0", volume=None),
        snapshot("FOO", BINANCE, per_hour="0.01"),
    )

    await world.scan(unknown)
    await world.scan(unknown)

    assert world.pushed.alerts == []


async def test_a_spike_against_its_own_past_is_not_pushed_until_it_lasts() -> None:
    """What jumped up an hour ago is mostly gone before its costs are earned."""
    world = World()
    world.is_spike = True
    for _ in range(3):
        await world.scan(pair())
    assert world.pushed.alerts == []

    world.is_spike = False
    await world.scan(pair())

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.NEW_SPREAD]
