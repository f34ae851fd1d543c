from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.alert import AlertKind, AlertLevel
from core.model.control import GLOBAL_SCOPE, Halt, TradingState
from core.model.order import Payment
from core.model.trade import TradeState
from core.model.units import VenueId
from tests.fakes.account import Answer, Reply
from tests.fakes.runtime import START
from tests.fakes.stage import TRADE, Stage, purposes

if TYPE_CHECKING:
    from datetime import datetime

    from tests.fakes.account import FakeVenue

ZERO, TEN = Decimal(0), Decimal(10)


async def quiet(stage: Stage) -> None:
    """Let a minute pass, so that our own orders explain nothing any more."""
    await stage.play(stage.clock.sleep(timedelta(minutes=1)))


async def watched(stage: Stage) -> None:
    """Run the timer's check and let what it starts finish."""

    async def check() -> None:
        await stage.reconciler.check_positions()
        await stage.clock.sleep(timedelta(seconds=1))
        while stage.execution.is_busy(TRADE):
            await stage.clock.sleep(timedelta(seconds=1))

    await stage.play(check())


# --- start ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [TradeState.CONFIRMED, TradeState.PREFLIGHT])
async def test_an_entry_found_before_its_first_order_is_not_started(
    state: TradeState,
) -> None:
    """Nobody confirmed it for now: the prices are those of before the crash."""
    stage = Stage()
    stage.journal.rows[TRADE] = replace(stage.confirmed(), state=state)

    await stage.recover()

    assert stage.state is TradeState.ABORTED
    assert not stage.orders_made
    (alert,) = stage.alerts(AlertKind.NOT_OPENED)
    assert "restarted" in alert.facts["reason"]
    is_told = "the leverage on" in alert.facts["reason"]
    assert is_told is (state is TradeState.PREFLIGHT)  # the checks set it


async def test_a_close_found_before_its_first_order_goes_back_to_open() -> None:
    """It is not continued by itself; the owner asks again."""
    stage = Stage()
    await stage.open()
    stage.ask_close()

    await stage.recover()

    assert stage.state is TradeState.OPEN
    assert stage.held == (TEN, -TEN)
    (alert,) = stage.alerts(AlertKind.STAYS_OPEN)
    assert "restarted" in alert.facts["reason"]


async def test_a_close_found_half_done_is_finished_to_level() -> None:
    """Leg 1 gave 5; leg 2 follows by 5; the rest stays and is reported."""
    stage = Stage()
    await stage.open()
    stage.first.answers.append(Answer(share=Decimal("0.5")))
    stage.ask_close()
    stage.switch.revive()
    stage.second.before_submit = lambda _: _die(stage)
    await stage.play(stage.execution.drive(TRADE))
    stage.second.before_submit = stage._check_order

    await stage.recover()

    assert stage.state is TradeState.OPEN
    assert stage.held == (Decimal(5), Decimal(-5))
    assert stage.alerts(AlertKind.STAYS_OPEN)[-1].facts["remaining"] == "5.0"


def _die(stage: Stage) -> None:
    stage.switch.is_dead = True


async def test_the_owner_gets_one_summary_per_start() -> None:
    """Running the check twice tells nobody anything twice."""
    stage = Stage()
    await stage.open()
    await stage.recover()

    await stage.play(stage.reconciler.at_start())

    (alert,) = stage.alerts(AlertKind.RESTARTED)
    (item,) = json.loads(alert.facts["items"])
    assert (alert.facts["fine"], alert.facts["checking"]) == ("1", "0")
    assert alert.facts["entries"] == "active"
    assert (item["was"], item["now"]) == ("open", "open")


async def test_a_start_without_trades_is_not_worth_a_message() -> None:
    """The first start of all."""
    stage = Stage()

    await stage.recover()

    assert not stage.journal.alerts


async def test_entries_are_off_until_the_check_is_done() -> None:
    """A tap during the check must not trade on positions nobody has read."""
    stage = Stage()

    await stage.play(stage.reconciler.hold_entries())
    during = await stage.world.limits.entry_refusal(stage.confirmed(), ())
    stage.journal.rows.clear()
    await stage.play(stage.reconciler.at_start())
    after = await stage.world.limits.entry_refusal(stage.confirmed(), ())

    assert during is not None
    assert during.code == "halted"
    assert after is None


async def test_a_pause_survives_the_start_and_is_in_the_summary() -> None:
    """Paused means paused, also after a power cut."""
    stage = Stage()
    await stage.open()
    pause = Halt(GLOBAL_SCOPE, "pause", TradingState.REDUCING, "by you", START)
    stage.journal.halt_rows["all", "pause"] = pause

    await stage.recover()

    (alert,) = stage.alerts(AlertKind.RESTARTED)
    assert alert.facts["entries"] == "reducing"
    assert alert.facts["entries_reason"] == "by you"
    assert list(stage.journal.halt_rows) == [("all", "pause")]


