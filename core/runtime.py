"""Give out real time, real chance and supervised tasks; nothing else does."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

T = TypeVar("T")
log = logging.getLogger(__name__)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the moment, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, duration.total_seconds()))


class RandomIds:
    """Ids from the system's secure source."""

    def short(self) -> str:
        """Return 8 lower-case base-32 characters (40 bits)."""
        return base64.b32encode(secrets.token_bytes(5)).decode().lower()

    def nonce(self) -> str:
        """Return 22 URL-safe characters (128 bits)."""
        return secrets.token_urlsafe(16)

    def jitter(self) -> float:
        """Return a number in 0..1."""
        return secrets.randbelow(1_000_000) / 1_000_000


class Nursery:
    """Keeps a reference to every task it starts and logs what ends badly."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def start(
        self, work: Coroutine[object, object, T], *, name: str
    ) -> asyncio.Task[T]:
        """Run work beside the caller."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("task %s ended badly", task.get_name(), exc_info=error)

    @property
    def running(self) -> int:
        """Return how many tasks are alive."""
        return len(self._tasks)

    async def drain(self, within: timedelta) -> int:
        """Wait for all tasks; return how many are still alive after the time."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=within.total_seconds())
        return len(self._tasks)

    async def cancel(self) -> None:
        """Cancel what is left and wait until it is gone."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
