"""Ask Telegram for updates without end and put them in the application's queue.

The library's own poller ends for good on a 401 or a stray 404 and cannot be started
again after that (seen in python-telegram-bot 22.8); this one never ends by itself.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.messenger import POLL_TIMEOUT, wait_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telegram.ext import ExtBot

    from core.ports import Clock, Tasks

log = logging.getLogger(__name__)

ALLOWED_UPDATES: Final = ("message", "callback_query", "my_chat_member")
_WAITS: Final = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30))
CONFLICT_WAIT: Final = timedelta(seconds=3)
_GOODBYE_S: Final = 2.0


def wait_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    return _WAITS[min(max(failures, 1), len(_WAITS)) - 1]


class Poller:
    """One long poll after another."""

    def __init__(
        self,
        bot: ExtBot[int],
        queue: asyncio.Queue[object],
        *,
        clock: Clock,
        tasks: Tasks,
        on_conflict: Callable[[], Awaitable[None]],
    ) -> None:
        self._bot, self._queue = bot, queue
        self._clock, self._tasks = clock, tasks
        self._on_conflict = on_conflict
        self._offset: int | None = None
        self._failures = 0
        self._task: asyncio.Task[object] | None = None
        self.finished_at = clock.monotonic()
        """When a poll last came back, by the clock that never jumps."""

    def start(self) -> None:
        """Begin."""
        self._task = self._tasks.start(self._run(), name="telegram polling")

    async def restart(self) -> None:
        """Drop a poll that may hang and begin anew; nothing if it never began."""
        if self._task is None:
            return
        await self._end()
        self.start()

    async def stop(self) -> None:
        """End, and tell Telegram what was taken so that it is not sent again."""
        await self._end()
        if self._offset is None:
            return
        with suppress(TelegramError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._bot.get_updates(offset=self._offset, timeout=0)

    def silent_for(self) -> timedelta:
        """Return the time since a poll last came back."""
        return timedelta(seconds=self._clock.monotonic() - self.finished_at)

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        while True:
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001 - polling must survive anything
                await self._clock.sleep(await self._failed(error))

    async def _poll(self) -> None:
        updates = await self._bot.get_updates(
            offset=self._offset, timeout=POLL_TIMEOUT, allowed_updates=ALLOWED_UPDATES
        )
        self.finished_at = self._clock.monotonic()
        self._failures = 0
        for update in updates:
            self._queue.put_nowait(update)
            self._offset = update.update_id + 1

    async def _failed(self, error: Exception) -> timedelta:
        """Return how long to wait before the next poll."""
        self._failures += 1
        if isinstance(error, RetryAfter):
            return wait_of(error)
        if isinstance(error, Conflict):
            log.error("another program polls with this bot's token")
            await self._report_conflict()
            return CONFLICT_WAIT
        if isinstance(error, InvalidToken):
            log.error("Telegram does not accept the bot's token while polling")
        elif isinstance(error, TelegramError):
            log.warning("poll %s in a row failed: %s", self._failures, error)
        else:
            log.error("a poll brought what cannot be read", exc_info=error)
        return wait_after(self._failures)

    async def _report_conflict(self) -> None:
        try:
            await self._on_conflict()
        except Exception:  # polling goes on; the next conflict reports again
            log.exception("the second poller was not reported")
