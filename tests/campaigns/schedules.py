"""Random worlds: seeded schedules of faults, crashes, hands, halts and clock steps.

One seed is one story: a pair is confirmed with several taps, opened, held, closed (in
whole or in part) while orders, reads, books, disks and clocks go wrong for a while.
Every invariant is checked at every step, and at the end once nothing goes wrong.

In worlds from `GROWING` on the open pair also grows while all of that goes on.

`python -m tests.campaigns.schedules 123` plays one seed and tells its steps.
"""

from __future__ import annotations

import logging
import random
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.control import GLOBAL_SCOPE, Halt, TradingState
from core.model.order import Payment
from core.model.trade import TradeState
from tests.campaigns.account import Deed, Outage, lost, refused
from tests.campaigns.arena import Arena
from tests.campaigns.virtual import run
from tests.fakes.account import Reply
from tests.fakes.journal import Killed
from tests.fakes.stage import QUANTITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.model.intent import OrderIntent
    from tests.campaigns.account import ArenaVenue

CODES = ("margin", "rate_limit", "price_band", "min_notional", "clock", "position_mode")
SHARES = ("1", "1", "1", "0.5", "0.33", "0")
REPLIES = (
    (Reply.FILL, 10),
    (Reply.LOST, 3),
    (Reply.NEVER, 3),
    (Reply.LATE, 3),
    (Reply.ACK, 2),
    (Reply.BLANK, 2),
    (Reply.REJECT, 4),
    (Reply.DUPLICATE, 2),
    (Reply.REST, 1),
    (Reply.BROKEN, 2),
)
GROWING = 1_000_000
"""From this seed on worlds hold an addition; earlier ones stay as they were."""
QUIET = timedelta(minutes=15)
"""How long a world runs on after its faults."""


