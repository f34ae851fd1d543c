"""Taps on buttons: what the bot gets, and what the person sees of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
)
from telegram.error import BadRequest

from tests.unit.sandbox.telegram_desk import ANNA, STRANGER, VERA, open_desk

if TYPE_CHECKING:
    from telegram import (
        Bot,
        CallbackQuery,
    )

KEYS = InlineKeyboardMarkup(
    [
        [
            InlineKeyboardButton("✅ Open", callback_data="y:1", style="success"),
            InlineKeyboardButton("✖ Cancel", callback_data="x:1"),
        ],
        [InlineKeyboardButton("Details", callback_data="d:1")],
    ]
)
TOO_OLD = "Query is too old and response timeout expired or query id is invalid"


async def card(bot: Bot) -> Message:
    """Send Anna a card with three buttons."""
    return await bot.send_message(ANNA, "Open HYPE?", reply_markup=KEYS)


async def query_of(bot: Bot) -> CallbackQuery:
    """Return the newest query that waits."""
    updates = await bot.get_updates(timeout=2)
    query = updates[-1].callback_query
    assert query is not None
    return query


@pytest.mark.parametrize(
    ("chosen", "data"),
    [
        ({"label": "✅ Open"}, "y:1"),
        ({"label": "Cancel"}, "x:1"),
        ({"row": 1}, "d:1"),
        ({"row": 0, "col": 1}, "x:1"),
        ({"data": "y:forged"}, "y:forged"),
    ],
    ids=["label", "part of a label", "row", "row and column", "forged"],
)
async def test_a_tap_sends_what_the_button_carries(
    chosen: dict[str, str | int], data: str
) -> None:
    """Tests tap as people do, by what they see, or as attackers do."""
    async with open_desk() as desk:
        sent = await card(desk.bot)

        desk.stand_in.tap(ANNA, ANNA, sent.id, **chosen)  # type: ignore[arg-type]
        query = await query_of(desk.bot)

        assert query.data == data
        assert query.from_user.id == ANNA
        assert isinstance(query.message, Message)
        assert query.message.id == sent.id


async def test_a_button_that_is_not_there_cannot_be_tapped() -> None:
    """A test that taps a button which vanished has to fail and tell what is there."""
    async with open_desk() as desk:
        sent = await card(desk.bot)

        with pytest.raises(LookupError, match="✖ Cancel"):
            desk.stand_in.tap(ANNA, ANNA, sent.id, label="Refresh")


async def test_the_person_sees_toast_or_dialog() -> None:
    """Text and alert flag are all that an answer can show."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        tap = desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")

        await (await query_of(desk.bot)).answer("Already running", show_alert=True)
        answer = await tap.answer()

        assert (answer.text, answer.alert) == ("Already running", True)
        desk.stand_in.assert_clean()


async def test_a_query_can_be_answered_only_once() -> None:
    """A second answer is a fault of the bot, and shows up as one."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")
        query = await query_of(desk.bot)

        await query.answer("one")
        with pytest.raises(BadRequest, match=TOO_OLD):
            await query.answer("two")

        assert desk.stand_in.lint() == ["tap 'd:1' by 1001 answered 2 times"]


async def test_a_late_answer_is_refused() -> None:
    """Spinners end after a while; the bot must not count on a late toast."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")
        query = await query_of(desk.bot)
        desk.stand_in.query_ttl_s = 0

        with pytest.raises(BadRequest, match=TOO_OLD):
            await query.answer("late")

        assert desk.stand_in.lint() == ["tap 'd:1' by 1001 answered 0 times"]


async def test_a_toast_has_at_most_200_characters() -> None:
    """A toast that is too long is not shown at all."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        tap = desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")
        query = await query_of(desk.bot)

        with pytest.raises(BadRequest, match=r"(?i)message_too_long"):
            await query.answer("x" * 201)
        await query.answer("x" * 200)

        assert len((await tap.answer()).text) == 200


async def test_silence_ends_in_a_time_out_with_the_data() -> None:
    """A test must not wait for ever for a bot that never answers."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        tap = desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")

        with pytest.raises(TimeoutError, match="d:1"):
            await tap.answer(timeout_s=0.01)


async def test_only_taps_of_known_people_want_an_answer() -> None:
    """Strangers get nothing at all, which is right and no complaint."""
    async with open_desk() as desk:
        sent = await card(desk.bot)

        desk.stand_in.tap(STRANGER, ANNA, sent.id, label="Open")
        desk.stand_in.tap(VERA, ANNA, sent.id, label="Open")

        assert [one.user_id for one in desk.stand_in.unanswered()] == [VERA]


async def test_an_inline_tap_has_no_message() -> None:
    """Cards sent through inline mode carry only an inline message id."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        desk.stand_in.tap(ANNA, ANNA, sent.id, label="Open", inline=True)

        query = await query_of(desk.bot)

        assert query.message is None
        assert query.inline_message_id is not None


async def test_a_tap_on_a_deleted_card_has_an_inaccessible_message() -> None:
    """The library makes a message of the year 1970 of it, without any text."""
    async with open_desk() as desk:
        sent = await card(desk.bot)
        await desk.bot.delete_message(ANNA, sent.id)

        desk.stand_in.tap(ANNA, ANNA, sent.id, data="y:1")
        query = await query_of(desk.bot)

        assert query.message is not None
        assert not query.message.is_accessible
        assert query.message.message_id == sent.id


async def test_every_look_of_a_card_is_linted() -> None:
    """A table too wide for a phone is found even if an edit replaced it later."""
    async with open_desk() as desk:
        sent = await desk.bot.send_message(ANNA, f"<pre>{'x' * 34}</pre>", "HTML")
        await desk.bot.edit_message_text(
            "<pre>币安人生 ok\n→ no</pre>", ANNA, sent.id, parse_mode="HTML"
        )
        await desk.bot.edit_message_text("fine", ANNA, sent.id)

        wide, strange = desk.stand_in.lint()

        assert "table row of 34 cells" in wide
        assert strange.endswith("['→'] inside a table: '→ no'")


@pytest.mark.parametrize("place", ["text", "button", "toast"])
async def test_a_secret_on_any_screen_is_found(place: str) -> None:
    """A token shown once in a chat is a token lost."""
    async with open_desk() as desk:
        secret = desk.stand_in.memory.token
        key = InlineKeyboardButton("Go", callback_data=secret)
        if place == "text":
            await desk.bot.send_message(ANNA, f"error at bot{secret}/getMe")
        if place == "button":
            await desk.bot.send_message(
                ANNA, "x", reply_markup=InlineKeyboardMarkup([[key]])
            )
        if place == "toast":
            sent = await card(desk.bot)
            desk.stand_in.tap(ANNA, ANNA, sent.id, label="Details")
            await (await query_of(desk.bot)).answer(secret)

        with pytest.raises(AssertionError, match="shows a secret"):
            desk.stand_in.assert_clean()


async def test_a_card_reads_as_plain_lines() -> None:
    """Snapshots of cards are compared by eye."""
    async with open_desk() as desk:
        await card(desk.bot)

        (message,) = desk.stand_in.messages(ANNA)

        assert message.rendered == "Open HYPE?\n[✅ Open][✖ Cancel]\n[Details]"
