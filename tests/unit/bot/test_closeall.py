"""Closing everything: two steps, one close card per pair, nobody waits for another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pytest

from bot.access import may_command
from bot.application.closing import ManyCloses
from bot.application.replies import Replies
from bot.callbacks import Tap, Verb
from bot.cards import trouble
from bot.cards.card import Reply
from bot.cards.closeall import SURE, Choice, sure_card
from bot.handlers.routes import VERBS
from bot.messenger import Sent, TooFast
from core import errors
from core.model.control import GLOBAL_SCOPE, HALT_KEY, Halt, TradingState
from core.model.trade import TradeState
from core.model.units import TradeId
from core.runtime import Nursery
from tests.fakes.chat import ANNA, BERT, VERA, Chat
from tests.fakes.engine import lists_of, open_plan, pair, scan_of, trade_of, value_of
from tests.fakes.runtime import START, InstantClock, settle

if TYPE_CHECKING:
    from bot.access import Caller
    from bot.cards.card import Card
    from bot.messenger import Delivery, Messenger
    from core.model.units import ChatId, MessageId, UserId
    from core.ports import Plans
    from tests.fakes.chat import Message

NAMES = ("HYPE", "WIF", "SUI")


@pytest.fixture
def chat() -> Chat:
    """Three open pairs of $500 per leg at a price of $40, opened an hour ago."""
    chat = Chat(clock=InstantClock())
    chat.engine.result = scan_of(*(pair(name) for name in NAMES))
    chat.engine.lists = lists_of(chat.engine.result)
    chat.engine.started_at = START - timedelta(hours=1)
    for name in NAMES:
        _hold(chat, name)
    return chat


def _hold(chat: Chat, base: str) -> None:
    trade_id = TradeId(f"{base.lower():x<8}")
    chat.engine.trades[trade_id] = trade_of(open_plan(pair(base)), trade_id)


def _change(chat: Chat, base: str, **values: object) -> None:
    for trade_id, trade in chat.engine.trades.items():
        if trade.base == base:
            chat.engine.trades[trade_id] = replace(trade, **values)  # type: ignore[arg-type]  # by name


def _states(chat: Chat) -> dict[str, TradeState]:
    return {each.base: each.state for each in chat.engine.trades.values()}


@dataclass
class Outgoing:
    """A messenger that shows everything in the chat, at once or when it may."""

    chat: Chat
    too_fast: int = 0
    """So many messages are turned away first."""
    sent: list[Message] = field(default_factory=list)

    def message_wait(self, _chat_id: ChatId) -> timedelta:
        """Let every message out at once."""
        return timedelta(0)

    async def send(self, card: Card, *, chat_id: ChatId, user_id: UserId) -> Delivery:
        """Show a new message."""
        del chat_id, user_id
        if self.too_fast:
            self.too_fast -= 1
            return TooFast(timedelta(seconds=3))
        message = await self.chat.show(Reply(card), ANNA, None)
        assert message is not None
        self.sent.append(message)
        return Sent(message.message_id)

    async def edit(
        self, card: Card, *, chat_id: ChatId, user_id: UserId, message_id: MessageId
    ) -> Delivery:
        """Change a message."""
        del chat_id, user_id
        await self.chat.show(Reply(card), ANNA, self.chat.messages[message_id])
        return Sent(message_id)


class NoPlans:
    """Plans whose end nobody waits for."""

    async def plan(self, _plan_id: str) -> None:
        """Return nothing."""


@dataclass
class Front:
    """What stands between a tap and its messages, as the frontend puts it together."""

    chat: Chat
    out: Outgoing
    closes: ManyCloses
    replies: Replies

    async def press(self, message: Message, tap: Tap, caller: Caller = ANNA) -> str:
        """Press a button and let what it begins begin; return the toast."""
        desk = self.chat.desk
        reply = await VERBS[tap.verb](desk, caller, tap, message.message_id)
        if reply.closing is not None and not self.closes.claim(tap.subject):
            return trouble.ALREADY_RUNNING
        await self.replies.to_tap(reply, caller, tap, message.message_id)
        if reply.closing is not None:
            await self.closes.run(reply.closing, caller, message.message_id)
        return reply.toast


def front_of(chat: Chat, *, too_fast: int = 0) -> Front:
    """Return the way out of this chat."""
    out = Outgoing(chat, too_fast)
    messenger = cast("Messenger", out)
    replies = Replies(
        desk=chat.desk,
        messenger=messenger,
        plans=cast("Plans", NoPlans()),
        tasks=Nursery(),
    )
    closes = ManyCloses(desk=chat.desk, messenger=messenger, replies=replies)
    return Front(chat, out, closes, replies)


async def second_step(chat: Chat) -> Message:
    """Return the card whose button closes."""
    return await chat.tap(await chat.type("/closeall"), "Close all")


# --- the two steps --------------------------------------------------------------------


async def test_the_first_step_names_what_would_be_closed(chat: Chat) -> None:
    """3 x $500 per leg; fees of 0.05 % on six legs of $500 are $1.50, by hand."""
    card = await chat.type("/closeall")

    assert card.first_line == "Close all? 3 pairs, $1,500 per leg in all · 🧪 PAPER"
    assert "1  HYPE     BN>HL    $500   +2.30" in card.text
    assert "Result so far +$6.90 after fees paid" in card.text
    assert "Fees out about $1.50; what the books take comes on top." in card.text
    assert card.labels == ["Close all 3…", "✖ Cancel"]


async def test_the_second_step_names_count_and_notional_elsewhere(chat: Chat) -> None:
    """A hasty second tap on the same spot must not close three pairs."""
    first = await chat.type("/closeall")
    card = await chat.tap(first, "Close all")

    assert card is first
    assert card.first_line == ("Really close 3 pairs? $1,500 per leg in all · 🧪 PAPER")
    assert "HYPE, WIF, SUI" in card.text
    assert "(45 s)" in card.text
    rows = [[one.label for one in row] for row in card.card.rows]
    assert rows == [["✖ Cancel"], ["❗ Close 3, $1,500"], ["◀ Positions"]]
    assert set(_states(chat).values()) == {TradeState.OPEN}


async def test_nothing_open_is_one_sentence(chat: Chat) -> None:
    """No buttons that would lead to nothing."""
    chat.engine.trades.clear()

    card = await chat.type("/closeall")

    assert card.text == "No open pairs, nothing to close · 🧪 PAPER"
    assert card.labels == ["🔄 Refresh", "◀ Positions"]


async def test_cancel_ends_it_and_its_button_is_dead(chat: Chat) -> None:
    """Changed minds cost nothing, and the old button stays dead."""
    card = await second_step(chat)
    sure = card.button("❗").tap

    ended = await chat.tap(card, "Cancel")
    assert ended.first_line == "Cancelled. Nothing was ordered. · 🧪 PAPER"

    await chat.press(card, sure)
    assert chat.toast == "This card has changed. Look again."


async def test_what_cannot_be_closed_now_stays_and_says_why(chat: Chat) -> None:
    """Busy, in trouble, on a halted venue: each is named, none is counted."""
    _hold(chat, "APT")
    _change(chat, "HYPE", state=TradeState.LEG1)
    _change(chat, "WIF", needs_attention=True)
    binance = Halt(
        "binance:SUI/USDT:USDT",
        "probation",
        TradingState.HALTED,
        "its unit is not proven",
        START,
    )
    symbol = chat.engine.trades[TradeId("suixxxxx")].long.instrument.symbol
    chat.engine.halts = (replace(binance, scope=f"binance:{symbol}"),)

    card = await chat.type("/closeall")

    assert card.first_line == "Close all? 1 pair, $500 per leg in all · 🧪 PAPER"
    assert "HYPE stays: opening, leg 1" in card.text
    assert "WIF stays: needs you, its card has the buttons" in card.text
    assert "SUI stays: Binance is halted, its unit is not proven" in card.text


async def test_a_halt_of_everything_is_said_and_does_not_stop_a_close(
    chat: Chat,
) -> None:
    """Closing always works; who halted should know that this sends orders."""
    by_anna = Halt(GLOBAL_SCOPE, HALT_KEY, TradingState.HALTED, "by", START)
    chat.engine.halts = (by_anna,)

    card = await second_step(chat)

    assert card.first_line.startswith("Really close 3 pairs?")
    assert "Everything is halted. Closes that you confirm go out" in card.text


def test_a_missing_price_makes_the_notional_unknown_not_smaller(chat: Chat) -> None:
    """$1,000 on the button while $1,500 is closed would be a lie."""
    values = [value_of(each) for each in chat.engine.trades.values()]
    values[1] = replace(values[1], short=replace(values[1].short, mark_price=None))

    card = sure_card(Choice(values, ()), START, chat.desk.look(ANNA))

    labels = [button.label for row in card.rows for button in row]
    assert labels == ["✖ Cancel", "❗ Close 3 pairs", "◀ Positions"]
    assert "notional unknown" in card.html


def test_the_button_of_very_many_pairs_still_fits(chat: Chat) -> None:
    """120 pairs of $12,500 per leg are $1.5M: at most 20 characters."""
    (one, *_) = chat.engine.trades.values()
    large = value_of(
        replace(
            one,
            first=replace(one.first, held_base=Decimal("312.5")),
            second=replace(one.second, held_base=Decimal("312.5")),
        )
    )

    card = sure_card(Choice([large] * 120, ()), START, chat.desk.look(ANNA))

    assert card.rows[1][0].label == "❗ Close 120, $1.5M"
    assert len(card.html) < 4096
    assert "and 60 more" in card.html


async def test_while_positions_are_checked_nothing_is_offered(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open is not known for certain in the first seconds."""
    known = await chat.engine.portfolio()

    async def checking() -> object:
        return replace(known, is_checking=True)

    monkeypatch.setattr(chat.engine, "portfolio", checking)

    card = await chat.type("/closeall")

    assert card.first_line.startswith("Checking positions, ready in a few seconds.")


