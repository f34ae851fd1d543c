"""What limits a trader: too little free margin, a venue that stays dead, days left."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from tests.journeys.house import find, open_house

if TYPE_CHECKING:
    from pathlib import Path

    from core.model.trade import Trade
    from tests.journeys.house import House

pytestmark = pytest.mark.journey

MINUTE = timedelta(minutes=1)


async def newest(house: House) -> Trade:
    """Return the trade that was made last."""
    return (await house.trades())[0]


async def test_the_ranking_offers_what_the_free_margin_carries(tmp_path: Path) -> None:
    """$60 on each venue: $500 do not fit, and one tap quotes what does."""
    async with open_house(tmp_path, paper_balance_usd=60) as house:
        await house.scan()
        top = await house.say("/top")
        assert "$ = too little free" in top.text
        assert "$60.00 free" in top.text

        token = await house.say("/matrix PEPE")
        # 60 / (1.2 * (1/3 + 0.0005)) is about $149, 1 % off for the dearer leg
        (opens, *_) = [each for each in token.buttons if "Open" in each.label]
        assert "$14" in opens.label
        await house.tap(opens.label, token)
        await house.tap("Open $", house.card())
        await house.rest()

        assert (await newest(house)).state is TradeState.OPEN


async def test_a_pair_on_a_dead_venue_is_left_once_both_answer(tmp_path: Path) -> None:
    """Chosen in chat: ten minutes of silence, then out, but never while it is dead."""
    async with open_house(tmp_path) as house:
        await house.say("/settings trouble min 10")
        await house.say("/settings venue trouble close")
        await house.tap("Change it")
        assert "closes by itself" in (await house.say("/settings venue trouble")).text
        await house.enter("PEPE")
        trade = await newest(house)
        dead = trade.short.instrument.venue_id
        house.box.faults.add(dead, "*", "status", times=None, param=502)
        for _ in range(14):
            await house.pass_time(MINUTE)
            await house.scan()
            await house.hold()

        assert (await newest(house)).state is TradeState.OPEN
        (told,) = find(house, "on a venue in trouble for")
        assert "as soon as both venues are in order again" in told.text
        card = await house.say("/pos PEPE")
        assert "Closes once both venues are in order" in card.text

        house.box.faults.clear()
        for _ in range(14):
            await house.pass_time(MINUTE)
            await house.scan()
            await house.hold()
        trade = await newest(house)
        assert trade.state is TradeState.CLOSED
        assert "was in trouble for" in (trade.outcome or "")
        assert "and is in order again" in (trade.outcome or "")