async def test_an_order_still_being_decided_is_announced_with_its_moment() -> None:
    """The start does not wait for the fence; the summary says until when."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    stage.confirmed()
    await stage.play(stage.execution.drive(TRADE), limit=timedelta(seconds=1))

    await stage.recover()

    (alert,) = stage.alerts(AlertKind.RESTARTED)
    (item,) = json.loads(alert.facts["items"])
    order = stage.orders_made[0]
    decide_by = order.fence_at + timedelta(seconds=15)
    assert alert.facts["checking"] == "1"
    assert item["decide_by"] == decide_by.isoformat()
    assert stage.state is TradeState.ABORTED


async def test_a_venue_silent_at_the_start_gets_no_orders_until_it_answers() -> None:
    """The others start; this one is asked again by the timer."""
    stage = Stage()
    stage.second.fails = lambda _: True
    await stage.recover()
    silent = await stage.world.limits.state(
        stage.second.venue_id, stage.second.instrument.symbol
    )
    other = await stage.world.limits.state(
        stage.first.venue_id, stage.first.instrument.symbol
    )

    stage.second.fails = lambda _: False
    await stage.play(stage.reconciler.check_positions())

    assert (silent, other) == (TradingState.HALTED, TradingState.ACTIVE)
    assert not stage.journal.halt_rows


async def test_halts_of_trades_that_are_in_order_again_are_lifted() -> None:
    """A crash between the repair and the lifting must not keep entries off."""
    stage = Stage()
    await stage.open()
    await stage.play(stage.world.halt_instruments(stage.trade, "old trouble"))

    await stage.recover()

    assert not stage.journal.halt_rows


async def test_a_trade_in_trouble_keeps_its_entries_off_over_a_restart() -> None:
    """Until it is level again."""
    stage = Stage()
    stage.second.answers.append(Answer(Reply.REJECT))
    stage.first.answers.append(Answer())
    stage.first.answer = lambda: Answer(share=ZERO)
    stage.confirmed()
    await stage.play(stage.execution.drive(TRADE), limit=timedelta(seconds=30))
    stage.restart()
    stage.journal.halt_rows.clear()

    await stage.play(stage.reconciler.at_start(), limit=timedelta(minutes=2))

    assert stage.trade.needs_attention
    assert len(stage.journal.halt_rows) == 2


# --- watch ----------------------------------------------------------------------------


async def test_a_leg_closed_by_others_makes_the_other_follow() -> None:
    """Auto-deleveraging took 4 of the short: 4 of the long are sold."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.second.move_position(Decimal(4))

    await watched(stage)

    assert stage.state is TradeState.OPEN
    assert stage.held == (Decimal(6), Decimal(-6))
    assert stage.steps[-3:] == ["T17", "T29", "T31"]
    (alert,) = stage.alerts(AlertKind.LEG_LOST)
    assert alert.level is AlertLevel.CRITICAL
    assert (alert.facts["venue"], alert.facts["lost"]) == ("hyperliquid", "4")
    stage.check_end()


async def test_a_whole_lost_leg_ends_the_trade() -> None:
    """Liquidated there, closed here; a lost leg is never opened again."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.first.move_position(-TEN)

    await watched(stage)

    assert stage.state is TradeState.CLOSED
    assert purposes(stage.orders_made)[2:] == [(2, "trim")]
    assert stage.alerts(AlertKind.CLOSED)[0].facts["by_hand"] == "yes"
    stage.check_end()


async def test_a_pair_closed_by_hand_is_noted_and_nothing_is_ordered() -> None:
    """T18: both flat, twice read."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.first.move_position(-TEN)
    stage.second.move_position(TEN)

    await watched(stage)

    assert stage.state is TradeState.CLOSED
    assert stage.steps[-1] == "T18"
    assert len(stage.orders_made) == 2


async def test_a_reading_that_fails_is_never_flat() -> None:
    """A dead venue must not make us sell the other leg."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.second.fails = lambda _: True

    for _ in range(5):
        await watched(stage)

    assert stage.state is TradeState.OPEN
    assert len(stage.orders_made) == 2


async def test_one_odd_reading_decides_nothing() -> None:
    """Venues show a position as empty for a moment; five seconds later it is back."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.second.move_position(TEN)
    checking = stage.reconciler.check_positions()
    stage.first.fails = lambda _: _come_back(stage)

    await stage.play(checking)

    assert stage.state is TradeState.OPEN
    assert len(stage.orders_made) == 2


