"""Nothing that opens an account or the chat is shown, and nobody else is called."""

from __future__ import annotations

import asyncio
import gc
import socket
import stat
import sys
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bot import logs
from bot.settings import load_settings
from bot.wiring import running
from core.model.trade import TradeState
from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock
from sandbox.venues.keys import live_environment
from tests.fakes.canaries import Canaries, all_logs, everything_in
from tests.fakes.runtime import InstantClock
from tests.journeys.house import (
    ANNA,
    BEN,
    START_MS,
    VERA,
    House,
    HouseClock,
    environment,
)
from tests.journeys.live import roomy_minutes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.journey

KEYS = {
    name: value
    for name, value in live_environment().items()
    if name.endswith(("KEY", "SECRET"))
}
VENUES = ("binance", "hyperliquid", "lighter", "extended")
FIVE = {
    "api.hyperliquid.xyz",
    "api.starknet.extended.exchange",
    "api.telegram.org",
    "fapi.binance.com",
    "mainnet.zklighter.elliot.ai",
}
SAMPLES = 30
"""So many objects of a class are looked at."""


@pytest.fixture(autouse=True)
def _roomy_minutes() -> Iterator[None]:
    with roomy_minutes():
        yield


@asynccontextmanager
async def keyed_house(folder: Path, mode: str) -> AsyncIterator[tuple[House, Canaries]]:
    """Open a bot that was given every key."""
    still = SandboxClock(fixed_ms=START_MS)
    async with SandboxServer(still) as box:
        box.telegram.flood_control = False
        box.telegram.add_user(BEN, "Ben", "owner")
        for user in (ANNA, BEN, VERA):
            box.telegram.start_chat(user)
        for venue in VENUES:
            box.accounts.desk(venue).clocks = "any"
        # Lighter's requests of a minute are few, and pretend minutes do not pass
        few = {"CARRY_NET_TOP_K": "2", "CARRY_UNIT_PROOF_REQUESTS": "20"}
        environ = environment(box, folder) | live_environment() | few
        environ["CARRY_MODE"] = mode
        house = House(box, HouseClock(still), load_settings(environ))
        canaries = Canaries({**KEYS, "token": box.token.split(":")[1]})
        box.telegram.canaries += KEYS.values()
        try:
            await house.start()
            yield house, canaries
        finally:
            await house.stop()


async def trade_and_stumble(house: House) -> None:
    """Look, open, close, and do it again while every venue misbehaves."""
    for words in ("/start", "/top", "/matrix", "/health", "/help"):
        await house.say(words)
    await house.enter("KAITO")
    await house.say("/positions")
    await house.engine.hold_tick()
    await house.leave()
    (trade,) = await house.trades()
    assert trade.state is TradeState.CLOSED
    for venue in VENUES:
        house.box.faults.add(venue, "*", "status", times=3, param=401)
        house.box.faults.add(venue, "*", "html_200", times=2)
        house.box.faults.add(venue, "*", "truncated", times=2)
        house.box.faults.add(venue, "*", "reset", times=4)
    for words in ("/refresh", "/health", "/positions", "/open KAITO"):
        await house.say(words)
        await house.engine.hold_tick()
    house.box.faults.clear()
    await house.scan()
    card = await house.say("/open APT")
    for venue in VENUES:
        house.box.accounts.desk(venue).account.rights.is_known = False
    await house.tap("Open $", card)
    await house.rest()


def product_reprs() -> str:
    """Return what the objects of the product say of themselves, some of each class."""
    seen: Counter[type] = Counter()
    shown = []
    for one in gc.get_objects():
        kind = type(one)
        if not str(kind.__module__).startswith(("bot.", "core.", "storage.")):
            continue
        seen[kind] += 1
        if seen[kind] <= SAMPLES:
            shown.append(_repr(one))
    assert len(seen) > 20, "the bot was looked at while it ran"
    return "\n".join(shown)


