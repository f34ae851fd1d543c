"""The whole pretend world as one web application, and a server for it on loopback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

import sandbox.telegram
from sandbox.clock import SandboxClock
from sandbox.control import Control
from sandbox.control_accounts import AccountControl
from sandbox.keeping import AccountsFile
from sandbox.reception import Reception
from sandbox.venues.world import World

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from types import TracebackType

    from sandbox.faults import Faults
    from sandbox.reception import Seen
    from sandbox.telegram import TelegramStandIn

HOST: Final = "127.0.0.1"
PRETEND_TOKEN: Final = "1000001:sandbox-token-not-a-secret-00000000"  # noqa: S105 - opens only this stand-in


@dataclass(frozen=True, slots=True)
class Parts:
    """What the application was put together from."""

    clock: SandboxClock
    world: World
    reception: Reception
    control: Control
    accounts: AccountControl
    telegram: TelegramStandIn


PARTS: Final = web.AppKey("parts", Parts)


def build_app(
    clock: SandboxClock,
    *,
    seed: int = 7,
    extra_tokens: int = 0,
    state_dir: Path | None = None,
) -> web.Application:
    """Return venues, Telegram and control plane in one application.

    Args:
        clock: the one clock of everything inside.
        seed: the same seed gives the same market at the same moment.
        extra_tokens: made-up tokens on all four venues, for measuring.
        state_dir: where Telegram keeps its chats and venues their accounts; None
            keeps nothing.
    """
    app = web.Application(client_max_size=64 * 1024**2)
    world = World(clock, seed=seed, extra_tokens=extra_tokens)
    reception = Reception(world)
    control = Control(reception)
    app.router.add_route("*", r"/venue/{venue}/{path:.*}", reception.handle)
    app.add_routes(control.routes())
    accounts = AccountControl(reception)
    app.add_routes(accounts.routes())
    if state_dir is not None:
        app.cleanup_ctx.append(_keep_accounts(reception, state_dir))
    telegram = sandbox.telegram.mount(
        app, clock=clock, token=PRETEND_TOKEN, state_dir=state_dir
    )
    app[PARTS] = Parts(clock, world, reception, control, accounts, telegram)
    return app


def _keep_accounts(
    reception: Reception, folder: Path
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what reads the accounts at the start and writes them at every change."""

    async def keep(_app: web.Application) -> AsyncIterator[None]:
        file = AccountsFile(reception.desks, folder)
        await file.start()
        reception.saved = file.save
        yield
        await file.save()

    return keep


class SandboxServer:
    """The pretend world, served on loopback for as long as the context is open."""

    def __init__(
        self,
        clock: SandboxClock | None = None,
        *,
        seed: int = 7,
        extra_tokens: int = 0,
        state_dir: Path | None = None,
        port: int = 0,
    ) -> None:
        self.app = build_app(
            clock or SandboxClock(),
            seed=seed,
            extra_tokens=extra_tokens,
            state_dir=state_dir,
        )
        self._parts = self.app[PARTS]
        self._port = port
        self._runner = web.AppRunner(
            self.app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )

    async def __aenter__(self) -> Self:
        """Start to listen.

        Raises:
            OSError: the port is taken.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop to listen and drop open connections."""
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """Return where everything is, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    def venue_url(self, venue: str) -> str:
        """Return what replaces a venue's scheme and host."""
        return f"{self.url}/venue/{venue}"

    @property
    def telegram_url(self) -> str:
        """Return what replaces Telegram's scheme and host."""
        return f"{self.url}/telegram"

    @property
    def token(self) -> str:
        """Return the bot token that the pretend Telegram knows."""
        return PRETEND_TOKEN

    @property
    def clock(self) -> SandboxClock:
        """Return the clock of the pretend world."""
        return self._parts.clock

    @property
    def world(self) -> World:
        """Return the market behind the venues."""
        return self._parts.world

    @property
    def faults(self) -> Faults:
        """Return what goes wrong at the venues."""
        return self._parts.reception.faults

    @property
    def control(self) -> Control:
        """Return the control plane, to call without HTTP."""
        return self._parts.control

    @property
    def accounts(self) -> AccountControl:
        """Return the true accounts, to look at and to tamper with."""
        return self._parts.accounts

    @property
    def reception(self) -> Reception:
        """Return latency, replays and dialects of the venues."""
        return self._parts.reception

    @property
    def requests(self) -> deque[Seen]:
        """Return what the venues were asked, oldest first."""
        return self._parts.reception.requests

    @property
    def telegram(self) -> TelegramStandIn:
        """Return the pretend Telegram."""
        return self._parts.telegram
