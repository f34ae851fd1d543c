"""The pretend Telegram on loopback with our messenger speaking to it over HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiohttp import web

from bot.messenger import Messenger, open_bot
from core.errors import StorageError
from sandbox.clock import SandboxClock
from sandbox.telegram import mount
from tests.fakes.runtime import START, FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from core.model.screen import Screen
    from core.model.units import ChatId, MessageId
    from sandbox.telegram import TelegramStandIn

TOKEN = "1000001:token-of-these-tests-0000000"  # noqa: S105 - opens only the stand-in
ANNA, VERA, STRANGER = 1001, 1002, 1666


class MemoryCards:
    """The card store in memory."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.is_broken = False

    async def put_screen(self, screen: Screen) -> None:
        """Store a screen."""
        if self.is_broken:
            words = "disk full"
            raise StorageError(words)
        self.screens.append(screen)

    async def screen(self, card_id: str) -> Screen | None:
        """Return a screen by id."""
        return next((s for s in self.screens if s.card_id == card_id), None)

    async def screen_of_message(
        self, chat_id: ChatId, message_id: MessageId
    ) -> Screen | None:
        """Return the newest screen of a message."""
        same = [
            each
            for each in self.screens
            if (each.chat_id, each.message_id) == (chat_id, message_id)
        ]
        return same[-1] if same else None

    async def latest_screen(self, chat_id: ChatId, kind: str) -> Screen | None:
        """Return the newest screen of a kind."""
        same = [s for s in self.screens if (s.chat_id, s.kind) == (chat_id, kind)]
        return same[-1] if same else None

    async def bind_screen(self, card_id: str, message_id: MessageId) -> None:
        """Note the message of a card."""
        self.screens = [
            replace(each, message_id=message_id) if each.card_id == card_id else each
            for each in self.screens
        ]

    async def forget_screens(self, before: datetime) -> int:
        """Delete old screens."""
        kept = [each for each in self.screens if each.created_at >= before]
        gone = len(self.screens) - len(kept)
        self.screens = kept
        return gone


@dataclass(frozen=True, slots=True)
class Line:
    """A stand-in, our messenger and what it stores."""

    stand_in: TelegramStandIn
    messenger: Messenger
    cards: MemoryCards
    clock: FakeClock
    url: str

    @property
    def base_url(self) -> str:
        """Return where the Bot API answers."""
        return f"{self.url}/telegram/bot"


@asynccontextmanager
async def open_line(*, is_connected: bool = True) -> AsyncIterator[Line]:
    """Serve the stand-in; Anna and Vera have pressed Start."""
    app = web.Application()
    clock = SandboxClock(fixed_ms=int(START.timestamp() * 1000))
    stand_in = mount(app, clock=clock, token=TOKEN, state_dir=None)
    stand_in.flood_control = False
    for user_id in (ANNA, VERA):
        stand_in.start_chat(user_id)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    cards, ticking = MemoryCards(), FakeClock()
    bot = open_bot(TOKEN, f"{url}/telegram/bot")
    messenger = Messenger(bot, cards=cards, clock=ticking)
    try:
        if is_connected:
            await bot.initialize()
        yield Line(stand_in, messenger, cards, ticking, url)
    finally:
        await bot.shutdown()
        await runner.cleanup()
