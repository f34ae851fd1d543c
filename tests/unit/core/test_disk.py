"""A disk that runs full or takes no writes: what stops, who hears, what comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from core.disk import DEAD_AFTER, DiskWatch
from core.errors import StorageError
from core.model.alert import AlertLevel
from core.model.control import GLOBAL_SCOPE, TradingState
from core.model.disk import WriteTrouble
from core.runtime import Nursery
from tests.fakes.journal import MemoryJournal, MemoryOutbox
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    import pytest

MB = 1_000_000


class FakeDisk:
    """A disk with as much room as told, that takes writes or does not."""

    def __init__(self) -> None:
        self.free = 1000 * MB
        self.is_held = True
        self.trouble: WriteTrouble | None = None
        self.probes = 0

    def break_down(self) -> None:
        """Let writes fail from now on."""
        self.trouble = WriteTrouble(START, "The database refused: disk is full.")

    async def probe(self) -> None:
        """Fail like any other write."""
        self.probes += 1
        if self.trouble is not None:
            message = "The database refused: disk is full."
            raise StorageError(message)

    async def free_bytes(self) -> int:
        """Return the room."""
        return self.free

    async def has_reserve(self) -> bool:
        """Tell whether the reserve is held."""
        return self.is_held

    async def hold_reserve(self) -> bool:
        """Hold it again."""
        self.is_held = True
        return True


class World:
    """A watch over stores in memory."""

    def __init__(self) -> None:
        self.clock, self.disk = FakeClock(), FakeDisk()
        self.journal = MemoryJournal()
        self.cries: list[str] = []
        self.is_heard = True
        self.watch = DiskWatch(
            disk=self.disk,
            halts=self.journal,
            outbox=MemoryOutbox(self.journal),
            clock=self.clock,
            cry=self._cry,
        )

    async def _cry(self, trouble: WriteTrouble) -> bool:
        self.cries.append(trouble.detail)
        return self.is_heard

    async def check(self, free_mb: int | None = None) -> str | None:
        """Look with so much room; return why entries are off."""
        if free_mb is not None:
            self.disk.free = free_mb * MB
        await self.watch.check()
        await self.clock.advance(timedelta(seconds=5))
        (*_, last) = (None, *(each.reason for each in await self.journal.halts()))
        return last

    @property
    def told(self) -> list[tuple[str, AlertLevel]]:
        """Return what owners heard."""
        alerts = self.journal.alerts.values()
        return [(each.facts["state"], each.level) for each in alerts]


async def test_entries_are_off_below_50_mb_and_on_again_at_200() -> None:
    """In between nothing changes: a disk at the edge would write every minute."""
    world = World()

    assert await world.check(50) is None
    assert await world.check(49) == "only 49 MB are free on the disk"
    (halt,) = await world.journal.halts()
    assert (halt.scope, halt.state) == (GLOBAL_SCOPE, TradingState.REDUCING)
    assert await world.check(199) is not None
    assert await world.check(200) is None

    assert world.told == [("low", AlertLevel.CRITICAL), ("back", AlertLevel.INFO)]


async def test_a_used_reserve_stops_entries_until_there_is_room_for_a_new_one() -> None:
    """S01: the next full disk would find nothing left to give."""
    world = World()
    world.disk.is_held = False

    assert await world.check(120) == (
        "the disk was full; what was kept for closing is used"
    )
    assert not world.disk.is_held
    assert await world.check(300) is None
    assert world.disk.is_held


async def test_writes_that_fail_for_ten_seconds_are_told_directly_and_once() -> None:
    """S05: the outbox is on the same disk."""
    world = World()
    world.disk.break_down()

    await world.check()
    await world.check()
    assert world.cries == []
    await world.check()
    await world.check()

    assert world.clock.now() - START >= DEAD_AFTER
    assert world.cries == ["The database refused: disk is full."]
    assert world.disk.probes == 4


async def test_who_could_not_be_told_is_told_later() -> None:
    """Telegram may be down at the same time."""
    world = World()
    world.disk.break_down()
    world.is_heard = False
    await world.clock.advance(DEAD_AFTER)

    await world.check()
    world.is_heard = True
    await world.check()
    await world.check()

    assert len(world.cries) == 2


async def test_when_writing_works_again_owners_hear_it() -> None:
    """They were told to close by hand."""
    world = World()
    world.disk.break_down()
    await world.clock.advance(DEAD_AFTER)
    await world.check()

    world.disk.trouble = None
    await world.check()
    await world.check()

    assert world.told == [("works", AlertLevel.INFO)]


async def test_a_hiccup_is_not_worth_a_message() -> None:
    """S03: somebody looked into the database for a moment."""
    world = World()
    world.disk.break_down()

    await world.check()
    world.disk.trouble = None
    await world.check()

    assert (world.cries, world.told) == ([], [])


async def test_the_watch_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """One surprise must not leave the disk unwatched."""
    world, nursery = World(), Nursery()
    calls: list[int] = []

    async def surprise() -> None:
        calls.append(1)
        raise RuntimeError

    monkeypatch.setattr(world.watch, "check", surprise)
    nursery.start(world.watch.run(), name="disk")
    for _ in range(3):
        await world.clock.advance(timedelta(seconds=5))
    await nursery.cancel()

    assert len(calls) >= 3
