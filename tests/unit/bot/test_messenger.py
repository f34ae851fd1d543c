from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.callbacks import Tap, Verb
from bot.cards.card import Attachment, Button, Card, Style
from bot.messenger import Blocked, NoAnswer, Refused, Sent, TooFast, plain
from core.model.units import ChatId, MessageId, UserId
from tests.unit.bot.telegram_line import ANNA, STRANGER, open_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.messenger import Delivery
    from tests.unit.bot.telegram_line import Line

CHAT, USER = ChatId(ANNA), UserId(ANNA)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """Give a connected messenger."""
    async with open_line() as opened:
        yield opened


def card(words: str = "Hello", card_id: str = "card0001", kind: str = "top") -> Card:
    """Return a card with one button."""
    button = Button("Refresh", Tap(Verb.REFRESH, card_id), Style.SUCCESS)
    return Card(html=words, rows=((button,),), kind=kind, card_id=card_id)


async def send(line: Line, what: Card) -> Delivery:
    """Send to Anna."""
    return await line.messenger.send(what, chat_id=CHAT, user_id=USER)


async def sent(line: Line, what: Card) -> MessageId:
    """Send to Anna and return the message."""
    result = await send(line, what)
    assert isinstance(result, Sent)
    return result.message_id


async def edit(line: Line, what: Card, message_id: MessageId) -> Delivery:
    """Edit a message of Anna's chat."""
    return await line.messenger.edit(
        what, chat_id=CHAT, user_id=USER, message_id=message_id
    )


def calls(line: Line, method: str) -> int:
    """Return how often a method was called."""
    return sum(call.method == method for call in line.stand_in.calls)


async def test_a_card_arrives_with_markup_buttons_and_stored_screen(line: Line) -> None:
    """What the button means must be on disk before anybody can press it."""
    message_id = await sent(line, card("<b>Best</b>: HYPE"))

    message = line.stand_in.messages(ANNA)[-1]
    assert message.text == "Best: HYPE"
    assert message.rows[0][0].data == "r:card0001"
    assert message.rows[0][0].style == "success"
    screen = await line.cards.screen("card0001")
    assert screen is not None
    assert (screen.message_id, screen.user_id) == (message_id, ANNA)


async def test_no_line_ends_between_a_minus_and_its_dollars(line: Line) -> None:
    """A minus at the end of a line leaves a gain on the next."""
    minus, joiner = "\N{MINUS SIGN}", "\N{WORD JOINER}"
    message_id = await sent(line, card(f"fees {minus}$0.25"))

    assert line.stand_in.messages(ANNA)[-1].text == f"fees {minus}{joiner}$0.25"
    await edit(line, card(f"fees {minus}$0.30", "card0002"), message_id)
    assert line.stand_in.messages(ANNA)[-1].text == f"fees {minus}{joiner}$0.30"


async def test_a_confirm_card_is_protected_and_a_quiet_one_silent(line: Line) -> None:
    """A forwarded confirm card would be a button in foreign hands."""
    protected = Card(html="Open?", kind="plan", is_protected=True, is_silent=True)
    await send(line, protected)

    assert line.stand_in.messages(ANNA)[-1].protected
    assert line.stand_in.calls[-1].params["disable_notification"] in {"true", True}


async def test_a_new_copy_of_a_screen_takes_the_buttons_off_the_older_one(
    line: Line,
) -> None:
    """Two living copies of one list would tell two truths."""
    first = await sent(line, card("old", "card0001"))
    second = await sent(line, card("new", "card0002"))

    old, new = line.stand_in.messages(ANNA)[-2:]
    assert (old.id, new.id) == (first, second)
    assert (len(old.rows), len(new.rows)) == (0, 1)


async def test_two_copies_sent_at_once_leave_one_alive(line: Line) -> None:
    """Both used to strip the copy before them, and both kept their own buttons."""
    await sent(line, card("first", "card0001"))

    await asyncio.gather(
        send(line, card("second", "card0002")), send(line, card("third", "card0003"))
    )

    alive = [each.text for each in line.stand_in.messages(ANNA) if each.rows]
    assert len(alive) == 1, alive


async def test_confirm_cards_keep_their_buttons_when_another_is_sent(
    line: Line,
) -> None:
    """Each is about a plan of its own."""
    await send(line, card("HYPE", "card0001", "plan"))
    await send(line, card("APT", "card0002", "plan"))

    assert [len(each.rows) for each in line.stand_in.messages(ANNA)] == [1, 1]


async def test_an_edit_changes_the_message_in_place(line: Line) -> None:
    """A screen is one message, not a growing pile."""
    message_id = await sent(line, card("page 1"))
    result = await edit(line, card("page 2", "card0002"), message_id)

    assert result == Sent(message_id)
    assert [each.text for each in line.stand_in.messages(ANNA)] == ["page 2"]


async def test_an_edit_that_changes_nothing_is_a_success(line: Line) -> None:
    """Refresh on an unchanged screen must not look like an error."""
    message_id = await sent(line, card("same"))
    first = await edit(line, card("same"), message_id)
    second = await edit(line, card("same"), message_id)

    assert first == second == Sent(message_id)
    assert calls(line, "editMessageText") == 1


async def test_an_edit_of_a_vanished_message_becomes_a_new_one(line: Line) -> None:
    """People delete messages; news about a trade must still arrive."""
    result = await edit(line, card("news"), MessageId(987_654))

    assert isinstance(result, Sent)
    assert line.stand_in.messages(ANNA)[-1].text == "news"