async def test_the_choice_of_pairs_leads_there(chat: Chat) -> None:
    """Who types /close with three pairs open may well mean all of them."""
    card = await chat.tap(await chat.type("/close"), "Close all")

    assert card.first_line.startswith("Close all? 3 pairs")


# --- closing --------------------------------------------------------------------------


async def test_every_pair_is_closed_by_a_close_card_of_its_own(chat: Chat) -> None:
    """Three messages, three plans used once, and a card that says so."""
    card, front = await second_step(chat), front_of(chat)

    toast = await front.press(card, card.button("❗").tap)

    assert toast == "Closing 3 pairs…"
    assert _states(chat) == dict.fromkeys(NAMES, TradeState.CLOSE1)
    heads = [each.first_line for each in front.out.sent]
    assert heads == [
        f"{name} closing… · 🧪 PAPER · {name.lower():x<8}" for name in NAMES
    ]
    assert [each.state for each in chat.engine.quotes.values()] == ["used"] * 3
    assert card.first_line == "Closing 3 pairs · 🧪 PAPER"
    assert "HYPE, WIF, SUI" in card.text


async def test_a_dead_venue_holds_up_no_other_pair(chat: Chat) -> None:
    """HYPE refuses in its own message and stays hedged; the others go."""
    card, front = await second_step(chat), front_of(chat)
    chat.engine.refuses = errors.VenueDownError("binance", "504", START)

    await front.press(card, card.button("❗").tap)

    assert _states(chat) == {
        "HYPE": TradeState.OPEN,
        "WIF": TradeState.CLOSE1,
        "SUI": TradeState.CLOSE1,
    }
    assert card.first_line == "Closing 2 pairs; 1 refused: HYPE · 🧪 PAPER"
    refusal = next(each for each in front.out.sent if "HYPE" in each.first_line)
    assert refusal.first_line.startswith("HYPE is not closed. Binance has not answered")
    again = await chat.tap(refusal, "New quote")
    assert again.first_line.startswith("Close HYPE?")


