"""Findings about accounts in; entries off where something is wrong, owners told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.checkup.findings import Level
from core.halting import impose, lift
from core.model.alert import AlertLevel
from core.model.control import GLOBAL_SCOPE, Halt, TradingState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from bot.checkup.findings import Finding
    from core.ports import Clock, Halts

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
        clock: Clock,
    ) -> None:
        self._examine, self._halts, self._clock = examine, halts, clock

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
        await impose(self._halts, halt, level=AlertLevel.CRITICAL, who=_WHO)

    async def _release(self, scope: str) -> None:
        for halt in await self._halts.halts():
            if (halt.scope, halt.key) == (scope, KEY):
                await lift(self._halts, halt, self._clock.now(), who=_WHO)
                log.info("entries on again scope=%s", scope)
