"""Virtual time and counted ids."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 21, 52, 13, tzinfo=UTC)


class FakeClock:
    """Time that moves only when told; sleepers wake when their moment comes."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._origin = start
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the virtual moment."""
        return self._now

    def monotonic(self) -> float:
        """Return virtual seconds since the start."""
        return (self._now - self._origin).total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        """Wait until `advance` has passed the moment."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._now + duration, next(self._order), waiter)
        heapq.heappush(self._sleepers, entry)
        await waiter

    async def advance(self, duration: timedelta) -> None:
        """Move time, waking sleepers in order and letting their work run."""
        target = self._now + duration
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, waiter = heapq.heappop(self._sleepers)
            self._now = max(self._now, moment)
            if not waiter.done():
                waiter.set_result(None)
            await settle()
        self._now = target
        await settle()


class InstantClock(FakeClock):
    """Time that jumps forward by itself whenever somebody sleeps."""

    async def sleep(self, duration: timedelta) -> None:
        """Move time by the duration at once."""
        self._now += max(duration, timedelta(0))
        await asyncio.sleep(0)


class CountedIds:
    """Ids that can be predicted."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def short(self) -> str:
        """Return a counted id of 8 characters."""
        return f"id{next(self._count):06d}"

    def nonce(self) -> str:
        """Return a counted nonce of 22 characters."""
        return f"nonce{next(self._count):017d}"

    def jitter(self) -> float:
        """Return no jitter."""
        return 0.0


async def settle(rounds: int = 20) -> None:
    """Let ready tasks run."""
    for _ in range(rounds):
        await asyncio.sleep(0)
