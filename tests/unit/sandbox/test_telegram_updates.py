"""What people do arrives at a real bot: once, in order, or twice on demand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from telegram import BotCommand, Update
from telegram.ext import (
    Application,
    CommandHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from tests.unit.sandbox.telegram_desk import (
    ANNA,
    NOON_MS,
    STRANGER,
    make_bot,
    open_desk,
    polling,
)

if TYPE_CHECKING:
    from telegram import Bot, Message

    from tests.unit.sandbox.telegram_desk import (
        AnyApplication,
        Desk,
    )

HOUR_MS = 3_600_000


def application(bot: Bot) -> AnyApplication:
    """Return an application around a bot."""
    return Application.builder().bot(bot).build()


def listening(desk: Desk) -> tuple[AnyApplication, list[Update]]:
    """Return an application and the list of all updates that it hears."""
    heard: list[Update] = []
    bot = make_bot(desk.url)
    app = application(bot)

    async def hear(update: Update, _context: object) -> None:
        heard.append(update)
        desk.stand_in.memory.changed()

    app.add_handler(TypeHandler(Update, hear))
    return app, heard


def message_of(update: Update) -> Message:
    """Return the message of an update that must have one."""
    assert update.effective_message is not None
    return update.effective_message


async def test_a_typed_command_is_answered_in_the_chat() -> None:
    """The whole path: typed text, update, command handler, message."""
    async with open_desk() as desk:
        app = application(make_bot(desk.url))

        async def top(update: Update, _context: Any) -> None:  # noqa: ANN401
            await message_of(update).reply_html("<b>Best</b>: HYPE")

        app.add_handler(CommandHandler("top", top))
        async with polling(app):
            desk.stand_in.say(ANNA, "/top 5")
            message = await desk.stand_in.wait_message(ANNA, "Best")

        assert message.html == "<b>Best</b>: HYPE"
        assert message.is_from_bot
        desk.stand_in.assert_clean()


async def test_ready_means_commands_set_and_polling() -> None:
    """The demo prints its address only when the bot can be used."""
    async with open_desk() as desk:
        app, _heard = listening(desk)

        await desk.bot.get_updates(timeout=0)
        before = desk.stand_in.ready.is_set()
        await desk.bot.set_my_commands([BotCommand("top", "best spreads")])
        between = desk.stand_in.ready.is_set()
        async with polling(app), asyncio.timeout(5):
            await desk.stand_in.ready.wait()

        assert (before, between) == (False, False)


async def test_updates_wait_for_the_bot_and_come_in_order() -> None:
    """Fifty messages typed while the bot was down arrive as typed."""
    async with open_desk() as desk:
        for number in range(50):
            desk.stand_in.say(ANNA, f"{number}")
        app, heard = listening(desk)

        async with polling(app):
            await desk.stand_in.wait_for(lambda: len(heard) == 50)

        assert [message_of(one).text for one in heard] == [f"{n}" for n in range(50)]
        ids = [one.update_id for one in heard]
        assert ids == sorted(set(ids))


async def test_only_the_next_poll_confirms_an_update() -> None:
    """A bot killed while handling an update gets it again."""
    async with open_desk() as desk:
        update = desk.stand_in.say(ANNA, "/top")

        first = await desk.bot.get_updates(timeout=0)
        again = await desk.bot.get_updates(timeout=0)
        after = await desk.bot.get_updates(offset=update["update_id"] + 1, timeout=0)

        assert [one.update_id for one in first] == [update["update_id"]]
        assert [one.update_id for one in again] == [update["update_id"]]
        assert not after


async def test_updates_are_held_for_24_hours() -> None:
    """After a longer outage old commands are gone, whatever the bot does."""
    async with open_desk() as desk:
        desk.stand_in.say(ANNA, "yesterday")
        desk.clock.set_ms(NOON_MS + HOUR_MS)
        desk.stand_in.say(ANNA, "later")
        desk.clock.set_ms(NOON_MS + 24 * HOUR_MS + 1)

        updates = await desk.bot.get_updates(timeout=0)

        assert [message_of(one).text for one in updates] == ["later"]


async def test_a_negative_offset_keeps_only_the_newest() -> None:
    """Telegram forgets everything before the newest ones then."""
    async with open_desk() as desk:
        desk.stand_in.say(ANNA, "one")
        desk.stand_in.say(ANNA, "two")

        newest = await desk.bot.get_updates(offset=-1, timeout=0)
        rest = await desk.bot.get_updates(timeout=0)

        assert [message_of(one).text for one in newest] == ["two"]
        assert [message_of(one).text for one in rest] == ["two"]


async def test_kinds_that_were_not_asked_for_do_not_come() -> None:
    """Edited commands must not reach a bot that did not subscribe to them."""
    async with open_desk() as desk:
        await desk.bot.get_updates(timeout=0, allowed_updates=["message"])
        desk.stand_in.say(ANNA, "/close")
        desk.stand_in.say(ANNA, "/close 1", edited=True)

        updates = await desk.bot.get_updates(timeout=0)

        assert [one.edited_message for one in updates] == [None]
        assert desk.stand_in.messages(ANNA)[-1].text == "/close 1"


@pytest.mark.parametrize("new_id", [False, True])
async def test_an_update_can_be_delivered_twice(*, new_id: bool) -> None:
    """Telegram may repeat an update, and its ids may start anew."""
    async with open_desk() as desk:
        app, heard = listening(desk)

        async with polling(app):
            update = desk.stand_in.say(ANNA, "/top")
            await desk.stand_in.wait_for(lambda: len(heard) == 1)
            desk.stand_in.redeliver(update, new_id=new_id)
            await desk.stand_in.wait_for(lambda: len(heard) == 2)
            desk.stand_in.say(ANNA, "next")
            await desk.stand_in.wait_for(lambda: len(heard) == 3)

        assert (heard[0].update_id == heard[1].update_id) is not new_id
        assert message_of(heard[0]).id == message_of(heard[1]).id


async def test_forwarded_and_group_messages_say_so() -> None:
    """The gate refuses both, so both must look as they do in real life."""
    async with open_desk() as desk:
        app, heard = listening(desk)

        async with polling(app):
            group_id = desk.stand_in.create_group("Desk", [ANNA], by=STRANGER)
            desk.stand_in.say(ANNA, "/open", forward=True)
            desk.stand_in.say(ANNA, "/open", chat_id=group_id)
            await desk.stand_in.wait_for(lambda: len(heard) == 3)

        added, forwarded, grouped = heard
        assert added.my_chat_member is not None
        assert added.my_chat_member.new_chat_member.status == "member"
        assert message_of(forwarded).forward_origin is not None
        assert grouped.effective_chat is not None
        assert grouped.effective_chat.type == "group"
        assert grouped.effective_chat.id == group_id


async def test_the_age_of_a_message_can_be_chosen() -> None:
    """Commands typed while the bot was away carry their own time."""
    async with open_desk() as desk:
        desk.stand_in.say(ANNA, "/open", date_ms=NOON_MS - 240_000)

        (update,) = await desk.bot.get_updates(timeout=0)

        assert message_of(update).date.timestamp() * 1000 == NOON_MS - 240_000


async def test_any_update_at_all_can_be_sent() -> None:
    """Kinds that the stand-in does not know are written by hand."""
    async with open_desk() as desk:
        desk.stand_in.send_raw_update({"poll_answer": _poll_answer()})

        (update,) = await desk.bot.get_updates(timeout=0)

        assert update.poll_answer is not None


def _poll_answer() -> dict[str, object]:
    return {"poll_id": "1", "option_ids": [0], "option_persistent_ids": ["a"]}


async def test_a_reply_shows_what_it_answers() -> None:
    """A free text counts only as an answer to one question."""
    async with open_desk() as desk:
        question = await desk.bot.send_message(ANNA, "How much?")
        desk.stand_in.say(ANNA, "500", reply_to=question.id)

        (update,) = await desk.bot.get_updates(timeout=0)

        replied = message_of(update).reply_to_message
        assert replied is not None
        assert replied.id == question.id


async def test_polling_stops_at_once_when_the_bot_stops() -> None:
    """A long poll must not hold up Ctrl-C."""
    async with open_desk() as desk:
        app = application(make_bot(desk.url))
        app.add_handler(MessageHandler(filters.ALL, _ignore))

        async with asyncio.timeout(3), polling(app):
            pass


async def _ignore(_update: Update, _context: object) -> None:
    """Do nothing."""
