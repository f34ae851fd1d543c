"""One venue is slow or dead: what does not need it answers within a second."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from core.engine import Engine
from core.exitwatch import ExitWatch, Seen
from core.limits import Limits
from core.model.exit import ExitRules
from core.model.history import PriceMoves
from core.model.trade import TradeState, advance_trade
from core.model.units import TradeId, UserId
from core.opportunities import Gates
from core.purse import Purse
from tests.campaigns.account import FOR_EVER, ArenaVenue, Deed, Outage
from tests.campaigns.arena import Arena
from tests.campaigns.virtual import LoopClock, run
from tests.fakes.engine import no_choices
from tests.fakes.journal import MemoryOutbox
from tests.fakes.memory import FakeAlertMemory
from tests.fakes.objects import EXTENDED, LIGHTER, instrument
from tests.fakes.stage import CAPS, PRICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.engine import EngineParts
    from core.model.instrument import Instrument
    from core.model.trade import Trade
    from core.model.units import VenueId

OTHER = TradeId("8G3")
A_SECOND = 1.0
ME = UserId(1)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Expected failures would only slow the log down."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Hall(Arena):
    """Two pairs on four venues in one process; the first venue is in trouble."""

    def __init__(self) -> None:
        self.more = {
            venue_id: instrument("SOL", venue_id) for venue_id in (LIGHTER, EXTENDED)
        }
        self.others: dict[VenueId, ArenaVenue] = {}
        super().__init__()
        self.journal.watch = lambda: None

    @property
    def accounts(self) -> dict[VenueId, ArenaVenue]:
        """Return all four venues by id."""
        if not self.others:
            self.others = {key: self._other(each) for key, each in self.more.items()}
        return {**super().accounts, **self.others}

    @property
    def venues(self) -> dict[VenueId, ArenaVenue]:  # type: ignore[override]  # more of them
        """Return all four venues by id."""
        return self.accounts

    def _other(self, listed: Instrument) -> ArenaVenue:
        return ArenaVenue(listed, LoopClock(), self.switch, PRICE)

    def both(self) -> Trade:
        """Store two confirmed trades and return the second."""
        one = self.confirmed()
        first = replace(one.first, instrument=self.more[LIGHTER])
        second = replace(one.second, instrument=self.more[EXTENDED])
        two = replace(one, trade_id=OTHER, first=first, second=second)
        self.journal.rows[OTHER] = two
        return two

    def fail(self, how: str) -> None:
        """Let the first venue be silent, or take 9 s for everything."""
        if how == "slow":
            self.first.latency = timedelta(seconds=9)
            return
        self.first.outages.append(Outage(self.clock.now() + FOR_EVER, reads="hang"))
        self.first.conduct = lambda *_: Deed(hangs=True)

    def engine(self) -> Engine:
        """Return the use cases over this hall."""
        scanner = SimpleNamespace(
            rates=SimpleNamespace(fresh=lambda _: None),
            absence=lambda _: None,
            gates=Gates(Decimal(0), Decimal(0), allows_unknown_volume=True),
            appraisal=None,
        )
        exits = ExitWatch(
            execution=self.execution,
            memory=FakeAlertMemory(),
            outbox=MemoryOutbox(self.journal),
            rules=lambda: ExitRules(actions={}),
            market=Seen(
                fresh=lambda _: None, absence=lambda _: None, is_doubted=lambda _: False
            ),
        )
        parts = SimpleNamespace(
            facts=None,
            clock=self.clock,
            trades=self.journal,
            halts=self.journal,
            accounts=self.accounts,
            outbox=MemoryOutbox(self.journal),
            scanner=scanner,
            foreign=SimpleNamespace(found=tuple),
            reconciler=SimpleNamespace(),
            history=SimpleNamespace(price_moves=lambda _: PriceMoves(0, None)),
            purse=Purse(accounts=self.accounts, clock=self.clock),
            preferences=no_choices(self.clock),
            limits=Limits(halts=self.journal, clock=self.clock, caps=CAPS),
            exits=exits,
            bookkeeper=None,
        )
        return Engine(cast("EngineParts", parts))


async def opened(hall: Hall, moment: str, how: str) -> None:
    """Bring the second pair to OPEN while the first meets its venue's trouble."""
    hall.both()
    if moment == "entering":
        hall.fail(how)
    await hall.execution.drive(OTHER)
    if moment == "entering":
        hall.journal.rows[hall.trade.trade_id] = replace(
            hall.trade, created_at=hall.clock.now()
        )
        hall.execution.start_open(hall.trade)
    else:
        await hall.execution.drive(hall.trade.trade_id)
        hall.fail(how)
    if moment == "closing":
        hall.ask_close()
        hall.execution.start_close(hall.trade)
    if moment == "checking":
        hall.nursery.start(hall.reconciler.check_positions(), name="check")
    await hall.clock.sleep(timedelta(milliseconds=300))


