"""What venues take of a leg without an order of ours is booked with its price."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

from core.model.alert import AlertKind
from core.model.trade import TradeState
from core.model.units import OrderSide
from core.positions import value_trade
from tests.fakes.stage import TRADE, Stage

TEN, FEE = Decimal(10), Decimal(1)
FORTY = Decimal(40)


async def opened() -> Stage:
    """Open 10 long at 50.005 and 10 short at 49.995; let our own orders age."""
    stage = Stage()
    await stage.open()
    await stage.play(stage.clock.sleep(timedelta(minutes=1)))
    return stage


async def watched(stage: Stage) -> None:
    """Run the timer's check and let what it starts finish."""

    async def check() -> None:
        await stage.reconciler.check_positions()
        await stage.clock.sleep(timedelta(seconds=1))
        while stage.execution.is_busy(TRADE):
            await stage.clock.sleep(timedelta(seconds=1))

    await stage.play(check())


async def test_a_liquidated_leg_is_in_the_result_with_its_price_and_fee() -> None:
    """10 bought at 50.005 went at 40 for a fee of 1: that is what the owner lost.

    Long: 10 * (40 - 50.005) = -100.05. Short: sold at 49.995, bought back at 50.005,
    -0.10. Fees: three executions of 10 at about 50 for 0.05 %, and the venue's 1.
    """
    stage = await opened()
    stage.first.take_away(OrderSide.SELL, TEN, FORTY, FEE)

    await watched(stage)

    assert stage.state is TradeState.CLOSED
    (closed,) = stage.alerts(AlertKind.CLOSED)
    assert Decimal(closed.facts["price_usd"]) == Decimal("-100.15")
    fees = 1 + Decimal("0.0005") * 10 * (Decimal("50.005") * 2 + Decimal("49.995"))
    assert Decimal(closed.facts["fees_usd"]) == fees
    assert Decimal(closed.facts["total_usd"]) == Decimal("-100.15") - fees


async def test_a_part_that_was_taken_is_in_the_open_pairs_result() -> None:
    """4 of the short were bought at 60 by the venue: a loss of 4 * 10.005 is real."""
    stage = await opened()
    stage.second.take_away(OrderSide.BUY, Decimal(4), Decimal(60), FEE)

    await watched(stage)

    assert stage.state is TradeState.OPEN
    fills = await stage.journal.fills_of(TRADE)
    position = value_trade(stage.trade, fills, (), {}, stage.clock.now())
    assert sum(fill.quantity_base * -fill.side.sign for fill in fills) == 0
    short = [each for each in fills if each.venue_id == "hyperliquid"]
    realised = sum(-each.side.sign * each.quantity_base * each.price for each in short)
    assert realised == 10 * Decimal("49.995") - 4 * 60
    assert position.fees_usd > FEE


async def test_what_does_not_add_up_is_not_guessed() -> None:
    """10 are gone and the venue tells of 7: no result is better than a wrong one."""
    stage = await opened()
    stage.first.take_away(OrderSide.SELL, Decimal(7), FORTY, FEE)
    stage.first.move_position(Decimal(-3))

    await watched(stage)

    assert stage.state is TradeState.CLOSED
    (closed,) = stage.alerts(AlertKind.CLOSED)
    assert "price_usd" not in closed.facts
    assert "total_usd" not in closed.facts
    assert all(each.intent_id for each in await stage.journal.fills_of(TRADE))


async def test_executions_that_are_told_late_are_booked_later() -> None:
    """The venue did not answer in time; half a minute later it does."""
    stage = await opened()
    stage.first.take_away(OrderSide.SELL, Decimal(4), FORTY, FEE)
    stage.first.fails = lambda name: name == "fills"
    await watched(stage)
    assert len(await stage.journal.fills_of(TRADE)) == 3

    stage.first.fails = lambda _: False
    await watched(stage)
    await watched(stage)

    theirs = [e for e in await stage.journal.fills_of(TRADE) if e.intent_id is None]
    assert [(each.price, each.fee_usd) for each in theirs] == [(FORTY, FEE)]


async def test_pairs_looked_at_together_ask_each_venue_once() -> None:
    """Fifty pairs on four venues are four questions, not a hundred."""
    stage = await opened()
    asked: list[str] = []

    def note(name: str) -> bool:
        asked.append(name)
        return False

    stage.first.fails = note
    live = stage.execution.live

    async def all_of_them() -> None:
        held = await asyncio.gather(*(live.read(stage.trade) for _ in range(50)))
        assert {each.first for each in held if each is not None} == {TEN}
        await live.read(stage.trade)

    await stage.play(all_of_them())

    assert asked == ["positions"] * 2, "once for all of them, and once later"


async def test_whoever_waits_for_a_question_that_was_given_up_knows_nothing() -> None:
    """A reading that was cancelled is no reading, and never a flat one."""
    stage = await opened()
    live = stage.execution.live

    async def given_up() -> None:
        first = asyncio.ensure_future(live.read(stage.trade))
        second = asyncio.ensure_future(live.read(stage.trade))
        for _ in range(5):  # until both wait for the answer
            await asyncio.sleep(0)
        first.cancel()
        assert await second is None

    await stage.play(given_up())
