"""How the disk is doing in; entries off and on, and a cry when nothing can be written.

No order leaves without its row. So a disk without room stops entries early, while what
is left is still enough to close; and when not even that can be written, owners must
hear it on a way that does not need the disk.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import StorageError
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from core.model.disk import WriteTrouble
    from core.ports import Clock, Disk, Halts, Outbox

log = logging.getLogger(__name__)

LEAST_BYTES: Final = 50_000_000
"""With less room entries are off."""
ENOUGH_BYTES: Final = 200_000_000
"""With as much they are on again; a start needs it too."""
DEAD_AFTER: Final = timedelta(seconds=10)
"""Writes that fail for so long are told directly."""
KEY: Final = "disk"
"""Key of the halt of a disk without room."""
_EVERY: Final = timedelta(seconds=5)
_WHO: Final = "disk"


class DiskWatch:
    """Looks after the room and the writes."""

    def __init__(
        self,
        *,
        disk: Disk,
        halts: Halts,
        outbox: Outbox,
        clock: Clock,
        cry: Callable[[WriteTrouble], Awaitable[bool]],
    ) -> None:
        """Take the parts; `cry` tells owners without writing, and whether it did."""
        self._disk, self._halts, self._outbox = disk, halts, outbox
        self._clock, self._cry = clock, cry
        self._has_cried = False

    async def run(self) -> None:
        """Check every few seconds for ever."""
        while True:
            try:
                await self.check()
            except Exception:  # a watch that ends protects nobody
                log.exception("the disk could not be checked")
            await self._clock.sleep(_EVERY)

    async def check(self) -> None:
        """Look at the writes and, if they work, at the room."""
        if await self._can_write():
            await self._look_at_room()

    # --- writes -----------------------------------------------------------------------

    async def _can_write(self) -> bool:
        trouble = self._disk.trouble
        if trouble is not None:
            try:
                await self._disk.probe()
            except StorageError:
                await self._tell_of(trouble)
                return False
        if self._has_cried:
            self._has_cried = False
            await self._tell("works", "writing works again")
        return True

    async def _tell_of(self, trouble: WriteTrouble) -> None:
        lasts = self._clock.now() - trouble.since
        if lasts >= DEAD_AFTER and not self._has_cried:
            log.critical("nothing can be written: %s", trouble.detail)
            self._has_cried = await self._cry(trouble)

    # --- room -------------------------------------------------------------------------

    async def _look_at_room(self) -> None:
        free = await self._disk.free_bytes()
        is_held = await self._disk.has_reserve()
        if free >= ENOUGH_BYTES and not is_held:
            await self._disk.hold_reserve()
        is_off = any(each.key == KEY for each in await self._halts.halts())
        if not is_off and not is_held and free < ENOUGH_BYTES:
            await self._turn_off("the disk was full; what was kept for closing is used")
        elif not is_off and free < LEAST_BYTES:
            await self._turn_off(f"only {free // 1_000_000} MB are free on the disk")
        elif is_off and free >= ENOUGH_BYTES:
            await self._turn_on(f"{free // 1_000_000} MB are free on the disk again")

    async def _turn_off(self, reason: str) -> None:
        now = self._clock.now()
        halt = Halt(GLOBAL_SCOPE, KEY, TradingState.REDUCING, reason, now)
        await self._halts.set_halt(halt, Event(now, _WHO, "entries off", reason))
        await self._tell("low", reason)

    async def _turn_on(self, reason: str) -> None:
        event = Event(self._clock.now(), _WHO, "entries on", reason)
        await self._halts.clear_halt(GLOBAL_SCOPE, KEY, event)
        await self._tell("back", reason)

    async def _tell(self, state: str, reason: str) -> None:
        now = self._clock.now()
        log.warning("disk state=%s: %s", state, reason)
        is_bad = state == "low"
        await self._outbox.put(
            Alert(
                kind=AlertKind.DISK,
                level=AlertLevel.CRITICAL if is_bad else AlertLevel.INFO,
                dedupe_key=f"disk:{state}:{now:%Y%m%d%H%M%S}",
                facts={"state": state, "reason": reason},
                created_at=now,
            )
        )
