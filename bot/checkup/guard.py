"""Findings about accounts in; entries off where something is wrong, owners told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.checkup.findings import Level
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from bot.checkup.findings import Finding
    from core.ports import Clock, Halts, Outbox

log = logging.getLogger(__name__)

KEY = "check"
"""Key of the halt of an account whose check found an error."""
_WHO = "check"


class Guard:
    """Keeps entries off what is not in order, and lets them in once it is."""

    def __init__(
        self,
        *,
        examine: Callable[[], Awaitable[Sequence[Finding]]],
        halts: Halts,
        outbox: Outbox,
        clock: Clock,
    ) -> None:
        self._examine, self._halts = examine, halts
        self._outbox, self._clock = outbox, clock

    async def watch(self) -> None:
        """Ask again and act on the answers (timer)."""
        await self.apply(await self._examine())

    async def apply(self, findings: Iterable[Finding]) -> None:
        """Set and lift halts; where nobody answered nothing changes."""
        by_scope: dict[str, list[Finding]] = {}
        for each in findings:
            by_scope.setdefault(each.venue_id or GLOBAL_SCOPE, []).append(each)
        for scope, found in by_scope.items():
            errors = [each for each in found if each.level is Level.ERROR]
            wrong = [each for each in errors if not each.is_silence]
            if wrong:
                await self._stop(scope, wrong[0])
            elif not errors:
                await self._release(scope)

    async def _stop(self, scope: str, finding: Finding) -> None:
        now, reason = self._clock.now(), f"{finding.about} {finding.says}"
        known = [
            halt
            for halt in await self._halts.halts()
            if (halt.scope, halt.key, halt.reason) == (scope, KEY, reason)
        ]
        if known:
            return
        log.warning("entries off scope=%s: %s", scope, reason)
        halt = Halt(scope, KEY, TradingState.REDUCING, reason, now)
        await self._halts.set_halt(halt, Event(now, _WHO, f"halt {scope}", reason))
        await self._outbox.put(
            Alert(
                kind=AlertKind.PAUSED,
                level=AlertLevel.CRITICAL,
                dedupe_key=f"check:{scope}:{now:%Y%m%d%H%M%S}",
                facts={"reason": reason, "advice": "It is looked at again every hour."},
                created_at=now,
            )
        )

    async def _release(self, scope: str) -> None:
        event = Event(self._clock.now(), _WHO, f"lift {scope}", "in order")
        if await self._halts.clear_halt(scope, KEY, event):
            log.info("entries on again scope=%s", scope)
