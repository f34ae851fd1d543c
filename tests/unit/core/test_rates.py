"""All venues at once: a bad one costs only itself, and old values do not linger."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.errors import TroubleKind, VenueError
from core.health import VenueMonitor
from core.model.instrument import Availability, TokenRow
from core.model.market import OrderBook
from core.model.opportunity import SkipReason
from core.model.units import Base
from core.rates import Rates
from tests.fakes.objects import BINANCE, EXTENDED, instrument, snapshot
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.opportunity import Skip
    from core.model.units import VenueId

SCAN = timedelta(seconds=60)


class Venue:
    """A funding source and a book with one instrument that can be told to fail."""

    def __init__(self, venue_id: VenueId, clock: FakeClock) -> None:
        self.venue_id = venue_id
        self.clock = clock
        self.failure: BaseException | None = None
        self.hangs = False
        self.calls = 0
        self.probes: list[str] = []

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Answer, fail or hang as told."""
        del is_entry
        self.calls += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        now = self.clock.now()
        return tuple(
            snapshot(each.base, self.venue_id, at=now) for each in instruments.values()
        ), ()

    async def book(self, one: Instrument) -> OrderBook:
        """Answer a probe or fail as told."""
        self.probes.append(one.base)
        if self.failure is not None:
            raise self.failure
        return OrderBook(one, (), (), self.clock.now())