def _come_back(stage: Stage) -> bool:
    if stage.second.position == 0 and stage.clock.monotonic() > 62:
        stage.second.move_position(-TEN)
    return False


async def test_a_stranger_in_our_position_calls_a_person() -> None:
    """Somebody added 3 by hand: ours is not touched, entries go off."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.first.move_position(Decimal(3))

    await watched(stage)

    assert stage.state is TradeState.OPEN
    assert stage.trade.needs_attention
    assert "3" in stage.alerts(AlertKind.NOT_HEDGED)[0].facts["reason"]
    assert len(stage.orders_made) == 2


async def test_the_same_trouble_again_is_an_alarm_again() -> None:
    """Level for an hour and off by the same 3 once more: silence would be fatal."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    for times in (1, 2):
        stage.first.move_position(Decimal(3))
        await watched(stage)
        assert stage.trade.needs_attention
        assert len(stage.alerts(AlertKind.NOT_HEDGED)) == times
        stage.restart()
        await watched(stage)
        assert len(stage.alerts(AlertKind.NOT_HEDGED)) == times
        stage.first.move_position(Decimal(-3))
        await watched(stage)
        assert not stage.trade.needs_attention

    one, other = stage.alerts(AlertKind.NOT_HEDGED)
    assert one.facts["reason"] == other.facts["reason"]


async def test_trouble_that_went_away_is_forgotten() -> None:
    """The hand took its 3 back: entries go on."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    stage.first.move_position(Decimal(3))
    await watched(stage)
    stage.first.move_position(Decimal(-3))

    await watched(stage)

    assert not stage.trade.needs_attention
    assert not stage.journal.halt_rows


async def test_a_fill_after_not_found_revives_an_aborted_entry() -> None:
    """T33: a venue broke its promise; what it bought is sold again."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    trade = await stage.open()
    assert trade.state is TradeState.ABORTED
    stage.first.take_after_all(stage.orders_made[0])

    await watched(stage)

    assert stage.state is TradeState.ABORTED
    assert stage.steps[-3:] == ["T33", "T15", "T16"]
    assert not any(stage.held)


async def test_a_fill_after_not_found_revives_a_closed_trade() -> None:
    """T34: a top-up given up long ago sold 5 after all; they are bought back."""
    stage = Stage()
    half = Answer(share=Decimal("0.5"))
    stage.second.answers.extend([half, Answer(Reply.NEVER)])
    await stage.open()
    assert stage.held == (Decimal("5.0"), Decimal("-5.0"))
    await stage.close()
    lost = next(each for each in stage.orders_made if each.evidence == "fence")
    stage.second.take_after_all(lost)

    await watched(stage)

    assert stage.steps[-3:] == ["T34", "T29", "T32"]
    assert not any(stage.held)


async def test_a_late_fill_known_before_a_crash_still_revives_its_trade() -> None:
    """The fill is written first; a crash right after it must not hide it."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.NEVER))
    await stage.open()
    stage.first.take_after_all(stage.orders_made[0])
    again = stage.orders.look_again(stage.trade, stage.orders_made[0])
    await stage.play(again)

    await stage.recover()

    assert stage.steps[-3:] == ["T33", "T15", "T16"]
    assert not any(stage.held)


async def test_a_position_turned_around_is_left_to_a_person() -> None:
    """A reduce-only order that flips a position is nothing to answer with orders."""
    stage = Stage()
    await stage.open()
    stage.second.answers.append(Answer(Reply.NEVER))
    await stage.close()
    lost = next(each for each in stage.orders_made if each.evidence == "fence")
    stage.second.take_after_all(lost)
    made = len(stage.orders_made)

    await stage.play(_watch_for(stage, timedelta(minutes=3)))
    called = stage.trade.needs_attention
    stage.second.move_position(-TEN)
    await stage.recover()

    assert called
    assert "turned" in stage.alerts(AlertKind.NOT_HEDGED)[0].facts["reason"]
    assert len(stage.orders_made) == made
    assert stage.state is TradeState.CLOSED


async def _watch_for(stage: Stage, time: timedelta) -> None:
    await stage.reconciler.check_positions()
    await stage.clock.sleep(time)


# --- funding --------------------------------------------------------------------------


def payment(
    venue: FakeVenue, at: datetime, amount: str, *, is_estimated: bool = False
) -> Payment:
    """Return one payment of a venue's only symbol."""
    return Payment(
        venue_id=venue.venue_id,
        symbol=venue.instrument.symbol,
        pay_at=at,
        amount_usd=Decimal(amount),
        per_payment=Decimal("0.0001"),
        quantity_base=TEN,
        price=Decimal(50),
        is_estimated=is_estimated,
    )


