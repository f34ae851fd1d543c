"""What happens to an open live pair: legs taken away, failed closes, dead venues."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.preferences import Key
from core.model.trade import TradeState
from core.model.units import UserId
from tests.journeys.house import ANNA, find
from tests.journeys.live import (
    COIN,
    NAMES,
    PARTNERS,
    STEP,
    check_books,
    exposure,
    lean,
    live_house,
    newest,
    rested,
    roomy_minutes,
    units_taken_as_proven,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from pathlib import Path

    from tests.journeys.house import House

pytestmark = pytest.mark.journey

OPEN, CLOSED = TradeState.OPEN, TradeState.CLOSED
PROMPT_S = 1.0


@pytest.fixture(autouse=True)
def _roomy_minutes() -> Iterator[None]:
    with roomy_minutes(), units_taken_as_proven():
        yield


def house_on(folder: Path, venue: str) -> AbstractAsyncContextManager[House]:
    """Open a live bot on a venue and its partner."""
    other = PARTNERS[venue]
    return live_house(folder, venue, other, venues=f"{venue},{other}")


async def open_pair(house: House) -> None:
    """Open the pair and make sure of it."""
    await house.enter(f"{COIN} 300")
    assert (await newest(house)).state is OPEN, house.card().text


async def watch(house: House) -> None:
    """Let the timer look after the pair; its second look comes some seconds later."""
    before = len(house.clock.asleep)
    look = asyncio.ensure_future(house.engine.hold_tick())
    while not look.done():
        await house.until(lambda: look.done() or len(house.clock.asleep) > before)
        await house.quiet()
        await house.pass_time(STEP)
    await house.quiet()


# --- one leg ends by itself -----------------------------------------------------------


@pytest.mark.parametrize(
    "share",
    [
        pytest.param("0.5", marks=pytest.mark.campaign, id="half"),
        pytest.param("1", id="all"),
    ],
)
@pytest.mark.parametrize("venue", NAMES)
async def test_a_leg_that_the_venue_takes_away_is_matched_within_seconds(
    tmp_path: Path, venue: str, share: str
) -> None:
    """Deleveraging leaves one leg naked; the other one is reduced to what is left."""
    async with house_on(tmp_path, venue) as house:
        await open_pair(house)
        before = exposure(house)[venue]
        house.box.accounts.force(venue, COIN, "adl", share=Decimal(share))
        left = exposure(house)[venue]
        assert left < before
        for _ in range(3):  # every half minute, so that all is well within 65 s
            await house.pass_time(STEP)
            await watch(house)
            await house.pass_time(4 * STEP)
        trade, held = await rested(house), exposure(house)
        coarser = max(one.instrument.lot_base for one in trade.legs)
        assert abs(held[venue] + held[PARTNERS[venue]]) < coarser, held
        assert held[venue] == left, "a lost leg is never opened again"
        assert trade.state is (OPEN if left else CLOSED)
        if left:
            await house.leave(COIN)
            assert (await newest(house)).state is CLOSED


LOW = Decimal("0.97")
"""A liquidation sells below the mark."""


def low_price(house: House, venue: str) -> Decimal:
    """Return a price 3 % below a venue's mark."""
    return Decimal(house.truth(COIN)["venues"][venue]["mark_price"]) * LOW


async def liquidate(house: House, venue: str) -> datetime:
    """Take the whole leg away, below its mark; return when."""
    price = low_price(house, venue)
    house.box.accounts.force(venue, COIN, "liquidation", price=price)
    return house.clock.now()


async def told_of(house: House, words: str) -> datetime:
    """Let the timer run every 30 s until a message says so; return when it did."""
    for _ in range(6):
        await watch(house)
        if find(house, words):
            return house.clock.now()
        await house.pass_time(2 * STEP)
    message = f"nobody says {words!r}"
    raise AssertionError(message)


