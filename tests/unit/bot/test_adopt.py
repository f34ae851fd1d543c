"""A position that is not ours becomes a pair of ours only by an owner's word."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.cards import foreign
from core import errors
from core.model.position import ForeignPosition
from core.model.units import Base
from tests.fakes.chat import VERA, Chat
from tests.fakes.engine import lists_of, pair, scan_of
from tests.fakes.objects import BINANCE

STRANGE = ForeignPosition(
    BINANCE, "HYPE/USDT:USDT", "HYPE", Decimal("3.5"), Decimal("41.3")
)


@pytest.fixture
def chat() -> Chat:
    """Somebody holds 3.5 HYPE on Binance."""
    chat = Chat()
    chat.engine.result = scan_of(pair("HYPE"))
    chat.engine.lists = lists_of(chat.engine.result)
    chat.engine.foreign = (STRANGE,)
    return chat


async def test_adopting_asks_first_and_makes_an_open_pair(chat: Chat) -> None:
    """One tap on a list must not hand positions over to the bot."""
    listing = await chat.type("/pos")

    card = await chat.tap(listing, "Adopt BN HYPE")
    asked, before = card.text, dict(chat.engine.trades)
    after = await chat.tap(card, "✅ Adopt HYPE")

    assert "Adopt HYPE as a pair of mine?" in asked
    assert "Nothing is ordered now." in asked
    assert "before this moment are not counted" in asked
    assert before == {}
    assert len(chat.engine.trades) == 1
    assert after.card.kind == "position"
    assert chat.toast == foreign.ADOPTED


async def test_cancelling_leaves_it_to_its_owner(chat: Chat) -> None:
    """The way back is on the card."""
    card = await chat.tap(await chat.type("/pos"), "Adopt BN HYPE")

    await chat.tap(card, "Cancel")

    assert chat.engine.trades == {}


async def test_a_single_position_is_refused_with_the_reason(chat: Chat) -> None:
    """Adopting does not hedge; who believes it does holds a naked leg."""
    why = "the position on binance stands alone: nothing hedges it"
    chat.engine.refuses = errors.CannotAdoptError(Base("HYPE"), why)

    card = await chat.tap(await chat.type("/pos"), "Adopt BN HYPE")

    assert card.first_line.startswith("HYPE cannot be adopted: the position on Binance")
    assert "stands alone" in card.first_line
    assert "Nothing was ordered. I still do not touch it." in card.text


async def test_a_viewer_sees_the_position_and_no_way_to_adopt_it(chat: Chat) -> None:
    """It changes what the bot trades."""
    card = await chat.type("/pos", VERA)

    assert "Not mine, I do not touch it" in card.text
    assert not any("Adopt" in label for label in card.labels)
