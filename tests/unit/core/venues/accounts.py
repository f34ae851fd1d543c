"""Real adapters with throwaway keys, on the sandbox or on canned answers."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from core.model.intent import OrderIntent, Purpose
from core.model.units import ClientOrderId, IntentId, OrderSide, TradeId, VenueId
from core.venues import credentials
from core.venues.account import open_account
from core.venues.catalog import VENUES
from core.venues.http import VenueSession
from core.venues.markets import MarketReader
from sandbox.venues import keys as sandbox_keys
from tests.fakes.runtime import START, FakeClock
from tests.unit.core.venues.local import PATHS, PAYLOADS
from tests.unit.sandbox.venue_clients import frozen_box

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import pytest
    import yarl

    from core.model.instrument import Instrument
    from core.venues.account import LiveVenue
    from core.venues.http import Answer, Watch
    from sandbox.app import SandboxServer

KEYS = credentials.Credentials(
    binance=credentials.BinanceKeys(
        sandbox_keys.BINANCE_KEY, sandbox_keys.BINANCE_SECRET
    ),
    hyperliquid=credentials.HyperliquidKeys(
        sandbox_keys.HYPERLIQUID_WALLET, sandbox_keys.HYPERLIQUID_PRIVATE_KEY
    ),
    lighter=credentials.LighterKeys(
        sandbox_keys.LIGHTER_ACCOUNT,
        sandbox_keys.LIGHTER_KEY_INDEX,
        sandbox_keys.LIGHTER_PRIVATE_KEY,
    ),
    extended=credentials.ExtendedKeys(
        sandbox_keys.EXTENDED_KEY,
        sandbox_keys.EXTENDED_STARK_PRIVATE_KEY,
        str(sandbox_keys.EXTENDED_VAULT),
    ),
)
OUR_ID = {
    "binance": "cabcdefghijklmnopqrstuvwxy",
    "hyperliquid": "0x" + "ab" * 16,
    "lighter": "123456789012",
    "extended": "cabcdefghijklmnopqrstuvwxy",
}
FORBIDDEN = ("builder", "integrator", "referr", "approve", "changepubkey")
"""No request of ours may hold any of these words."""


def intent(instrument: Instrument, **changes: Any) -> OrderIntent:  # noqa: ANN401 - any field
    """Return an order to buy 0.01, with changes."""
    venue = instrument.venue_id
    fields: dict[str, Any] = {
        "intent_id": IntentId("t1.1.entry.1"),
        "trade_id": TradeId("t1"),
        "leg": 1,
        "purpose": Purpose.ENTRY,
        "seq": 1,
        "venue_id": venue,
        "symbol": instrument.symbol,
        "side": OrderSide.BUY,
        "quantity_base": Decimal("0.01"),
        "limit_price": Decimal(100_000),
        "is_reduce_only": False,
        "client_order_id": ClientOrderId(OUR_ID[venue]),
        "created_at": START,
        "send_by": START + timedelta(seconds=2),
        "fence_at": START + timedelta(seconds=37),
        "baseline_base": Decimal(0),
    }
    return OrderIntent(**{**fields, **changes})


@dataclass(slots=True)
class House:
    """One venue's reader and account on an address."""

    reader: MarketReader
    account: LiveVenue
    clock: FakeClock
    instruments: dict[str, Instrument] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)
    """What the account sent: method, path with query, body."""

    def instrument(self, base: str = "BTC") -> Instrument:
        """Return the venue's instrument of a token."""
        return next(each for each in self.instruments.values() if each.base == base)

    async def best_ask(self, base: str = "BTC") -> Decimal:
        """Return the price per base unit at which something is for sale."""
        return (await self.reader.book(self.instrument(base))).asks[0].price

    async def best_bid(self, base: str = "BTC") -> Decimal:
        """Return the price per base unit at which somebody buys."""
        return (await self.reader.book(self.instrument(base))).bids[0].price

    def bound(self, base: str, price: Decimal, side: OrderSide) -> Decimal:
        """Return a limit the venue takes near a price."""
        return self.instrument(base).round_limit(price, side)


