"""Pushes on new spreads: said when it is news, and only once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from core.alerts import SpreadWatch
from core.model.alert import AlertKind
from core.model.opportunity import Opportunity, Skip, SkipReason
from core.model.preferences import Mute
from core.model.units import Base
from tests.fakes.estimates import estimate
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import (
    BINANCE,
    EXTENDED,
    HYPERLIQUID,
    scan_result,
    snapshot,
)
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.opportunity import ScanResult
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


@pytest.fixture
def world() -> World:
    """Give a watch that has seen nothing."""
    return World()


async def test_one_scan_above_the_threshold_is_not_yet_news(world: World) -> None:
    """A single sample may be a spike."""
    await world.scan(pair())

    assert world.pushed.alerts == []


async def test_the_second_scan_in_a_row_is_pushed_once(world: World) -> None:
    """Two scans make it news; the third says nothing new."""
    for _ in range(3):
        await world.scan(pair())

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.NEW_SPREAD]
    assert world.pushed.alerts[0].facts["spread_per_hour"] == "0.0002"


async def test_a_gap_between_two_scans_breaks_the_streak(world: World) -> None:
    """Above, gone, above is not twice in a row."""
    await world.scan(pair())
    await world.scan()
    await world.scan(pair())

    assert world.pushed.alerts == []


async def test_growth_by_half_is_news_again_and_less_is_not(world: World) -> None:
    """0.0002 to 0.00029 is silent, to 0.0003 is told."""
    await world.scan(pair())
    await world.scan(pair())

    await world.scan(pair(per_hour="0.00029"))
    told_before = len(world.pushed.alerts)
    await world.scan(pair(per_hour="0.0003"))

    assert (told_before, len(world.pushed.alerts)) == (1, 2)


async def test_a_spread_that_just_stands_is_told_once(world: World) -> None:
    """A dozen standing spreads, each told six times a day, would be a stream."""
    for _ in range(2):
        await world.scan(pair())
    for _ in range(30):
        world.now += timedelta(hours=24)
        await world.scan(pair())

    assert len(world.pushed.alerts) == 1


async def test_a_spread_that_came_back_is_told_again_after_four_hours(
    world: World,
) -> None:
    """Gone after 2 h, back at once: silent 3:58 h after it was told, told at 4 h."""
    for _ in range(2):
        await world.scan(pair())
    world.now += timedelta(hours=2)
    await world.scan()
    gone = len(world.pushed.alerts)
    world.now += timedelta(hours=1, minutes=50)
    for _ in range(2):
        await world.scan(pair())
    told_before = len(world.pushed.alerts)

    world.now += timedelta(minutes=10)
    await world.scan(pair())

    assert (gone, told_before, len(world.pushed.alerts)) == (2, 2, 3)


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


async def test_more_than_three_at_once_make_one_digest(world: World) -> None:
    """Four new spreads are one message that names all four."""
    pairs = [pair(base) for base in ("APT", "KAITO", "MON", "SUI")]

    await world.scan(*pairs)
    await world.scan(*pairs)
    await world.scan(*pairs)

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.SPREAD_DIGEST]
    items = json.loads(world.pushed.alerts[0].facts["items"])
    assert [item["base"] for item in items] == ["APT", "KAITO", "MON", "SUI"]


async def test_a_muted_token_is_silent_until_its_moment(world: World) -> None:
    """Muting holds for the token alone and ends by itself."""
    muted = {Mute(Base("KAITO")): START + timedelta(minutes=3, seconds=30)}

    for _ in range(3):
        await world.scan(pair(), pair("APT"), mutes=muted)
    during = [a.base for a in world.pushed.alerts]
    await world.scan(pair(), pair("APT"), mutes=muted)

    assert during == ["APT"]
    assert [a.base for a in world.pushed.alerts] == ["APT", "KAITO"]


async def test_a_side_that_did_not_answer_this_scan_is_not_news(world: World) -> None:
    """Old values may rank for two intervals, but they do not ring."""
    result = scan_result(pair(), at=START)
    silent_binance = tuple(
        replace(v, is_ok=v.venue_id != BINANCE) for v in result.venues
    )

    for _ in range(3):
        await world.watch.consider(replace(result, venues=silent_binance), LEAST, {})

    assert world.pushed.alerts == []


async def test_unknown_volume_is_not_pushed(world: World) -> None:
    """Liquid means known to be liquid."""
    unknown = Opportunity(
        Base("FOO"),
        snapshot("FOO", EXTENDED, per_hour="0", volume=None),
        snapshot("FOO", BINANCE, per_hour="0.01"),
    )

    await world.scan(unknown)
    await world.scan(unknown)

    assert world.pushed.alerts == []


async def test_a_spike_against_its_own_past_is_not_pushed_until_it_lasts(
    world: World,
) -> None:
    """What jumped up an hour ago is mostly gone before its costs are earned."""
    world.is_spike = True
    for _ in range(3):
        await world.scan(pair())
    assert world.pushed.alerts == []

    world.is_spike = False
    await world.scan(pair())

    assert [a.kind for a in world.pushed.alerts] == [AlertKind.NEW_SPREAD]


def snapshots(result: ScanResult, *sides: Opportunity) -> ScanResult:
    """Return a scan that also knows the rates of pairs it does not rank."""
    return replace(
        result, snapshots={each.base: (each.long, each.short) for each in sides}
    )


async def below(world: World, per_hour: str, base: str = "KAITO") -> None:
    """Let a scan pass that knows the pair's rate but does not rank it."""
    world.now += timedelta(minutes=1)
    result = snapshots(scan_result(at=world.now), pair(base, per_hour))
    await world.watch.consider(result, LEAST, {})


