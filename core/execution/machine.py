"""Drive one trade at a time along its arrows until it rests.

A trade's work runs in a task of its own and never twice at once. Entries run one after
the other in the whole process; closes, unwinds and repairs never wait for them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution import adding, balance, closing, entry
from core.execution.live import LivePositions
from core.execution.sizing import ZERO, booked, excess, zeros
from core.execution.world import GO, READ_AGAIN, RaceLostError
from core.model.trade import Residual, TradeState

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from core.execution.sizing import Docket, Held
    from core.execution.world import World
    from core.model.trade import Trade
    from core.model.units import TradeId, UserId
    from core.runtime import Nursery

log = logging.getLogger(__name__)

ENTRY_STATES = {
    TradeState.CONFIRMED,
    TradeState.PREFLIGHT,
    TradeState.LEG1,
    TradeState.LEG2,
    TradeState.BALANCE,
}
RESTING = {TradeState.OPEN, TradeState.CLOSED, TradeState.ABORTED}


class Execution:
    """Opens, levels, closes and repairs trades."""

    def __init__(self, *, world: World, nursery: Nursery) -> None:
        self.world = world
        self.live = LivePositions(world)
        self._nursery = nursery
        self._one_entry = asyncio.Lock()
        self._turns: dict[TradeId, asyncio.Lock] = {}
        self._workers: Counter[TradeId] = Counter()
        self._at_start: set[TradeId] = set()
        self._naps: dict[TradeId, asyncio.Timeout] = {}

    def start_open(self, trade: Trade) -> None:
        """Open or enlarge a confirmed trade in a task of its own."""
        self._start(trade, "open")

    def start_close(self, trade: Trade) -> None:
        """Close a trade that was moved to CLOSE1, in a task of its own."""
        self._start(trade, "close")

    def start_repair(self, trade: Trade) -> None:
        """Level a trade that was moved to a repairing state."""
        self._start(trade, "repair")

    def resume(self, trade: Trade) -> asyncio.Task[object]:
        """Bring a trade found after a start to rest: forward, unwound, or flagged."""
        self._at_start.add(trade.trade_id)
        return self._start(trade, "resume")

    def _start(self, trade: Trade, what: str) -> asyncio.Task[object]:
        name = f"{what} {trade.trade_id}"
        task = self._nursery.start(self.drive(trade.trade_id), name=name)
        self._workers[trade.trade_id] += 1
        task.add_done_callback(lambda _: self._workers.subtract([trade.trade_id]))
        return task

    def is_busy(self, trade_id: TradeId) -> bool:
        """Tell whether somebody works on a trade or is about to."""
        return self._workers[trade_id] > 0

    async def drive(self, trade_id: TradeId) -> None:
        """Run a trade until it rests, through waits, lost races and full disks."""
        async with self._turns.setdefault(trade_id, asyncio.Lock()):
            wait: timedelta | None = GO
            while wait is not None:
                if wait > GO:
                    await self._nap(trade_id, wait)
                wait = await self._tried(trade_id)
            self._at_start.discard(trade_id)

    async def _nap(self, trade_id: TradeId, wait: timedelta) -> None:
        """Wait between two steps, where `wake` may end the wait and nothing else."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as nap:
                self._naps[trade_id] = nap
                try:
                    await self.world.clock.sleep(wait)
                finally:
                    del self._naps[trade_id]

    def wake(self, trade_id: TradeId) -> None:
        """Let a trade that waits look at its venues at once."""
        nap = self._naps.get(trade_id)
        if nap is not None:
            nap.reschedule(asyncio.get_running_loop().time())

    async def close_by_rule(self, trade_id: TradeId, reason: str) -> bool:
        """Close an open pair because a rule says so, in a task of its own.

        False if it is not at rest, needs a person, or is halted: then nothing changed.
        """
        docket = await self.world.docket(trade_id)
        if docket is None or docket.unresolved or self.is_busy(trade_id):
            return False
        trade = docket.trade
        if trade.state is not TradeState.OPEN or trade.needs_attention:
            return False
        for number in (1, 2):
            if await balance.is_halted(self.world, docket, number):
                return False
        changed = replace(
            trade,
            close_plan_id=None,
            close_target_base=ZERO,
            close_rounds=0,
            message_id=None,
            outcome=reason,
        )
        try:
            after = await self.world.move(docket, "T19", changed=changed)
        except RaceLostError:
            return False
        self.start_close(after.trade)
        return True

    async def retry_now(self, trade_id: TradeId) -> bool:
        """Repair a trade in trouble without waiting, also one whose repairs stopped.

        False if the trade does not need a person. The next attempt is an ordinary one:
        reduce-only, after reading both positions.
        """
        docket = await self.world.docket(trade_id)
        if docket is None or not docket.trade.needs_attention:
            return False
        await self.world.allow_repairs(docket.trade)
        if not docket.unresolved and docket.trade.state not in RESTING:
            try:
                fresh = replace(docket.trade, steps=0)
                await self.world.move(docket, None, changed=fresh)
            except RaceLostError:
                log.info("a step was faster than the tap trade_id=%s", trade_id)
        self.wake(trade_id)
        return True

    async def accept_residual(
        self, trade_id: TradeId, shown: Held, user_id: UserId
    ) -> bool:
        """Let an owner keep what one leg holds too much, as it was shown to him.

        False if the legs hold something else by now, an order is undecided, or there is
        nothing to accept. The pair then rests at its next step: open with the residual,
        or ended with what is left given to its owner.
        """
        docket = await self.world.docket(trade_id)
        if docket is None or not docket.trade.needs_attention or docket.unresolved:
            return False
        trade, held = docket.trade, booked(docket)
        quantity = excess(trade, held)
        if held != shown or quantity is None or trade.state in RESTING:
            return False
        larger, is_all = trade.legs[held.larger - 1], any(zeros(trade, held))
        word = Residual(quantity, user_id, self.world.clock.now(), is_all=is_all)
        first, second = (
            replace(leg, accepted=word if leg is larger else leg.accepted)
            for leg in trade.legs
        )
        changed = replace(trade, first=first, second=second)
        try:
            await self.world.move(docket, None, changed=changed)
        except RaceLostError:
            return False
        self.wake(trade_id)
        return True

    async def _tried(self, trade_id: TradeId) -> timedelta | None:
        try:
            trade = await self.world.trades.trade(trade_id)
            is_entry = trade is not None and trade.state in ENTRY_STATES
            turn: AbstractAsyncContextManager[object] = (
                self._one_entry if is_entry else nullcontext()
            )
            async with turn:
                return await self.run(trade_id)
        except RaceLostError as error:
            log.warning("step lost its race: %s", error)
            return READ_AGAIN
        except Exception:  # the trade must not be left alone whatever happened
            log.exception("step failed trade_id=%s", trade_id)
            return READ_AGAIN

    async def run(self, trade_id: TradeId) -> timedelta | None:
        """Take a trade's steps until it rests (None) or must wait (how long)."""
        while True:
            docket = await self.world.docket(trade_id)
            if docket is None:
                return None
            for order in docket.unresolved:
                hooks = self.world.hooks(docket)
                await self.world.orders.resolve(docket.trade, order, hooks)
            if docket.unresolved:
                continue
            if docket.trade.state in RESTING:
                return None
            wait = await self._step(docket)
            if wait > GO:
                return wait

    async def _step(self, docket: Docket) -> timedelta:
        """Take the one step that the trade's state and orders ask for."""
        at_start = docket.trade.trade_id in self._at_start
        return await _STEPS[docket.trade.state](self.world, self.live, docket, at_start)


