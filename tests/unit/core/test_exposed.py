"""A leg that stays alone while the other one's order is being looked up."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.alert import AlertKind, AlertLevel
from core.model.trade import TradeState
from tests.fakes.account import Answer, Reply
from tests.fakes.stage import Stage

if TYPE_CHECKING:
    from core.model.alert import Alert

LONG_FENCE = timedelta(minutes=10, seconds=30)
"""A venue whose signed orders stay valid for ten minutes."""


async def run(stage: Stage, seconds: int) -> None:
    """Confirm an entry and let time pass."""
    stage.execution.start_open(stage.confirmed())
    await stage.play(stage.clock.sleep(timedelta(seconds=seconds)))


def alarms(stage: Stage) -> list[Alert]:
    """Return the alarms about a leg that waits for the other one's order."""
    told = stage.alerts(AlertKind.NOT_HEDGED)
    return [each for each in told if "decide_by" in each.facts]


async def test_a_lost_second_order_is_alarming_after_a_minute_not_after_ten() -> None:
    """Ten minutes of open risk under the word "checking" is silence."""
    stage = Stage(second_fence=LONG_FENCE)
    stage.second.answers.append(Answer(Reply.NEVER))

    await run(stage, 59)
    early = alarms(stage)
    await stage.play(stage.clock.sleep(timedelta(seconds=4)))

    assert early == []
    (alarm,) = alarms(stage)
    assert alarm.level is AlertLevel.CRITICAL
    assert alarm.chat_id is None
    facts = alarm.facts
    assert (facts["asked_venue"], facts["asked_side"]) == ("hyperliquid", "sell")
    assert Decimal(facts["asked_quantity"]) == Decimal(10)
    assert (facts["do_venue"], facts["do_side"]) == ("binance", "sell")
    assert Decimal(facts["do_quantity"]) == Decimal(10)
    assert Decimal(facts["exposure_base"]) == Decimal(10)
    order = stage.orders_made[-1]
    decide_by = order.fence_at + timedelta(seconds=15)
    assert facts["decide_by"] == decide_by.isoformat()
    await stage.nursery.cancel()


async def test_the_alarm_sends_nothing_and_the_pair_ends_level_by_itself() -> None:
    """The lost order may still be taken: only its fence decides."""
    stage = Stage(second_fence=LONG_FENCE)
    stage.second.answers.append(Answer(Reply.NEVER))

    await run(stage, 120)
    during = len(stage.orders_made)
    await stage.play(stage.clock.sleep(timedelta(minutes=12)))

    assert during == 2
    assert stage.state is TradeState.ABORTED
    assert not any(stage.held)
    assert len(alarms(stage)) == 1


async def test_an_alarm_does_not_wait_for_reads_that_hang() -> None:
    """A venue in maintenance lets every question wait until its time is up."""
    stage = Stage(second_fence=LONG_FENCE)
    stage.second.answers.append(Answer(Reply.LOST))
    dead_until = stage.clock.now() + timedelta(minutes=5)

    def hangs(_: str) -> bool:
        if not stage.second.submits or stage.clock.now() >= dead_until:
            return False
        stage.second.latency = timedelta(seconds=9)
        return True

    stage.second.fails = hangs

    await run(stage, 62)

    assert len(alarms(stage)) == 1
    (checking,) = stage.alerts(AlertKind.CHECKING_ORDER)
    sent_at = stage.orders_made[-1].created_at
    assert checking.created_at <= sent_at + timedelta(seconds=13)
    await stage.play(stage.clock.sleep(timedelta(minutes=6)))
    assert stage.state is TradeState.OPEN
    assert stage.exposure == 0


async def test_an_unknown_first_order_alone_is_no_known_exposure() -> None:
    """An alarm about what may not exist would make people trade by hand."""
    stage = Stage()
    stage.first.answers.append(Answer(Reply.LOST))
    dead_until = stage.clock.now() + timedelta(seconds=90)
    stage.first.fails = lambda name: name != "book" and stage.clock.now() < dead_until

    await run(stage, 80)

    assert alarms(stage) == []
    await stage.nursery.cancel()
