from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.execution.sizing import Held
from core.model.alert import AlertKind
from core.model.intent import Purpose
from core.model.trade import TradeState
from core.model.units import UserId
from tests.fakes.account import Answer
from tests.fakes.stage import TRADE, Stage
from tests.unit.core.test_execution import NO_MARGIN, NOTHING

if TYPE_CHECKING:
    from core.model.intent import OrderIntent

OWNER = UserId(1)


async def in_trouble() -> Stage:
    """Return a stage where leg 1 holds 10 and cannot be sold, a person called."""
    stage = Stage()
    stage.second.answers.append(NO_MARGIN)
    stage.first.answers.append(Answer())
    stage.first.answer = lambda: NOTHING
    trade = stage.confirmed()
    stage.execution.start_open(trade)
    await stage.play(stage.clock.sleep(timedelta(seconds=30)))
    assert stage.trade.needs_attention
    return stage


def sales(stage: Stage) -> list[OrderIntent]:
    """Return the attempts to sell what leg 1 holds."""
    return [each for each in stage.orders_made if each.purpose is Purpose.UNWIND]


async def until_idle(stage: Stage, seconds: int) -> None:
    """Let time pass."""
    await stage.play(stage.clock.sleep(timedelta(seconds=seconds)))


async def test_retry_now_repairs_without_waiting_for_the_minute() -> None:
    """Who sees that the venue is back must not watch an open leg for a minute."""
    stage = await in_trouble()
    before = len(sales(stage))
    stage.first.answer = Answer

    assert await stage.play(stage.execution.retry_now(TRADE))
    await until_idle(stage, 2)

    assert len(sales(stage)) == before + 1
    assert sales(stage)[-1].is_reduce_only
    assert stage.state is TradeState.ABORTED
    assert not any(stage.held)
    assert stage.journal.halt_rows == {}
    stage.check_end()
    await stage.nursery.cancel()


async def test_a_stopped_repair_sends_nothing_until_a_person_asks_again() -> None:
    """A person who works on the venue by hand must not race the bot."""
    stage = await in_trouble()
    before = len(sales(stage))
    stage.first.answer = Answer

    await stage.play(stage.world.stop_repairs(stage.trade, OWNER))
    await until_idle(stage, 300)

    assert len(sales(stage)) == before
    assert stage.trade.needs_attention
    assert await stage.play(stage.execution.retry_now(TRADE))
    await until_idle(stage, 2)
    assert stage.state is TradeState.ABORTED
    assert stage.journal.halt_rows == {}
    stage.check_end()
    await stage.nursery.cancel()


async def test_a_stop_survives_a_restart() -> None:
    """A crash must not sell what its owner keeps by decision."""
    stage = await in_trouble()
    await stage.play(stage.world.stop_repairs(stage.trade, OWNER))
    await stage.nursery.cancel()
    before = len(sales(stage))

    stage.restart()
    stage.first.answer = Answer
    await stage.play(stage.reconciler.at_start())
    await until_idle(stage, 300)

    assert len(sales(stage)) == before
    assert stage.held == (Decimal(10), Decimal(0))
    await stage.nursery.cancel()


async def test_a_hand_that_closed_the_leg_is_believed_after_two_readings() -> None:
    """The repair ends by what the venue shows, not by a word, and sends nothing."""
    stage = await in_trouble()
    await until_idle(stage, 20)
    before = len(sales(stage))
    stage.first.move_position(Decimal(-10))

    stage.execution.wake(TRADE)
    await until_idle(stage, 1)
    assert not stage.state.is_terminal
    await until_idle(stage, 45)

    assert stage.state is TradeState.ABORTED
    assert len(sales(stage)) <= before + 1
    assert not any(stage.held)
    assert stage.journal.halt_rows == {}
    await stage.nursery.cancel()


async def test_a_word_alone_changes_nothing() -> None:
    """Said to be fixed, but the venue still shows the leg: no order, no all-clear."""
    stage = await in_trouble()
    before = len(sales(stage))

    stage.execution.wake(TRADE)
    await until_idle(stage, 5)

    assert len(sales(stage)) == before
    assert stage.trade.needs_attention
    await stage.nursery.cancel()


async def test_a_trade_in_order_is_not_repaired() -> None:
    """An old button must not move a healthy pair."""
    stage = Stage()
    await stage.open()

    assert not await stage.play(stage.execution.retry_now(TRADE))

    assert stage.state is TradeState.OPEN


async def with_one_leg_larger() -> Stage:
    """Return a stage where leg 1 holds 10 and leg 2 only 5, and neither can change."""
    stage = Stage()
    stage.second.answers.append(Answer(share=Decimal("0.5")))
    stage.second.answer = lambda: NO_MARGIN
    stage.first.answers.append(Answer())
    stage.first.answer = lambda: NOTHING
    trade = stage.confirmed()
    stage.execution.start_open(trade)
    await stage.play(stage.clock.sleep(timedelta(seconds=90)))
    assert stage.trade.needs_attention
    assert stage.held == (Decimal(10), Decimal(-5))
    return stage


