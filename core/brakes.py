"""The host's brakes: a file that stops everything, and the most that a day may lose.

Both are looked at with every look at the positions and again before every entry; what
they stop is told once, and once more when it goes on.
"""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.halting import impose, lift
from core.limits import FILE_KEY, LOSS_KEY
from core.model.alert import AlertLevel
from core.model.control import GLOBAL_SCOPE, Halt, TradingState
from core.model.trade import TradeState
from core.pnl import moves

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from core.ports import Clock, Halts, Ledger

log = logging.getLogger(__name__)

ZERO = Decimal(0)
DAY = timedelta(days=1)


class Brakes:
    """Stops what the host forbids, and lets go when it no longer does."""

    def __init__(
        self,
        *,
        halts: Halts,
        ledger: Ledger,
        clock: Clock,
        max_daily_loss_usd: Decimal,
        is_file_there: Callable[[], Awaitable[bool]],
    ) -> None:
        self._halts, self._ledger, self._clock = halts, ledger, clock
        self._most, self._is_file_there = max_daily_loss_usd, is_file_there

    async def check(self) -> None:
        """Look at both.

        Raises:
            StorageError: what could not be written is as it was.
        """
        await self._check_file()
        await self._check_loss()

    async def _check_file(self) -> None:
        try:
            is_there = await self._is_file_there()
        except OSError:  # not knowing whether it is there changes nothing
            log.exception("the folder of the HALT file cannot be read")
            return
        if not is_there:
            await self._release(FILE_KEY)
            return
        why = "a file named HALT lies in the bot's data folder"
        now, state = self._clock.now(), TradingState.HALTED
        halt = Halt(GLOBAL_SCOPE, FILE_KEY, state, why, now)
        await impose(self._halts, halt, level=AlertLevel.CRITICAL)

    async def _check_loss(self) -> None:
        now = self._clock.now()
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        held = next((h for h in await self._halts.halts() if h.key == LOSS_KEY), None)
        if held is not None:
            if held.until is not None and now >= held.until:
                await lift(self._halts, held, now)
            else:
                return
        booked = await self._booked(today)
        if booked > -self._most:
            return
        why = (
            f"today's price results, fees and funding come to {booked:.2f} USD; the"
            f" most a day may lose here is {self._most:f} (CARRY_MAX_DAILY_LOSS_USD)"
        )
        state, until = TradingState.REDUCING, today + DAY
        halt = Halt(GLOBAL_SCOPE, LOSS_KEY, state, why, now, until=until)
        await impose(self._halts, halt, level=AlertLevel.CRITICAL)

    async def _booked(self, since: datetime) -> Decimal:
        """Add up what pairs at rest booked: one leg sold first is no loss yet."""
        entries = [
            entry
            for entry in await self._ledger.entries(since, paid_since=since)
            if entry.trade.state is TradeState.OPEN or entry.trade.state.is_terminal
        ]
        found = (move for entry in entries for move in moves(entry))
        return sum((m.parts.net_usd for m in found if m.at >= since), ZERO)

    async def _release(self, key: str) -> None:
        for halt in await self._halts.halts():
            if halt.key == key:
                await lift(self._halts, halt, self._clock.now())
