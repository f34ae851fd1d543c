"""A pair on two faulty venues in virtual time, audited at every step."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from core.execution import Execution
from core.model.trade import TradeState
from core.reconcile import Reconciler
from tests.campaigns.account import ArenaVenue
from tests.campaigns.audit import Audit
from tests.campaigns.virtual import LoopClock
from tests.fakes.journal import MemoryJournal, MemoryOutbox, Switch
from tests.fakes.objects import BINANCE, HYPERLIQUID, instrument
from tests.fakes.stage import ADDED, LOT, PRICE, TRADE, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from core.model.instrument import Instrument
    from core.model.trade import Trade
    from core.model.units import VenueId

T = TypeVar("T")

LONGEST = timedelta(hours=2)
CHECK_EVERY = timedelta(seconds=30)
"""How often positions are compared in the background."""


class ArenaSwitch(Switch):
    """A switch that tells when the process died, and may die at a named point."""

    def __init__(self) -> None:
        super().__init__()
        self.died = asyncio.Event()
        self.kill_when: Callable[[str], bool] | None = None

    async def point(self, name: str) -> None:
        """Pass one point, or die there."""
        if not self.is_dead and self.kill_when is not None and self.kill_when(name):
            self.kill_at = len(self.passed) + 1
        try:
            await super().point(name)
        finally:
            if self.is_dead:
                self.died.set()

    def revive(self, kill_at: int | None = None) -> None:
        """Start a new process."""
        super().revive(kill_at)
        self.died.clear()
        self.kill_when = None


class Arena(Stage):
    """A stage in virtual time whose venues can do worse and whose books are audited."""

    first: ArenaVenue
    second: ArenaVenue
    clock: LoopClock
    switch: ArenaSwitch

    def __init__(self, *, second_lot: Decimal = LOT) -> None:
        self.clock = LoopClock()
        self.switch = ArenaSwitch()
        self.journal = MemoryJournal(self.switch)
        self.first = self._arena_venue(instrument("SOL", BINANCE))
        other = replace(instrument("SOL", HYPERLIQUID), lot_base=second_lot)
        self.second = self._arena_venue(other)
        self.spread = Decimal("0.0001")
        self.listed = True
        self.violations: list[str] = []
        self.audit = Audit(self)
        self.journal.watch = self.audit.after_write
        for venue in self.accounts.values():
            venue.before_submit = self.audit.before_submit
            venue.executed = self.audit.after_execution
        self.restarts = -1
        self.restart()

    def _arena_venue(self, listed: Instrument) -> ArenaVenue:
        # a venue has a clock of its own, and nobody moves that one
        return ArenaVenue(listed, LoopClock(), self.switch, PRICE)

    @property
    def accounts(self) -> dict[VenueId, ArenaVenue]:
        """Return both venues by id."""
        return {each.venue_id: each for each in (self.first, self.second)}

    def restart(self, kill_at: int | None = None) -> None:
        """Start a new process; marks are known, and prices may come from them."""
        super().restart(kill_at)
        self.restarts += 1
        self.world = replace(
            self.world,
            mark_price=lambda each: self.accounts[each.venue_id].price,
        )
        self.execution = Execution(world=self.world, nursery=self.nursery)
        outbox = MemoryOutbox(self.journal)
        self.reconciler = Reconciler(execution=self.execution, outbox=outbox)

    # --- play -------------------------------------------------------------------------

    async def play(
        self, work: Coroutine[object, object, T], *, limit: timedelta | None = None
    ) -> T | None:
        """Run work in virtual time; None if it was killed or is still at it then."""
        loop = asyncio.get_running_loop()
        task, death = loop.create_task(work), loop.create_task(self.switch.died.wait())
        seconds = (limit or LONGEST).total_seconds()
        await asyncio.wait(
            {task, death}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        death.cancel()
        if task.done() and not self.switch.is_dead:
            return task.result()
        task.cancel()
        await self.nursery.cancel()
        await asyncio.gather(task, death, return_exceptions=True)
        return None

    async def run_for(self, time: timedelta) -> None:
        """Let the process run with its check of positions every 30 s."""
        until = self.clock.monotonic() + time.total_seconds()
        while not self.switch.is_dead and self.clock.monotonic() < until:
            await self.play(self.reconciler.check_positions(), limit=CHECK_EVERY * 4)
            await self.play(self.clock.sleep(CHECK_EVERY))
            self.audit.after_time()

    async def settle_down(self, time: timedelta = timedelta(minutes=12)) -> None:
        """Run on until faults are long over, restarting whenever killed."""
        await self.run_for(time)
        while self.switch.is_dead:
            await self.recover()
            await self.run_for(time)

    async def recover(self, kill_at: int | None = None) -> None:
        """Restart and run the start-up check until the trade rests or is killed."""
        self.restart(kill_at)
        await self.play(self._recovered(), limit=LONGEST)

    async def _recovered(self) -> None:
        await self.reconciler.at_start()
        while self.execution.is_busy(TRADE):
            await self.clock.sleep(CHECK_EVERY)
            await self.reconciler.check_positions()

    async def driven(self) -> None:
        """Drive the trade beside the background checks, through kills, until it rests.

        A process that is killed is started again.
        """
        self.execution.start_open(self.trade)
        await self.play(self._watched(), limit=LONGEST)
        while self.switch.is_dead:
            await self.recover()

    async def _watched(self) -> None:
        while self.execution.is_busy(TRADE):
            await self.clock.sleep(timedelta(seconds=1))
            if int(self.clock.monotonic()) % int(CHECK_EVERY.total_seconds()) == 0:
                await self.reconciler.check_positions()
                self.audit.after_time()

    # --- steps ------------------------------------------------------------------------

    def confirmed(self) -> Trade:
        """Store a trade that was just confirmed."""
        trade = super().confirmed()
        self.audit.begin()
        return trade

    def ask_close(self, target: Decimal = Decimal(0)) -> Trade:
        """Store what the tap on Close does."""
        trade = super().ask_close(target)
        self.audit.begin()
        return trade

    def ask_addition(self, quantity: Decimal = ADDED) -> Trade:
        """Store what the tap on Add does."""
        trade = super().ask_addition(quantity)
        self.audit.begin()
        return trade

    async def add(self, quantity: Decimal = ADDED) -> Trade:
        """Confirm an addition and run it until it rests."""
        if self.state is TradeState.OPEN:
            self.ask_addition(quantity)
            await self.driven()
        return self.trade

    async def open(self) -> Trade:
        """Confirm a trade and run it until it rests."""
        self.confirmed()
        await self.driven()
        return self.trade

    async def close(self) -> Trade:
        """Confirm a close and run it until it rests."""
        if self.state is TradeState.OPEN:
            self.ask_close()
            await self.driven()
        return self.trade
