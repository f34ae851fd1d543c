"""Ask for recurring work by a table of timers; a timer only asks, it owns no work.

A job that is still running when its timer comes again is left alone: late work is
skipped, never queued up.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import timedelta

    from core.ports import Tasks

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timer:
    """One kind of work and how often it is due."""

    name: str
    every: timedelta
    work: Callable[[], Awaitable[object]]


class Schedule:
    """APScheduler over the table."""

    def __init__(self, timers: Sequence[Timer], *, tasks: Tasks) -> None:
        self._tasks = tasks
        self._running: dict[str, asyncio.Task[object]] = {}
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            },
        )
        for timer in timers:
            self._scheduler.add_job(
                self.ask,
                IntervalTrigger(seconds=timer.every.total_seconds(), timezone="UTC"),
                args=(timer,),
                id=timer.name,
            )

    def start(self) -> None:
        """Begin; the first run of each timer is one interval from now."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ask for nothing any more; work that runs is its owner's affair."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    @property
    def is_running(self) -> bool:
        """Tell whether timers are counting."""
        return bool(self._scheduler.running)

    async def ask(self, timer: Timer) -> bool:
        """Start a timer's work unless it still runs; tell whether it was started."""
        running = self._running.get(timer.name)
        if running is not None and not running.done():
            log.info("timer %s skipped: its last run is not over", timer.name)
            return False
        work = _perform(timer)
        self._running[timer.name] = self._tasks.start(work, name=f"timer {timer.name}")
        return True


async def _perform(timer: Timer) -> None:
    await timer.work()
