"""The chat page and the control plane over plain HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)

from tests.unit.sandbox.telegram_desk import ANNA, STRANGER, VERA, open_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.sandbox.telegram_desk import Desk

KEYS = InlineKeyboardMarkup([[InlineKeyboardButton("Open", callback_data="o:1")]])
CONTROL = "/__control/telegram"


@asynccontextmanager
async def visit() -> AsyncIterator[tuple[Desk, aiohttp.ClientSession]]:
    """Open the desk and an HTTP session that speaks to it."""
    async with open_desk() as desk, aiohttp.ClientSession(desk.url) as session:
        yield desk, session


async def next_event(response: aiohttp.ClientResponse) -> tuple[str, dict[str, Any]]:
    """Read one server-sent event."""
    lines: list[str] = []
    async with asyncio.timeout(5):
        while True:
            line = (await response.content.readline()).decode().strip()
            if not line and lines:
                break
            if line and not line.startswith(":"):
                lines.append(line)
    return lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/chat.css", "text/css"),
        ("/chat.js", "text/javascript"),
        ("/format.js", "text/javascript"),
    ],
)
async def test_the_page_needs_nothing_from_elsewhere(path: str, kind: str) -> None:
    """The demo runs without internet, and a browser enforces it."""
    async with visit() as (_desk, session), session.get(path) as response:
        text = await response.text()

        assert response.content_type == kind
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "innerHTML" not in text
        assert "//cdn" not in text


async def test_a_visitor_sees_the_chat_and_then_every_change() -> None:
    """New message, edit in place and deletion reach an open page."""
    async with (
        visit() as (desk, session),
        session.get("/chat/events", params={"user": ANNA}) as stream,
    ):
        _name, hello = await next_event(stream)
        sent = await desk.bot.send_message(
            ANNA, "<b>one</b>", "HTML", reply_markup=KEYS
        )
        new = await next_event(stream)
        await desk.bot.edit_message_text("two", ANNA, sent.id)
        edited = await next_event(stream)
        await desk.bot.delete_message(ANNA, sent.id)
        deleted = await next_event(stream)

    assert [one["name"] for one in hello["users"]] == ["Anna", "Vera", "Stranger"]
    assert hello["messages"] == []
    assert new[0] == edited[0] == deleted[0] == "message"
    assert new[1]["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert new[1]["rows"][0][0]["label"] == "Open"
    assert (edited[1]["id"], edited[1]["text"]) == (sent.id, "two")
    assert edited[1]["rows"] == []
    assert deleted[1]["deleted"]


async def test_a_message_for_someone_else_only_leaves_a_mark() -> None:
    """Vera's page must not show Anna's chat, but the unread mark has to appear."""
    async with (
        visit() as (desk, session),
        session.get("/chat/events", params={"user": VERA}) as stream,
    ):
        await next_event(stream)
        sent = await desk.bot.send_message(ANNA, "for Anna")

        assert await next_event(stream) == ("other", {"user": ANNA, "newest": sent.id})


async def test_the_menu_follows_the_commands_of_the_person() -> None:
    """Owners see all commands, strangers none."""
    scope = BotCommandScopeChat(ANNA)
    async with (
        visit() as (desk, session),
        session.get("/chat/events", params={"user": ANNA}) as stream,
        session.get("/chat/events", params={"user": STRANGER}) as other,
    ):
        await next_event(stream)
        await next_event(other)
        await desk.bot.set_my_commands([BotCommand("top", "best spreads")], scope=scope)
        name, note = await next_event(stream)
        await desk.bot.set_my_commands([BotCommand("help", "legend")])
        _name, strange = await next_event(other)

    assert name == "commands"
    assert note["commands"] == [{"command": "top", "description": "best spreads"}]
    assert strange["commands"] == [{"command": "help", "description": "legend"}]


async def test_typing_on_the_page_reaches_the_bot() -> None:
    """The Start button and the message box both end here."""
    async with visit() as (desk, session):
        body = {"user": STRANGER, "text": " /start "}
        async with session.post("/chat/send", json=body) as response:
            assert response.status == 200

        (update,) = await desk.bot.get_updates(timeout=0)

        assert update.message is not None
        assert update.message.text == "/start"
        assert update.message.chat_id == STRANGER


async def test_a_tap_on_the_page_brings_back_the_toast() -> None:
    """The spinner on a button ends with the bot's answer."""
    async with visit() as (desk, session):
        sent = await desk.bot.send_message(ANNA, "x", reply_markup=KEYS)
        body = {"user": ANNA, "message_id": sent.id, "row": 0, "col": 0}

        async with asyncio.TaskGroup() as group:
            posted = group.create_task(_post(session, "/chat/tap", body))
            (update,) = await desk.bot.get_updates(timeout=5)
            assert update.callback_query is not None
            await update.callback_query.answer("Opening", show_alert=True)

    assert posted.result() == {
        "answered": True,
        "text": "Opening",
        "alert": True,
        "url": None,
    }