async def test_a_slow_quote_does_not_delay_the_others(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that is silent for seconds costs only its own pair seconds."""
    card, front = await second_step(chat), front_of(chat)
    answers, real = asyncio.Event(), chat.engine.quote_close

    async def slow(trade_id: TradeId, **more: object) -> object:
        if trade_id.startswith("hype"):
            await answers.wait()
        return await real(trade_id, **more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(chat.engine, "quote_close", slow)
    pressed = asyncio.ensure_future(front.press(card, card.button("❗").tap))
    await settle()
    assert _states(chat) == {
        "HYPE": TradeState.OPEN,
        "WIF": TradeState.CLOSE1,
        "SUI": TradeState.CLOSE1,
    }
    answers.set()
    await pressed

    assert card.first_line == "Closing 3 pairs · 🧪 PAPER"


async def test_our_own_mistake_at_one_pair_is_said_and_stops_no_other(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks at one pair, the others must still be closed."""
    card, front = await second_step(chat), front_of(chat)
    real = chat.engine.quote_close

    async def broken(trade_id: TradeId, **more: object) -> object:
        if trade_id.startswith("wif"):
            message = "never thought of"
            raise ZeroDivisionError(message)
        return await real(trade_id, **more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(chat.engine, "quote_close", broken)

    await front.press(card, card.button("❗").tap)

    assert card.first_line == "Closing 2 pairs; 1 refused: WIF · 🧪 PAPER"
    assert any(
        each.first_line.startswith("WIF is not closed. Something went wrong")
        for each in front.out.sent
    )


async def test_a_chat_that_is_too_busy_delays_a_close_but_does_not_lose_it(
    chat: Chat,
) -> None:
    """Telegram turns fast messages away; a later try shows the card."""
    card = await second_step(chat)
    front = front_of(chat, too_fast=9)

    await front.press(card, card.button("❗").tap)

    assert card.first_line == "Closing 3 pairs · 🧪 PAPER"


async def test_a_card_that_cannot_be_shown_closes_nothing(chat: Chat) -> None:
    """Without its message nobody could follow that close; the pair stays."""
    card = await second_step(chat)
    front = front_of(chat, too_fast=10)

    await front.press(card, card.button("❗").tap)

    assert card.first_line == "Closing 2 pairs; 1 refused: HYPE · 🧪 PAPER"
    assert _states(chat)["HYPE"] is TradeState.OPEN


async def test_a_pair_opened_meanwhile_stays_and_a_closed_one_is_skipped(
    chat: Chat,
) -> None:
    """What was shown is what is closed."""
    card, front = await second_step(chat), front_of(chat)
    _hold(chat, "APT")
    _change(chat, "SUI", state=TradeState.CLOSED, closed_at=START)

    toast = await front.press(card, card.button("❗").tap)

    assert toast == "Closing 2 pairs…"
    assert _states(chat)["APT"] is TradeState.OPEN
    assert card.first_line == "Closing 2 pairs · 🧪 PAPER"
    assert "Closed before, skipped: SUI" in card.text
    assert len(front.out.sent) == 2


# --- taps that must not close ---------------------------------------------------------


async def test_a_double_tap_closes_once(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both taps have found the question unanswered before either has answered it."""
    card, front = await second_step(chat), front_of(chat)
    sure, real = card.button("❗").tap, chat.engine.health

    async def read_from_disk() -> object:
        await settle(1)
        return await real()

    monkeypatch.setattr(chat.engine, "health", read_from_disk)

    toasts = await asyncio.gather(front.press(card, sure), front.press(card, sure))

    assert sorted(toasts) == ["Already running", "Closing 3 pairs…"]
    assert len(chat.engine.quotes) == 3
    assert await front.press(card, sure) == "Already running"


async def test_after_45_seconds_the_second_step_is_over(chat: Chat) -> None:
    """A phone that wakes up in a pocket closes nothing."""
    card = await second_step(chat)
    await chat.clock.advance(timedelta(seconds=45))

    fresh = await chat.tap(card, "❗")

    assert chat.toast == "Quote expired 0 s ago. Nothing was ordered."
    assert fresh.first_line.startswith("Close all? 3 pairs")
    assert not chat.engine.quotes


async def test_a_restart_voids_the_second_step(chat: Chat) -> None:
    """What was confirmed to another process is not confirmed to this one."""
    card = await second_step(chat)
    await chat.clock.advance(timedelta(seconds=5))
    chat.engine.started_at = chat.clock.now()

    fresh = await chat.tap(card, "❗")

    assert chat.toast == "I restarted. Nothing was ordered, look again."
    assert fresh.first_line.startswith("Close all? 3 pairs")
    assert not chat.engine.quotes


async def test_a_viewer_and_another_owner_are_refused(chat: Chat) -> None:
    """Who asked decides."""
    card = await second_step(chat)
    sure = card.button("❗").tap

    await chat.press(card, sure, VERA)
    assert chat.toast == "View only"
    await chat.press(card, sure, BERT)
    assert chat.toast == "Only Anna can confirm this card"

    assert not may_command("closeall", VERA.role)
    top = await chat.type("/top", VERA)
    forged = replace(top.button("▦ Matrix").tap, arg="closeall")
    await chat.press(top, forged, VERA)
    assert chat.toast == "View only"
    assert not chat.engine.quotes


async def test_forged_and_old_buttons_close_nothing(chat: Chat) -> None:
    """The closing word on another card, in another message, or with a made-up id."""
    first = await chat.type("/closeall")
    await chat.press(first, Tap(Verb.CLOSE, first.card.card_id or "", SURE))
    assert chat.toast == trouble.UNKNOWN_BUTTON

    card = await chat.tap(first, "Close all")
    sure = card.button("❗").tap
    other = await chat.type("/pos")
    await chat.press(other, sure)
    assert chat.toast == trouble.NOT_YOUR_SCREEN

    await chat.press(other, Tap(Verb.CLOSE, "zzzzzzzz", SURE))
    assert chat.toast == trouble.OLD_LIST
    assert not chat.engine.quotes


async def test_more_words_are_not_guessed_at(chat: Chat) -> None:
    """/closeall HYPE is not a wish to close everything."""
    card = await chat.type("/closeall HYPE")

    assert card.first_line.startswith("That is more than /closeall takes.")
