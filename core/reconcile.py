"""Our record and the venues in; trades brought to rest and people told out.

At a start entries are off until every order is decided or known to be waited for and
every trade moves forward, is unwound or has a person called. Afterwards the same
comparison runs on a timer. Only two equal readings decide, a failed one never does, and
running any of it twice changes nothing more.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import StorageError
from core.execution import endings, facts, income
from core.execution.live import NotYet, doubted
from core.execution.sizing import ZERO, booked, is_level, zeros
from core.execution.world import RaceLostError, attention_key, stopped_key
from core.halting import lift
from core.limits import STARTUP_KEY, UNTOLD, is_over
from core.model.alert import Alert, AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Event, Halt, TradingState
from core.model.trade import TradeState
from core.model.units import VenueId
from core.orders.desk import asked, decide_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence
    from datetime import datetime

    from core.execution import Execution
    from core.execution.clocks import ClockWatch
    from core.execution.live import Agreed
    from core.execution.sizing import Docket
    from core.execution.world import Tell
    from core.model.trade import Trade
    from core.model.units import TradeId
    from core.ports import Outbox

log = logging.getLogger(__name__)

START_WITHIN = timedelta(seconds=30)
"""Trades that need longer go on in the background."""
START_STEP = timedelta(milliseconds=250)
START_AGAIN = timedelta(seconds=5)
READS_PER_CHECK = 3
WATCH_AFTER_FENCE = timedelta(hours=24)
"""How long an order decided by "not found" is watched for a late fill."""
PAID_LATE = timedelta(hours=2)
"""How long after a trade's end its last payment, price or fee is looked for."""
RECENT = 50
CLOSED_BY_HAND = "both legs were closed at the venues, not by me"
ASK_FIRST = "a leg is gone, and your rule is to be asked before the other one follows"
CHECKING = "positions are being checked after a start"


@dataclass(frozen=True, slots=True)
class StartSummary:
    """What a start found and did."""

    was: tuple[Trade, ...]
    """Trades not ended before the start."""
    now: tuple[Trade, ...]
    """The same trades afterwards."""
    deciding: dict[TradeId, datetime] = field(default_factory=dict)
    """When orders still being looked up are decided at the latest."""
    silent: tuple[VenueId, ...] = ()
    """Venues that did not answer; nothing is sent there until they do."""

    @property
    def not_started(self) -> int:
        """Return how many entries ended before anything was ordered."""
        return sum(1 for each in self.was if _is_early(each) and each.adding is None)

    def count(self, *, attention: bool) -> int:
        """Return how many trades rest, with or without a person needed."""
        return sum(1 for trade in self.now if trade.needs_attention is attention)


