from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.limits import (
    PAUSE_KEY,
    STARTUP_KEY,
    Caps,
    Limits,
    next_cooldown,
    pair_of,
    strictest,
)
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Cooldown, Halt, TradingState
from core.model.intent import Purpose
from core.model.trade import TradeState
from tests.fakes.account import Answer, Reply
from tests.fakes.objects import BINANCE, HYPERLIQUID
from tests.fakes.runtime import START
from tests.fakes.stage import CAPS, Stage
from tests.unit.core.test_intent import ORDER

SOL = "SOL/USDT:USDT"


def halt(
    scope: str, state: TradingState = TradingState.REDUCING, key: str = PAUSE_KEY
) -> Halt:
    """Return a halt by a person."""
    return Halt(scope, key, state, "by you", START)


def test_the_strictest_halt_that_applies_wins() -> None:
    """A halted venue stays halted although everything is only paused."""
    halts = [halt(GLOBAL_SCOPE), halt("binance", TradingState.HALTED)]

    found = strictest(halts, BINANCE, SOL)

    assert found is not None
    assert found.state is TradingState.HALTED


@pytest.mark.parametrize(
    ("scope", "applies"),
    [
        ("all", True),
        ("binance", True),
        ("binance:SOL/USDT:USDT", True),
        ("binance:BTC/USDT:USDT", False),
        ("hyperliquid", False),
    ],
)
def test_a_halt_reaches_its_scope_and_no_further(scope: str, *, applies: bool) -> None:
    """One dead venue must not stop the others."""
    assert (strictest([halt(scope)], BINANCE, SOL) is not None) is applies


@pytest.mark.parametrize(
    ("state", "purpose", "passes"),
    [
        (TradingState.REDUCING, Purpose.ENTRY, False),
        (TradingState.REDUCING, Purpose.TOPUP, False),
        (TradingState.REDUCING, Purpose.TRIM, True),
        (TradingState.REDUCING, Purpose.UNWIND, True),
        (TradingState.REDUCING, Purpose.CLOSE, True),
        (TradingState.HALTED, Purpose.CLOSE, False),
        (TradingState.HALTED, Purpose.ENTRY, False),
    ],
)
async def test_the_gate_lets_only_reductions_through_a_pause(
    state: TradingState, purpose: Purpose, *, passes: bool
) -> None:
    """Pausing must never keep a person in a position."""
    stage = Stage()
    stage.journal.halt_rows["all", PAUSE_KEY] = halt(GLOBAL_SCOPE, state)
    order = replace(ORDER, purpose=purpose, is_reduce_only=purpose.is_reduce_only)

    refusal = await stage.world.limits.gate(order)

    assert (refusal is None) is passes


@pytest.mark.parametrize(
    ("purpose", "passes"),
    [
        (Purpose.ENTRY, False),
        (Purpose.TOPUP, False),
        (Purpose.TRIM, False),
        (Purpose.UNWIND, False),
        (Purpose.CLOSE, True),
    ],
)
async def test_a_persons_halt_stops_all_but_a_persons_close(
    purpose: Purpose, *, passes: bool
) -> None:
    """Nothing automatic leaves, yet a hand on the close button is obeyed."""
    stage = Stage()
    by_hand = halt(GLOBAL_SCOPE, TradingState.HALTED, HALT_KEY)
    stage.journal.halt_rows["all", HALT_KEY] = by_hand
    order = replace(ORDER, purpose=purpose, is_reduce_only=purpose.is_reduce_only)

    refusal = await stage.world.limits.gate(order)

    assert (refusal is None) is passes


async def test_a_banned_venue_refuses_a_close_also_while_a_person_halts() -> None:
    """The venue's own halt is not the person's to overrule."""
    stage = Stage()
    by_hand = halt(GLOBAL_SCOPE, TradingState.HALTED, HALT_KEY)
    stage.journal.halt_rows["all", HALT_KEY] = by_hand
    banned = halt(ORDER.venue_id, TradingState.HALTED, "ban")
    stage.journal.halt_rows[ORDER.venue_id, "ban"] = banned
    close = replace(ORDER, purpose=Purpose.CLOSE, is_reduce_only=True)

    assert await stage.world.limits.gate(close) is not None


async def test_a_second_leg_may_follow_while_positions_are_still_checked() -> None:
    """After a restart being hedged is safer than waiting for the rest."""
    stage = Stage()
    stage.journal.halt_rows["all", STARTUP_KEY] = halt("all", key=STARTUP_KEY)
    second = replace(ORDER, leg=2)

    assert await stage.world.limits.gate(second) is None
    assert await stage.world.limits.gate(ORDER) is not None


async def test_entries_stop_at_the_cap_of_open_pairs() -> None:
    """Five open pairs are five; the sixth is refused with the number."""
    stage = Stage()
    trade = stage.confirmed()
    others = [replace(trade, state=TradeState.OPEN)] * CAPS.max_open_trades

    refusal = await stage.world.limits.entry_refusal(trade, others)

    assert refusal is not None
    assert refusal.reason == "5 pairs are open already"


async def test_leverage_above_the_cap_is_refused() -> None:
    """Chat cannot raise what the host configured."""
    stage = Stage()
    trade = replace(stage.confirmed(), leverage=Decimal(4))

    refusal = await stage.world.limits.entry_refusal(trade, ())

    assert refusal is not None
    assert refusal.code == "cap"