async def test_funding_is_booked_once_with_its_trade() -> None:
    """However often the timer asks."""
    stage = Stage()
    trade = await stage.open()
    hour = trade.created_at + timedelta(hours=1)
    stage.first.paid.append(payment(stage.first, hour, "-0.10"))
    stage.second.paid.append(payment(stage.second, hour, "0.25"))

    first = await stage.play(stage.reconciler.book_funding())
    second = await stage.play(stage.reconciler.book_funding())

    booked = await stage.journal.payments_of(TRADE)
    assert (first, second) == (2, 0)
    assert sum(paid.amount_usd for paid in booked) == Decimal("0.15")


async def test_an_estimated_payment_is_corrected_when_it_settles() -> None:
    """The same payment, not a second one."""
    stage = Stage()
    trade = await stage.open()
    hour = trade.created_at + timedelta(hours=1)
    stage.first.paid = [payment(stage.first, hour, "-0.10", is_estimated=True)]
    await stage.play(stage.reconciler.book_funding())
    stage.first.paid = [payment(stage.first, hour, "-0.12")]

    await stage.play(stage.reconciler.book_funding())

    (paid,) = await stage.journal.payments_of(TRADE)
    assert (paid.amount_usd, paid.is_estimated) == (Decimal("-0.12"), False)


async def test_a_payment_that_is_told_after_a_later_one_is_not_lost() -> None:
    """The venue's interval shrank unseen: 1 h becomes known after 2 h was booked."""
    stage = Stage()
    trade = await stage.open()
    one, two = (trade.created_at + timedelta(hours=each) for each in (1, 2))
    stage.first.paid = [payment(stage.first, two, "0.20")]
    await stage.play(stage.reconciler.book_funding())
    stage.first.paid.append(payment(stage.first, one, "0.10"))

    assert await stage.play(stage.reconciler.book_funding()) == 1

    booked = await stage.journal.payments_of(TRADE)
    assert sum(paid.amount_usd for paid in booked) == Decimal("0.30")


async def test_a_payment_from_before_the_trade_is_not_its_income() -> None:
    """The account may have held the symbol before."""
    stage = Stage()
    trade = await stage.open()
    before = trade.created_at - timedelta(hours=1)
    stage.first.paid.append(payment(stage.first, before, "9"))

    assert await stage.play(stage.reconciler.book_funding()) == 0


async def test_the_last_payment_of_a_closed_trade_is_still_booked() -> None:
    """Paid a second before the close, shown a minute after it."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    paid_at = stage.clock.now()
    await stage.close()
    stage.first.paid.append(payment(stage.first, paid_at, "0.10"))

    assert await stage.play(stage.reconciler.book_funding()) == 1


async def test_the_last_payment_is_still_booked_after_a_night_away() -> None:
    """Closed, switched off a second later, started again ten hours later."""
    stage = Stage()
    await stage.open()
    await quiet(stage)
    paid_at = stage.clock.now()
    await stage.close()
    stage.first.paid.append(payment(stage.first, paid_at, "0.10"))
    for _ in range(10):
        await stage.play(stage.clock.sleep(timedelta(hours=1)))
    assert await stage.play(stage.reconciler.book_funding()) == 0, "long over"
    stage.restart()

    assert await stage.play(stage.reconciler.book_funding()) == 1


async def test_a_silent_venue_costs_only_its_own_payments() -> None:
    """The other one's are booked, this one's come later."""
    stage = Stage()
    trade = await stage.open()
    hour = trade.created_at + timedelta(hours=1)
    stage.first.paid.append(payment(stage.first, hour, "0.10"))
    stage.second.paid.append(payment(stage.second, hour, "0.20"))
    stage.first.fails = lambda _: True

    silent = await stage.play(stage.reconciler.book_funding())
    stage.first.fails = lambda _: False
    later = await stage.play(stage.reconciler.book_funding())

    assert (silent, later) == (1, 1)
    assert {paid.venue_id for paid in stage.journal.payments.values()} == {
        VenueId("binance"),
        VenueId("hyperliquid"),
    }


async def test_a_venue_that_the_settings_dropped_is_no_information() -> None:
    """A pair held there is neither flat nor lost: nothing is decided, others go on."""
    stage = Stage()
    await stage.open()
    listed = stage.trade.first.instrument
    foreign = replace(listed, venue_id=VenueId("elsewhere"))

    assert await stage.world.position(foreign) is None
    assert await stage.world.book(foreign) is None
