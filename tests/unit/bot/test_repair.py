"""What an owner may say about a pair whose legs differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import repair
from core.model.trade import Residual
from core.model.units import UserId
from tests.fakes.chat import BERT, Chat
from tests.fakes.engine import open_plan, pair, trade_of


@pytest.fixture
def chat() -> Chat:
    """A pair that holds 12.5 long and 12 short and needs a person."""
    chat = Chat()
    trade = trade_of(open_plan(pair("HYPE")), "trade900")
    long, short = (
        replace(leg, held_base=Decimal(held))
        for leg, held in ((trade.long, "12.5"), (trade.short, "12"))
    )
    is_long_first = trade.first is trade.long
    first, second = (long, short) if is_long_first else (short, long)
    chat.engine.trades[trade.trade_id] = replace(
        trade, first=first, second=second, needs_attention=True
    )
    return chat


async def test_a_residual_is_accepted_only_after_its_size_was_read(chat: Chat) -> None:
    """One tap beside Retry must not end the repairs."""
    card = await chat.type("/pos HYPE")

    question = await chat.tap(card, "Accept residual")
    asked, said_before = question.first_line, list(chat.engine.said)
    await chat.tap(question, "Accept 0.5 HYPE")

    assert "Keep 0.5 HYPE long on Binance" in asked
    assert said_before == []
    ((trade_id, said),) = chat.engine.said
    assert trade_id == "trade900"
    assert sorted(said.split()[1:]) == ["12", "12.5"]
    assert chat.toast == repair.SAYS[repair.KEEP]


async def test_a_size_that_changed_meanwhile_is_not_accepted(chat: Chat) -> None:
    """The repair may have sold a part while the person was reading."""
    question = await chat.tap(await chat.type("/pos HYPE"), "Accept residual")
    trade = next(iter(chat.engine.trades.values()))
    less = replace(trade.first, held_base=trade.first.held_base - 1)
    chat.engine.trades[trade.trade_id] = replace(trade, first=less)

    await chat.tap(question, "Accept 0.5 HYPE")

    assert chat.toast == repair.CHANGED


async def test_keeping_on_repairing_changes_nothing(chat: Chat) -> None:
    """The way back is as near as the button."""
    question = await chat.tap(await chat.type("/pos HYPE"), "Accept residual")

    after = await chat.tap(question, "Keep repairing")

    assert chat.engine.said == []
    assert after.card.kind == "position"


async def test_level_legs_offer_nothing_to_accept(chat: Chat) -> None:
    """A venue that does not answer is no residual."""
    trade = next(iter(chat.engine.trades.values()))
    level = replace(trade.first, held_base=trade.second.held_base)
    chat.engine.trades[trade.trade_id] = replace(trade, first=level)

    await chat.tap(await chat.type("/pos HYPE"), "Accept residual")

    assert chat.toast == repair.NOTHING_KEPT


async def test_the_pair_names_what_was_accepted_by_whom_and_when(chat: Chat) -> None:
    """A week later another owner must understand why the legs differ."""
    trade = next(iter(chat.engine.trades.values()))
    at = chat.clock.now() - timedelta(minutes=3)
    kept = Residual(Decimal("0.5"), UserId(1), at, is_all=False)
    first, second = (
        replace(leg, accepted=kept if leg is trade.long else None) for leg in trade.legs
    )
    chat.engine.trades[trade.trade_id] = replace(
        trade, first=first, second=second, needs_attention=False
    )

    mine = await chat.type("/pos HYPE")
    his = await chat.type("/pos HYPE", BERT)

    words = "0.5 HYPE long on Binance without a counterpart, accepted by"
    assert f"{words} you 3 min ago" in mine.text
    assert f"{words} an owner 3 min ago" in his.text
