"""The real readers against the pretend venues: rates equal the world's own truth."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import TroubleKind, VenueError
from core.venues.catalog import BINANCE, VENUES
from core.venues.markets import open_markets
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.venues.markets import MarketReader

VENUE = BINANCE.venue_id
MILLISECOND = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
NOW_MS = int(START.timestamp() * 1000)


def pretend_world(**options: Any) -> SandboxServer:  # noqa: ANN401 - handed through
    """Return the pretend world stopped at the tests' moment."""
    return SandboxServer(SandboxClock(fixed_ms=NOW_MS), **options)


@asynccontextmanager
async def readers_on(world: SandboxServer) -> AsyncIterator[list[MarketReader]]:
    """Open the readers of all venues on the pretend world."""
    urls = {venue: world.venue_url(venue) for venue in VENUES}
    readers = list(open_markets(VENUES, urls, FakeClock(START), paper=True).values())
    try:
        yield readers
    finally:
        for reader in readers:
            await reader.close()


async def by_symbol(reader: MarketReader) -> dict[str, Instrument]:
    """Return a venue's instruments as `funding` wants them."""
    return {each.symbol: each for each in (await reader.instruments())[0]}


def facts_of(each: FundingSnapshot) -> dict[str, object]:
    """Return a snapshot in the words of the world's truth."""
    assert each.next_funding_at is not None
    return {
        "rate_hourly": each.rate.per_hour,
        "interval_h": each.rate.payment_interval / timedelta(hours=1),
        "next_funding_at": each.next_funding_at,
        "mark_price": each.instrument.listed_price(each.mark_price or Decimal()),
        "volume_24h_usd": each.volume_24h_usd,
        "multiplier": each.instrument.multiplier,
    }


def truth_of(told: dict[str, Any]) -> dict[str, object]:
    """Return the world's truth about one market in the model's types."""
    volume = told["volume_24h_usd"]
    return {
        "rate_hourly": Decimal(told["rate_hourly"]),
        "interval_h": told["interval_h"],
        "next_funding_at": datetime.fromisoformat(told["next_funding_at"]).astimezone(
            UTC
        ),
        "mark_price": Decimal(told["mark_price"]),
        "volume_24h_usd": None if volume is None else Decimal(volume),
        "multiplier": told["multiplier"],
    }


async def test_every_live_market_reads_as_the_world_made_it() -> None:
    """Rate per hour, interval, payment, price, volume and multiplier on four venues."""
    async with pretend_world() as world, readers_on(world) as readers:
        truth = world.control.truth()["tokens"]
        expected = {
            (venue, base): truth_of(told)
            for base, token in truth.items()
            for venue, told in token["venues"].items()
            if told["live"]
        }
        found: dict[tuple[str, str], dict[str, object]] = {}
        for reader in readers:
            snapshots, skips = await reader.funding(await by_symbol(reader))
            assert skips == ()
            for each in snapshots:
                found[reader.venue_id, each.instrument.base] = facts_of(each)

    assert len(found) > 100
    assert found == expected


async def test_books_and_past_payments_are_readable_on_every_venue() -> None:
    """A paper position fills from the one and is paid by the other."""
    since = START - timedelta(hours=9)
    async with pretend_world() as world, readers_on(world) as readers:
        for reader in readers:
            instruments = await by_symbol(reader)
            pepe = next(each for each in instruments.values() if each.base == "PEPE")
            book = await reader.book(pepe)
            payments = await reader.settled(pepe, since)
            snapshots, _ = await reader.funding({pepe.symbol: pepe})

            mark = snapshots[0].mark_price
            assert mark is not None
            assert book.is_usable
            assert book.mid is not None
            assert Decimal("0.99") < book.mid / mark < Decimal("1.01")
            assert payments
            assert all(since < each.pay_at <= START for each in payments)
            assert all(each.pay_at.minute == 0 for each in payments)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("status", TroubleKind.SERVER_ERROR),
        ("429", TroubleKind.BUSY),
        ("truncated", TroubleKind.NONSENSE),
        ("reset", TroubleKind.UNREACHABLE),
        ("html_200", TroubleKind.NONSENSE),
        ("bad_json", TroubleKind.NONSENSE),
        ("empty", TroubleKind.NONSENSE),
        ("null", TroubleKind.NONSENSE),
    ],
)
async def test_faults_of_the_pretend_venues_are_told_apart(
    kind: str, expected: TroubleKind
) -> None:
    """The health screen says what is wrong, not only that something is."""
    async with pretend_world() as world, readers_on(world) as readers:
        for reader in readers:
            instruments = await by_symbol(reader)
            world.faults.add(reader.venue_id, "*", kind, times=None)
            with pytest.raises(VenueError) as caught:
                await reader.funding(instruments)

            assert (caught.value.kind, caught.value.venue_id) == (
                expected,
                reader.venue_id,
            )


@pytest.mark.parametrize("hours", [(8, 4, 1, 8), (1, 8, 4, 2)])
async def test_a_changed_interval_is_right_from_the_next_scan(
    hours: tuple[int, ...],
) -> None:
    """At 21:52 a change from 8 h to 4 h shows in nothing but the list of intervals.

    Binance is the only venue that changes one; a wrong one doubles the rate shown.
    """
    clock = FakeClock(START)
    async with pretend_world() as world:
        urls = {VENUE: world.venue_url(VENUE)}
        reader = open_markets([VENUE], urls, clock, paper=True)[VENUE]
        instruments = await by_symbol(reader)
        btc = {key: one for key, one in instruments.items() if one.base == "BTC"}
        await reader.funding(btc)
        for each in hours:
            world.world.set_interval("BTC", VENUE, each)
            world.clock.set_ms(world.clock.now_ms() + MINUTE // MILLISECOND)
            await clock.advance(MINUTE)
            found, skips = await reader.funding(btc)
            told = world.control.truth()["tokens"]["BTC"]["venues"][VENUE]
            assert skips == ()
            assert found[0].rate.payment_interval == timedelta(hours=each)
            assert facts_of(found[0]) == truth_of(told)
        await reader.close()


async def test_a_frozen_venue_is_seen_to_age() -> None:
    """A stuck cache answers quickly and with old numbers."""
    clock = FakeClock(START)
    async with pretend_world() as world:
        urls = {VENUE: world.venue_url(VENUE)}
        reader = open_markets([VENUE], urls, clock, paper=True)[VENUE]
        instruments = await by_symbol(reader)
        world.faults.add(VENUE, "premiumIndex", "stale", times=None)
        await reader.funding(instruments)
        world.clock.set_ms(NOW_MS + 180_000)
        await clock.advance(timedelta(minutes=3))
        found, _ = await reader.funding(instruments)
        await reader.close()

    assert {clock.now() - each.observed_at for each in found} == {timedelta(minutes=3)}


async def test_a_warm_scan_of_the_pretend_world_is_five_requests() -> None:
    """Counted by the world, not by us."""
    async with pretend_world() as world, readers_on(world) as readers:
        instruments = {each.venue_id: await by_symbol(each) for each in readers}
        for reader in readers:
            await reader.funding(instruments[reader.venue_id])
        before = len(world.requests)
        for reader in readers:
            await reader.funding(instruments[reader.venue_id])

        assert len(world.requests) - before == 5