@asynccontextmanager
async def house_on(
    venue: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    keys: credentials.Keys | None = None,
) -> AsyncIterator[House]:
    """Open a reader and an account; at the end no body held a forbidden word."""
    venue_id, clock = VenueId(venue), FakeClock(START)
    held = keys or KEYS.of(venue_id)
    assert held is not None
    reader = MarketReader(VENUES[venue_id], base_url=url, clock=clock)
    account = open_account(venue_id, held, reader=reader, base_url=url, clock=clock)
    house = House(reader, account, clock)
    original = VenueSession.send

    async def noted(
        self: VenueSession,
        method: str,
        target: yarl.URL,
        options: Mapping[str, object],
        watch: Watch | None = None,
    ) -> Answer:
        if self is account._session:
            house.bodies.append(f"{method} {target.raw_path_qs} {_text(options)}")
        return await original(self, method, target, options, watch)

    monkeypatch.setattr(VenueSession, "send", noted)
    try:
        found, _ = await reader.instruments()
        house.instruments = {each.symbol: each for each in found}
        yield house
    finally:
        await account.close()
        await reader.close()
    for body in house.bodies:
        assert not [word for word in FORBIDDEN if word in body.lower()], body


def _text(options: Mapping[str, object]) -> str:
    data = options.get("data")
    if isinstance(data, aiohttp.FormData):
        return json.dumps([[str(f[0]["name"]), str(f[2])] for f in data._fields])
    return data.decode() if isinstance(data, bytes) else str(data or "")


@asynccontextmanager
async def sandboxed(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[House, SandboxServer]]:
    """Open an account in a sandbox whose clock stands still."""
    async with (
        frozen_box() as box,
        house_on(venue, box.venue_url(venue), monkeypatch) as house,
    ):
        yield house, box


@dataclass(slots=True)
class Reply:
    """One canned answer."""

    body: str | bytes = "{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """Whether the connection breaks off inside the body."""
    is_reset: bool = False
    """Whether the connection breaks off before the answer."""


@dataclass(slots=True)
class Canned:
    """A venue that answers private calls as told."""

    venue: str
    order: Reply = field(default_factory=Reply)
    others: dict[str, Reply] = field(default_factory=dict)
    """By path, with `:type` of the body on Hyperliquid."""
    url: str = ""
    orders: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer public data from the examples and the rest as told."""
        text = await request.text()
        key = request.path
        if self.venue == "hyperliquid":
            body = json.loads(text)
            key = f"{key}:{body.get('type') or body['action']['type']}"
        public = PATHS[self.venue].get(key)
        if key in self.others:
            return await _answer(request, self.others[key])
        if public is not None:
            path = PAYLOADS / self.venue / f"{public}.json"
            return web.Response(
                body=await asyncio.to_thread(path.read_bytes),
                content_type="application/json",
            )
        if key == "/fapi/v1/time":
            return web.json_response({"serverTime": int(START.timestamp() * 1000)})
        if key == "/api/v1/user/account/info":
            row = {"l2Key": sandbox_keys.EXTENDED_STARK_KEY, "l2Vault": "10002"}
            return web.json_response({"status": "OK", "data": row})
        self.orders.append(text)
        return await _answer(request, self.order)


async def _answer(request: web.Request, reply: Reply) -> web.StreamResponse:
    body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
    transport = request.transport
    assert transport is not None
    if reply.is_reset:
        transport.close()
        return web.Response()
    if reply.is_cut:
        response = web.StreamResponse(headers={"Content-Length": str(len(body) + 100)})
        await response.prepare(request)
        await response.write(body)
        transport.close()
        return response
    headers = {"Content-Type": "application/json", **reply.headers}
    return web.Response(body=body, status=reply.status, headers=headers)


@asynccontextmanager
async def canned(
    venue: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[House, Canned]]:
    """Open an account on canned answers."""
    told = Canned(venue)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with house_on(venue, told.url, monkeypatch) as house:
            yield house, told
    finally:
        await runner.cleanup()
