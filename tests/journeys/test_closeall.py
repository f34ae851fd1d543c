"""Everything closed at once on paper, from the command to flat accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from tests.journeys.house import ANNA, VERA

if TYPE_CHECKING:
    from sandbox.telegram.model import ChatMessage
    from tests.journeys.house import House

pytestmark = pytest.mark.journey


async def second_step(house: House) -> ChatMessage:
    """Open two pairs and go as far as the question that closes them."""
    await house.enter("KAITO 250")
    await house.enter("PEPE", "BN>HL")
    card = await house.say("/closeall")
    assert card.text.startswith("Close all? 2 pairs, $")
    await house.tap("Close all 2", card)
    assert card.text.startswith("Really close 2 pairs? $")
    return card


async def test_two_pairs_are_closed_at_once_and_a_double_tap_closes_nothing_twice(
    house: House,
) -> None:
    """Two close cards, two outcomes, every account flat; a viewer could not."""
    card = await second_step(house)
    (sure,) = [one for one in card.labels[1] if one.startswith("❗ Close 2, $")]
    data = card.button(sure).data
    assert data
    assert "View only" in (await house.say("/closeall", VERA)).text
    before = len(house.cards())
    house.breathe()
    taps = [house.telegram.tap(ANNA, ANNA, card.id, label=sure) for _ in range(2)]
    toasts = [(await tap.answer()).text for tap in taps]
    await house.rest()

    assert sorted(toasts) == ["Already running", "Closing 2 pairs…"]
    assert {one.state for one in await house.trades()} == {TradeState.CLOSED}
    for account in house.accounts.values():
        assert await account.positions() == ()
    told = house.cards()[before:]
    assert sorted(one.text.split(" closed: ")[0] for one in told) == [
        "✅ KAITO",
        "✅ PEPE",
    ]
    assert card.text.startswith("Closing 2 pairs · 🧪 PAPER")
    assert await house.press(data, card) == "Already running"


async def test_a_dead_venue_keeps_its_pair_hedged_and_the_other_one_closes(
    house: House,
) -> None:
    """PEPE stands on Binance, whose books are gone; KAITO does not wait for it."""
    card = await second_step(house)
    house.spoil_books("binance", after=0)
    await house.tap("❗ Close 2", card)
    await house.rest()

    states = {one.base: one.state for one in await house.trades()}
    assert states == {"KAITO": TradeState.CLOSED, "PEPE": TradeState.OPEN}
    assert card.text.startswith("Closing 1 pair; 1 refused: PEPE · 🧪 PAPER")
    refusal = next(one for one in house.cards() if "PEPE is not closed." in one.text)
    assert "Binance" in refusal.text.splitlines()[0]


async def test_the_question_is_void_after_its_time_and_after_a_restart(
    house: House,
) -> None:
    """Neither a late thumb nor one that meets another process closes anything."""
    card = await second_step(house)
    await house.restart()
    toast = await house.tap("❗ Close 2", card)
    assert toast == "I restarted. Nothing was ordered, look again."
    await house.tap("Close all 2", card)
    await house.pass_time(timedelta(seconds=46))
    await house.until(lambda: card.text.startswith("The question ended at"))
    assert card.labels == [["🔄 Refresh", "◀ Positions"]]
    await house.tap("Refresh", card)
    assert card.text.startswith("Close all? 2 pairs")

    assert {one.state for one in await house.trades()} == {TradeState.OPEN}
