"""A venue that falls silent is one message, its return another, restarts or not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from core.errors import TroubleKind
from core.health import VenueMonitor
from core.model.alert import AlertKind, AlertLevel
from core.model.trouble import Trouble
from core.outages import OutageWatch
from tests.fakes.memory import FakeAlertMemory, FakePutbox
from tests.fakes.objects import BINANCE, EXTENDED
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from core.model.units import VenueId
    from core.ports import Outbox


class World:
    """Two venues that answer or fail minute by minute."""

    def __init__(self, memory: FakeAlertMemory | None = None) -> None:
        self.memory = memory or FakeAlertMemory()
        self.putbox = FakePutbox()
        self.monitor = VenueMonitor((BINANCE, EXTENDED), FakeClock())
        self.watch = OutageWatch(
            monitor=self.monitor,
            memory=self.memory,
            outbox=cast("Outbox", self.putbox),
        )

    async def minute(
        self, number: int, *, answers: bool, held: Collection[VenueId] = ()
    ) -> None:
        """Let Binance answer or fail in this minute; Extended always answers."""
        now = minute(number)
        self.monitor.answered(EXTENDED, timedelta(milliseconds=80))
        if answers:
            self.monitor.answered(BINANCE, timedelta(milliseconds=80))
        else:
            kind = TroubleKind.TIMEOUT
            self.monitor.failed(Trouble(BINANCE, kind, "no answer", now))
        await self.watch.consider((BINANCE, EXTENDED), held, now)

    @property
    def kinds(self) -> list[AlertKind]:
        """Return what was told."""
        return [alert.kind for alert in self.putbox.alerts]


def minute(number: int) -> datetime:
    """Return a moment of the story."""
    return START + timedelta(minutes=number)


async def test_a_short_silence_is_not_worth_a_message() -> None:
    """Networks hiccup; a phone should not."""
    world = World()

    await world.minute(0, answers=False)
    await world.minute(1, answers=False)
    await world.minute(2, answers=True)

    assert world.kinds == []


async def test_two_minutes_of_silence_are_told_once_and_the_return_too() -> None:
    """One message down, one message back, however long it lasts."""
    world = World()

    for number in range(5):
        await world.minute(number, answers=False)
    await world.minute(5, answers=True)
    await world.minute(6, answers=True)

    assert world.kinds == [AlertKind.VENUE_DOWN, AlertKind.VENUE_BACK]
    down, back = world.putbox.alerts
    assert down.facts["venue"] == BINANCE
    assert down.facts["since"] == back.facts["since"] == minute(0).isoformat()
    assert down.created_at == minute(2)


async def test_an_outage_where_a_pair_is_open_is_critical() -> None:
    """Money is there: this is not mere information."""
    world = World()

    for number in range(3):
        await world.minute(number, answers=False, held={BINANCE})

    assert [alert.level for alert in world.putbox.alerts] == [AlertLevel.CRITICAL]


async def test_a_restart_in_an_outage_repeats_nothing_and_still_tells_its_end() -> None:
    """What was said is on disk."""
    before = World()
    for number in range(3):
        await before.minute(number, answers=False)

    after = World(before.memory)
    for number in range(3, 7):
        await after.minute(number, answers=False)
    await after.minute(7, answers=True)

    assert after.kinds == [AlertKind.VENUE_BACK]
    assert after.putbox.alerts[0].facts["since"] == minute(0).isoformat()