def _repr(one: object) -> str:
    try:
        return f"{one!r}\n{one}"
    except Exception as error:  # noqa: BLE001 - a half-made object; its error may leak too
        return everything_in(error)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def everything_sent(house: House) -> str:
    """Return every call of the Bot API, with all that it carried."""
    return "\n".join(str(call) for call in house.telegram.calls)


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_no_key_and_no_token_is_ever_written_sent_or_shown(
    mode: str, tmp_path: Path
) -> None:
    """Logs, files and cards are what people pass on when they ask for help."""
    with all_logs(logs.QUIET) as lines:
        async with keyed_house(tmp_path, mode) as (house, canaries):
            await trade_and_stumble(house)
            during = files_of(tmp_path)
            shown = product_reprs()
            sent = everything_sent(house)
        after = files_of(tmp_path)

    orders = [one for one in house.box.requests if "@order" in one.purposes]
    assert bool(orders) is (mode == "live")
    assert [name for name in during if name.endswith("-wal")]
    for name, data in [*during.items(), *after.items()]:
        assert canaries.found_in(data) == [], name
    assert canaries.found_in(shown) == []
    assert canaries.found_in(sent) == []
    assert not [one for one in house.telegram.lint() if "secret" in one]
    assert [line for line in lines if canaries.found_in(line)] == []


# --- whom it calls --------------------------------------------------------------------


class _Ear:
    """Hears of every connection and every look-up of this process, whoever makes it."""

    def __init__(self) -> None:
        self.heard: set[str] | None = None
        sys.addaudithook(self._hear)  # for good: a hook cannot be taken off again

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.heard is None:
            return
        if event == "socket.connect":
            address = arguments[1]
            self.heard.add(str(address[0] if isinstance(address, tuple) else address))
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self.heard.add(str(arguments[0]))

    @contextmanager
    def listening(self) -> Iterator[set[str]]:
        """Give the hosts that are called inside the block."""
        heard: set[str] = set()
        self.heard = heard
        try:
            yield heard
        finally:
            self.heard = None


@pytest.fixture(scope="session")
def ear() -> _Ear:
    """Give the one ear of this process."""
    return _Ear()


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_only_the_configured_hosts_are_called(
    mode: str, tmp_path: Path, ear: _Ear
) -> None:
    """A library that reports home, or a mistake in an address, would be seen here."""
    with ear.listening() as heard:
        async with keyed_house(tmp_path, mode) as (house, _):
            await trade_and_stumble(house)

    assert heard == {"127.0.0.1"}


async def test_without_addresses_only_the_venues_and_telegram_are_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These five names are all that a firewall has to let through in paper mode."""
    asked: set[str] = set()
    all_asked = asyncio.Event()

    async def not_found(_loop: object, host: object, *_: object, **__: object) -> None:
        asked.add(host.decode() if isinstance(host, bytes) else str(host))
        if len(asked) >= len(FIVE):
            all_asked.set()
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", not_found)
    environ = {
        "CARRY_ENV_FILE": "",
        "CARRY_TELEGRAM_TOKEN": "123456789:canary-token-canary-token-canary",
        "CARRY_OWNER_IDS": "1001",
        "CARRY_DATA_DIR": str(tmp_path / "data"),
        **live_environment(),
    }
    async with running(load_settings(environ), clock=InstantClock()) as bot:
        await bot.engine.hold_tick()
        await all_asked.wait()

    assert asked == FIVE


# --- who may read the files -----------------------------------------------------------


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    """On a shared machine the journal of trades is nobody else's business."""
    async with keyed_house(tmp_path, "live") as (house, _):
        await house.enter("KAITO")
        folder = house.settings.data_dir
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in (folder, *folder.rglob("*"))
        }

    assert modes.pop(folder.name) == 0o700
    assert set(modes.values()) == {0o600}, modes
    assert len(modes) >= 3, "database, its log and the lock"