async def test_a_cooling_pair_is_refused_until_its_pause_is_over() -> None:
    """A failing venue must not be entered again every minute, fees each time."""
    stage = Stage()
    trade = stage.confirmed()
    until = START + timedelta(minutes=30)
    pause = Cooldown(trade.base, (BINANCE, HYPERLIQUID), until, 1)
    await stage.journal.set_cooldown(pause)

    during = await stage.world.limits.entry_refusal(trade, ())
    await stage.clock.advance(timedelta(minutes=30))
    after = await stage.world.limits.entry_refusal(trade, ())

    assert during is not None
    assert during.code == "cooling"
    assert after is None


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(1, 30), (2, 60), (3, 120), (5, 480), (6, 960), (7, 1440), (20, 1440)],
)
def test_the_pause_doubles_with_each_failure_up_to_a_day(
    failures: int, minutes: int
) -> None:
    """30 min, 1 h, 2 h, 4 h, 8 h, 16 h, then 24 h."""
    trade = Stage().confirmed()
    pause, now, started = None, START, START

    for _ in range(failures):
        started = now
        pause = next_cooldown(pause, trade, started)
        now = pause.until

    assert pause is not None
    assert pause.level == failures
    assert pause.until - started == timedelta(minutes=minutes)


def test_a_day_without_incident_starts_the_pauses_anew() -> None:
    """An old failure must not punish a venue for ever."""
    trade = Stage().confirmed()
    old = Cooldown(trade.base, pair_of(trade), START, 5)

    pause = next_cooldown(old, trade, START + timedelta(hours=24))

    assert (pause.level, pause.until - START) == (1, timedelta(hours=24, minutes=30))


async def test_no_halt_means_active() -> None:
    """The usual case."""
    stage = Stage()
    caps = Caps(1, Decimal(1), Decimal(1))
    limits = Limits(halts=stage.journal, clock=stage.clock, caps=caps)

    assert await limits.state(BINANCE, SOL) is TradingState.ACTIVE


async def test_three_unclear_answers_in_ten_minutes_stop_a_venues_entries() -> None:
    """Reducing still works there, and the other venue is not touched."""
    stage = Stage()
    limits = stage.world.limits

    await limits.note_unknown(BINANCE)
    await stage.clock.advance(timedelta(minutes=11))
    for _ in range(2):
        await limits.note_unknown(BINANCE)
    before = await limits.state(BINANCE, SOL)
    await limits.note_unknown(BINANCE)

    assert before is TradingState.ACTIVE
    assert await limits.state(BINANCE, SOL) is TradingState.REDUCING
    assert await limits.state(HYPERLIQUID, SOL) is TradingState.ACTIVE


async def test_a_venues_trouble_is_forgotten_after_half_an_hour() -> None:
    """Once it answers; the timer asks."""
    stage = Stage()
    for _ in range(2):
        await stage.world.limits.note_unwind(BINANCE)

    await stage.play(stage.reconciler.check_positions())
    early = await stage.world.limits.state(BINANCE, SOL)
    await stage.clock.advance(timedelta(minutes=30))
    await stage.play(stage.reconciler.check_positions())

    assert early is TradingState.REDUCING
    assert await stage.world.limits.state(BINANCE, SOL) is TradingState.ACTIVE


@pytest.mark.parametrize(
    ("code", "state", "minutes"),
    [
        ("rate_limit", TradingState.REDUCING, 1),
        ("banned", TradingState.HALTED, 2),
        ("key", TradingState.HALTED, 10),
        ("position_mode", TradingState.REDUCING, 30),
        ("reduce_only", TradingState.REDUCING, 30),
    ],
)
async def test_a_refusal_that_would_meet_every_order_halts_its_venue(
    code: str, state: TradingState, minutes: int
) -> None:
    """One refused entry is enough; the halt ends by time once the venue answers."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.REJECT, code=code))
    await stage.open()
    (halted,) = stage.journal.halt_rows.values()

    await stage.clock.advance(halted.since + timedelta(minutes=minutes) - START)
    stage.first.fails = lambda _: True
    await stage.play(stage.reconciler.check_positions())
    while_silent = await stage.world.limits.state(BINANCE, SOL)
    stage.first.fails = lambda _: False
    await stage.play(stage.reconciler.check_positions())

    assert (halted.scope, halted.state) == (BINANCE, state)
    assert halted.reason.startswith("binance ")
    assert while_silent is state
    assert await stage.world.limits.state(BINANCE, SOL) is TradingState.ACTIVE


async def test_a_refused_key_is_not_forgotten_after_nine_minutes() -> None:
    """A read that works says little about the right to trade."""
    stage = Stage()
    await stage.world.limits.note_refusal(ORDER, "key")

    await stage.clock.advance(timedelta(minutes=9))
    await stage.play(stage.reconciler.check_positions())

    assert await stage.world.limits.state(ORDER.venue_id, SOL) is TradingState.HALTED


@pytest.mark.parametrize("code", ["margin", "min_notional", "price_band", "not_sent"])
async def test_a_refusal_of_one_order_alone_halts_nothing(code: str) -> None:
    """Too little margin for this size says nothing about the next one."""
    stage = Stage()

    await stage.world.limits.note_refusal(ORDER, code)

    assert not stage.journal.halt_rows


async def test_a_busy_venue_may_still_hedge_a_filled_first_leg() -> None:
    """Waiting a few seconds costs less than selling the first leg again."""
    stage = Stage()
    second = replace(ORDER, leg=2, purpose=Purpose.ENTRY)

    await stage.world.limits.note_refusal(second, "rate_limit")

    assert not stage.journal.halt_rows
