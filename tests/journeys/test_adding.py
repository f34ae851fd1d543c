"""A pair grows, shrinks and ends: every venue's books are ours at each stop."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.model.intent import Purpose
from core.model.trade import TradeState
from tests.journeys.house import find
from tests.journeys.live import (
    COIN,
    ZERO,
    check_books,
    exposure,
    live_house,
    newest,
)

if TYPE_CHECKING:
    from pathlib import Path

    from core.model.trade import Trade
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

START = Decimal(5000)
CENT = Decimal("0.01")
PLUS = "➕"  # noqa: RUF001 - the sign on the button


async def add(house: House, words: str) -> Trade:
    """Ask for a part of a pair, confirm it, and return the pair at rest."""
    card = await house.say(words)
    assert card.text.startswith(f"{PLUS} Add to"), card.text
    await house.tap("Add $", card)
    await house.rest()
    return await newest(house)


async def close_half(house: House) -> Trade:
    """Close half of the only pair."""
    card = await house.say("/close " + (await newest(house)).trade_id + " 50%")
    await house.tap("Close part", card)
    await house.rest()
    return await newest(house)


async def live_through(house: House, hours: int) -> None:
    """Let payments come and be booked."""
    for _ in range(hours):
        await house.pass_time(timedelta(hours=1))
        await house.scan()
        await house.hold()


def check_held(house: House, trade: Trade, venues: tuple[str, str]) -> None:
    """Compare what the pair says it holds with what the venues say.

    Raises:
        AssertionError: they differ, or the legs do.
    """
    held = exposure(house)
    first, second = (held[venue] for venue in venues)
    assert first == -second == trade.long.held_base == trade.short.held_base


async def test_a_live_pair_grows_shrinks_and_ends_as_the_venues_have_it(
    tmp_path: Path,
) -> None:
    """Open 300, add 200, close half, open again adds, close; equal to the cent.

    Payments before and after the addition count what was held at each moment.
    """
    venues = ("hyperliquid", "binance")
    async with live_house(tmp_path, *venues) as house:
        await house.enter(f"{COIN} 300")
        opened = await newest(house)
        check_held(house, opened, venues)
        await live_through(house, 5)

        grown = await add(house, f"/add {COIN} 200")

        assert find(house, f"✅ {COIN} grew, both legs filled")
        assert grown.trade_id == opened.trade_id
        assert grown.long.held_base > opened.long.held_base
        check_held(house, grown, venues)
        await live_through(house, 5)
        halved = await close_half(house)
        check_held(house, halved, venues)
        assert halved.long.held_base < grown.long.held_base

        again = await add(house, f"/open {COIN} 200")

        assert again.trade_id == opened.trade_id
        check_held(house, again, venues)
        await house.leave()
        await house.hold()
        assert (await newest(house)).state is TradeState.CLOSED
        assert len(await house.trades()) == 1
        assert exposure(house) == dict.fromkeys(exposure(house), ZERO)
        await check_books(house)


async def test_a_second_leg_that_fails_costs_a_live_pair_nothing_it_held(
    tmp_path: Path,
) -> None:
    """Leg 2 is refused: leg 1 goes back to what it was, and both venues agree."""
    venues = ("hyperliquid", "binance")
    async with live_house(tmp_path, *venues) as house:
        await house.enter(f"{COIN} 300")
        before = await newest(house)
        second = before.second.instrument.venue_id
        card = await house.say(f"/add {COIN} 200")
        house.box.faults.add(second, "@entry", "reject", param="margin")
        await house.tap("Add $", card)
        await house.quiet()
        await house.wake_until(lambda: find(house, f"Nothing was added to {COIN}"))

        after = await newest(house)
        assert after.state is TradeState.OPEN
        check_held(house, after, venues)
        assert after.long.held_base == before.long.held_base
        told = find(house, f"Nothing was added to {COIN}")[-1].text
        assert "stay open, hedged" in told
        docket = await house.engine._parts.execution.world.docket(after.trade_id)
        assert docket is not None
        assert docket.intents[-1].purpose is Purpose.TRIM


async def test_a_pretend_pair_in_thousands_grows_and_every_cent_is_there(
    house: House,
) -> None:
    """1000PEPE against kPEPE: in and out, with a payment on each size between.

    Start + price + funding - fees is what is there at the end.
    """
    await house.enter("PEPE", "BN>HL")
    opened = await newest(house)
    await live_through(house, 3)

    grown = await add(house, f"/add {opened.trade_id} 250")
    await live_through(house, 3)
    halved = await close_half(house)
    await live_through(house, 1)
    await house.leave()

    ended = await newest(house)
    assert (grown.trade_id, ended.state) == (opened.trade_id, TradeState.CLOSED)
    assert grown.long.held_base == grown.short.held_base > opened.long.held_base
    assert halved.long.held_base == halved.short.held_base < grown.long.held_base
    record, gained = house.engine._parts.trades, ZERO
    for fill in await record.fills_of(ended.trade_id):
        gained -= fill.side.sign * fill.quantity_base * fill.price
        gained -= fill.fee_usd or ZERO
    payments = await record.payments_of(ended.trade_id)
    sizes = {abs(each.quantity_base) for each in payments}
    assert sizes == {one.long.held_base for one in (opened, grown, halved)}
    gained += sum((each.amount_usd for each in payments), ZERO)
    worth = [(await each.balance()).equity_usd for each in house.accounts.values()]
    assert abs(sum(worth, ZERO) - START * len(worth) - gained) < CENT