async def seconds_to_close(moment: str, how: str) -> float:
    """Return how long the second pair's close takes."""
    hall = Hall()
    await opened(hall, moment, how)
    before = hall.clock.monotonic()
    trade = hall.journal.rows[OTHER]
    hall.journal.rows[OTHER] = replace(
        advance_trade(trade, "T19"), close_target_base=PRICE * 0, close_rounds=0
    )
    await hall.execution.drive(OTHER)
    took = hall.clock.monotonic() - before
    assert hall.journal.rows[OTHER].state is TradeState.CLOSED
    await hall.nursery.cancel()
    return took


async def seconds_to_answer(moment: str, how: str) -> tuple[float, float, int]:
    """Return how long positions and a halt take, and how many balances are shown."""
    hall = Hall()
    await opened(hall, moment, how)
    engine, before = hall.engine(), hall.clock.monotonic()
    portfolio = await engine.portfolio()
    shown = hall.clock.monotonic()
    assert len(portfolio.positions) == 2
    assert await engine.pause(ME)
    await engine.halt(ME, tells_owners=True)
    halted = hall.clock.monotonic()
    await hall.nursery.cancel()
    return shown - before, halted - shown, len(portfolio.balances)


MOMENTS = ("entering", "closing", "checking")


@pytest.mark.parametrize("how", ["dead", "slow"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_pair_elsewhere_closes_within_a_second(moment: str, how: str) -> None:
    """INV30: whatever the dead venue's own pair is doing just then."""
    assert run(seconds_to_close(moment, how)) <= A_SECOND


@pytest.mark.parametrize("how", ["dead", "slow"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_positions_and_halts_answer_within_a_second(moment: str, how: str) -> None:
    """A person must see and stop everything just when a venue is in trouble."""
    shown, halted, balances = run(seconds_to_answer(moment, how))

    assert shown <= A_SECOND
    assert halted <= A_SECOND
    assert balances == 3


def test_a_loss_elsewhere_is_found_while_a_venue_is_dead() -> None:
    """Positions of a living venue are compared beside those that never answer."""

    async def story() -> TradeState:
        hall = Hall()
        await opened(hall, "quiet", "dead")
        hall.others[LIGHTER].move_position(-hall.others[LIGHTER].position)
        until = hall.clock.monotonic() + 65
        while hall.clock.monotonic() < until:
            check = hall.nursery.start(hall.reconciler.check_positions(), name="check")
            await hall.clock.sleep(timedelta(seconds=30))
            del check
        await hall.nursery.cancel()
        return hall.journal.rows[OTHER].state

    assert run(story()) in {TradeState.REBALANCE, TradeState.CLOSED}


def test_the_same_holds_by_the_clock_on_the_wall() -> None:
    """Not only in virtual time: nothing blocks the loop either."""
    assert asyncio.run(seconds_to_close("closing", "dead")) < 3 * A_SECOND
