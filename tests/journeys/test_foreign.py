"""What somebody else holds on the accounts: told, listed, ignored, or adopted."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from tests.journeys.house import find
from tests.journeys.live import COIN, STEP, exposure, live_house, newest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.journeys.house import House

pytestmark = pytest.mark.journey

HELD = Decimal(2)


def house_of_two(folder: Path) -> AbstractAsyncContextManager[House]:
    """Open a live bot on two venues."""
    return live_house(
        folder,
        "binance",
        "hyperliquid",
        venues="binance,hyperliquid",
        tokens=COIN,
    )


async def look(house: House) -> None:
    """Let the timer look twice, some seconds apart, as it does for what is new."""
    before = len(house.clock.asleep)
    tick = asyncio.ensure_future(house.engine.hold_tick())
    while not tick.done():
        await house.until(lambda: tick.done() or len(house.clock.asleep) > before)
        await house.quiet()
        await house.pass_time(STEP)
    await house.quiet()
    await house.settle()


async def test_a_position_of_somebody_else_is_told_listed_and_ignored(
    tmp_path: Path,
) -> None:
    """The bot never touches it, and says no more of it once it was told so."""
    async with house_of_two(tmp_path) as house:
        house.box.accounts.trade_by_hand("binance", COIN, HELD)
        await look(house)
        (told,) = find(house, "that is not mine: long 2")
        assert "I do not touch it" in told.text

        listing = await house.say("/pos")
        assert f"Binance: long 2 {COIN}" in listing.text
        await house.tap("Adopt BN", listing)
        assert "stands alone" in house.card().text

        listing = await house.say("/pos")
        toast = await house.tap("Ignore BN", listing)
        assert "no more of it" in toast
        await look(house)
        assert f"Binance: long 2 {COIN}" not in (await house.say("/pos")).text
        assert len(find(house, "that is not mine: long 2")) == 1
        assert exposure(house)["binance"] == HELD
        assert not await house.trades()


async def test_two_opposite_positions_are_adopted_and_closed_flat(
    tmp_path: Path,
) -> None:
    """What was opened by hand on both venues can be watched and closed by the bot."""
    async with house_of_two(tmp_path) as house:
        house.box.accounts.trade_by_hand("binance", COIN, HELD)
        house.box.accounts.trade_by_hand("hyperliquid", COIN, -HELD)
        await look(house)

        listing = await house.say("/pos")
        await house.tap("Adopt BN", listing)
        card = house.card()
        assert f"Adopt {COIN} as a pair of mine?" in card.text
        assert "Nothing is ordered now" in card.text
        await house.tap(f"Adopt {COIN}", card)
        await house.quiet()

        trade = await newest(house)
        assert trade.state is TradeState.OPEN
        assert exposure(house)["binance"] == HELD
        await look(house)
        assert "Not mine" not in (await house.say("/pos")).text
        assert not (await newest(house)).needs_attention

        await house.leave(COIN)
        assert (await newest(house)).state is TradeState.CLOSED
        held = exposure(house)
        assert held["binance"] == held["hyperliquid"] == 0
