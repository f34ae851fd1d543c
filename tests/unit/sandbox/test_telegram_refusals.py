"""What the real Bot API refuses, asked for by the real python-telegram-bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyParameters,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    RetryAfter,
)

from sandbox.telegram.control import message_json
from tests.unit.sandbox.telegram_desk import (
    ANNA,
    NOON_MS,
    STRANGER,
    VERA,
    make_bot,
    open_desk,
)

if TYPE_CHECKING:
    from tests.unit.sandbox.telegram_desk import (
        Desk,
    )

Attempt = Callable[[Bot], Awaitable[object]]
HOUR_MS = 3_600_000


def keyboard(*rows: list[InlineKeyboardButton]) -> InlineKeyboardMarkup:
    """Return an inline keyboard of these rows."""
    return InlineKeyboardMarkup(rows)


def key(data: str = "t:1", **more: Any) -> InlineKeyboardButton:  # noqa: ANN401 - as in the library
    """Return a button."""
    return InlineKeyboardButton("Go", callback_data=data, **more)


def sends(**arguments: Any) -> Attempt:  # noqa: ANN401 - as in the library
    """Return an attempt to send Anna something."""
    asked: dict[str, Any] = {"chat_id": ANNA, "text": "x"} | arguments
    return lambda bot: bot.send_message(**asked)


def with_keys(*rows: list[InlineKeyboardButton]) -> Attempt:
    """Return an attempt to send Anna these buttons."""
    return sends(reply_markup=keyboard(*rows))


async def edits_unchanged(bot: Bot) -> None:
    """Edit a message into what it is already."""
    sent = await bot.send_message(
        ANNA, "<b>x</b>", "HTML", reply_markup=keyboard([key()])
    )
    await bot.edit_message_text(
        " <b>x</b>", ANNA, sent.id, parse_mode="HTML", reply_markup=keyboard([key()])
    )


async def edits_deleted(bot: Bot) -> None:
    """Edit a message that is gone."""
    sent = await bot.send_message(ANNA, "x")
    await bot.delete_message(ANNA, sent.id)
    await bot.edit_message_text("y", ANNA, sent.id)


async def edits_too_long(bot: Bot) -> None:
    """Edit a message beyond the limit."""
    sent = await bot.send_message(ANNA, "x")
    await bot.edit_message_text("y" * 4097, ANNA, sent.id)


async def forwards_protected(bot: Bot) -> None:
    """Forward a confirm card."""
    sent = await bot.send_message(ANNA, "x", protect_content=True)
    await bot.forward_message(ANNA, ANNA, sent.id)


CASES: dict[str, tuple[Attempt, str]] = {
    "empty text": (sends(text=" \n"), "message text is empty"),
    "empty after parsing": (sends(text="<b></b>", parse_mode="HTML"), "text is empty"),
    "4097 units": (sends(text="x" * 4097), "message is too long"),
    "2049 rockets": (sends(text="🚀" * 2049), "message is too long"),
    "bare ampersand": (sends(text="a & b", parse_mode="HTML"), "can't parse entities"),
    "bare less-than": (sends(text="a < b", parse_mode="HTML"), "can't parse entities"),
    "unclosed tag": (sends(text="<b>a", parse_mode="HTML"), "can't parse entities"),
    "markdown": (sends(text="a", parse_mode="MarkdownV2"), "unsupported parse_mode"),
    "data of 65 bytes": (with_keys([key("x" * 65)]), "button_data_invalid"),
    "data of 33 two-byte letters": (with_keys([key("é" * 33)]), "button_data_invalid"),
    "empty data": (with_keys([key("")]), "button_data_invalid"),
    "101 buttons": (with_keys(*[[key()] * 8] * 13), "more than 100 buttons"),
    "9 in a row": (with_keys([key()] * 9), "more than 8 buttons in a row"),
    "two actions": (with_keys([key(url="https://x.test")]), "exactly one action"),
    "no action": (
        with_keys([InlineKeyboardButton("Go")]),
        "text buttons are unallowed",
    ),
    "no label": (
        with_keys([InlineKeyboardButton(" ", callback_data="x")]),
        "button_text_invalid",
    ),
    "unknown style": (with_keys([key(style="rainbow")]), "button_style_invalid"),
    "strange address": (
        with_keys([InlineKeyboardButton("Go", url="ftp://x")]),
        "button_url_invalid",
    ),
    "copy text of 257": (
        with_keys([InlineKeyboardButton("Go", copy_text=CopyTextButton("x" * 257))]),
        "button_copy_text_invalid",
    ),
    "unknown chat": (sends(chat_id=424242), "chat not found"),
    "reply to nothing": (
        sends(reply_parameters=ReplyParameters(999)),
        "message to be replied not found",
    ),
    "edit without change": (edits_unchanged, "message is not modified"),
    "edit of unknown message": (
        lambda bot: bot.edit_message_text("y", ANNA, 999),
        "message to edit not found",
    ),
    "edit of deleted message": (edits_deleted, "message to edit not found"),
    "edit too long": (edits_too_long, "message_too_long"),
    "delete of unknown message": (
        lambda bot: bot.delete_message(ANNA, 999),
        "message to delete not found",
    ),
    "forward of protected message": (forwards_protected, "can't be forwarded"),
    "unknown query": (
        lambda bot: bot.answer_callback_query("17"),
        "query is too old and response timeout expired or query id is invalid",
    ),
    "bad command name": (
        lambda bot: bot.set_my_commands([BotCommand("Top-Ten", "x")]),
        "bot_command_invalid",
    ),
    "101 commands": (
        lambda bot: bot.set_my_commands([BotCommand(f"c{n}", "x") for n in range(101)]),
        "bot_commands_too_much",
    ),
    "command description of 257": (
        lambda bot: bot.set_my_commands([BotCommand("top", "x" * 257)]),
        "bot_command_description_invalid",
    ),
    "commands for a chat that never started": (
        lambda bot: bot.set_my_commands(
            [BotCommand("top", "x")], scope=BotCommandScopeChat(VERA)
        ),
        "chat not found",
    ),
    "caption of 1025": (
        lambda bot: bot.send_document(ANNA, b"x", caption="x" * 1025, filename="a.csv"),
        "caption is too long",
    ),
    "leave a private chat": (lambda bot: bot.leave_chat(ANNA), "private chats"),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_telegram_refuses_is_refused(name: str) -> None:
    """A card or call that fails in real life has to fail in tests first."""
    attempt, words = CASES[name]

    async with open_desk() as desk:
        with pytest.raises(BadRequest) as refused:
            await attempt(desk.bot)

        assert words in str(refused.value).lower()
        assert [one.status for one in desk.stand_in.refusals] == [400]


async def test_the_largest_allowed_message_passes() -> None:
    """The limits are limits, not one less: nothing legal may be refused."""
    rows = [[key("x" * 64)] * 8] * 12 + [[key()] * 4]

    async with open_desk() as desk:
        sent = await desk.bot.send_message(
            ANNA, "&lt;" * 4096, "HTML", reply_markup=keyboard(*rows)
        )

        assert sent.text == "<" * 4096
        assert sent.reply_markup is not None
        assert sum(len(row) for row in sent.reply_markup.inline_keyboard) == 100
        assert not desk.stand_in.refusals


def png(width: int, height: int) -> bytes:
    """Return the head of a picture, which is all that is looked at."""
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + sides


PIXEL = png(1, 1)


async def test_files_arrive_by_name() -> None:
    """An exported table is uploaded as a form with parts, unlike everything else."""
    async with open_desk() as desk:
        sent = await desk.bot.send_document(
            ANNA,
            b"a;b",
            filename="pnl.csv",
            caption="<b>P&amp;L</b>",
            parse_mode="HTML",
        )
        picture = await desk.bot.send_photo(ANNA, PIXEL, filename="chart.png")

        assert sent.document is not None
        assert (sent.document.file_name, sent.caption) == ("pnl.csv", "P&L")
        assert [(one.width, one.height) for one in picture.photo] == [(1, 1)]
        with pytest.raises(BadRequest, match="no text in the message to edit"):
            await desk.bot.edit_message_text("x", ANNA, sent.id)


async def test_only_pictures_pass_as_photos() -> None:
    """A chart that could not be drawn must not pass here and fail at the real one."""
    async with open_desk() as desk:
        with pytest.raises(BadRequest, match="Image_process_failed"):
            await desk.bot.send_photo(ANNA, b"<svg/>", filename="chart.png")
        with pytest.raises(BadRequest, match="Photo_invalid_dimensions"):
            await desk.bot.send_photo(ANNA, png(21, 1), filename="chart.png")


async def test_the_page_shows_what_was_sent() -> None:
    """A person who tries the bot looks at the picture and saves the table."""
    async with open_desk() as desk, aiohttp.ClientSession() as session:
        await desk.bot.send_photo(ANNA, PIXEL, filename="chart.png")
        await desk.bot.send_document(ANNA, b"a;b", filename="pnl.csv")
        photo, table = (message_json(m) for m in desk.stand_in.messages(ANNA))
        picture, page = photo["attachment"]["url"], table["attachment"]["url"]

        async with session.get(f"{desk.url}/{picture}") as answer:
            assert answer.content_type == "image/png"
            assert await answer.read() == PIXEL
        async with session.get(f"{desk.url}/{page}") as answer:
            assert "pnl.csv" in answer.headers["Content-Disposition"]
            assert await answer.read() == b"a;b"
        async with session.get(f"{desk.url}/chat/file/none") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("how", ["json", "form", "query"])
async def test_parameters_may_come_in_any_of_telegrams_ways(how: str) -> None:
    """Other clients than ours talk to the stand-in too."""
    given = {"chat_id": f"{ANNA}", "text": "x"}
    async with open_desk() as desk, aiohttp.ClientSession() as session:
        url = f"{desk.url}/telegram/bot{desk.bot.token}/SendMessage"
        request = {
            "json": lambda: session.post(url, json=given),
            "form": lambda: session.post(url, data=given),
            "query": lambda: session.get(url, params=given),
        }[how]()
        async with request as response:
            body = await response.json()

        assert body["ok"]
        assert desk.stand_in.newest(ANNA).text == "x"


@pytest.mark.parametrize("style", ["primary", "success", "danger"])
async def test_button_styles_arrive(style: str) -> None:
    """A green button for opening must not depend on the sandbox ignoring styles."""
    async with open_desk() as desk:
        await desk.bot.send_message(
            ANNA, "x", reply_markup=keyboard([key(style=style)])
        )

        assert desk.stand_in.messages(ANNA)[-1].button("Go").style == style


async def test_a_message_of_a_person_cannot_be_edited() -> None:
    """A message id mixed up with the person's own must not pass silently."""
    async with open_desk() as desk:
        update = desk.stand_in.say(ANNA, "hello")

        with pytest.raises(BadRequest, match="can't be edited"):
            await desk.bot.edit_message_text("y", ANNA, update["message"]["message_id"])