async def test_below_70_percent_of_the_threshold_its_message_says_gone(
    world: World,
) -> None:
    """0.00007 of 0.0001 still stands, 0.000069 is gone: 3 minutes after it was told."""
    await world.scan(pair())
    await world.scan(pair())
    (told,) = world.pushed.alerts

    await below(world, "0.00009")
    await below(world, "0.00007")
    assert world.pushed.alerts == [told]
    await below(world, "0.000069")

    (_, gone) = world.pushed.alerts
    assert gone.edits_key == told.dedupe_key
    lasted = datetime.fromisoformat(gone.facts["gone_at"]) - datetime.fromisoformat(
        gone.facts["told_at"]
    )
    assert lasted == timedelta(minutes=3)
    assert gone.facts["spread_per_hour"] == "0.0002"
    await below(world, "0")
    assert len(world.pushed.alerts) == 2


async def test_a_venue_that_did_not_answer_does_not_end_a_spread(world: World) -> None:
    """What was not read is unknown, not gone."""
    await world.scan(pair())
    await world.scan(pair())
    world.now += timedelta(minutes=1)
    result = scan_result(at=world.now)
    silent = tuple(replace(v, is_ok=v.venue_id != BINANCE) for v in result.venues)

    await world.watch.consider(replace(result, venues=silent), LEAST, {})
    assert len(world.pushed.alerts) == 1
    await world.scan()

    assert len(world.pushed.alerts) == 2


async def test_another_threshold_does_not_end_what_was_told(world: World) -> None:
    """Asking for more from now on does not mean that the old spread is gone."""
    await world.scan(pair())
    await world.scan(pair())

    world.now += timedelta(minutes=1)
    result = snapshots(scan_result(pair(), at=world.now), pair())
    await world.watch.consider(result, Decimal("0.001"), {})

    assert len(world.pushed.alerts) == 1


async def test_after_a_restart_the_old_message_still_learns_that_it_is_gone(
    world: World,
) -> None:
    """Which message told it is stored with it."""
    await world.scan(pair())
    await world.scan(pair())

    after = World(world.memory)
    after.now = world.now
    await after.scan()

    (gone,) = after.pushed.alerts
    assert gone.edits_key == world.pushed.alerts[0].dedupe_key


async def test_a_digest_marks_its_pairs_as_they_go(world: World) -> None:
    """One of four gone is one line of the digest, the message stays one."""
    pairs = [pair(base) for base in ("APT", "KAITO", "MON", "SUI")]
    await world.scan(*pairs)
    await world.scan(*pairs)
    await world.scan(*pairs[1:])
    await world.scan(*pairs[2:])

    digest, first, second = world.pushed.alerts
    assert {first.edits_key, second.edits_key} == {digest.dedupe_key}
    gone = [
        [item["base"] for item in json.loads(alert.facts["items"]) if "gone_at" in item]
        for alert in (first, second)
    ]
    assert gone == [["APT"], ["APT", "KAITO"]]


async def test_a_muted_pair_is_silent_and_the_tokens_other_pairs_are_not(
    world: World,
) -> None:
    """Whoever dislikes one venue's side may still want the token."""
    mutes: Mutes = {Mute.pair(Base("KAITO"), BINANCE, EXTENDED): None}
    other = Opportunity(
        Base("KAITO"),
        snapshot("KAITO", HYPERLIQUID, per_hour="0"),
        snapshot("KAITO", BINANCE, per_hour="0.0002"),
    )

    for _ in range(2):
        await world.scan(pair(), mutes=mutes)
    for _ in range(2):
        await world.scan(other, mutes=mutes)

    assert [alert.facts["long"] for alert in world.pushed.alerts] == [HYPERLIQUID]


async def test_a_spread_that_is_gone_is_forgotten_after_four_hours(
    world: World,
) -> None:
    """Memory does not grow for ever."""
    await world.scan(pair())
    await world.scan(pair())
    await world.scan()
    assert world.memory.facts

    world.now += timedelta(hours=4)
    await world.scan()

    assert world.memory.facts == {}


async def test_what_an_earlier_version_remembered_is_still_known(
    world: World,
) -> None:
    """An update announces nothing again either."""
    key = f"spread:KAITO:{EXTENDED}:{BINANCE}"
    world.memory.facts[key] = {
        "streak": "2",
        "told_at": START.isoformat(),
        "told_per_hour": "0.0002",
    }

    for _ in range(3):
        await world.scan(pair())
    await world.scan()

    assert world.pushed.alerts == []


async def test_a_spread_that_does_not_pay_net_is_no_news(world: World) -> None:
    """Its costs eat it, or a book is too thin for the usual size; a priced one is told.

    Where nothing of the scan was priced, gross has to do.
    """
    priced = replace(pair("SUI"), estimate=estimate())
    thin = replace(pair("APT"), unpriced="the book of Extended holds only $80")
    costly = replace(
        pair("MON"),
        estimate=estimate(),
        refusal=Skip(Base("MON"), SkipReason.BELOW_MIN_NET, "too little is left"),
    )

    for _ in range(2):
        await world.scan(priced, thin, costly)
    told = [alert.base for alert in world.pushed.alerts]
    await world.scan(thin)

    assert told == ["SUI"]
    assert [alert.base for alert in world.pushed.alerts[2:]] == ["APT"]