@pytest.mark.parametrize(
    "venue",
    [
        pytest.param(one, marks=() if one == "hyperliquid" else pytest.mark.campaign)
        for one in NAMES
    ],
)
async def test_a_liquidated_leg_is_an_alarm_and_counted_to_the_cent(
    tmp_path: Path, venue: str
) -> None:
    """Told within 65 s, the other leg follows at once, and the loss is in the PnL."""
    async with house_on(tmp_path, venue) as house:
        await open_pair(house)
        await house.pass_time(8 * STEP)
        at = await liquidate(house, venue)

        told = await told_of(house, "LEG LOST")
        await rested(house)

        assert told - at <= timedelta(seconds=65)
        assert (await newest(house)).state is CLOSED
        assert not any(exposure(house).values())
        await check_books(house)


async def test_who_is_to_be_asked_keeps_the_other_leg_until_he_says(
    tmp_path: Path,
) -> None:
    """The rule set in chat: an alarm, nothing sent, and one tap that lets it follow."""
    async with house_on(tmp_path, "hyperliquid") as house:
        await house.engine.preferences.choose(Key.REDUCE_LOST, False, UserId(ANNA))  # noqa: FBT003 - a value
        await open_pair(house)
        await house.pass_time(8 * STEP)
        before = exposure(house)
        await liquidate(house, "hyperliquid")

        await told_of(house, "your rule is to be asked")
        await house.pass_time(timedelta(minutes=5))
        await watch(house)
        partner = PARTNERS["hyperliquid"]
        assert exposure(house)[partner] == before[partner]

        alarm = find(house, "NOT HEDGED")[-1]
        await house.tap("Retry now", alarm)
        await rested(house)
        assert (await newest(house)).state is CLOSED
        assert not any(exposure(house).values())
        await check_books(house)


# --- a close that fails ---------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "reset",
        "partial",
        "reject",
        *(
            pytest.param(one, marks=pytest.mark.campaign)
            for one in ("truncated", "zero")
        ),
    ],
)
@pytest.mark.parametrize("venue", NAMES)
async def test_a_close_order_in_trouble_leaves_no_single_leg(
    tmp_path: Path, venue: str, kind: str
) -> None:
    """Once it is over both legs are gone, or both are still there and can be closed."""
    async with house_on(tmp_path, venue) as house:
        await open_pair(house)
        house.box.faults.add(venue, "@reduce", kind)
        card = await house.say(f"/close {COIN}")
        await house.tap("Close both", card)
        await house.quiet()
        trade, held = await rested(house), exposure(house)
        coarser = max(one.instrument.lot_base for one in trade.legs)
        assert abs(held[venue] + held[PARTNERS[venue]]) < coarser, held
        assert (held[venue] == 0) == (trade.state is CLOSED), held
        if trade.state is OPEN:
            await house.leave(COIN)
        await house.hold()
        await check_books(house)


# --- nothing can be done --------------------------------------------------------------


@pytest.mark.parametrize("venue", NAMES)
async def test_a_leg_that_cannot_go_back_is_told_with_its_true_size(
    tmp_path: Path, venue: str
) -> None:
    """Leg 2 is refused and leg 1 cannot be sold: a person reads what really is held."""
    async with house_on(tmp_path, venue) as house:
        card = await house.say(f"/open {COIN} 300")
        house.box.faults.add("*", "@reduce", "reject", times=None)
        house.box.faults.add("*", "@entry", "reject", times=None, after=1)
        await house.tap("Open $", card)
        await house.quiet()
        await house.wake_until(lambda: find(house, "NOT HEDGED"))
        (naked,) = [(name, held) for name, held in exposure(house).items() if held]
        told = find(house, "NOT HEDGED")[-1].text
        size = f"{abs(naked[1]).normalize():f}"
        side = "long" if naked[1] > 0 else "short"
        assert f"NOT HEDGED: {side} {size} {COIN} on {naked[0].capitalize()}" in told
        house.box.faults.clear()
        await rested(house)
        assert not any(exposure(house).values())