async def test_messages_older_than_48_hours_stay() -> None:
    """The bot must edit an old card, because it cannot remove it."""
    async with open_desk() as desk:
        sent = await desk.bot.send_message(ANNA, "x")
        desk.clock.set_ms(NOON_MS + 48 * HOUR_MS)
        other = await desk.bot.send_message(ANNA, "y")
        desk.clock.set_ms(NOON_MS + 48 * HOUR_MS + 1000)

        with pytest.raises(BadRequest, match="can't be deleted"):
            await desk.bot.delete_message(ANNA, sent.id)
        await desk.bot.edit_message_text("z", ANNA, sent.id)
        assert await desk.bot.delete_message(ANNA, other.id)


def _block(desk: Desk) -> None:
    desk.stand_in.block(ANNA)


def _deactivate(desk: Desk) -> None:
    desk.stand_in.deactivate(ANNA)


@pytest.mark.parametrize(
    ("prepare", "user_id", "words"),
    [
        (lambda _desk: None, STRANGER, "can't initiate conversation"),
        (_block, ANNA, "blocked by the user"),
        (_deactivate, ANNA, "deactivated"),
    ],
    ids=["never started", "blocked", "deactivated"],
)
async def test_chats_out_of_reach_are_forbidden(
    prepare: Callable[[Desk], None], user_id: int, words: str
) -> None:
    """The outbox parks such a chat, so it has to see the real answer."""
    async with open_desk() as desk:
        prepare(desk)

        with pytest.raises(Forbidden, match=words):
            await desk.bot.send_message(user_id, "x")


