"""Token x venue: what is listed, why something is missing, and what a restart keeps."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from core.availability import AvailabilityCache
from core.errors import TroubleKind, VenueError
from core.health import VenueMonitor
from core.model.instrument import AbsenceReason, LeftOut, TokenStatus
from core.model.units import Base
from tests.fakes.objects import BINANCE, EXTENDED, LIGHTER, instrument
from tests.fakes.runtime import START, FakeClock
from tests.fakes.stores import MemoryAvailability

if TYPE_CHECKING:
    import pytest

    from core.model.instrument import Instrument
    from core.model.units import VenueId


class Lists:
    """One venue's contract list."""

    def __init__(self, venue_id: VenueId, *bases: str) -> None:
        self.venue_id = venue_id
        self.listed = tuple(instrument(base, venue_id) for base in bases)
        self.left_out: tuple[LeftOut, ...] = ()
        self.fails = False
        self.calls = 0

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Answer or fail as told."""
        self.calls += 1
        if self.fails:
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, "no answer")
        return self.listed, self.left_out


class World:
    """KAITO on two venues, APT on three, RARE on one."""

    def __init__(
        self,
        tokens: tuple[Base, ...] | None = None,
        store: MemoryAvailability | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.store = store or MemoryAvailability()
        self.lists = {
            BINANCE: Lists(BINANCE, "APT"),
            LIGHTER: Lists(LIGHTER, "APT", "KAITO"),
            EXTENDED: Lists(EXTENDED, "APT", "KAITO", "RARE"),
        }
        self.cache = AvailabilityCache(
            sources=self.lists,
            store=self.store,
            clock=self.clock,
            monitor=VenueMonitor(self.lists, self.clock),
            tokens=tokens,
        )


async def test_status_and_pairs_follow_the_number_of_venues() -> None:
    """With n venues there are n(n-1)/2 pairs: 3, 1 and 0."""
    rows = (await World().cache.refresh()).rows

    assert {base: (row.status, row.pairs) for base, row in rows.items()} == {
        "APT": (TokenStatus.OK, 3),
        "KAITO": (TokenStatus.OK, 1),
        "RARE": (TokenStatus.SINGLE, 0),
    }


async def test_a_configured_token_that_no_venue_lists_is_shown_as_none() -> None:
    """The person who asked for FOO reads that there is none."""
    world = World(tokens=(Base("APT"), Base("FOO")))

    rows = (await world.cache.refresh()).rows

    assert set(rows) == {"APT", "FOO"}
    assert rows[Base("FOO")].status is TokenStatus.NONE
    assert set(rows[Base("FOO")].absences.values()) == {AbsenceReason.NOT_LISTED}


async def test_every_hole_has_its_reason() -> None:
    """Settling on Binance is not the same as never listed there."""
    world = World()
    world.lists[BINANCE].left_out = (
        LeftOut(BINANCE, "KAITOUSDT", Base("KAITO"), AbsenceReason.SETTLING),
    )

    rows = (await world.cache.refresh()).rows

    assert rows[Base("KAITO")].absences == {BINANCE: AbsenceReason.SETTLING}
    assert rows[Base("RARE")].absences == {
        BINANCE: AbsenceReason.NOT_LISTED,
        LIGHTER: AbsenceReason.NOT_LISTED,
    }


async def test_a_venue_that_fails_keeps_its_last_list() -> None:
    """One silent venue does not empty the matrix."""
    world = World()
    await world.cache.refresh()
    world.lists[EXTENDED].fails = True

    await world.clock.advance(timedelta(hours=6))
    after = await world.cache.refresh()

    assert EXTENDED in after.rows[Base("KAITO")].instruments
    assert after.read_at[EXTENDED] == START
    assert after.read_at[BINANCE] == START + timedelta(hours=6)
    assert [t.venue_id for t in after.troubles] == [EXTENDED]


async def test_nothing_is_claimed_about_a_venue_whose_list_was_never_read() -> None:
    """Unknown is not the same as not listed."""
    world = World()
    world.lists[LIGHTER].fails = True

    after = await world.cache.refresh()

    assert LIGHTER not in after.rows[Base("APT")].absences
    assert world.cache.unread == (LIGHTER,)


async def test_a_restart_answers_from_the_stored_cache_without_asking() -> None:
    """The matrix is there at once while the refresh runs."""
    first = World()
    built = await first.cache.refresh()
    second = World(store=first.store)
    for each in second.lists.values():
        each.fails = True

    loaded = await second.cache.load()

    assert loaded is not None
    assert loaded.rows == built.rows


async def test_start_up_log_names_each_token_as_the_trader_reads_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two or more, one, none: one line each."""
    caplog.set_level(logging.INFO, logger="core.availability")
    world = World(tokens=(Base("APT"), Base("FOO"), Base("RARE")))

    await world.cache.refresh()

    assert [record.getMessage().strip() for record in caplog.records] == [
        "Token availability cache built: 1 on 2+ venues, 1 on one, 1 on none",
        "✅ APT: available on 3 venues (binance, lighter, extended)",
        "❌ FOO: on no venue",
        "⚠️ RARE: only on extended - cannot arbitrage",
    ]


async def test_a_venue_that_is_paused_is_not_asked_for_its_list_either() -> None:
    """A list never read is wanted at every scan; a dead venue is left alone."""
    world = World()
    dead = world.lists[BINANCE]
    dead.fails = True
    for _ in range(3):
        await world.cache.refresh(world.cache.unread)

    built = await world.cache.refresh(world.cache.unread)

    assert dead.calls == 3
    assert [each.detail for each in built.troubles] == [
        "paused until 21:52:43 UTC after 3 failures in a row: no answer"
    ]
    await world.clock.advance(timedelta(seconds=30))
    dead.fails = False
    assert (await world.cache.refresh(world.cache.unread)).troubles == ()


async def test_few_named_tokens_take_others_along_to_prove_a_unit() -> None:
    """Of what else a venue lists, what most venues list comes first."""
    world = World(tokens=(Base("APT"),))
    assert world.cache.witnesses(EXTENDED) == {}
    await world.cache.refresh()

    assert [each.base for each in world.cache.witnesses(EXTENDED).values()] == [
        "KAITO",
        "RARE",
    ]
    assert world.cache.witnesses(BINANCE) == {}
    assert list((world.cache.current or await world.cache.refresh()).rows) == ["APT"]


async def test_witnesses_are_bounded_and_none_where_every_token_is_used() -> None:
    """27 of 40 others beside one named token; with all tokens in use there are none."""
    many = tuple(f"T{number:02}" for number in range(40))
    named, free = World(tokens=(Base("APT"),)), World()
    for world in (named, free):
        world.lists[BINANCE] = Lists(BINANCE, "APT", *many)
        world.cache._sources = world.lists
        await world.cache.refresh()

    assert len(named.cache.witnesses(BINANCE)) == 27
    assert free.cache.witnesses(BINANCE) == {}
