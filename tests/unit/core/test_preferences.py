"""What people choose acts at once, within the host's limits, and is written down."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from core.errors import BadValueError, Fault
from core.model.alert import AlertLevel
from core.model.preferences import (
    PREFERENCES,
    AlertDelivery,
    Choice,
    Given,
    Key,
    Kind,
    Manner,
    Mute,
    QuietHours,
    Reader,
    Source,
    decode,
    encode,
    is_muted,
    is_riskier,
)
from core.model.units import Base, UserId, VenueId
from core.preferences import PreferenceBook
from tests.fakes.engine import HOST
from tests.fakes.memory import FakePreferences
from tests.fakes.objects import BINANCE, HYPERLIQUID, LIGHTER
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from core.model.preferences import (
        Effective,
        Value,
    )

ANNA, BERT = UserId(1), UserId(2)
BERLIN = ZoneInfo("Europe/Berlin")


class World:
    """A book over memory, and what it told its followers."""

    def __init__(self, host: dict[Key, Given] | None = None) -> None:
        self.clock = FakeClock()
        self.store = FakePreferences()
        self.host = {**HOST, **(host or {})}
        self.told: list[Effective] = []
        self.restart()

    def restart(self) -> None:
        """Forget everything that is not stored."""
        self.book = PreferenceBook(store=self.store, clock=self.clock, host=self.host)
        self.book.follow(self.told.append)


@pytest.fixture
def world() -> World:
    """Give a book in which nobody has chosen anything."""
    return World()


# --- values and where they come from --------------------------------------------------


async def test_chat_overrides_the_host_until_it_is_reset(world: World) -> None:
    """Each value says where it comes from."""
    book = world.book
    assert book.in_force(Key.SIZE_USD).source is Source.DEFAULT
    assert book.in_force(Key.MAX_LEVERAGE).source is Source.HOST

    chosen = await book.choose(Key.SIZE_USD, Decimal(400), ANNA)
    assert (chosen.value, chosen.source) == (Decimal(400), Source.CHAT)
    assert (chosen.by, chosen.at, chosen.given.value) == (ANNA, START, Decimal(500))
    assert world.told[-1].size_usd == Decimal(400)

    back = await book.reset(Key.SIZE_USD, ANNA)
    assert (back.value, back.source) == (Decimal(500), Source.DEFAULT)
    assert world.told[-1].size_usd == Decimal(500)


async def test_choices_act_after_a_restart(world: World) -> None:
    """A number lost at an update would be a number nobody expects."""
    await world.book.choose(Key.SIZE_USD, Decimal(400), ANNA)
    await world.book.choose(Key.VENUES, (BINANCE, LIGHTER), ANNA)
    await world.book.choose(Key.ZONE, "berlin", ANNA)
    await world.book.mute(Mute(Base("HYPE")), None, ANNA)
    pair = Mute.pair(Base("SUI"), LIGHTER, BINANCE)
    await world.book.mute(pair, START + timedelta(hours=8), ANNA)

    world.restart()
    await world.book.load()

    assert world.told[-1].size_usd == Decimal(400)
    assert world.told[-1].venues == (BINANCE, LIGHTER)
    assert world.book.in_force(Key.ZONE, ANNA).value == "Europe/Berlin"
    assert world.book.mutes == {
        Mute(Base("HYPE")): None,
        pair: START + timedelta(hours=8),
    }


async def test_every_change_is_written_down_with_old_and_new(world: World) -> None:
    """Who, when, from what to what: the newest first."""
    await world.book.choose(Key.SIZE_USD, Decimal(400), ANNA)
    await world.clock.advance(timedelta(minutes=1))
    await world.book.choose(Key.SIZE_USD, Decimal(450), BERT)
    await world.book.reset(Key.SIZE_USD, ANNA)

    changes = await world.book.changes(9)

    assert [(each.who, each.what, each.detail) for each in changes] == [
        ("user 1", "setting size_usd", "450 -> 500"),
        ("user 2", "setting size_usd", "400 -> 450"),
        ("user 1", "setting size_usd", "500 -> 400"),
    ]
    assert changes[-1].at == START


async def test_what_another_version_stored_is_ignored_and_kept(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown key or value must not stop the bot."""
    for key, text in (
        ("shoe_size", "43"),
        ("size_usd", "many"),
        ("zone", "Mars/Base"),
        ("mute:HYPE", "someday"),
        ("leverage", "2"),
    ):
        world.store.chosen[key, None] = Choice(key, None, text, START, ANNA)

    await world.book.load()

    assert world.book.effective().leverage == Decimal(2)
    assert world.book.effective().size_usd == Decimal(500)
    assert world.book.mutes == {}
    ignored = [r for r in caplog.records if "ignored" in r.getMessage()]
    assert len(ignored) == 4
    assert len(world.store.chosen) == 5


