"""Answers and errors that would carry a key away: none of them may."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from core.errors import VenueError
from core.model.units import OrderSide
from core.venues import credentials
from sandbox.venues import keys as sandbox_keys
from tests.fakes.canaries import Canaries, all_logs, everything_in
from tests.fakes.runtime import START
from tests.unit.core.venues.accounts import KEYS, Canned, Reply, house_on, intent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.unit.core.venues.accounts import House

VENUES = ("binance", "hyperliquid", "lighter", "extended")
CANARIES = Canaries(
    {
        "Binance key": sandbox_keys.BINANCE_KEY,
        "Binance secret": sandbox_keys.BINANCE_SECRET,
        "Hyperliquid private key": sandbox_keys.HYPERLIQUID_PRIVATE_KEY,
        "Lighter private key": sandbox_keys.LIGHTER_PRIVATE_KEY,
        "Extended key": sandbox_keys.EXTENDED_KEY,
        "Extended Stark key": sandbox_keys.EXTENDED_STARK_PRIVATE_KEY,
    }
)
MANNERS = (
    "page 200",
    "page 401",
    "page 500",
    "json 200",
    "json 400",
    "bad line",
    "cut",
)


@dataclass(slots=True)
class Echo(Canned):
    """A host in between that repeats every request, keys and all."""

    manner: str | None = None
    """None answers as the venue would."""
    echoed: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer with what was asked."""
        if self.manner is None:
            return await Canned.handle(self, request)
        self.echoed += 1
        words = [f"{request.method} {request.raw_path}"]
        words += [f"{name}: {value}" for name, value in request.headers.items()]
        text = "\n".join([*words, await request.text()])
        form, _, status = self.manner.partition(" ")
        if form == "bad":
            return _broken_line(request, text)
        if form == "cut":
            return await _cut(request, text)
        body = f"<html><pre>{text}</pre></html>"
        if form == "json":
            body = json.dumps({"code": -2015, "msg": text, "error": text})
        kind = "text/html" if form == "page" else "application/json"
        return web.Response(text=body, status=int(status), content_type=kind)


def _broken_line(request: web.Request, text: str) -> web.StreamResponse:
    transport = request.transport
    assert transport is not None
    line = text.replace("\n", " ")
    transport.write(f"HTTP/9.x {line}\r\n\r\n".encode())
    transport.close()
    return web.Response()


async def _cut(request: web.Request, text: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100000"})
    await response.prepare(request)
    await response.write(text.encode())
    if request.transport is not None:
        request.transport.close()
    return response


@pytest.fixture
async def echoes() -> AsyncIterator[Callable[[str], Awaitable[Echo]]]:
    """Give what starts a host in between."""
    runners = []

    async def start(venue: str) -> Echo:
        told = Echo(venue, order=Reply())
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", told.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return told

    yield start
    for runner in runners:
        await runner.cleanup()


async def all_calls(house: House) -> list[str]:
    """Ask for everything an account knows; return all that a caller could show."""
    account, one = house.account, house.instrument()
    order = intent(
        one, limit_price=house.bound("BTC", one.price_tick * 1000, OrderSide.BUY)
    )
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: account.submit(order, one),
        lambda: account.cancel(order, one),
        lambda: account.find(order, one),
        lambda: account.fills(one, START),
        account.positions,
        account.balance,
        lambda: account.payments(START),
        lambda: account.set_leverage(one, 2),
        account.is_one_way,
        account.clock_offset,
        account.key_rights,
        lambda: account.taker_fee(one),
    )
    return [await _shown(call) for call in calls]


async def _shown(call: Callable[[], Awaitable[object]]) -> str:
    try:
        return repr(await call())
    except VenueError as error:
        return everything_in(error)


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("venue", VENUES)
async def test_a_host_that_repeats_the_request_gets_no_key_into_any_error(
    venue: str,
    manner: str,
    echoes: Callable[[str], Awaitable[Echo]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Error pages quote headers; what they quote ends in cards and issues."""
    told = await echoes(venue)
    with all_logs() as lines:
        async with house_on(venue, told.url, monkeypatch) as house:
            await house.account.prepare()
            told.manner = manner
            shown = await all_calls(house)

    assert told.echoed > 5, "the calls reached the host"
    assert CANARIES.found_in("\n".join(shown)) == []
    assert CANARIES.found_in("\n".join(lines)) == []


SPOILED: dict[str, tuple[credentials.Keys, dict[str, str]]] = {
    "binance": (
        credentials.BinanceKeys(
            "canary-binance-key",
            "-----BEGIN PRIVATE KEY-----\ncanary-binance-pem\n"
            "-----END PRIVATE KEY-----",
        ),
        {"key": "canary-binance-key", "pem": "canary-binance-pem"},
    ),
    "hyperliquid": (
        credentials.HyperliquidKeys(
            sandbox_keys.HYPERLIQUID_WALLET,
            "0x" + "f5" * 32,  # above the curve's order
        ),
        {"key": "0x" + "f5" * 32},
    ),
    "lighter": (
        credentials.LighterKeys(1077, 5, "0xcanary-lighter-key"),
        {"key": "canary-lighter-key"},
    ),
    "extended": (
        credentials.ExtendedKeys("canary-extended-key", "0xcanary-extended-stark", "7"),
        {"key": "canary-extended-key", "stark": "canary-extended-stark"},
    ),
}


@pytest.mark.parametrize("venue", VENUES)
async def test_a_key_that_cannot_sign_is_not_quoted_by_what_fails(
    venue: str,
    echoes: Callable[[str], Awaitable[Echo]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Parsers of keys love to say which text they could not parse."""
    keys, secrets = SPOILED[venue]
    told = await echoes(venue)
    with all_logs() as lines:
        async with house_on(venue, told.url, monkeypatch, keys=keys) as house:
            shown = await all_calls(house)
    spoiled = Canaries(secrets)

    assert spoiled.found_in("\n".join(shown)) == []
    assert spoiled.found_in("\n".join(lines)) == []


@pytest.mark.parametrize("venue", VENUES)
async def test_nothing_that_holds_keys_shows_them(
    venue: str,
    echoes: Callable[[str], Awaitable[Echo]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A repr lands in a traceback or a log sooner than anybody thinks."""
    told = await echoes(venue)
    async with house_on(venue, told.url, monkeypatch) as house:
        account = house.account
        await account.prepare()
        parts = (KEYS, KEYS.of(account.venue_id), account, account._client)
        inner = (account._desk, account._dialect, account._session)
        shown = [f"{each!r} {each}" for each in (*parts, *inner)]

    assert CANARIES.found_in("\n".join(shown)) == []


def test_a_key_is_found_in_every_form_it_could_leave_in() -> None:
    """A search that finds nothing must be able to find something."""
    key = sandbox_keys.HYPERLIQUID_PRIVATE_KEY
    raw = bytes.fromhex(key[2:])
    for leak in (
        key.upper(),
        str(int(key, 16)),
        repr(raw),
        key.encode().hex(),
        base64.b64encode(b"x" + raw).decode(),
        base64.urlsafe_b64encode(b"user:" + key.encode()).decode(),
    ):
        assert "Hyperliquid private key" in CANARIES.found_in(f"<{leak}>"), leak
    assert CANARIES.found_in("nothing of the kind") == []


def test_an_error_shows_what_is_behind_it() -> None:
    """A cause is printed with the error that it caused."""
    outer = RuntimeError("outer")
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("hidden-cause")
    outer.__cause__ = caught.value

    assert "hidden-cause" in everything_in(outer)
