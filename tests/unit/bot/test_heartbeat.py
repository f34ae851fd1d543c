from __future__ import annotations

from datetime import timedelta

import pytest

from bot.heartbeat import CALM, OVERLAP, Heartbeat
from core.errors import StorageError
from core.model.alert import AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState
from core.runtime import Nursery
from tests.fakes.journal import MemoryJournal, MemoryOutbox
from tests.fakes.runtime import FakeClock, settle


class Line:
    """A poller that was last heard when the test says."""

    def __init__(self) -> None:
        self.silence = timedelta(0)
        self.restarts = 0

    def silent_for(self) -> timedelta:
        """Return the silence."""
        return self.silence

    async def restart(self) -> None:
        """Count."""
        self.restarts += 1


class Watch:
    """A heartbeat over stores in memory."""

    def __init__(self) -> None:
        self.clock, self.line = FakeClock(), Line()
        self.journal = MemoryJournal()
        self.heartbeat = Heartbeat(
            halts=self.journal,
            outbox=MemoryOutbox(self.journal),
            clock=self.clock,
            pause_key="pause",
        )

    async def silent(self, seconds: int) -> None:
        """Check after so many seconds without a poll."""
        self.line.silence = timedelta(seconds=seconds)
        await self.heartbeat.check(self.line)

    async def reasons(self) -> dict[str, str]:
        """Return the halts by key."""
        return {halt.key: halt.reason for halt in await self.journal.halts()}


@pytest.fixture
def watch() -> Watch:
    """Give a heartbeat."""
    return Watch()


async def test_a_minute_without_a_poll_turns_entries_off_and_polls_anew(
    watch: Watch,
) -> None:
    """Whoever cannot see cards cannot watch a trade."""
    await watch.silent(59)
    assert await watch.reasons() == {}

    await watch.silent(61)

    assert await watch.reasons() == {"telegram": "Telegram does not answer"}
    (halt,) = await watch.journal.halts()
    assert (halt.scope, halt.state) == (GLOBAL_SCOPE, TradingState.REDUCING)
    assert watch.line.restarts == 1


async def test_polling_is_begun_anew_once_a_minute_while_the_silence_lasts(
    watch: Watch,
) -> None:
    """A restart every few seconds would never let a poll finish."""
    for _ in range(13):
        await watch.silent(61)
        await watch.clock.advance(timedelta(seconds=5))

    assert watch.line.restarts == 2


async def test_entries_are_on_again_when_telegram_answers(watch: Watch) -> None:
    """Nobody has to resume after a network fault."""
    await watch.silent(61)
    await watch.silent(1)

    assert await watch.reasons() == {}


async def test_a_pause_by_a_person_outlasts_the_silence(watch: Watch) -> None:
    """Only a person lifts what a person set."""
    now = watch.clock.now()
    paused = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by Anna", now)
    await watch.journal.set_halt(paused, Event(now, "Anna", "paused"))
    await watch.silent(61)
    await watch.silent(1)

    assert await watch.reasons() == {"pause": "by Anna"}


async def test_a_second_poller_turns_entries_off_at_once(watch: Watch) -> None:
    """It may confirm with a tap that was meant for us."""
    await watch.heartbeat.conflict()

    assert list(await watch.reasons()) == ["second_poller"]
    assert watch.journal.alerts == {}


async def test_a_short_overlap_at_a_restart_passes_by_itself(watch: Watch) -> None:
    """Telegram remembers the old process's last poll for a moment."""
    await watch.heartbeat.conflict()
    await watch.clock.advance(CALM)
    await watch.silent(0)

    assert await watch.reasons() == {}
    assert watch.journal.alerts == {}


async def test_a_lasting_second_poller_is_an_alarm_that_a_person_must_end(
    watch: Watch,
) -> None:
    """A stolen token reads everything and can press everything."""
    await watch.heartbeat.conflict()
    await watch.clock.advance(OVERLAP)
    await watch.heartbeat.conflict()
    await watch.heartbeat.conflict()
    await watch.clock.advance(CALM)
    await watch.silent(0)

    assert list(await watch.reasons()) == ["pause"]
    (alarm,) = watch.journal.alerts.values()
    assert (alarm.kind, alarm.level) == (AlertKind.PAUSED, AlertLevel.CRITICAL)


async def test_a_new_start_lifts_what_the_line_had_caused(watch: Watch) -> None:
    """The halt of a process that is gone would never be lifted."""
    await watch.silent(61)
    fresh = Heartbeat(
        halts=watch.journal,
        outbox=MemoryOutbox(watch.journal),
        clock=watch.clock,
        pause_key="pause",
    )
    watch.line.silence = timedelta(0)
    nursery = Nursery()
    nursery.start(fresh.run(watch.line), name="heartbeat")
    await settle()

    assert await watch.reasons() == {}
    await nursery.cancel()


async def test_the_watchdog_survives_a_disk_that_cannot_be_written(
    watch: Watch,
) -> None:
    """The disk may come back; the watchdog must still be there then."""
    watch.journal.failures = 2
    watch.line.silence = timedelta(seconds=61)
    nursery = Nursery()
    nursery.start(watch.heartbeat.run(watch.line), name="heartbeat")
    await settle()
    for _ in range(5):
        await watch.clock.advance(timedelta(seconds=5))

    assert "telegram" in await watch.reasons()
    await nursery.cancel()


async def test_what_could_not_be_stored_is_tried_at_the_next_conflict(
    watch: Watch,
) -> None:
    """A full disk must not leave entries on for good."""
    watch.journal.failures = 1
    with pytest.raises(StorageError):
        await watch.heartbeat.conflict()
    await watch.heartbeat.conflict()

    assert list(await watch.reasons()) == ["second_poller"]