async def test_a_person_who_writes_again_is_no_longer_blocking() -> None:
    """Start after a block brings the chat back, as in the real client."""
    async with open_desk() as desk:
        desk.stand_in.block(ANNA)
        desk.stand_in.say(ANNA, "/start")

        await desk.bot.send_message(ANNA, "x")

        assert desk.stand_in.messages(ANNA)[-1].text == "x"


async def test_a_group_that_moved_tells_its_new_id() -> None:
    """The library turns this answer into its own exception."""
    async with open_desk() as desk:
        group_id = desk.stand_in.create_group("Desk", [ANNA])
        new_id = desk.stand_in.migrate(group_id)

        with pytest.raises(ChatMigrated) as moved:
            await desk.bot.send_message(group_id, "x")
        assert moved.value.new_chat_id == new_id
        await desk.bot.send_message(new_id, "x")
        assert desk.stand_in.messages(new_id)[-1].text == "x"


async def test_a_group_that_was_left_is_forbidden() -> None:
    """A bot that leaves groups can check that it did."""
    async with open_desk() as desk:
        group_id = desk.stand_in.create_group("Desk", [STRANGER])

        await desk.bot.leave_chat(group_id)

        with pytest.raises(Forbidden, match="not a member"):
            await desk.bot.send_message(group_id, "x")