async def test_an_accepted_residual_ends_the_alarm_and_the_repairs() -> None:
    """Who wants to keep 5 unhedged must not be asked about them every minute."""
    stage = await with_one_leg_larger()
    before = len(stage.orders_made)

    assert await stage.play(
        stage.execution.accept_residual(TRADE, Held(Decimal(10), Decimal(5)), OWNER)
    )
    await until_idle(stage, 300)

    assert stage.state is TradeState.OPEN
    assert not stage.trade.needs_attention
    assert len(stage.orders_made) == before
    kept = stage.trade.first.accepted
    assert kept is not None
    assert (kept.quantity_base, kept.by, kept.is_all) == (Decimal(5), OWNER, False)
    assert stage.journal.halt_rows == {}
    await stage.play(stage.reconciler.check_positions())
    assert stage.state is TradeState.OPEN


async def test_a_close_sells_an_accepted_residual_too() -> None:
    """A pair that is closed must leave nothing behind that its card counted in."""
    stage = await with_one_leg_larger()
    held = Held(Decimal(10), Decimal(5))
    await stage.play(stage.execution.accept_residual(TRADE, held, OWNER))
    await until_idle(stage, 10)
    stage.first.answer = stage.second.answer = Answer

    await stage.close()

    assert stage.state is TradeState.CLOSED
    assert not any(stage.held)


async def test_a_whole_leg_that_is_accepted_ends_the_pair_as_its_owners() -> None:
    """The news must not call flat what is still held."""
    stage = await in_trouble()
    held = Held(Decimal(10), Decimal(0))

    assert await stage.play(stage.execution.accept_residual(TRADE, held, OWNER))
    await until_idle(stage, 10)
    await stage.play(stage.reconciler.check_positions())

    assert stage.state is TradeState.ABORTED
    assert stage.held == (Decimal(10), Decimal(0))
    (news,) = stage.alerts(AlertKind.NOT_OPENED)
    assert news.facts["kept"] == "10"
    assert news.facts["kept_venue"] == "binance"
    assert "cost_usd" not in news.facts
    assert stage.journal.halt_rows == {}


async def test_only_the_residual_that_was_shown_can_be_accepted() -> None:
    """A card of ten minutes ago must not accept what it never showed."""
    stage = await with_one_leg_larger()
    held = Held(Decimal(10), Decimal(6))

    assert not await stage.play(stage.execution.accept_residual(TRADE, held, OWNER))

    assert stage.trade.needs_attention
    await stage.nursery.cancel()


async def test_a_residual_that_grows_is_repaired_again() -> None:
    """Accepted were 5, not whatever the venue takes away next."""
    stage = await with_one_leg_larger()
    held = Held(Decimal(10), Decimal(5))
    await stage.play(stage.execution.accept_residual(TRADE, held, OWNER))
    await until_idle(stage, 60)
    stage.first.answer = Answer
    stage.second.move_position(Decimal(2))  # short 5 becomes short 3

    await stage.play(stage.reconciler.check_positions())
    await until_idle(stage, 30)

    assert stage.held == (Decimal(3), Decimal(-3))
    assert stage.state is TradeState.OPEN


async def test_a_part_that_was_sold_is_told_with_what_is_left() -> None:
    """Who closes by hand what an old message names would sell too much."""
    stage = await in_trouble()
    stage.first.answers.append(Answer(share=Decimal("0.4")))

    await until_idle(stage, 65)

    latest = stage.alerts(AlertKind.NOT_HEDGED)[-1]
    assert Decimal(latest.facts["do_quantity"]) == Decimal(6)
    assert stage.trade.first.held_base == Decimal(6)
    await stage.nursery.cancel()


# --- a lost leg, and an owner who wants to be asked -----------------------------------


async def asked_about_a_lost_leg() -> Stage:
    """Return a pair whose short was liquidated, its owner to be asked first."""
    stage = Stage()
    await stage.open()
    await until_idle(stage, 60)
    stage.reconciler.reduces_lost = False
    stage.second.move_position(Decimal(10))
    await stage.play(stage.reconciler.check_positions())
    await until_idle(stage, 120)
    return stage


async def test_who_wants_to_be_asked_is_alarmed_and_nothing_is_sent() -> None:
    """His rule: the long of 10 stays until he says what to do, over a restart too."""
    stage = await asked_about_a_lost_leg()

    (lost,) = stage.alerts(AlertKind.LEG_LOST)
    assert lost.facts["follows"] == "no"
    (alarm,) = stage.alerts(AlertKind.NOT_HEDGED)
    assert "your rule is to be asked" in alarm.facts["reason"]
    await stage.nursery.cancel()
    stage.restart()
    await stage.play(stage.reconciler.at_start())
    await until_idle(stage, 300)

    assert stage.held == (Decimal(10), Decimal(0))
    assert len(stage.orders_made) == 2
    assert stage.trade.needs_attention
    await stage.nursery.cancel()


async def test_retry_now_lets_the_other_leg_follow() -> None:
    """His word is the order that the rule held back: 10 are sold, reduce-only."""
    stage = await asked_about_a_lost_leg()

    assert await stage.play(stage.execution.retry_now(TRADE))
    await until_idle(stage, 5)

    assert stage.state is TradeState.CLOSED
    assert stage.orders_made[-1].is_reduce_only
    assert stage.journal.halt_rows == {}
    assert not any(stage.held)
    await stage.nursery.cancel()
