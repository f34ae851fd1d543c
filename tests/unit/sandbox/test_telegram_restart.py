"""What the pretend Telegram still knows after it was stopped and started."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from telegram.error import Forbidden

from sandbox.clock import SandboxClock
from sandbox.telegram.memory import Memory
from sandbox.telegram.profile import commands_seen_by
from sandbox.telegram.store import Store
from tests.unit.sandbox.telegram_desk import ANNA, VERA, open_desk

if TYPE_CHECKING:
    from pathlib import Path

KEYS = InlineKeyboardMarkup(
    [[InlineKeyboardButton("Open", callback_data="o:1", style="success")]]
)


async def test_old_messages_and_their_buttons_still_work(tmp_path: Path) -> None:
    """The demo started again shows the old chat, and its buttons can be tapped."""
    async with open_desk(tmp_path) as desk:
        sent = await desk.bot.send_message(
            ANNA, "<b>HYPE</b>", "HTML", reply_markup=KEYS, protect_content=True
        )
        before = desk.stand_in.messages(ANNA)[0].rendered
        html = desk.stand_in.messages(ANNA)[0].html

    async with open_desk(tmp_path) as desk:
        (kept,) = [replace(one) for one in desk.stand_in.messages(ANNA)]
        desk.stand_in.tap(ANNA, ANNA, sent.id, label="Open")
        (update,) = await desk.bot.get_updates(timeout=2)
        await desk.bot.edit_message_text("done", ANNA, sent.id)

    assert (kept.rendered, kept.html, kept.protected) == (before, html, True)
    assert kept.button("Open").style == "success"
    assert update.callback_query is not None
    assert update.callback_query.data == "o:1"


async def test_ids_go_on_and_pending_updates_wait(tmp_path: Path) -> None:
    """A command typed while everything was down is not lost, and no id comes twice."""
    async with open_desk(tmp_path) as desk:
        typed = desk.stand_in.say(ANNA, "/pos")

    async with open_desk(tmp_path) as desk:
        (update,) = await desk.bot.get_updates(timeout=0)
        later = desk.stand_in.say(ANNA, "/top")

    assert update.update_id == typed["update_id"]
    assert later["update_id"] == typed["update_id"] + 1
    assert later["message"]["message_id"] == typed["message"]["message_id"] + 1


async def test_a_confirmed_update_does_not_come_back(tmp_path: Path) -> None:
    """A command that was handled must not run again because the demo was restarted."""
    async with open_desk(tmp_path) as desk:
        desk.stand_in.say(ANNA, "/close")
    async with open_desk(tmp_path) as desk:
        (update,) = await desk.bot.get_updates(timeout=0)
        await desk.bot.get_updates(offset=update.update_id + 1, timeout=0)

    async with open_desk(tmp_path) as desk:
        assert not await desk.bot.get_updates(timeout=0)


async def test_people_groups_and_commands_are_kept(tmp_path: Path) -> None:
    """Who blocked the bot, which group moved, and the menu stay as they were."""
    async with open_desk(tmp_path) as desk:
        group_id = desk.stand_in.create_group("Desk", [ANNA])
        new_id = desk.stand_in.migrate(group_id)
        desk.stand_in.block(VERA)
        await desk.bot.set_my_commands(
            [BotCommand("top", "best spreads")], scope=BotCommandScopeChat(ANNA)
        )

    async with open_desk(tmp_path) as desk:
        with pytest.raises(Forbidden, match="blocked"):
            await desk.bot.send_message(VERA, "x")
        memory = desk.stand_in.memory

        assert memory.chats[group_id].migrated_to == new_id
        assert commands_seen_by(memory, ANNA)[0]["command"] == "top"
        assert commands_seen_by(memory, VERA) == []


async def test_changes_are_on_disk_before_the_end(tmp_path: Path) -> None:
    """A sandbox that is killed forgets at most the last moment."""
    memory = Memory(clock=SandboxClock(fixed_ms=0), token="1:x")  # noqa: S106 - no secret
    store = Store(memory, tmp_path)
    await store.start()

    memory.new_message(memory.chats[ANNA], ANNA, "kept")
    memory.changed()
    await memory.pulse.until(lambda: store.writes, 2)

    assert "kept" in (tmp_path / "telegram.json").read_text()
    assert store.writes == 1


async def test_a_damaged_file_stops_the_start_and_stays(tmp_path: Path) -> None:
    """Starting with an empty chat instead would throw the old one away."""
    file = tmp_path / "telegram.json"
    file.write_text("{half")

    with pytest.raises(ValueError, match="Expecting"):
        async with open_desk(tmp_path):
            pass

    assert file.read_text() == "{half"
