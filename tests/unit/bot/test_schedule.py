from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.schedule import Schedule, Timer
from core.runtime import Nursery
from tests.fakes.runtime import settle

SHORT = timedelta(seconds=0.02)


class Work:
    """Work that waits until the test lets it end."""

    def __init__(self) -> None:
        self.started = 0
        self.finish = asyncio.Event()

    async def __call__(self) -> None:
        """Run once."""
        self.started += 1
        await self.finish.wait()


async def test_work_that_still_runs_is_not_started_again() -> None:
    """A slow venue must not pile up scans."""
    work, nursery = Work(), Nursery()
    timer = Timer("scan", timedelta(minutes=1), work)
    schedule = Schedule([timer], tasks=nursery)

    asked = [await schedule.ask(timer), await schedule.ask(timer)]
    await settle()
    assert (asked, work.started) == ([True, False], 1)

    work.finish.set()
    await settle()
    assert await schedule.ask(timer)
    await nursery.cancel()


async def test_one_slow_timer_does_not_hold_up_another() -> None:
    """Funding is booked whatever the scan does."""
    slow, quick, nursery = Work(), Work(), Nursery()
    first = Timer("scan", timedelta(minutes=1), slow)
    second = Timer("hold", timedelta(minutes=1), quick)
    schedule = Schedule([first, second], tasks=nursery)
    await schedule.ask(first)
    await schedule.ask(second)
    await settle()

    assert (slow.started, quick.started) == (1, 1)
    await nursery.cancel()


async def test_work_that_fails_is_logged_and_asked_for_again() -> None:
    """One bad scan must not be the last."""
    runs = []

    async def fail() -> None:
        runs.append(1)
        raise ValueError

    nursery = Nursery()
    timer = Timer("scan", timedelta(minutes=1), fail)
    schedule = Schedule([timer], tasks=nursery)
    await schedule.ask(timer)
    await settle()
    await schedule.ask(timer)
    await settle()

    assert len(runs) == 2


async def test_the_clockwork_asks_on_time_and_stops_when_told() -> None:
    """The table is all that decides what recurs."""
    runs, nursery, twice = [], Nursery(), asyncio.Event()

    async def work() -> None:
        runs.append(1)
        if len(runs) == 2:
            twice.set()

    schedule = Schedule([Timer("scan", SHORT, work)], tasks=nursery)
    schedule.start()
    async with asyncio.timeout(5):
        await twice.wait()
    schedule.stop()
    await settle()

    assert not schedule.is_running
    await nursery.cancel()


def test_stopping_what_never_started_is_harmless() -> None:
    """A start that fails half way still ends in order."""
    Schedule([], tasks=Nursery()).stop()
