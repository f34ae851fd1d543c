from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from core.errors import TroubleKind, VenueError
from core.execution.clocks import CLOCK_KEY, ClockWatch
from core.limits import Limits
from core.model.control import GLOBAL_SCOPE, TradingState
from core.reconcile import Reconciler
from tests.fakes.journal import MemoryOutbox
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.stage import CAPS, Stage
from tests.unit.core.test_intent import ORDER

if TYPE_CHECKING:
    from core.model.units import VenueId
    from core.ports import AccountInspector

SOL = "SOL/USDT:USDT"


class Dial:
    """A venue's clock, which a test sets."""

    def __init__(self, venue_id: VenueId, seconds: str | None) -> None:
        self.venue_id, self.seconds = venue_id, seconds
        self.reads = 0
        self.is_silent = False

    async def clock_offset(self) -> timedelta | None:
        """Return how far it is ahead of ours."""
        self.reads += 1
        if self.is_silent:
            raise VenueError(self.venue_id, TroubleKind.TIMEOUT, "no answer")
        if self.seconds is None:
            return None
        return timedelta(milliseconds=int(Decimal(self.seconds) * 1000))


def watch(stage: Stage, *dials: Dial) -> ClockWatch:
    """Return a watch over these clocks."""
    accounts = {each.venue_id: cast("AccountInspector", each) for each in dials}
    return ClockWatch(accounts=accounts, halts=stage.journal, clock=stage.clock)


@pytest.mark.parametrize(
    ("seconds", "is_halted"),
    [("0.999", False), ("1.000", True), ("-0.999", False), ("-1.000", True)],
)
async def test_a_clock_wrong_by_a_second_halts_everything(
    seconds: str, *, is_halted: bool
) -> None:
    """Expiries would be wrong by as much, on all venues."""
    stage = Stage()
    clocks = watch(stage, Dial(BINANCE, "0.1"), Dial(HYPERLIQUID, seconds))

    await clocks.check()

    assert ((GLOBAL_SCOPE, CLOCK_KEY) in stage.journal.halt_rows) is is_halted


async def test_the_reason_says_which_way_the_clock_is_wrong() -> None:
    """A person must know what to set."""
    stage = Stage()

    await watch(stage, Dial(BINANCE, "2.04"), Dial(HYPERLIQUID, "0")).check()

    (halted,) = stage.journal.halt_rows.values()
    assert halted.state is TradingState.HALTED
    assert halted.reason.startswith(
        "this machine's clock is 2.0 s behind that of binance;"
    )


async def test_a_clock_that_is_right_again_lifts_the_halt() -> None:
    """Nobody has to tell the bot that the machine was put right."""
    stage = Stage()
    dial = Dial(BINANCE, "3600")
    clocks = watch(stage, dial)
    await clocks.check()
    before = await stage.world.limits.state(HYPERLIQUID, SOL)

    dial.seconds = "0.2"
    await clocks.tick()

    assert before is TradingState.HALTED
    assert await stage.world.limits.state(HYPERLIQUID, SOL) is TradingState.ACTIVE


async def test_silence_neither_halts_nor_lifts() -> None:
    """A failed read is no information, and a venue may show no time."""
    stage = Stage()
    dial, timeless = Dial(BINANCE, "5"), Dial(HYPERLIQUID, None)
    dial.is_silent = True
    clocks = watch(stage, dial, timeless)
    await clocks.check()
    before = dict(stage.journal.halt_rows)
    dial.is_silent = False
    await clocks.check()
    dial.is_silent = True

    await clocks.check()

    assert not before
    assert (GLOBAL_SCOPE, CLOCK_KEY) in stage.journal.halt_rows


async def test_clocks_are_compared_every_ten_minutes() -> None:
    """Each tick of the position check would be a request too many."""
    stage = Stage()
    dial = Dial(BINANCE, "0")
    clocks = watch(stage, dial)

    await clocks.tick()
    await stage.clock.advance(timedelta(minutes=9))
    await clocks.tick()
    early = dial.reads
    await stage.clock.advance(timedelta(minutes=1))
    await clocks.tick()

    assert (early, dial.reads) == (1, 2)


async def test_a_refused_time_has_the_clocks_compared_at_once() -> None:
    """The refusal may be the first sign that the clock jumped."""
    stage = Stage()
    clocks = watch(stage, Dial(BINANCE, "-2"))
    limits = Limits(
        halts=stage.journal, clock=stage.clock, caps=CAPS, check_clock=clocks.check
    )

    await limits.note_refusal(ORDER, "margin")
    before = await limits.state(HYPERLIQUID, SOL)
    await limits.note_refusal(ORDER, "clock")

    assert before is TradingState.ACTIVE
    assert await limits.state(HYPERLIQUID, SOL) is TradingState.HALTED


async def test_a_start_with_a_wrong_clock_ends_halted() -> None:
    """The check at the start must not open the gate over a wrong clock."""
    stage = Stage()
    stage.reconciler = Reconciler(
        execution=stage.execution,
        outbox=MemoryOutbox(stage.journal),
        clocks=watch(stage, Dial(BINANCE, "1.5")),
    )

    await stage.play(stage.reconciler.at_start())

    assert await stage.world.limits.state(BINANCE, SOL) is TradingState.HALTED