# --- one venue slow, one dead ---------------------------------------------------------


async def prompt(house: House, words: str) -> str:
    """Say something and have the answer within a second.

    Raises:
        AssertionError: it took longer.
    """
    started = time.monotonic()
    async with asyncio.timeout(5):
        answer = (await house.say(words)).text
    took = time.monotonic() - started
    assert took < PROMPT_S, f"{words} took {took:.2f} s"
    return answer


async def test_a_slow_and_a_dead_venue_hold_up_nothing_elsewhere(
    tmp_path: Path,
) -> None:
    """A pair on the other two closes; positions and the halt are there in a second."""
    async with live_house(tmp_path, "binance", "hyperliquid", tokens=COIN) as house:
        await open_pair(house)
        lean(house.box, "lighter", "extended")
        await house.scan()
        await open_pair(house)
        house.box.faults.add("lighter", "*", "timeout", times=None, param=30)
        house.box.reception.latency_ms["extended"] = 800
        await house.pass_time(STEP)
        tick = asyncio.ensure_future(house.engine.hold_tick())

        assert COIN in await prompt(house, "/pos")
        older = [one for one in await house.trades() if one.state is OPEN][-1]
        card = await house.say(f"/pos {COIN}")
        closing = await house.say(f"/close {older.trade_id}")
        started = time.monotonic()
        await house.tap("Close both", closing)
        while (await house.trades())[-1].state is not CLOSED:
            assert time.monotonic() - started < PROMPT_S, card.text
            await asyncio.sleep(0.01)
        assert "halt" in (await prompt(house, "/halt")).lower()

        held = exposure(house)
        assert held["binance"] == held["hyperliquid"] == 0
        assert held["lighter"] == -held["extended"] != 0
        house.box.faults.clear()
        house.box.reception.latency_ms.clear()
        tick.cancel()
        await asyncio.gather(tick, return_exceptions=True)


async def stuck(house: House) -> str:
    """Leave one leg alone that cannot be sold, until a person is called; its venue."""
    card = await house.say(f"/open {COIN} 300")
    house.box.faults.add("*", "@reduce", "reject", times=None)
    house.box.faults.add("*", "@entry", "reject", times=None, after=1)
    await house.tap("Open $", card)
    await house.quiet()
    await house.wake_until(lambda: find(house, "NOT HEDGED"))
    ((venue, _),) = [(name, held) for name, held in exposure(house).items() if held]
    return venue


async def test_an_owner_who_taps_retry_does_not_wait_for_the_next_minute(
    tmp_path: Path,
) -> None:
    """The venue takes orders again, and somebody sees it first."""
    async with house_on(tmp_path, "binance") as house:
        await stuck(house)
        house.box.faults.clear()
        await house.tap("Retry now", find(house, "NOT HEDGED")[-1])
        await house.quiet()
        for _ in range(3):  # the venue's own seconds, far less than the minute
            await house.pass_time(STEP)
            await house.quiet()
        assert not any(exposure(house).values())
        assert (await newest(house)).state is TradeState.ABORTED


async def test_an_accepted_residual_ends_the_alarm_and_stays_with_its_owner(
    tmp_path: Path,
) -> None:
    """The bot neither sells it nor calls it flat."""
    async with house_on(tmp_path, "binance") as house:
        venue = await stuck(house)
        held = exposure(house)[venue]
        await house.tap("Accept residual", find(house, "NOT HEDGED")[-1])
        question = house.card()
        assert "without a counterpart?" in question.text
        await house.tap("Accept ", question)
        await house.quiet()
        trade = await rested(house)
        assert trade.state is TradeState.ABORTED
        assert exposure(house)[venue] == held
        assert find(house, "as you accepted")
        house.box.faults.clear()
        await watch(house)
        assert exposure(house)[venue] == held
