"""Repeat what is critical until a person saw it or it is over.

An alarm begins with its alert, in the same transaction. It is told again after 1, 5, 15
and 60 minutes and then every hour. Seeing it ends the repeats, not the condition; the
condition ends when the trade is level again, the venue answers or the halt is lifted.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.model.alert import AlertKind, repeat_after
from core.model.control import HALT_KEY, Event
from core.model.trade import TradeState
from core.model.units import VenueId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from core.health import VenueMonitor
    from core.model.alert import Alarm, Alert
    from core.model.units import UserId
    from core.ports import Alarms, Clock, Halts, Outbox, Trades

KEPT = timedelta(days=7)
"""How long an alarm that is over can still be looked up by its button."""


class Bell:
    """Rings alarms again, and takes note of who saw them."""

    def __init__(
        self,
        *,
        alarms: Alarms,
        outbox: Outbox,
        trades: Trades,
        halts: Halts,
        monitor: VenueMonitor,
        clock: Clock,
    ) -> None:
        self._alarms, self._outbox, self._clock = alarms, outbox, clock
        self._trades, self._halts, self._monitor = trades, halts, monitor
        self._checks: Mapping[AlertKind, Callable[[Alert], Awaitable[bool]]] = {
            AlertKind.VENUE_DOWN: self._answers,
            AlertKind.PAUSED: self._is_lifted,
            AlertKind.HALTED: self._is_lifted,
        }

    async def ring(self) -> None:
        """Tell again what is due, and end what is over (timer)."""
        now = self._clock.now()
        for alarm in await self._alarms.ringing():
            if await self._is_over(alarm.alert):
                await self._alarms.end(alarm.cause)
            elif alarm.next_at <= now:
                await self._tell(alarm)
        await self._alarms.forget(now - KEPT)

    async def see(self, cause: str, user_id: UserId, name: str) -> Alarm | None:
        """Stop the repeats of a condition; return the alarm with who saw it first.

        None if there is no such alarm.
        """
        event = Event(self._clock.now(), f"user {user_id}", "saw an alarm", cause)
        await self._alarms.see(cause, user_id, name, event)
        return await self._alarms.alarm(cause)

    async def _tell(self, alarm: Alarm) -> None:
        """Put the alert once more; a repeat that was missed is not made up for."""
        now, repeats = self._clock.now(), alarm.repeats + 1
        while alarm.began_at + repeat_after(repeats) <= now:
            repeats += 1
        told = replace(
            alarm.alert,
            dedupe_key=f"{alarm.alert.dedupe_key}:again:{repeats}",
            facts={
                **alarm.alert.facts,
                "again": str(repeats),
                "began_at": alarm.began_at.isoformat(),
            },
            created_at=now,
            cause=alarm.cause,
            edits_message_id=None,
        )
        await self._outbox.put(told)
        next_at = alarm.began_at + repeat_after(repeats)
        await self._alarms.rang(alarm.cause, repeats, next_at)

    # --- is it over? ------------------------------------------------------------------

    async def _is_over(self, alert: Alert) -> bool:
        if alert.trade_id is not None:
            trade = await self._trades.trade(alert.trade_id)
            if trade is None or trade.state.is_terminal:
                return True
            return trade.state is TradeState.OPEN and not trade.needs_attention
        check = self._checks.get(alert.kind)
        return check is not None and await check(alert)

    async def _answers(self, alert: Alert) -> bool:
        venue_id = VenueId(alert.facts.get("venue", ""))
        held = await self._trades.trades_in_progress()
        if all(
            leg.instrument.venue_id != venue_id for trade in held for leg in trade.legs
        ):
            return True
        answering = self._monitor.of(venue_id)
        # after a restart nothing is known until the venue was asked
        return answering.failing_since is None and answering.latency is not None

    async def _is_lifted(self, alert: Alert) -> bool:
        """Tell whether the halt an alert was about is no longer in force."""
        halts = await self._halts.halts()
        if "halted_by" in alert.facts:
            return all(halt.key != HALT_KEY for halt in halts)
        if "key" in alert.facts:
            meant = alert.facts.get("scope"), alert.facts["key"]
            return all((halt.scope, halt.key) != meant for halt in halts)
        reason = alert.facts.get("reason", "")
        return all(halt.reason != reason for halt in halts)
