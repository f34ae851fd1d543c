"""An entry that takes more than half of a cap is asked about twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.cards import trouble
from tests.fakes.chat import Chat
from tests.fakes.engine import lists_of, pair, scan_of


@pytest.fixture
def chat() -> Chat:
    """The cap is $900, the usual size $500."""
    chat = Chat()
    chat.engine.result = scan_of(pair("HYPE"))
    chat.engine.lists = lists_of(chat.engine.result)
    chat.engine.large_above_usd = Decimal(900)
    return chat


async def test_the_second_button_is_not_where_the_first_was(chat: Chat) -> None:
    """Two quick taps on one place must end in Cancel, not in an order."""
    card = await chat.type("/open HYPE")
    first_place = card.card.rows[0][0].label

    asked = await chat.tap(card, "✅ Open $500")

    assert first_place.startswith("✅ Open")
    assert chat.toast == trouble.ASKED_AGAIN
    assert chat.engine.trades == {}
    assert "more than half of the cap of $900" in asked.text
    assert asked.card.rows[0][0].label == "✖ Cancel"
    await chat.tap(asked, "❗ Yes, $500")
    assert len(chat.engine.trades) == 1


async def test_the_question_can_be_cancelled(chat: Chat) -> None:
    """Nothing is ordered by asking."""
    asked = await chat.tap(await chat.type("/open HYPE"), "✅ Open $500")

    await chat.tap(asked, "Cancel")

    assert chat.engine.trades == {}
