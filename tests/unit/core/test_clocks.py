from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from core.errors import TroubleKind, VenueError
from core.execution.clocks import CLOCK_KEY, STEP_KEY, ClockWatch
from core.limits import Limits
from core.model.alert import AlertKind
from core.model.control import GLOBAL_SCOPE, TradingState
from core.reconcile import Reconciler
from tests.fakes.journal import MemoryOutbox
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import FakeClock
from tests.fakes.stage import CAPS, Stage
from tests.unit.core.test_intent import ORDER

if TYPE_CHECKING:
    from datetime import datetime

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


# --- a clock that jumps ---------------------------------------------------------------


class Jumping(FakeClock):
    """A wall clock that can be set without time passing."""

    def __init__(self) -> None:
        super().__init__()
        self.set_by = timedelta(0)

    def now(self) -> datetime:
        """Return the moment on the wall."""
        return super().now() + self.set_by


def jumpy(*dials: Dial) -> tuple[Stage, Jumping, ClockWatch]:
    """Return a stage, its clock that can be set, and the watch over it."""
    stage, clock = Stage(), Jumping()
    accounts = {each.venue_id: cast("AccountInspector", each) for each in dials}
    found = ClockWatch(accounts=accounts, halts=stage.journal, clock=clock)
    return stage, clock, found


@pytest.mark.parametrize("seconds", [-3600, -3, 3, 3600])
async def test_a_jump_halts_everything_until_positions_were_read_again(
    seconds: int,
) -> None:
    """Set by an hour, or woken after a night: what was known may be wrong."""
    stage, clock, clocks = jumpy(Dial(BINANCE, "0"))
    await clocks.notice()
    clock.set_by = timedelta(seconds=seconds)

    await clocks.notice()
    halted = (GLOBAL_SCOPE, STEP_KEY) in stage.journal.halt_rows
    await clocks.positions_read()

    assert halted
    assert (GLOBAL_SCOPE, STEP_KEY) not in stage.journal.halt_rows
    kinds = [each.kind for each in stage.journal.alerts.values()]
    assert kinds == [AlertKind.HALTED, AlertKind.HALT_OVER]


@pytest.mark.parametrize("seconds", [-2, 0, 2])
async def test_a_clock_that_is_trimmed_halts_nothing(seconds: int) -> None:
    """Time services move a clock a little all day long."""
    stage, clock, clocks = jumpy(Dial(BINANCE, "0"))
    await clocks.notice()
    await clock.advance(timedelta(minutes=3))
    clock.set_by = timedelta(seconds=seconds)

    await clocks.notice()

    assert stage.journal.halt_rows == {}


async def test_after_a_jump_silence_keeps_the_halt() -> None:
    """A venue that does not answer says nothing about the time."""
    dial = Dial(BINANCE, "0")
    stage, clock, clocks = jumpy(dial)
    await clocks.notice()
    clock.set_by, dial.is_silent = timedelta(hours=8), True

    await clocks.notice()
    await clocks.positions_read()
    still = (GLOBAL_SCOPE, STEP_KEY) in stage.journal.halt_rows
    dial.is_silent = False
    await clocks.tick()
    await clocks.positions_read()

    assert still
    assert stage.journal.halt_rows == {}


async def test_venues_that_show_no_time_do_not_keep_the_halt_for_ever() -> None:
    """There is nothing to compare with; positions read again are enough."""
    stage, clock, clocks = jumpy(Dial(BINANCE, None))
    await clocks.notice()
    clock.set_by = timedelta(hours=8)

    await clocks.notice()
    await clocks.positions_read()

    assert stage.journal.halt_rows == {}


async def test_an_entry_compares_a_clock_that_was_not_for_ten_minutes() -> None:
    """The timer may have been held up; the order's expiry hangs on the time."""
    dial = Dial(BINANCE, "0")
    stage, clock, clocks = jumpy(dial)
    await clocks.before_entry()
    await clocks.before_entry()
    before = dial.reads
    await clock.advance(timedelta(minutes=10))

    await clocks.before_entry()

    assert (before, dial.reads) == (1, 2)
    assert stage.journal.halt_rows == {}