async def test_broken_markup_is_delivered_as_plain_text(line: Line) -> None:
    """A venue's reason once held a `_` and was never delivered."""
    result = await send(line, card("2 < 3 & <b>unclosed"))

    assert isinstance(result, Sent)
    assert "2 < 3" in line.stand_in.messages(ANNA)[-1].text


async def test_text_beyond_the_limit_is_cut_and_still_delivered(line: Line) -> None:
    """Half a message is better than silence."""
    result = await send(line, card("x" * 5000))

    assert isinstance(result, Sent)
    assert len(line.stand_in.messages(ANNA)[-1].text) == 4096


async def test_a_blocked_bot_is_told_apart_from_a_lost_network(line: Line) -> None:
    """One waits for the person, the other for the network."""
    line.stand_in.block(ANNA)
    blocked = await send(line, card())
    unknown = await line.messenger.send(
        card(), chat_id=ChatId(424242), user_id=UserId(424242)
    )
    stranger = await line.messenger.send(
        card(), chat_id=ChatId(STRANGER), user_id=UserId(STRANGER)
    )

    assert isinstance(blocked, Blocked)
    assert isinstance(unknown, Blocked)
    assert isinstance(stranger, Blocked)


async def test_too_many_requests_say_how_long_to_wait(line: Line) -> None:
    """Only this chat waits, and exactly as long as Telegram says."""
    line.stand_in.faults.add("sendMessage", "retry_after", times=1, param=30)

    assert await send(line, card()) == TooFast(timedelta(seconds=30))


@pytest.mark.parametrize("kind", ["status_500", "html_502", "reset"])
async def test_a_failing_server_is_no_answer(line: Line, kind: str) -> None:
    """Whether the message is out is unknown, so the caller decides."""
    line.stand_in.faults.add("sendMessage", kind, times=1)

    assert isinstance(await send(line, card()), NoAnswer)


async def test_a_refused_token_is_no_answer(line: Line) -> None:
    """A stray 404 or 401 must not end the process."""
    line.stand_in.faults.add("sendMessage", "401", times=1)

    assert isinstance(await send(line, card()), NoAnswer)


async def test_a_button_telegram_does_not_take_is_refused_not_retried(
    line: Line,
) -> None:
    """An error of ours must show up instead of looping."""
    wrong = Card(html="x", rows=((Button("", Tap(Verb.REFRESH, "card0001")),),))

    assert isinstance(await send(line, wrong), Refused)


async def test_a_card_is_sent_even_if_its_screen_cannot_be_stored(line: Line) -> None:
    """With a full disk people still need to see how things stand."""
    line.cards.is_broken = True

    assert isinstance(await send(line, card()), Sent)


async def test_a_failed_answer_to_a_tap_is_ignored(line: Line) -> None:
    """Taps of yesterday cannot be answered; their action must go on."""
    await line.messenger.answer("777", "too late")

    assert calls(line, "answerCallbackQuery") == 1


async def test_a_toast_is_cut_to_what_telegram_shows(line: Line) -> None:
    """201 characters would make the answer fail and the client spin."""
    message_id = await sent(line, card())
    tap = line.stand_in.tap(ANNA, ANNA, message_id, label="Refresh")
    await line.messenger.answer(tap.query.id, "y" * 300)

    assert len((await tap.answer()).text) == 200


async def test_the_outbox_is_told_to_leave_a_chat_alone_for_a_second(
    line: Line,
) -> None:
    """Telegram takes about one message a second in a chat."""
    await send(line, card())

    assert line.messenger.message_wait(CHAT) == timedelta(seconds=1)
    await line.clock.advance(timedelta(seconds=1))
    assert line.messenger.message_wait(CHAT) == timedelta(0)


async def test_edits_of_one_message_keep_their_distance(line: Line) -> None:
    """Progress may change faster than Telegram lets a message change."""
    message_id = await sent(line, card("one"))
    await edit(line, card("two", "card0002"), message_id)

    assert line.messenger.edit_wait(CHAT, message_id) == timedelta(seconds=1.5)
    assert line.messenger.edit_wait(CHAT, MessageId(999)) == timedelta(0)


def test_plain_text_has_neither_tags_nor_escapes() -> None:
    """The fall-back is read by a person."""
    assert plain("<b>1 &lt; 2</b>") == "1 < 2"


async def test_a_file_is_sent_with_its_words(line: Line) -> None:
    """The table of results is saved from chat; its words say what it holds."""
    table = Attachment("pnl.csv", b"a;b")
    result = await send(line, Card(html="Results of <b>7 d</b>", attachment=table))

    assert isinstance(result, Sent)
    (shown,) = line.stand_in.messages(ANNA)
    assert shown.text == "Results of 7 d"
    assert shown.attachment is not None
    assert shown.attachment["document"]["file_name"] == "pnl.csv"


async def test_a_picture_is_shown_in_the_chat(line: Line) -> None:
    """A trader on a phone looks at it without opening anything."""
    sides = (2).to_bytes(4, "big") + (1).to_bytes(4, "big")
    content = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + sides
    picture = Attachment("pnl.png", content, is_picture=True)
    result = await send(line, Card(html="7 d", attachment=picture, is_silent=True))

    assert isinstance(result, Sent)
    (shown,) = line.stand_in.messages(ANNA)
    assert shown.attachment is not None
    assert shown.attachment["photo"][0]["width"] == 2
    assert shown.silent
