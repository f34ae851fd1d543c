"""The chat page as a person sees it, in a real browser."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)

from tests.unit.sandbox.headless import CHROMIUM, open_tab
from tests.unit.sandbox.telegram_desk import ANNA, STRANGER, VERA, open_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.sandbox.headless import Tab
    from tests.unit.sandbox.telegram_desk import Desk

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
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
async def look(profile: Path) -> AsyncIterator[tuple[Desk, Tab]]:
    """Open the desk and the page of Anna; the page must stay free of errors."""
    async with open_desk() as desk, open_tab(profile) as tab:
        desk.stand_in.flood_control = False
        await tab.open(f"{desk.url}/?user={ANNA}")
        yield desk, tab
        assert tab.errors == []


async def test_a_table_of_33_cells_fits_a_phone(tmp_path: Path) -> None:
    """The widest allowed table needs no sideways scrolling, Chinese names included."""
    table = f"<pre>{'0123456789' * 3}012\n{'币安人生' * 4}x\n1  HYPE</pre>"

    async with look(tmp_path) as (desk, tab):
        await desk.bot.send_message(ANNA, table, "HTML", reply_markup=KEYS)
        widths = []
        for width in (390, 360, 320):
            await tab.resize(width, 844)
            widths.append(
                await tab.wait(
                    "(p => p && [p.scrollWidth - p.clientWidth, "
                    "document.documentElement.scrollWidth - innerWidth])"
                    "(document.querySelector('pre'))"
                )
            )

    assert widths == [[0, 0]] * 3


async def test_a_tap_spins_toasts_and_edits_in_place(tmp_path: Path) -> None:
    """The whole life of a tap: spinner, toast, the same message with new words."""
    async with look(tmp_path) as (desk, tab):
        sent = await desk.bot.send_message(ANNA, "Open HYPE?", reply_markup=KEYS)
        await tab.tap("✅ Open")
        await tab.wait("document.querySelector('.keys [aria-busy=true]')?.innerText")
        (update,) = await desk.bot.get_updates(timeout=5)
        assert update.callback_query is not None
        await update.callback_query.answer("Opening")
        toast = await tab.wait(
            "!document.querySelector('#toast').hidden && "
            "document.querySelector('#toast').innerText"
        )
        await tab.wait("!document.querySelector('.keys [aria-busy=true]')")
        await desk.bot.edit_message_text("HYPE open", ANNA, sent.id)
        body = await tab.wait(
            f"(b => b.innerText.includes('edited') && b.innerText)"
            f"(document.querySelector('[data-message-id=\"{sent.id}\"] .body'))"
        )
        count = await tab.read("document.querySelectorAll('.message').length")

    assert update.callback_query.data == "y:1"
    assert toast == "Opening"
    assert body.startswith("HYPE open")
    assert count == 1


async def test_an_alert_is_a_dialog_that_has_to_be_closed(tmp_path: Path) -> None:
    """Refusals that matter must not vanish like a toast."""
    async with look(tmp_path) as (desk, tab):
        await desk.bot.send_message(ANNA, "Open HYPE?", reply_markup=KEYS)
        await tab.tap("✖ Cancel")
        (update,) = await desk.bot.get_updates(timeout=5)
        assert update.callback_query is not None
        await update.callback_query.answer("View only", show_alert=True)
        words = await tab.wait(
            "document.querySelector('#alert').open && "
            "document.querySelector('#alert-text').innerText"
        )
        await tab.click("#alert-ok")
        await tab.wait("!document.querySelector('#alert').open")

    assert words == "View only"


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    """A venue's error page inside a message must not become part of ours."""
    async with look(tmp_path) as (desk, tab):
        await desk.bot.send_message(ANNA, HOSTILE)
        await tab.type(HOSTILE)
        await tab.wait("document.querySelectorAll('.message').length === 2")
        texts = await tab.read(
            "[...document.querySelectorAll('.body')].map(b => b.firstChild.data)"
        )
        strange = await tab.read(
            "document.querySelectorAll('#messages img, #messages script').length"
        )

    assert texts == [HOSTILE, HOSTILE]
    assert strange == 0


async def test_formatting_becomes_elements(tmp_path: Path) -> None:
    """Bold, code, a folded quote and local time look like that on the page."""
    source = (
        "<b>bold <i>both</i></b> <code>7F2</code> "
        '<tg-time unix="1790000300" format="r">14:05</tg-time>'
        "<blockquote expandable>one\ntwo\nthree\nfour</blockquote>"
    )

    async with look(tmp_path) as (desk, tab):
        await desk.bot.send_message(ANNA, source, "HTML")
        await tab.wait("document.querySelector('.body b i')")
        shown = await tab.read(
            "['.body b', '.body i', '.body code', 'time[data-unix]', 'blockquote']"
            ".map(one => document.querySelector(one).innerText)"
        )
        await tab.click("blockquote")
        unfolded = await tab.read("document.querySelector('blockquote').ariaExpanded")

    assert shown[:4] == ["bold both", "both", "7F2", "in 5 minutes"]
    assert unfolded == "true"


async def test_people_start_switch_and_see_their_own_menu(tmp_path: Path) -> None:
    """A stranger gets no commands and no foreign messages, only a mark at news."""
    async with look(tmp_path) as (desk, tab):
        scope = BotCommandScopeChat(ANNA)
        await desk.bot.set_my_commands([BotCommand("top", "best spreads")], scope=scope)
        await tab.click("#menu-button")
        menu = await tab.wait(
            "document.querySelector('#menu [data-command]')?.innerText"
        )
        await tab.click(f"[data-user='{STRANGER}']")
        await tab.click("#start:not([hidden])")
        await tab.wait("document.querySelector('.mine')")
        await tab.click("#menu-button")
        none = await tab.read("document.querySelector('#menu').innerText")
        desk.stand_in.start_chat(VERA)
        await desk.bot.send_message(VERA, "for Vera")
        mark = await tab.wait(
            "document.querySelector('.unread')?.closest('button').dataset.user"
        )
        await tab.click(f"[data-user='{VERA}']")
        shown = await tab.wait("document.querySelector('.theirs .body')?.innerText")
        marks = await tab.read("document.querySelectorAll('.unread').length")

    assert menu.split() == ["/top", "best", "spreads"]
    assert none == "No commands for you here"
    assert mark == str(VERA)
    assert shown.startswith("for Vera")
    assert marks == 0


async def test_an_answer_to_a_question_replies_to_it(tmp_path: Path) -> None:
    """Free text counts only as an answer to one question."""
    async with look(tmp_path) as (desk, tab):
        question = await desk.bot.send_message(
            ANNA, "How much?", reply_markup=ForceReply()
        )
        await tab.wait("!document.querySelector('#replying').hidden")
        await tab.type("500")
        await tab.wait("document.querySelector('.mine .quoted')")
        (update,) = await desk.bot.get_updates(timeout=0)

    assert update.message is not None
    assert update.message.reply_to_message is not None
    assert update.message.reply_to_message.id == question.id