async def test_personal_choices_are_each_persons_own(world: World) -> None:
    """Anna's sleep is not Bert's."""
    await world.book.choose(Key.QUIET_HOURS, "23:00-07:00", ANNA)
    await world.book.choose(Key.RATE_HOURS, Decimal(1), BERT)

    anna, bert = world.book.reader(ANNA), world.book.reader(BERT)

    assert (anna.quiet, anna.rate_hours) == (QuietHours(time(23), time(7)), 8)
    assert (bert.quiet, bert.rate_hours) == (None, 1)


async def test_one_choice_for_all_of_an_earlier_version_holds_until_reset(
    world: World,
) -> None:
    """Before, new spreads were silent for everybody or for nobody."""
    world.store.chosen["deliver_opportunity", None] = Choice(
        "deliver_opportunity", None, "silent", START, UserId(0)
    )
    await world.book.load()
    level = AlertLevel.OPPORTUNITY
    assert world.book.reader(BERT).deliveries[level] is AlertDelivery.SILENT

    await world.book.choose(Key.OPPORTUNITY, "off", ANNA)
    assert world.book.reader(ANNA).deliveries[level] is AlertDelivery.OFF
    await world.book.reset(Key.OPPORTUNITY, ANNA)

    assert world.book.reader(ANNA).deliveries[level] is AlertDelivery.ON


# --- limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "fault", "limit"),
    [
        (Key.SIZE_USD, Decimal(0), Fault.TOO_LOW, "1"),
        (Key.SIZE_USD, Decimal(2501), Fault.ABOVE_HOST, "2500"),
        (Key.SIZE_USD, Decimal(10_000_001), Fault.TOO_HIGH, "10000000"),
        (Key.LEVERAGE, Decimal("2.5"), Fault.UNREADABLE, ""),
        (Key.LEVERAGE, Decimal(6), Fault.ABOVE_HOST, "5"),
        (Key.MAX_TRADE_USD, Decimal(2501), Fault.ABOVE_HOST, "2500"),
        (Key.MAX_OPEN_TRADES, Decimal(11), Fault.ABOVE_HOST, "10"),
        (Key.MIN_VOLUME, Decimal(-1), Fault.TOO_LOW, "0"),
        (Key.VENUES, (BINANCE,), Fault.NOTHING_LEFT, ""),
        (Key.VENUES, (BINANCE, "okx"), Fault.UNKNOWN_NAME, "okx"),
        (Key.ZONE, "Atlantis", Fault.UNKNOWN_NAME, "Atlantis"),
        (Key.CRITICAL, "off", Fault.NEVER_OFF, ""),
    ],
)
async def test_what_cannot_be_chosen_changes_nothing(
    world: World, key: Key, value: Value, fault: Fault, limit: str
) -> None:
    """A refused value leaves the old one acting, and no line in the trail."""
    before = world.book.in_force(key, ANNA)

    with pytest.raises(BadValueError) as refused:
        await world.book.choose(key, value, ANNA)

    assert (refused.value.fault, refused.value.limit) == (fault, limit)
    assert world.book.in_force(key, ANNA) == before
    assert await world.book.changes(9) == ()


async def test_a_lowered_cap_holds_what_was_chosen_before(world: World) -> None:
    """Size 800 under a cap of 300 acts as 300, and more says whose cap it is."""
    await world.book.choose(Key.SIZE_USD, Decimal(800), ANNA)
    await world.book.choose(Key.MAX_TRADE_USD, Decimal(300), ANNA)

    assert world.told[-1].size_usd == Decimal(300)
    with pytest.raises(BadValueError) as refused:
        await world.book.choose(Key.SIZE_USD, Decimal(301), ANNA)
    assert refused.value.fault is Fault.ABOVE_CAP

    await world.book.reset(Key.MAX_TRADE_USD, ANNA)
    assert world.told[-1].size_usd == Decimal(800)


async def test_a_cap_the_host_lowers_later_wins_over_chat(world: World) -> None:
    """Whoever owns the machine has the last word."""
    await world.book.choose(Key.MAX_TRADE_USD, Decimal(2000), ANNA)
    await world.book.choose(Key.VENUES, (BINANCE, LIGHTER), ANNA)
    world.host[Key.MAX_TRADE_USD] = Given(Decimal(1000), is_named=True)
    world.host[Key.VENUES] = Given((BINANCE, HYPERLIQUID), is_named=True)

    world.restart()
    await world.book.load()

    assert world.book.effective().number(Key.MAX_TRADE_USD) == Decimal(1000)
    assert world.book.effective().venues == (BINANCE,)


async def test_no_token_named_means_every_token(world: World) -> None:
    """An empty list is no filter, never an empty market."""
    assert world.book.effective().bases is None
    await world.book.choose(Key.TOKENS, ("HYPE", "SUI"), ANNA)
    assert world.book.effective().bases == frozenset({Base("HYPE"), Base("SUI")})


