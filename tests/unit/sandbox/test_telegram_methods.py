"""The Bot API methods when all is well, as the real python-telegram-bot reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
)
from telegram.error import BadRequest

from sandbox.telegram.profile import commands_seen_by
from tests.unit.sandbox.telegram_desk import ANNA, NOON_MS, VERA, open_desk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telegram import Bot

KEYS = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="g:1")]])


async def test_a_sent_message_comes_back_complete() -> None:
    """What the library returns is what a bot stores: id, time, text, formatting."""
    async with open_desk() as desk:
        sent = await desk.bot.send_message(
            ANNA,
            "🚀 <b>HYPE</b>",
            "HTML",
            reply_markup=KEYS,
            protect_content=True,
            disable_notification=True,
        )
        stored = desk.stand_in.newest(ANNA)

    assert sent.id == stored.id
    assert sent.date.timestamp() * 1000 == NOON_MS
    assert sent.text_html == "🚀 <b>HYPE</b>"
    assert sent.has_protected_content
    assert sent.reply_markup == KEYS
    assert (stored.protected, stored.silent) == (True, True)


async def test_plain_text_keeps_its_brackets() -> None:
    """The fall-back after a parse error sends the same text without any mode."""
    async with open_desk() as desk:
        entity = MessageEntity(MessageEntity.BOLD, 0, 3)
        sent = await desk.bot.send_message(ANNA, "<b> & a", entities=[entity])

    assert sent.text == "<b> & a"
    assert sent.entities == (entity,)


async def test_an_edit_keeps_id_and_date_and_drops_the_keyboard() -> None:
    """Telegram removes the keyboard when an edit does not repeat it."""
    async with open_desk() as desk:
        sent = await desk.bot.send_message(ANNA, "one", reply_markup=KEYS)
        desk.clock.set_ms(NOON_MS + 5000)
        edited = await desk.bot.edit_message_text("two", ANNA, sent.id)
        stored = desk.stand_in.newest(ANNA)

    assert not isinstance(edited, bool)
    assert (edited.id, edited.date, edited.text) == (sent.id, sent.date, "two")
    assert edited.reply_markup is None
    assert stored.edited_at == stored.date + 5


async def test_a_keyboard_can_be_changed_alone() -> None:
    """Stripping the keyboard of an older copy leaves its text as it is."""
    async with open_desk() as desk:
        sent = await desk.bot.send_message(
            ANNA, "<b>one</b>", "HTML", reply_markup=KEYS
        )
        await desk.bot.edit_message_reply_markup(ANNA, sent.id, reply_markup=None)
        stored = desk.stand_in.newest(ANNA)
        with pytest.raises(BadRequest, match="not modified"):
            await desk.bot.edit_message_reply_markup(ANNA, sent.id)

    assert (stored.html, stored.rows) == ("<b>one</b>", [])


async def test_a_reply_may_outlive_what_it_answers() -> None:
    """With the flag the message is sent anyway, without a quote."""
    gone = ReplyParameters(999, allow_sending_without_reply=True)
    async with open_desk() as desk:
        asked = desk.stand_in.say(ANNA, "/top")["message"]["message_id"]
        answer = await desk.bot.send_message(
            ANNA, "x", reply_parameters=ReplyParameters(asked)
        )
        alone = await desk.bot.send_message(ANNA, "y", reply_parameters=gone)

    assert answer.reply_to_message is not None
    assert answer.reply_to_message.text == "/top"
    assert alone.reply_to_message is None


async def test_an_open_message_can_be_forwarded_and_pinned() -> None:
    """Only protected cards stay where they are."""
    async with open_desk() as desk:
        desk.stand_in.start_chat(VERA)
        sent = await desk.bot.send_message(ANNA, "<b>x</b>", "HTML")
        copy = await desk.bot.forward_message(VERA, ANNA, sent.id)
        await desk.bot.pin_chat_message(ANNA, sent.id)
        pinned = desk.stand_in.newest(ANNA).pinned
        with pytest.raises(BadRequest, match="can't be edited"):
            await desk.bot.edit_message_text("y", VERA, copy.id)

    assert copy.text_html == "<b>x</b>"
    assert copy.forward_origin is not None
    assert pinned


@pytest.mark.parametrize(
    ("words", "attempt"),
    [
        ("forward", lambda bot: bot.forward_message(ANNA, ANNA, 9)),
        ("pin", lambda bot: bot.pin_chat_message(ANNA, 9)),
    ],
)
async def test_an_unknown_message_cannot_be_passed_on(
    words: str, attempt: Callable[[Bot], Awaitable[object]]
) -> None:
    """A wrong id is told, not ignored."""
    async with open_desk() as desk:
        with pytest.raises(BadRequest, match=f"Message to {words} not found"):
            await attempt(desk.bot)


async def test_the_narrowest_command_scope_wins() -> None:
    """Owners see their own list, everyone else the general one, once it exists."""
    mine, general = BotCommand("open", "open a pair"), BotCommand("help", "legend")
    scope = BotCommandScopeChat(ANNA)
    async with open_desk() as desk:
        await desk.bot.set_my_commands([mine], scope=scope)
        await desk.bot.set_my_commands([general], BotCommandScopeAllPrivateChats())
        listed = await desk.bot.get_my_commands(scope=scope)
        seen = [commands_seen_by(desk.stand_in.memory, one) for one in (ANNA, VERA)]
        await desk.bot.delete_my_commands(scope=scope)
        after = commands_seen_by(desk.stand_in.memory, ANNA)

    assert listed == (mine,)
    assert [one[0]["command"] for one in seen] == ["open", "help"]
    assert [one["command"] for one in after] == ["help"]


async def test_the_bot_knows_itself_and_its_chats() -> None:
    """Start-up asks all of these once."""
    async with open_desk() as desk:
        me = await desk.bot.get_me()
        chat = await desk.bot.get_chat(ANNA)
        await desk.bot.set_my_description("Finds spreads.")
        await desk.bot.set_my_short_description("Spreads")
        await desk.bot.send_chat_action(ANNA, "typing")
        await desk.bot.set_chat_menu_button(ANNA)
        described = await desk.bot.get_my_description()
        short = await desk.bot.get_my_short_description()
        with pytest.raises(BadRequest, match=r"(?i)short_description_too_long"):
            await desk.bot.set_my_short_description("x" * 121)

    assert (me.id, me.is_bot) == (1000001, True)
    assert (chat.id, chat.type, chat.first_name) == (ANNA, "private", "Anna")
    assert (described.description, short.short_description) == (
        "Finds spreads.",
        "Spreads",
    )


async def test_waiting_updates_are_counted_and_can_be_dropped() -> None:
    """Dropping them would also drop a stop command, so a bot should look first."""
    async with open_desk() as desk:
        desk.stand_in.say(ANNA, "/halt")
        before = await desk.bot.get_webhook_info()
        await desk.bot.delete_webhook(drop_pending_updates=True)
        after = await desk.bot.get_webhook_info()

    assert (before.pending_update_count, after.pending_update_count) == (1, 0)
    assert before.url == ""
