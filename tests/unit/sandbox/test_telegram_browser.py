"""The chat page as a person sees it, in a real browser."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)

from tests.journeys.browser import needs_browser, open_phone
from tests.unit.sandbox.telegram_desk import ANNA, STRANGER, VERA, open_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.journeys.browser import Phone
    from tests.unit.sandbox.telegram_desk import Desk

pytestmark = [
    needs_browser,
    pytest.mark.timeout(60),  # a browser starts slowly on a busy machine
]
KEYS = InlineKeyboardMarkup(
    [
        [
            InlineKeyboardButton("✅ Open", callback_data="y:1", style="success"),
            InlineKeyboardButton("✖ Cancel", callback_data="x:1"),
        ]
    ]
)
HOSTILE = "<img src=x onerror=alert(1)> & </pre><script>alert(2)</script>"


@asynccontextmanager
async def look(shots: Path) -> AsyncIterator[tuple[Desk, Phone]]:
    """Open the desk and the page of Anna; the page must stay free of errors."""
    async with open_desk() as desk, open_phone(shots) as phone:
        desk.stand_in.flood_control = False
        await phone.open(f"{desk.url}/?user={ANNA}")
        yield desk, phone


@pytest.mark.campaign
async def test_a_table_of_33_cells_fits_a_phone(tmp_path: Path) -> None:
    """The widest allowed table needs no sideways scrolling, Chinese names included."""
    table = f"<pre>{'0123456789' * 3}012\n{'币安人生' * 4}x\n1  HYPE</pre>"

    async with look(tmp_path) as (desk, phone):
        await desk.bot.send_message(ANNA, table, "HTML", reply_markup=KEYS)
        await phone.sees("1  HYPE")
        beyond = []
        for width in (390, 360, 320):
            await phone.page.set_viewport_size({"width": width, "height": 844})
            beyond.append(await phone.overflow())

    assert beyond == [0, 0, 0]


async def test_a_tap_spins_toasts_and_edits_in_place(tmp_path: Path) -> None:
    """The whole life of a tap: spinner, toast, the same message with new words."""
    async with look(tmp_path) as (desk, phone):
        spinning = phone.page.locator(".keys [aria-busy=true]")
        sent = await desk.bot.send_message(ANNA, "Open HYPE?", reply_markup=KEYS)
        await phone.tap("✅ Open")
        await expect(spinning).to_be_visible()
        (update,) = await desk.bot.get_updates(timeout=5)
        assert update.callback_query is not None
        await update.callback_query.answer("Opening")
        await expect(phone.page.locator("#toast")).to_have_text("Opening")
        await expect(spinning).to_have_count(0)
        await desk.bot.edit_message_text("HYPE open", ANNA, sent.id)
        body = await phone.sees("HYPE open", "edited")
        count = await phone.page.locator(".message").count()

    assert update.callback_query.data == "y:1"
    assert body.startswith("HYPE open")
    assert count == 1


@pytest.mark.campaign
async def test_an_alert_is_a_dialog_that_has_to_be_closed(tmp_path: Path) -> None:
    """Refusals that matter must not vanish like a toast."""
    async with look(tmp_path) as (desk, phone):
        alert = phone.page.locator("#alert")
        await desk.bot.send_message(ANNA, "Open HYPE?", reply_markup=KEYS)
        await phone.tap("✖ Cancel")
        (update,) = await desk.bot.get_updates(timeout=5)
        assert update.callback_query is not None
        await update.callback_query.answer("View only", show_alert=True)
        await expect(alert).to_be_visible()
        words = await phone.page.locator("#alert-text").inner_text()
        await phone.page.locator("#alert-ok").tap()
        await expect(alert).to_be_hidden()

    assert words == "View only"


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """A venue's error page inside a message must not become part of ours."""
    async with look(tmp_path) as (desk, phone):
        await desk.bot.send_message(ANNA, HOSTILE)
        await phone.say(HOSTILE)
        await expect(phone.page.locator(".message")).to_have_count(2)
        texts = await phone.page.locator(".body").evaluate_all(
            "bodies => bodies.map(one => one.firstChild.data)"
        )
        strange = phone.page.locator("#messages img, #messages script")
        count = await strange.count()

    assert texts == [HOSTILE, HOSTILE]
    assert count == 0


@pytest.mark.campaign
async def test_formatting_becomes_elements(tmp_path: Path) -> None:
    """Bold, code, a folded quote and local time look like that on the page."""
    source = (
        "<b>bold <i>both</i></b> <code>7F2</code> "
        '<tg-time unix="1790000300" format="r">14:05</tg-time>'
        "<blockquote expandable>one\ntwo\nthree\nfour</blockquote>"
    )
    parts = ".body b", ".body i", ".body code", "time[data-unix]"

    async with look(tmp_path) as (desk, phone):
        await desk.bot.send_message(ANNA, source, "HTML")
        shown = [await phone.page.locator(part).inner_text() for part in parts]
        quote = phone.page.locator("blockquote")
        await quote.tap()
        await expect(quote).to_have_attribute("aria-expanded", "true")

    assert shown == ["bold both", "both", "7F2", "in 5 minutes"]


@pytest.mark.campaign
async def test_people_start_switch_and_see_their_own_menu(tmp_path: Path) -> None:
    """A stranger gets no commands and no foreign messages, only a mark at news."""
    async with look(tmp_path) as (desk, phone):
        page, scope = phone.page, BotCommandScopeChat(ANNA)
        await desk.bot.set_my_commands([BotCommand("top", "best spreads")], scope=scope)
        await page.locator("#menu-button").tap()
        menu = await page.locator("#menu [data-command]").inner_text()
        await page.locator(f"#users [data-user='{STRANGER}']").tap()
        await page.locator("#start").tap()
        await expect(page.locator(".mine")).to_be_visible()
        await page.locator("#menu-button").tap()
        none = await page.locator("#menu").inner_text()
        await page.locator("#menu-button").tap()
        desk.stand_in.start_chat(VERA)
        await desk.bot.send_message(VERA, "for Vera")
        vera = page.locator(f"#users [data-user='{VERA}']")
        await expect(vera.locator(".unread")).to_be_visible()
        await vera.tap()
        shown = await phone.sees("for Vera")
        await expect(page.locator(".unread")).to_have_count(0)

    assert menu.split() == ["/top", "best", "spreads"]
    assert none == "No commands for you here"
    assert shown.startswith("for Vera")


@pytest.mark.campaign
async def test_an_answer_to_a_question_replies_to_it(tmp_path: Path) -> None:
    """Free text counts only as an answer to one question."""
    async with look(tmp_path) as (desk, phone):
        question = await desk.bot.send_message(
            ANNA, "How much?", reply_markup=ForceReply()
        )
        await expect(phone.page.locator("#replying")).to_be_visible()
        await phone.say("500")
        await expect(phone.page.locator(".mine .quoted")).to_be_visible()
        (update,) = await desk.bot.get_updates(timeout=0)

    assert update.message is not None
    assert update.message.reply_to_message is not None
    assert update.message.reply_to_message.id == question.id
