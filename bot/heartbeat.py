"""Watch whether Telegram still answers our polls; without it entries are off.

A person who cannot see a card cannot watch a trade: no new one starts until polls come
back. Closing and what already runs go on.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState

if TYPE_CHECKING:
    from datetime import datetime

    from core.ports import Clock, Halts, Outbox

log = logging.getLogger(__name__)

SILENCE: Final = timedelta(seconds=60)
OVERLAP: Final = timedelta(seconds=20)
"""A restart may meet its own last poll for a moment; longer is another program."""
CALM: Final = timedelta(seconds=60)
"""How long no second poller may show up before it counts as gone."""
_EVERY: Final = timedelta(seconds=5)
_SILENT_KEY: Final = "telegram"
_CONFLICT_KEY: Final = "second_poller"
_CONTESTED: Final = "another program uses this bot's token"


class Polling(Protocol):
    """What is watched."""

    def silent_for(self) -> timedelta:
        """Return the time since a poll last came back."""
        ...

    async def restart(self) -> None:
        """Drop a poll that may hang and begin anew."""
        ...


class Heartbeat:
    """Turns a silent or contested line into halts, and lifts them when it is over."""

    def __init__(
        self, *, halts: Halts, outbox: Outbox, clock: Clock, pause_key: str
    ) -> None:
        self._halts, self._outbox, self._clock = halts, outbox, clock
        self._pause_key = pause_key
        self._silent = False
        self._restarted_at: datetime | None = None
        self._contested_since: datetime | None = None
        self._contested_at: datetime | None = None
        self._alarmed = False

    async def run(self, polling: Polling) -> None:
        """Check every few seconds for ever."""
        is_first = True
        while True:
            try:
                if is_first:
                    await self._lift(_SILENT_KEY, "the bot was restarted")
                    await self._lift(_CONFLICT_KEY, "the bot was restarted")
                    is_first = False
                await self.check(polling)
            except Exception:  # a watchdog that ends protects nobody
                log.exception("the line to Telegram could not be checked")
            await self._clock.sleep(_EVERY)

    async def check(self, polling: Polling) -> None:
        """Compare the last finished poll with the limit."""
        silent_for = polling.silent_for()
        if silent_for >= SILENCE:
            await self._fell_silent(polling, silent_for)
        elif self._silent:
            self._silent, self._restarted_at = False, None
            await self._lift(_SILENT_KEY, "Telegram answers again")
        at = self._contested_at
        if at is not None and self._clock.now() - at >= CALM:
            self._contested_since = self._contested_at = None
            self._alarmed = False
            await self._lift(_CONFLICT_KEY, "no second program polls any more")

    async def conflict(self) -> None:
        """Note that another program polls with this bot's token.

        Entries are off at once. If it lasts, that is an alarm, and only a person lets
        entries in again.
        """
        now = self._clock.now()
        self._contested_at = now
        if self._contested_since is None:
            await self._stop_entries(_CONFLICT_KEY, _CONTESTED)
            self._contested_since = now
        if now - self._contested_since >= OVERLAP and not self._alarmed:
            await self._stop_entries(self._pause_key, _CONTESTED)
            await self._alarm(now)
            self._alarmed = True

    async def _alarm(self, now: datetime) -> None:
        facts = {"reason": _CONTESTED, "advice": "Stop it, or get a new token."}
        await self._outbox.put(
            Alert(
                kind=AlertKind.PAUSED,
                level=AlertLevel.CRITICAL,
                dedupe_key=f"second_poller:{now:%Y%m%d%H%M%S}",
                facts=facts,
                created_at=now,
            )
        )

    async def _fell_silent(self, polling: Polling, silent_for: timedelta) -> None:
        seconds = int(silent_for.total_seconds())
        now, last = self._clock.now(), self._restarted_at
        if last is None or now - last >= SILENCE:
            log.error("no poll of Telegram came back for %s s, polling anew", seconds)
            self._restarted_at = now
            await polling.restart()
        if not self._silent:
            await self._stop_entries(_SILENT_KEY, "Telegram does not answer")
            self._silent = True

    async def _stop_entries(self, key: str, reason: str) -> None:
        now = self._clock.now()
        halt = Halt(
            scope=GLOBAL_SCOPE,
            key=key,
            state=TradingState.REDUCING,
            reason=reason,
            since=now,
        )
        event = Event(at=now, who="bot", what="entries_off", detail=reason)
        await self._halts.set_halt(halt, event)

    async def _lift(self, key: str, why: str) -> None:
        event = Event(at=self._clock.now(), who="bot", what="entries_on", detail=why)
        if await self._halts.clear_halt(GLOBAL_SCOPE, key, event):
            log.info("halt %s lifted: %s", key, why)