class World:
    """Two venues that list APT."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.binance = Venue(BINANCE, self.clock)
        self.extended = Venue(EXTENDED, self.clock)
        self.monitor = VenueMonitor((BINANCE, EXTENDED), self.clock)
        self.rates = Rates(
            sources={BINANCE: self.binance, EXTENDED: self.extended},
            clock=self.clock,
            monitor=self.monitor,
            max_age=2 * SCAN,
            probes={BINANCE: self.binance, EXTENDED: self.extended},
            hang_limit=timedelta(milliseconds=20),
        )
        listed = {v: instrument("APT", v) for v in (BINANCE, EXTENDED)}
        self.availability = Availability(
            built_at=START,
            rows={Base("APT"): TokenRow(Base("APT"), listed, {})},
            left_out=(),
            read_at={BINANCE: START, EXTENDED: START},
        )


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (VenueError(BINANCE, TroubleKind.NONSENSE, "sent no JSON"), "sent no JSON"),
        (KeyError("markPrice"), "unexpected answer"),
    ],
    ids=["venue error", "surprise"],
)
async def test_a_venue_that_fails_costs_only_itself(
    failure: Exception, words: str
) -> None:
    """The scan goes on and the failure is named."""
    world = World()
    world.binance.failure = failure

    view = await world.rates.read(world.availability)

    assert [s.instrument.venue_id for s in view.snapshots] == [EXTENDED]
    status = {v.venue_id: v for v in view.venues}
    assert (status[BINANCE].is_ok, status[BINANCE].error) == (False, words)
    assert status[EXTENDED].is_ok
    assert world.monitor.of(BINANCE).failures == 1


async def test_a_venue_that_hangs_is_left_behind() -> None:
    """A scan always ends."""
    world = World()
    world.binance.hangs = True

    view = await world.rates.read(world.availability)

    assert [t.kind for t in view.troubles] == [TroubleKind.TIMEOUT]
    assert [s.instrument.venue_id for s in view.snapshots] == [EXTENDED]


async def test_last_values_serve_two_scan_intervals_and_not_longer() -> None:
    """After 120 s of silence the old rate is out, named as stale."""
    world = World()
    await world.rates.read(world.availability)
    world.binance.failure = VenueError(BINANCE, TroubleKind.TIMEOUT, "no answer")

    await world.clock.advance(2 * SCAN)
    kept = await world.rates.read(world.availability)
    await world.clock.advance(timedelta(seconds=1))
    gone = await world.rates.read(world.availability)

    assert {s.instrument.venue_id for s in kept.snapshots} == {BINANCE, EXTENDED}
    assert {s.instrument.venue_id for s in gone.snapshots} == {EXTENDED}
    assert [(s.venue_id, s.reason) for s in gone.skips] == [(BINANCE, SkipReason.STALE)]


async def test_a_venue_that_never_answered_is_down_not_stale() -> None:
    """There is no old value to speak of."""
    world = World()
    world.binance.failure = VenueError(BINANCE, TroubleKind.UNREACHABLE, "refused")

    view = await world.rates.read(world.availability)

    assert [s.reason for s in view.skips] == [SkipReason.VENUE_DOWN]


async def test_a_venue_where_no_token_trades_is_not_asked() -> None:
    """Rates are read only where a token exists."""
    world = World()
    only = {EXTENDED: instrument("APT", EXTENDED)}
    availability = Availability(
        built_at=START,
        rows={Base("APT"): TokenRow(Base("APT"), only, {})},
        left_out=(),
        read_at={BINANCE: START, EXTENDED: START},
    )

    await world.rates.read(availability)

    assert (world.binance.calls, world.extended.calls) == (0, 1)


async def test_what_is_held_is_read_beyond_the_list_but_never_offered() -> None:
    """An open pair must be valued to its end; nobody may enter what was delisted."""
    world = World()
    gone = instrument("RARE", BINANCE)
    world.rates.held = (gone,)

    view = await world.rates.read(world.availability)

    assert {s.instrument.base for s in view.snapshots} == {Base("APT")}
    assert [v.rates for v in view.venues] == [1, 1]
    found = world.rates.fresh(gone)
    assert found is not None
    assert found.mark_price == 5


DOWN = VenueError(BINANCE, TroubleKind.TIMEOUT, "no answer")


async def paused_world() -> World:
    """Return a world whose first venue answered once and then failed three times."""
    world = World()
    await world.rates.read(world.availability)
    world.binance.failure = DOWN
    for _ in range(3):
        await world.rates.read(world.availability)
    assert (world.binance.calls, world.binance.probes) == (4, [])
    return world


async def test_a_venue_that_fails_three_times_is_left_alone_for_30_seconds() -> None:
    """No request goes out, and none of its rows stays, fresh as they are."""
    world = await paused_world()
    await world.clock.advance(timedelta(seconds=29))

    view = await world.rates.read(world.availability)

    words = "paused until 21:52:43 UTC after 3 failures in a row: no answer"
    assert (world.binance.calls, world.binance.probes) == (4, [])
    assert {s.instrument.venue_id for s in view.snapshots} == {EXTENDED}
    assert [(s.reason, s.detail) for s in view.skips] == [
        (SkipReason.VENUE_DOWN, words)
    ]
    status = next(v for v in view.venues if v.venue_id == BINANCE)
    assert (status.is_ok, status.error, status.rates) == (False, words, 0)
    assert status.paused_until == START + timedelta(seconds=30)
    assert (status.tally.reads, status.tally.errors) == (4, 3)


async def test_after_the_pause_one_book_is_asked_for_and_then_everything() -> None:
    """A venue that is back is back with the next scan."""
    world = await paused_world()
    world.binance.failure = None
    await world.clock.advance(timedelta(seconds=30))

    view = await world.rates.read(world.availability)
    await world.rates.read(world.availability)

    assert world.binance.probes == ["APT"]
    assert world.binance.calls == 6
    assert {s.instrument.venue_id for s in view.snapshots} == {BINANCE, EXTENDED}
    assert all(v.is_ok and v.paused_until is None for v in view.venues)


async def test_a_failed_probe_is_the_only_request_and_doubles_the_pause() -> None:
    """30 s, then 60 s: one small question each time, never the whole list."""
    world = await paused_world()

    await world.clock.advance(timedelta(seconds=30))
    await world.rates.read(world.availability)
    await world.clock.advance(timedelta(seconds=59))
    await world.rates.read(world.availability)

    assert (world.binance.calls, world.binance.probes) == (4, ["APT"])
    assert world.monitor.paused_until(BINANCE) == START + timedelta(seconds=90)


async def test_our_own_limit_on_requests_is_no_failure_of_the_venue() -> None:
    """It was not asked: its last rates serve, and nothing is paused."""
    world = World()
    await world.rates.read(world.availability)
    why = "not asked: its requests of this minute are used up for 9 s more"
    world.binance.failure = VenueError(BINANCE, TroubleKind.HELD_BACK, why)

    for _ in range(4):
        view = await world.rates.read(world.availability)
        assert {s.instrument.venue_id for s in view.snapshots} == {BINANCE, EXTENDED}
        assert [each.detail for each in view.troubles] == [why]

    assert world.monitor.of(BINANCE).failures == 0
    assert world.monitor.tally(BINANCE).errors == 0


async def test_no_entry_is_priced_on_a_paused_venue() -> None:
    """Before an order the rates are read anew; a paused venue has none."""
    world = await paused_world()

    with pytest.raises(VenueError, match="paused until 21:52:43 UTC"):
        await world.rates.reread((instrument("APT", BINANCE),))

    assert world.binance.calls == 4


async def test_a_pair_of_ours_keeps_the_pause_short() -> None:
    """After eight failures others wait ten minutes; here the next question is due."""
    world = await paused_world()
    world.rates.held = (instrument("APT", BINANCE),)
    for _ in range(5):
        await world.clock.advance(timedelta(seconds=30))
        await world.rates.read(world.availability)

    assert world.binance.probes == ["APT"] * 5
    assert world.rates.latest(instrument("APT", BINANCE)) is not None


async def test_witnesses_are_read_with_the_rest_and_offered_to_nobody() -> None:
    """A unit is proven by them; the ranking never sees them, no request is added."""
    world = World()
    sui = instrument("SUI", BINANCE)

    view = await world.rates.read(
        world.availability,
        lambda venue_id: {sui.symbol: sui} if venue_id == BINANCE else {},
    )

    assert {each.instrument.base for each in view.snapshots} == {"APT"}
    assert [each.instrument.base for each in view.witnesses] == ["SUI"]
    assert (world.binance.calls, world.extended.calls) == (1, 1)
    status = {each.venue_id: each for each in view.venues}
    assert (status[BINANCE].instruments, status[BINANCE].rates) == (1, 1)