def _balance_of(
    docket: Docket,
) -> Callable[[World, LivePositions, Docket], Awaitable[timedelta]]:
    return balance.balance if docket.trade.adding is None else adding.balance


Step = Callable[["World", LivePositions, "Docket", bool], Awaitable[timedelta]]
_STEPS: dict[TradeState, Step] = {
    TradeState.CONFIRMED: lambda world, _, docket, at_start: entry.confirmed(
        world, docket, at_start=at_start
    ),
    TradeState.PREFLIGHT: lambda world, _, docket, at_start: entry.preflight(
        world, docket, at_start=at_start
    ),
    TradeState.LEG1: lambda world, _, docket, __: entry.leg1(world, docket),
    TradeState.LEG2: lambda world, _, docket, __: entry.leg2(world, docket),
    TradeState.BALANCE: lambda world, live, docket, _: _balance_of(docket)(
        world, live, docket
    ),
    TradeState.UNWIND: lambda world, live, docket, _: balance.unwind(
        world, live, docket
    ),
    TradeState.REBALANCE: lambda world, live, docket, at_start: balance.rebalance(
        world, live, docket, at_start=at_start
    ),
    TradeState.CLOSE1: lambda world, live, docket, at_start: closing.close1(
        world, live, docket, at_start=at_start
    ),
    TradeState.CLOSE2: lambda world, live, docket, at_start: closing.close2(
        world, live, docket, at_start=at_start
    ),
}
"""What each state that is not a rest does next."""
