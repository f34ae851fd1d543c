"""A pretend Telegram: the Bot API as the real one behaves, and a small chat page.

`mount` adds both to a web application and returns the handle for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.telegram.bot_api import BotApi
from sandbox.telegram.chat import ChatPage
from sandbox.telegram.control import routes
from sandbox.telegram.memory import Memory
from sandbox.telegram.model import Answer, Call, ChatMessage, Query
from sandbox.telegram.stand_in import Tap, TelegramStandIn
from sandbox.telegram.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from sandbox.clock import SandboxClock

__all__ = ["Answer", "Call", "ChatMessage", "Query", "Tap", "TelegramStandIn", "mount"]


def mount(
    app: web.Application,
    *,
    clock: SandboxClock,
    token: str,
    state_dir: Path | None,
) -> TelegramStandIn:
    """Add Telegram to a web application that has not started yet.

    With `state_dir`, chats survive a restart: they are there once the application has
    started, so people should act only after that.
    """
    memory = Memory(clock=clock, token=token)
    stand_in = TelegramStandIn(memory)
    page = ChatPage(stand_in)
    app.add_routes([*BotApi(memory).routes(), *page.routes(), *routes(stand_in)])
    store = None if state_dir is None else Store(memory, state_dir)

    async def start(_app: web.Application) -> None:
        await page.load()
        if store is not None:
            await store.start()

    async def close(_app: web.Application) -> None:
        memory.pulse.close()

    async def keep(_app: web.Application) -> None:
        if store is not None:
            await store.close()

    app.on_startup.append(start)
    app.on_shutdown.append(close)
    app.on_cleanup.append(keep)
    return stand_in