# --- risk -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        (Key.SIZE_USD, Decimal(500), Decimal(501)),
        (Key.LEVERAGE, Decimal(2), Decimal(3)),
        (Key.MIN_SPREAD, Decimal("0.0002"), Decimal("0.0001")),
        (Key.MIN_VOLUME, Decimal(50_000), Decimal(0)),
        (Key.MIN_NET, Decimal("0.0005"), Decimal(0)),
        (Key.MAX_TRADE_USD, Decimal(300), Decimal(2500)),
        (Key.UNKNOWN_VOLUME, False, True),
        (Key.TOKENS, ("HYPE",), ("HYPE", "SUI")),
        (Key.TOKENS, ("HYPE",), ()),
        (Key.VENUES, ("a", "b"), ("a", "b", "c")),
        (Key.CRITICAL, "on", "silent"),
        (Key.TRADE, "silent", "off"),
    ],
)
def test_only_the_change_that_lets_more_happen_is_risky(
    key: Key, old: Value, new: Value
) -> None:
    """The way up is asked about, the way down and standing still are not."""
    row = PREFERENCES[key]
    assert is_riskier(row, old, new)
    assert not is_riskier(row, new, old)
    assert not is_riskier(row, old, old)


@pytest.mark.parametrize("key", Key)
def test_every_value_comes_back_from_its_text(key: Key) -> None:
    """What is stored is what acts after a restart; no kind is forgotten."""
    examples: dict[Kind, Value] = {
        Kind.FLAG: True,
        Kind.VENUES: ("binance", "lighter"),
        Kind.TOKENS: (),
        Kind.DELIVERY: "silent",
        Kind.QUIET: "23:00-07:00",
        Kind.ZONE: "Asia/Tokyo",
        Kind.ACTION: "tell",
        Kind.TIME: "08:00",
    }
    kind = PREFERENCES[key].kind
    value = examples.get(kind, Decimal("0.00001"))

    assert decode(kind, encode(value)) == value


# --- readers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "local", "covered"),
    [
        ("23:00-07:00", "22:59", False),
        ("23:00-07:00", "23:00", True),
        ("23:00-07:00", "03:00", True),
        ("23:00-07:00", "06:59", True),
        ("23:00-07:00", "07:00", False),
        ("13:00-14:30", "13:30", True),
        ("13:00-14:30", "14:30", False),
    ],
)
def test_quiet_hours_may_pass_midnight(
    quiet: str, local: str, *, covered: bool
) -> None:
    """The start is quiet, the end is not."""
    assert QuietHours.parse(quiet).cover(time.fromisoformat(local)) is covered


def test_quiet_hours_follow_the_readers_clock_through_summer_time() -> None:
    """At 05:30 UTC it is 06:30 in Berlin in winter and 07:30 in summer."""
    reader = Reader(
        zone=BERLIN,
        rate_hours=8,
        deliveries=dict.fromkeys(AlertLevel, AlertDelivery.ON),
        quiet=QuietHours.parse("23:00-07:00"),
    )

    assert reader.is_quiet(datetime(2026, 1, 15, 5, 30, tzinfo=UTC))
    assert not reader.is_quiet(datetime(2026, 7, 15, 5, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("level", "wanted", "day", "night"),
    [
        (AlertLevel.CRITICAL, "on", Manner.RING, Manner.RING),
        (AlertLevel.CRITICAL, "silent", Manner.SILENT, Manner.SILENT),
        (AlertLevel.TRADE, "on", Manner.RING, Manner.SILENT),
        (AlertLevel.TRADE, "off", Manner.DROP, Manner.DROP),
        (AlertLevel.OPPORTUNITY, "on", Manner.RING, Manner.HOLD),
        (AlertLevel.OPPORTUNITY, "silent", Manner.SILENT, Manner.HOLD),
        (AlertLevel.FUNDING, "off", Manner.DROP, Manner.DROP),
        (AlertLevel.INFO, "on", Manner.RING, Manner.HOLD),
    ],
)
def test_each_class_by_day_and_by_night(
    level: AlertLevel, wanted: str, day: Manner, night: Manner
) -> None:
    """The whole table of notifications."""
    reader = Reader(
        zone=UTC,
        rate_hours=8,
        deliveries={level: AlertDelivery(wanted)},
        quiet=QuietHours.parse("23:00-07:00"),
    )

    assert reader.manner(level, datetime(2026, 1, 15, 12, tzinfo=UTC)) is day
    assert reader.manner(level, datetime(2026, 1, 15, 2, tzinfo=UTC)) is night


def test_a_mute_of_a_pair_does_not_depend_on_its_direction() -> None:
    """When the spread turns round it is still the pair that annoyed."""
    mutes = {Mute.pair(Base("SUI"), LIGHTER, BINANCE): START}
    before, sui = START - timedelta(seconds=1), Base("SUI")

    assert is_muted(mutes, sui, (BINANCE, LIGHTER), before)
    assert is_muted(mutes, sui, (LIGHTER, BINANCE), before)
    assert not is_muted(mutes, sui, (LIGHTER, BINANCE), START)
    assert not is_muted(mutes, sui, (VenueId("x"), BINANCE), before)
