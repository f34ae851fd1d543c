"""The pretend Telegram on loopback and the real python-telegram-bot on top of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from telegram import Bot
from telegram.ext import Application
from telegram.request import HTTPXRequest

from sandbox.clock import SandboxClock
from sandbox.telegram import mount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sandbox.telegram import TelegramStandIn

TOKEN = "1000001:token-of-the-tests"  # noqa: S105 - opens only the stand-in
ANNA, VERA, STRANGER = 1001, 1002, 1666
NOON_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """A running stand-in, its address, and a bot that speaks to it."""

    stand_in: TelegramStandIn
    bot: Bot
    url: str
    clock: SandboxClock


@asynccontextmanager
async def open_desk(state_dir: Path | None = None) -> AsyncIterator[Desk]:
    """Serve the stand-in; pretend time stands still and Anna has pressed Start."""
    clock = SandboxClock(fixed_ms=NOON_MS)
    app = web.Application()
    stand_in = mount(app, clock=clock, token=TOKEN, state_dir=state_dir)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    stand_in.start_chat(ANNA)
    try:
        async with make_bot(url) as bot:
            yield Desk(stand_in, bot, url, clock)
    finally:
        await runner.cleanup()


def make_bot(url: str, token: str = TOKEN, read_timeout_s: float = 5.0) -> Bot:
    """Return a bot that speaks to the stand-in."""
    return Bot(
        token,
        base_url=f"{url}/telegram/bot",
        request=_plain_http(read_timeout_s),
        get_updates_request=_plain_http(read_timeout_s),
    )


def _plain_http(read_timeout_s: float) -> HTTPXRequest:
    """Return a client that loads no certificates: most of the time a bot costs."""
    return HTTPXRequest(read_timeout=read_timeout_s, httpx_kwargs={"verify": False})


AnyApplication = Application[Any, Any, Any, Any, Any, Any]


@asynccontextmanager
async def polling(application: AnyApplication) -> AsyncIterator[None]:
    """Run a bot application with long polling for the time of a test."""
    updater = application.updater
    assert updater is not None
    async with application:
        await application.start()
        await updater.start_polling(timeout=5)
        try:
            yield
        finally:
            await updater.stop()
            await application.stop()