class Schedule:
    """One world, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.seed, self.draw = seed, random.Random(seed)
        self.arena = Arena(second_lot=Decimal(self.draw.choice(["0.1", "0.5", "1"])))
        self.faults_for = self.draw.choice([5, 20, 60, 180])
        self.phase = self.draw.choice(["all", "sent", "close", "close"])
        self.read_fails = self.draw.choice([0, 0.05, 0.2])
        self.kills = self.draw.choice([0, 0, 0, 1, 2])
        self.weather = self.draw.random() < 0.7
        self.has_hands = self.draw.random() < 0.15
        self.has_late = self.draw.random() < 0.1
        self.steps_clock = self.draw.random() < 0.15 and not self.kills
        self.is_closing, self.is_growing, self.since = False, False, 0.0
        for venue in self.arena.accounts.values():
            venue.conduct = self._conduct
            venue.fails = self._fails
            lag = self.draw.choice([0, 0, 0, 3, 20])
            venue.position_lag = timedelta(seconds=lag)

    # --- what goes wrong --------------------------------------------------------------

    def is_faulty(self) -> bool:
        """Tell whether things go wrong now."""
        arena = self.arena
        if arena.clock.monotonic() - self.since >= self.faults_for:
            return False
        is_on = self.is_closing or self.is_growing or self.phase == "all"
        is_on = is_on or (self.phase == "sent" and bool(arena.first.submits))
        if is_on:
            arena.audit.faults_until = arena.clock.now()
        return is_on

    def _fails(self, _: str) -> bool:
        return self.is_faulty() and self.draw.random() < self.read_fails

    def _conduct(self, venue: ArenaVenue, order: OrderIntent) -> Deed:
        del order
        if not self.is_faulty():
            return Deed()
        if self.weather and self.draw.random() < 0.4:
            self._strike(venue)
        replies, weights = zip(*REPLIES, strict=True)
        reply = self.draw.choices(replies, weights)[0]
        is_odd = self.draw.random() < 0.05
        late = self.draw.randint(60, 120)
        return Deed(
            reply=reply,
            share=Decimal(self.draw.choice(SHARES)),
            code=self.draw.choice(CODES),
            hidden_for=timedelta(seconds=self.draw.choice([0, 0, 0, 1, 20])),
            hangs=self.draw.random() < 0.1,
            is_dropped=is_odd,
            after_all_s=late if self.has_late and reply is Reply.NEVER else None,
        )

    def _strike(self, venue: ArenaVenue) -> None:
        """Let something happen beside the order."""
        kinds: list[Callable[[ArenaVenue], None]] = [
            self._outage,
            self._outage,
            self._prices,
            self._disk,
            self._halt,
        ]
        if self.has_hands:
            kinds.append(self._hand)
        if self.steps_clock:
            kinds += [self._clock, self._clock]
        self.draw.choice(kinds)(venue)

    def _outage(self, venue: ArenaVenue) -> None:
        arena = self.arena
        seconds = self.draw.choice([2, 10, 40, 120])
        until = arena.first.clock.now() + timedelta(seconds=seconds)
        submit = self.draw.choice(
            [None, None, lost, refused("banned"), refused("rate_limit")]
        )
        what = self.draw.choice(["reads", "reads", "book", "positions"])
        outage = Outage(until, submit)
        if what == "reads":
            outage = replace(outage, reads=self.draw.choice(["fail", "hang"]))
        elif what == "book":
            book = self.draw.choice(["old", "crossed", "empty"])
            outage = replace(outage, book=book)
        else:
            short = min(seconds, 20)
            until = arena.first.clock.now() + timedelta(seconds=short)
            positions = self.draw.choice(["omitted", "none"])
            outage = Outage(until, submit, positions=positions)
        venue.outages.append(outage)
        audit = arena.audit
        audit.faults_until = max(audit.faults_until or until, until)

    def _prices(self, venue: ArenaVenue) -> None:
        venue.move_price(
            Decimal(self.draw.choice(["-0.01", "-0.002", "0.002", "0.01"]))
        )

    def _disk(self, _: ArenaVenue) -> None:
        self.arena.journal.failures = self.draw.randint(1, 3)

    def _halt(self, venue: ArenaVenue) -> None:
        state = self.draw.choice([TradingState.REDUCING, TradingState.HALTED])
        scope = self.draw.choice([GLOBAL_SCOPE, venue.venue_id])
        now = self.arena.clock.now()
        self.arena.journal.halt_rows[scope, "test"] = Halt(
            scope, "test", state, "a trigger", now
        )

    def _hand(self, venue: ArenaVenue) -> None:
        share = Decimal(self.draw.choice(["0.3", "1"]))
        amount = venue.instrument.floor_quantity(abs(venue.position) * share)
        venue.move_position(-amount if venue.position > 0 else amount)

    def _clock(self, _: ArenaVenue) -> None:
        seconds = self.draw.choice([-3600, -5, 5, 3600])
        self.arena.clock.step(timedelta(seconds=seconds))

    # --- the story --------------------------------------------------------------------

    async def run(self) -> None:
        """Play the story to its end and check everything."""
        arena = self.arena
        if self.kills:
            arena.switch.kill_at = self.draw.randint(1, 120)
        arena.confirmed()
        await self._driven()
        if arena.state is TradeState.OPEN:
            await self._held()
        if arena.state is TradeState.OPEN and self.seed >= GROWING:
            await self._grown()
        if arena.state is TradeState.OPEN:
            self.is_closing, self.since = True, arena.clock.monotonic()
            share = Decimal(self.draw.choice(["0", "0", "0", "0.5"]))
            lot = arena.first.instrument
            arena.ask_close(lot.floor_quantity(QUANTITY * share))
            await self._driven()
        arena.journal.halt_rows = {
            key: halt
            for key, halt in arena.journal.halt_rows.items()
            if key[1] != "test"
        }
        await self._settled()
        arena.audit.after_faults()
        await self._recovered_twice()

    async def _grown(self) -> None:
        """Let an addition meet the same weather, and come to rest before the close."""
        arena = self.arena
        if arena.trade.needs_attention:
            return
        self.is_growing, self.since = True, arena.clock.monotonic()
        before = arena.trade.quantity_base
        arena.ask_addition(Decimal(self.draw.choice(["2", "4", "20"])))
        await self._driven()
        self.is_growing = False
        if arena.state is TradeState.OPEN and not arena.trade.needs_attention:
            await arena.run_for(timedelta(seconds=self.draw.choice([0, 60])))
            await self._revived()
        grown = arena.trade.quantity_base - before
        arena.audit.expect("INV05", grown >= 0, "an addition took a confirmed part")

    async def _driven(self) -> None:
        arena = self.arena
        arena.execution.start_open(arena.trade)
        await arena.play(self._with_end_of_halts())
        while arena.switch.is_dead:
            self.kills -= 1
            again = self.draw.randint(1, 80) if self.kills > 0 else None
            await arena.recover(again)

    async def _with_end_of_halts(self) -> None:
        """Lift the trigger's halts when the faults are over, as their causes go."""
        arena = self.arena
        watched = arena.clock.monotonic()
        while arena.execution.is_busy(arena.trade.trade_id):
            await arena.clock.sleep(timedelta(seconds=1))
            if arena.clock.monotonic() - watched < 30:
                continue
            watched = arena.clock.monotonic()
            if not self.is_faulty():
                for key in [k for k in arena.journal.halt_rows if k[1] == "test"]:
                    del arena.journal.halt_rows[key]
            await arena.reconciler.check_positions()
            arena.audit.after_time()

    async def _held(self) -> None:
        """Hold the pair over a payment, and perhaps lose a leg to the venue."""
        arena = self.arena
        await arena.run_for(timedelta(seconds=self.draw.choice([0, 60])))
        for venue in arena.accounts.values():
            venue.paid.append(
                Payment(
                    venue_id=venue.venue_id,
                    symbol=venue.instrument.symbol,
                    pay_at=arena.clock.now(),
                    amount_usd=Decimal("0.05"),
                    per_payment=Decimal("0.0001"),
                    quantity_base=venue.position,
                    price=venue.price,
                )
            )
        for _ in range(2):
            await arena.play(arena.reconciler.book_funding())
        if self.has_hands and self.draw.random() < 0.5:
            self._hand(self.draw.choice([arena.first, arena.second]))
            await arena.run_for(timedelta(minutes=4))
        await self._revived()

    async def _revived(self) -> None:
        while self.arena.switch.is_dead:
            self.kills -= 1
            await self.arena.recover()

    async def _settled(self) -> None:
        await self.arena.run_for(QUIET)
        while self.arena.switch.is_dead:
            await self._revived()
            await self.arena.run_for(QUIET)

    async def _recovered_twice(self) -> None:
        """Start again over a world at rest: nothing is ordered, nothing changes."""
        arena = self.arena
        before = arena.state, len(arena.orders_made), arena.held
        if arena.trade.needs_attention:
            return
        await arena.recover()
        after = arena.state, len(arena.orders_made), arena.held
        arena.audit.expect("INV24", before == after, f"{before} became {after}")
        arena.audit.check_payments()

    def problems(self) -> list[str]:
        """Return everything that did not hold."""
        return list(dict.fromkeys(self.arena.violations))


async def _played(seed: int) -> Schedule:
    world = Schedule(seed)
    try:
        await world.run()
    except (Killed, Exception) as error:  # noqa: BLE001 - whatever happens belongs to the seed
        world.arena.violations.append(f"the story broke: {error!r}")
    return world


def play(seed: int) -> Schedule:
    """Play a seed in virtual time."""
    return run(_played(seed))


def main(seeds: list[str]) -> int:
    """Replay seeds, telling their steps; return the exit status."""
    logging.disable(logging.CRITICAL)
    is_bad = False
    for seed in seeds:
        world = play(int(seed))
        problems = world.problems()
        is_bad = is_bad or bool(problems)
        words = "\n  ".join(problems) or "holds"
        steps = " ".join(world.arena.steps)
        sys.stdout.write(f"seed {seed}: {world.arena.state} [{steps}]\n  {words}\n")
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