@pytest.mark.parametrize("token", ["1000001:revoked", "nonsense"])
async def test_a_wrong_token_is_not_let_in(token: str) -> None:
    """The library ends polling on both answers, which a watchdog has to notice."""
    async with open_desk() as desk:
        bot = make_bot(desk.url, token)

        with pytest.raises(InvalidToken):
            await bot.get_me()
        await bot.request.shutdown()


async def test_an_unknown_method_is_not_found() -> None:
    """A method that the stand-in does not know must never look like success."""
    async with open_desk() as desk:
        with pytest.raises(EndPointNotFound):
            await desk.bot.do_api_request("sendTelegram")

        assert desk.stand_in.refusals[-1].status == 404


async def test_the_fourth_message_in_a_second_has_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One message a second in a chat is the limit that the outbox has to respect."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # else the library warns about itself
    async with open_desk() as desk:
        for number in range(3):
            await desk.bot.send_message(ANNA, f"{number}")

        with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
            await desk.bot.send_message(ANNA, "3")
        assert desk.stand_in.refusals[-1].error == "Too Many Requests: retry after 1"


async def test_flood_control_can_be_switched_off() -> None:
    """Fast tests send more than a message a second."""
    async with open_desk() as desk:
        desk.stand_in.flood_control = False

        for number in range(40):
            await desk.bot.send_message(ANNA, f"{number}")

        assert len(desk.stand_in.messages(ANNA)) == 40


async def test_a_second_poller_ends_the_first() -> None:
    """Two processes with one token: the older poll gets a conflict."""
    async with open_desk() as desk, make_bot(desk.url) as second:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(_conflicting(desk.bot))
            await desk.stand_in.wait_for(lambda: desk.stand_in.memory.updates._poller)
            await second.get_updates(timeout=0)

        assert "terminated by other getUpdates" in first.result()


async def _conflicting(bot: Bot) -> str:
    with pytest.raises(Conflict) as conflict:
        await bot.get_updates(timeout=10)
    return str(conflict.value)
