"""The venues' clocks in; everything halted while ours is wrong by a second or more.

A clock that jumps (set by hand, or a machine that slept) halts everything too, until it
was compared anew and every position was read again.

An order's expiry is a moment by our clock: with a wrong one a late order may still be
taken, or every order is refused. Venues that show no time are not compared.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from core.errors import VenueError
from core.halting import impose, lift
from core.model.alert import AlertLevel
from core.model.control import GLOBAL_SCOPE, Halt, TradingState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.model.units import VenueId
    from core.ports import AccountInspector, Clock, Halts

log = logging.getLogger(__name__)

CLOCK_KEY = "clock"
"""Key of the halt while our clock is wrong."""
STEP_KEY = "clock_step"
"""Key of the halt after our clock jumped."""
TOLERATED = timedelta(seconds=1)
STEP_TOLERATED_S = 2
"""How far wall time and steady time may part between two looks; more is a jump."""
EVERY = timedelta(minutes=10)
ANSWER_WITHIN_S = 2


class Silence(Enum):
    """Tells a venue that did not answer from one that shows no time."""

    SILENT = "silent"


SILENT = Silence.SILENT


class ClockWatch:
    """Compares our clock with the venues' and halts everything while it is wrong."""

    def __init__(
        self,
        *,
        accounts: Mapping[VenueId, AccountInspector],
        halts: Halts,
        clock: Clock,
        notices_jumps: bool = True,
    ) -> None:
        """Take the parts; pretend time stands still and leaps, which is no jump."""
        self._accounts, self._halts, self._clock = accounts, halts, clock
        self._notices_jumps = notices_jumps
        self._checked_at: float | None = None
        self._seen: tuple[float, datetime] | None = None
        self._is_compared = True
        """Whether a comparison succeeded since the clock jumped."""

    async def before_entry(self) -> None:
        """Notice a jump, and compare when the last comparison is ten minutes old."""
        await self.notice()
        last, now = self._checked_at, self._clock.monotonic()
        if last is None or now - last >= EVERY.total_seconds():
            await self.check()

    async def notice(self) -> None:
        """Halt everything and compare anew if our clock jumped since the last look.

        Steady time stands still while a machine sleeps, so waking up is a jump too.
        """
        if not self._notices_jumps:
            return
        steady, wall = self._clock.monotonic(), self._clock.now()
        before, self._seen = self._seen, (steady, wall)
        if before is None:
            return
        jumped = (wall - before[1]).total_seconds() - (steady - before[0])
        if abs(jumped) <= STEP_TOLERATED_S:
            return
        side = "forward" if jumped > 0 else "back"
        why = (
            f"this machine's clock jumped {side} by {abs(jumped):.0f} s: it was set,"
            " or the machine slept"
        )
        halt = Halt(GLOBAL_SCOPE, STEP_KEY, TradingState.HALTED, why, wall)
        self._is_compared = False
        await impose(self._halts, halt)
        await self.check()

    async def positions_read(self) -> None:
        """Let go after a jump: the clock was compared and all positions were read."""
        for halt in await self._halts.halts():
            if halt.key == STEP_KEY and self._is_compared:
                await lift(self._halts, halt, self._clock.now())

    async def tick(self) -> None:
        """Compare again when ten minutes are over, or a wrong clock may be set now."""
        last, now = self._checked_at, self._clock.monotonic()
        is_due = last is None or now - last >= EVERY.total_seconds()
        if is_due or not self._is_compared or await self._held():
            await self.check()

    async def check(self) -> None:
        """Ask every venue at once; halt or lift. No answer at all changes nothing.

        Raises:
            StorageError: nothing is changed.
        """
        self._checked_at = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            asking = {
                venue_id: group.create_task(_offset(account))
                for venue_id, account in self._accounts.items()
            }
        told = {venue_id: task.result() for venue_id, task in asking.items()}
        known = {
            each: offset
            for each, offset in told.items()
            if isinstance(offset, timedelta)
        }
        # where all answered and none shows its time there is nothing to wait for
        answered = all(each is not SILENT for each in told.values())
        self._is_compared = self._is_compared or bool(known) or answered
        if not known:
            return
        worst = max(known, key=lambda venue_id: abs(known[venue_id]))
        if abs(known[worst]) >= TOLERATED:
            await self._halt(worst, known[worst])
        else:
            held = await self._held()
            if held is not None:
                await lift(self._halts, held, self._clock.now())

    async def _held(self) -> Halt | None:
        halts = await self._halts.halts()
        return next((halt for halt in halts if halt.key == CLOCK_KEY), None)

    async def _halt(self, venue_id: VenueId, offset: timedelta) -> None:
        if await self._held():
            return
        seconds = abs(offset.total_seconds())
        side = "behind" if offset > timedelta(0) else "ahead of"
        why = (
            f"this machine's clock is {seconds:.1f} s {side} that of {venue_id};"
            " set it, I look again every half minute"
        )
        now = self._clock.now()
        halt = Halt(GLOBAL_SCOPE, CLOCK_KEY, TradingState.HALTED, why, now)
        await impose(self._halts, halt, level=AlertLevel.CRITICAL)


async def _offset(account: AccountInspector) -> timedelta | Silence | None:
    """Return how far a venue's clock is ahead; None if it shows no time at all."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await account.clock_offset()
    except (VenueError, TimeoutError) as error:
        log.warning("clock not read venue=%s: %s", account.venue_id, error)
    except Exception:  # an adapter's surprise says nothing about the time
        log.exception("clock not read venue=%s", account.venue_id)
    return SILENT