async def _post(
    session: aiohttp.ClientSession, path: str, body: dict[str, Any]
) -> dict[str, Any]:
    async with session.post(path, json=body) as response:
        answer: dict[str, Any] = await response.json()
        return answer


@pytest.mark.parametrize(
    ("path", "request_", "status"),
    [
        ("/chat/send", {"json": {"user": ANNA, "text": " "}}, 400),
        ("/chat/send", {"json": {"user": 7, "text": "x"}}, 400),
        ("/chat/send", {"json": ["x"]}, 400),
        ("/chat/send", {"data": {"user": ANNA, "text": "x"}}, 415),
        (
            "/chat/tap",
            {"json": {"user": ANNA, "message_id": 9, "row": 0, "col": 0}},
            404,
        ),
        (f"{CONTROL}/say", {"json": {"user": ANNA}}, 400),
        (f"{CONTROL}/faults", {"json": {"method": "*", "kind": "rain"}}, 400),
    ],
    ids=["empty", "unknown person", "list", "foreign form", "gone", "wrong", "rain"],
)
async def test_a_wrong_request_is_answered_with_its_mistake(
    path: str, request_: dict[str, Any], status: int
) -> None:
    """A page of another site posts forms, which must do nothing here."""
    async with visit() as (desk, session):
        async with session.post(path, **request_) as response:
            assert response.status == status

        assert not desk.stand_in.memory.updates.pending


async def test_another_process_can_act_and_look_through_the_control_plane() -> None:
    """Tests of the whole product run beside it and have only HTTP."""
    async with visit() as (desk, session):
        await _post(session, f"{CONTROL}/flood", {"is_on": False})
        await _post(session, f"{CONTROL}/say", {"user_id": ANNA, "text": "/top"})
        sent = await desk.bot.send_message(ANNA, "Best: HYPE", reply_markup=KEYS)
        tapped = await _post(
            session,
            f"{CONTROL}/tap",
            {
                "user_id": ANNA,
                "chat_id": ANNA,
                "message_id": sent.id,
                "label": "Open",
                "timeout_s": 0,
            },
        )
        where = {"chat_id": f"{ANNA}", "contains": "HYPE"}
        async with session.get(f"{CONTROL}/wait", params=where) as response:
            waited = await response.json()
        async with session.get(f"{CONTROL}/lint") as response:
            lint = await response.json()
        params = {"method": "sendMessage"}
        async with session.get(f"{CONTROL}/calls", params=params) as response:
            calls = await response.json()

        updates = await desk.bot.get_updates(timeout=0)

    assert not desk.stand_in.flood_control
    assert waited["id"] == sent.id
    assert tapped["answer"] is None
    assert lint == ["tap 'o:1' by 1001 answered 0 times"]
    assert [one["status"] for one in calls] == [200]
    assert [one.message and one.message.text for one in updates] == ["/top", None]


async def test_waiting_over_http_ends_with_408() -> None:
    """A driver has to tell "not yet" from "wrong question"."""
    async with visit() as (_desk, session):
        where = {"chat_id": f"{ANNA}", "contains": "never", "timeout_s": "0.01"}
        async with session.get(f"{CONTROL}/wait", params=where) as response:
            assert response.status == 408


async def test_an_open_page_does_not_hold_up_the_end() -> None:
    """Ctrl-C ends the demo although browsers still listen."""
    async with asyncio.timeout(3):
        async with open_desk() as desk:
            session = aiohttp.ClientSession(desk.url)
            stream = await session.get("/chat/events", params={"user": ANNA})
            await next_event(stream)
        stream.close()
        await session.close()