class Reconciler:
    """Compares our record with the venues, at start and ever after."""

    def __init__(
        self, *, execution: Execution, outbox: Outbox, clocks: ClockWatch | None = None
    ) -> None:
        self._execution, self._world = execution, execution.world
        self._outbox, self._clocks = outbox, clocks
        self._started_at = self._world.clock.now()
        self.reduces_lost = True
        """Whether the other leg follows one that its venue took; else a person is."""

    # --- start ------------------------------------------------------------------------

    async def hold_entries(self) -> None:
        """Send nothing until the check at start is done."""
        await self._halt(GLOBAL_SCOPE, TradingState.HALTED, CHECKING)

    async def at_start(self) -> StartSummary:
        """Bring every trade found to rest, tell the owners once, let entries in.

        What fails on the way (a full disk) is waited for: entries stay off, and the
        check begins anew.
        """
        while True:
            try:
                return await self._checked()
            except Exception:  # no trade may be left alone, whatever failed
                log.exception("start-up check failed")
                await self._world.clock.sleep(START_AGAIN)

    async def _checked(self) -> StartSummary:
        await self.hold_entries()
        if self._clocks is not None:
            await self._clocks.check()
        was = await self._world.trades.trades_in_progress()
        await self._align_halts(was)
        silent = await self._silent_venues()
        await self._halt(GLOBAL_SCOPE, TradingState.REDUCING, CHECKING)
        await self._bring_to_rest(was)
        await self.check_positions()
        summary = await self._summary(was, silent)
        if was:
            await self._outbox.put(await self._restarted(summary))
        event = Event(self._world.clock.now(), "engine", "start-up check done")
        await self._world.halts.clear_halt(GLOBAL_SCOPE, STARTUP_KEY, event)
        return summary

    async def _halt(self, scope: str, state: TradingState, reason: str) -> None:
        now = self._world.clock.now()
        halt = Halt(scope, STARTUP_KEY, state, reason, now)
        event = Event(now, "engine", f"halt {scope} {state.value}", reason)
        await self._world.halts.set_halt(halt, event)

    async def _align_halts(self, trades: Iterable[Trade]) -> None:
        """Keep the halts of trades in trouble, and only those."""
        flagged = {
            attention_key(trade.trade_id): trade
            for trade in trades
            if trade.needs_attention
        }
        for trade in flagged.values():
            await self._world.halt_instruments(trade, trade.attention or "")
        kept = {*flagged, *(stopped_key(each.trade_id) for each in flagged.values())}
        for halt in await self._world.halts.halts():
            if halt.key.startswith(attention_key("")) and halt.key not in kept:
                now = self._world.clock.now()
                event = Event(now, "engine", f"lift {halt.scope}", halt.key)
                await self._world.halts.clear_halt(halt.scope, halt.key, event)

    async def _silent_venues(self) -> tuple[VenueId, ...]:
        """Ask every venue for positions; those without an answer get no orders."""
        venues = self._world.venues
        async with asyncio.TaskGroup() as group:
            asking = {
                venue_id: group.create_task(asked(venue.positions()))
                for venue_id, venue in venues.items()
            }
        silent = tuple(each for each, task in asking.items() if task.result() is None)
        for venue_id in silent:
            why = f"{venue_id} did not answer at the start"
            await self._halt(venue_id, TradingState.HALTED, why)
        return silent

    async def _bring_to_rest(self, trades: Iterable[Trade]) -> None:
        clock = self._world.clock
        moving = [each for each in trades if each.state is not TradeState.OPEN]
        tasks = [self._execution.resume(trade) for trade in moving]
        until = clock.now() + START_WITHIN
        while clock.now() < until and not all(task.done() for task in tasks):
            await clock.sleep(START_STEP)

    async def _summary(
        self, was: Sequence[Trade], silent: tuple[VenueId, ...]
    ) -> StartSummary:
        now, deciding = [], {}
        for trade in was:
            docket = await self._world.docket(trade.trade_id)
            if docket is None:
                continue
            now.append(docket.trade)
            moments = [decide_by(order) for order in docket.unresolved]
            if moments:
                deciding[trade.trade_id] = max(moments)
        return StartSummary(tuple(was), tuple(now), deciding, silent)

    async def _restarted(self, summary: StartSummary) -> Alert:
        halts = [
            halt
            for halt in await self._world.halts.halts()
            if halt.scope == GLOBAL_SCOPE and halt.key != STARTUP_KEY
        ]
        held = halts[0] if halts else None
        state = TradingState.ACTIVE if held is None else held.state
        fine = [each for each in summary.was if _is_fine(each)]
        repaired = len(summary.was) - len(fine) - summary.not_started
        more = facts.known(
            fine=str(len(fine)),
            repaired=str(max(repaired - len(summary.deciding), 0)),
            checking=str(len(summary.deciding)),
            attention=str(summary.count(attention=True)),
            not_started=str(summary.not_started),
            silent=", ".join(summary.silent) or None,
            entries=state.value,
            entries_since=None if held is None else held.since.isoformat(),
            entries_reason=None if held is None else held.reason,
            items=json.dumps(_items(summary)),
        )
        return Alert(
            kind=AlertKind.RESTARTED,
            level=AlertLevel.INFO,
            dedupe_key=f"restarted:{self._started_at.isoformat()}",
            facts=more,
            created_at=self._world.clock.now(),
        )

    # --- watch ------------------------------------------------------------------------

    async def check_positions(self) -> None:
        """Compare every open trade with its venues; act on two equal readings only."""
        if self._clocks is not None:
            await self._clocks.notice()
        # side by side: a dead venue must not keep losses elsewhere from being seen
        async with asyncio.TaskGroup() as group:
            for trade in await self._world.trades.trades_in_progress():
                if trade.state is TradeState.OPEN:
                    check = self._guarded(self._check(trade.trade_id), trade)
                    group.create_task(check)
        since = self._world.clock.now() - WATCH_AFTER_FENCE
        for trade in await self._world.trades.recent_trades(RECENT):
            if trade.state.is_terminal and trade.created_at >= since:
                await self._guarded(self._check_ended(trade), trade)
        await self._welcome_back()
        if self._clocks is not None:
            await self._clocks.tick()
            await self._clocks.positions_read()

    async def _guarded(self, work: Awaitable[None], trade: Trade) -> None:
        try:
            await work
        except (RaceLostError, StorageError) as error:
            log.warning("check given up trade_id=%s: %s", trade.trade_id, error)
        except Exception:  # one trade's surprise must not end the others' checks
            log.exception("check failed trade_id=%s", trade.trade_id)

    async def _check(self, trade_id: TradeId) -> None:
        for _ in range(READS_PER_CHECK):
            docket = await self._world.docket(trade_id)
            if docket is None or self._is_elsewhere(docket.trade):
                return
            seen = await self._execution.live.compare(docket)
            if not isinstance(seen, NotYet):
                await self._judge(seen)
                return
            await self._world.clock.sleep(seen.again_in)

    def _is_elsewhere(self, trade: Trade) -> bool:
        is_busy = self._execution.is_busy(trade.trade_id)
        return is_busy or trade.state is not TradeState.OPEN

    async def _judge(self, seen: Agreed) -> None:
        trade, held = seen.docket.trade, seen.held
        if seen.foreign is not None and not trade.needs_attention:
            await self._world.raise_attention(seen.docket, seen.foreign)
            return
        is_zero = zeros(trade, held)
        if all(is_zero):
            await endings.closed(self._world, seen.docket, "T18", CLOSED_BY_HAND)
        elif any(is_zero) or not is_level(trade, held, may_add=False):
            await self._level(seen)
        elif seen.lost.first or seen.lost.second:
            await self._world.move(seen.docket, None, changed=trade)
        elif trade.needs_attention and seen.foreign is None:
            await self._calm(seen.docket)
        await self._world.complete(seen.docket)

    async def _calm(self, docket: Docket) -> None:
        """Let go of a trade that is in order again, and turn its entries on."""
        calm = replace(
            docket.trade,
            needs_attention=False,
            attention=None,
            steps=0,
            series_at=None,
        )
        await self._world.move(docket, None, changed=calm)
        await self._world.lift_instruments(docket.trade)

    async def _level(self, seen: Agreed) -> None:
        """Start to reduce the leg that has no counterpart any more (T17).

        If the rule is to ask, nothing is sent until an owner says so.
        """
        now, trade = self._world.clock.now(), seen.docket.trade
        lost = [number for number in (1, 2) if seen.lost.of(number) > ZERO]
        asks = bool(lost) and not self.reduces_lost
        tell = [_leg_lost(seen, number, now, reduces=not asks) for number in lost]
        fresh = replace(trade, steps=0, series_at=now)
        if asks:
            await self._world.halt_instruments(trade, ASK_FIRST)
            await self._world.stop_repairs(trade, None)
            fresh = replace(fresh, needs_attention=True, attention=ASK_FIRST)
            tell.append(lambda after: facts.not_hedged(after, ASK_FIRST, now))
        after = await self._world.move(seen.docket, "T17", changed=fresh, tell=tell)
        self._execution.start_repair(after.trade)

    async def _check_ended(self, trade: Trade) -> None:
        """Look for late fills of orders that were decided by "not found" (T33, T34)."""
        docket = await self._world.docket(trade.trade_id)
        since = self._world.clock.now() - WATCH_AFTER_FENCE
        if docket is None or self._execution.is_busy(trade.trade_id):
            return
        if not all(zeros(trade, booked(docket))):
            await self._revive(trade.trade_id)
            return
        watched = [
            order
            for order in docket.intents
            if order.evidence == "fence" and order.created_at >= since
        ]
        for order in watched:
            again = await self._world.orders.look_again(trade, order)
            if again != order:
                await self._revive(trade.trade_id)
                return
        if doubted(docket, 1) or doubted(docket, 2):
            await self._look_for_rest(docket)
        await self._complete(docket)

    async def _look_for_rest(self, docket: Docket) -> None:
        """Look for what an ended trade still holds, against all its books say."""
        trade, now = docket.trade, self._world.clock.now()
        if trade.closed_at is None or now - trade.closed_at > PAID_LATE:
            return  # what is held by now is more likely somebody else's
        seen = await self._execution.live.compare(docket)
        if isinstance(seen, NotYet) or min(seen.lost.first, seen.lost.second) >= 0:
            return
        await self._world.move(seen.docket, None, changed=seen.docket.trade)
        await self._revive(docket.trade.trade_id)

    async def _complete(self, docket: Docket) -> None:
        """Fetch prices and fees that a venue had not told when the trade ended."""
        trade, now = docket.trade, self._world.clock.now()
        if trade.closed_at is None or now - trade.closed_at > PAID_LATE:
            return
        await self._world.complete(docket)

    async def _revive(self, trade_id: TradeId) -> None:
        docket = await self._world.docket(trade_id)
        if docket is None:
            return
        row = "T33" if docket.trade.state is TradeState.ABORTED else "T34"
        now = self._world.clock.now()
        why = "an order was filled after its venue had said it did not know it"
        fresh = replace(
            docket.trade, steps=0, series_at=now, outcome=why, closed_at=None
        )
        after = await self._world.move(docket, row, changed=fresh)
        self._execution.start_repair(after.trade)

    async def _welcome_back(self) -> None:
        """Lift the halts of venues that answer again, or whose trouble is over."""
        now = self._world.clock.now()
        for halt in await self._world.halts.halts():
            if halt.scope == GLOBAL_SCOPE or not is_over(halt, now):
                continue
            venue = self._world.venues.get(VenueId(halt.scope))
            if venue is None or await asked(venue.positions()) is not None:
                await self._let_in(halt)

    async def _let_in(self, halt: Halt) -> None:
        now, halts = self._world.clock.now(), self._world.halts
        if halt.key not in UNTOLD:
            await lift(halts, halt, now)
            return
        event = Event(now, "engine", f"lift {halt.scope}")
        await halts.clear_halt(halt.scope, halt.key, event)

    # --- funding ----------------------------------------------------------------------

    async def book_funding(self) -> int:
        """Store funding payments with their trades once; return how many were new.

        Trades that ended lately are included: their last payment may show up late.
        """
        return await income.book_payments(self._world, await self._earning())

    async def _earning(self) -> tuple[Trade, ...]:
        now = self._world.clock.now()
        since = now - PAID_LATE
        if now - self._started_at < PAID_LATE:  # nobody looked while we were away
            since -= income.TOLD_LATE
        ended = [
            trade
            for trade in await self._world.trades.recent_trades(RECENT)
            if trade.state.is_terminal
            and trade.closed_at is not None
            and trade.closed_at >= since
        ]
        return (*await self._world.trades.trades_in_progress(), *ended)


def _is_early(trade: Trade) -> bool:
    """Tell whether nothing was ordered yet for an entry or an addition."""
    return trade.state in {TradeState.CONFIRMED, TradeState.PREFLIGHT}


def _is_fine(trade: Trade) -> bool:
    """Tell whether a pair was open and level, also one that was about to grow."""
    is_open = trade.adding is not None and _is_early(trade)
    is_open = is_open or trade.state is TradeState.OPEN
    return is_open and not trade.needs_attention


def _leg_lost(seen: Agreed, number: int, now: datetime, *, reduces: bool) -> Tell:
    lost = seen.lost.of(number)
    return lambda after: facts.leg_lost(after, number, lost, now, reduces=reduces)


def _items(summary: StartSummary) -> list[dict[str, str]]:
    now = {trade.trade_id: trade for trade in summary.now}
    items = []
    for trade in summary.was:
        after = now.get(trade.trade_id, trade)
        deciding = summary.deciding.get(trade.trade_id)
        items.append(
            facts.known(
                trade=trade.trade_id,
                base=trade.base,
                was=trade.state.value,
                now=after.state.value,
                decide_by=None if deciding is None else deciding.isoformat(),
                note=after.attention if after.needs_attention else after.outcome,
            )
        )
    return items
