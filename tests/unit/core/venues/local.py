"""A venue on loopback: answers by path in, real HTTP for the real client out."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from core.venues.markets import CALL_TIMEOUT, MarketReader
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

    from core.venues.catalog import CatalogEntry

PAYLOADS = Path(__file__).parents[3] / "payloads"
PAYLOAD_TIME = datetime(2026, 11, 22, 21, 52, 13, tzinfo=UTC)
"""The moment at which the example payloads agree with each other."""

PATHS = {
    "binance": {
        "/fapi/v1/exchangeInfo": "exchangeInfo",
        "/fapi/v1/premiumIndex": "premiumIndex",
        "/fapi/v1/fundingInfo": "fundingInfo",
        "/fapi/v1/ticker/24hr": "ticker_24hr",
        "/fapi/v1/depth": "depth",
        "/fapi/v1/fundingRate": "fundingRate",
    },
    "hyperliquid": {
        "/info:metaAndAssetCtxs": "metaAndAssetCtxs",
        "/info:l2Book": "l2Book",
        "/info:fundingHistory": "fundingHistory",
    },
    "lighter": {
        "/api/v1/orderBookDetails": "orderBookDetails",
        "/api/v1/funding-rates": "funding-rates",
        "/api/v1/orderBookOrders": "orderBookOrders",
        "/api/v1/fundings": "fundings",
    },
    "extended": {
        "/api/v1/info/markets": "info_markets",
        "/api/v1/info/markets/BTC-USD/orderbook": "info_markets_orderbook",
        "/api/v1/info/BTC-USD/funding": "info_funding",
    },
}


@dataclass(slots=True)
class Told:
    """One answer as it goes over the wire."""

    body: str | bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    """Holds the answer back until it is set."""
    is_cut: bool = False
    """Whether the connection breaks off inside the body."""


@dataclass(slots=True)
class LocalVenue:
    """What is answered, and what was asked."""

    answers: dict[str, Told]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, path: str, payload: object) -> None:
        """Answer a path with an object from now on."""
        self.answers[path] = Told(json.dumps(payload, ensure_ascii=False))

    def payload(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """Return a parsed copy of what a path answers."""
        return json.loads(self.answers[path].body)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        key = request.path
        if request.method == "POST":
            key = f"{key}:{(await request.json())['type']}"
        if "status" in request.query:
            key = f"{key}?status={request.query['status']}"
        self.asked.append(key)
        self.arrived.set()
        told = self.answers.get(key, Told("no such path", 404))
        if told.gate is not None:
            await told.gate.wait()
        body = told.body if isinstance(told.body, bytes) else told.body.encode()
        if told.is_cut:
            return await _cut(request, body)
        headers = {"Content-Type": "application/json", **told.headers}
        return web.Response(body=body, status=told.status, headers=headers)


async def _cut(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(body) + 100)})
    await response.prepare(request)
    await response.write(body)
    transport = request.transport
    assert transport is not None
    transport.close()
    return response


def example_answers(venue: str) -> dict[str, Told]:
    """Return a venue's example payloads by path."""
    return {
        path: Told((PAYLOADS / venue / f"{name}.json").read_text(encoding="utf-8"))
        for path, name in PATHS[venue].items()
    }


@asynccontextmanager
async def serve(
    answers: dict[str, Told], prefix: str = ""
) -> AsyncIterator[LocalVenue]:
    """Answer on loopback for as long as the context is open."""
    venue = LocalVenue(answers)
    app = web.Application()
    app.router.add_route("*", prefix + "/{path:.*}", venue.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield venue
    finally:
        await runner.cleanup()


@asynccontextmanager
async def reading(
    entry: CatalogEntry,
    url: str,
    *,
    clock: FakeClock | None = None,
    patience: timedelta = CALL_TIMEOUT,
) -> AsyncIterator[MarketReader]:
    """Open the real reader on an address and close it afterwards."""
    clock = clock or FakeClock(PAYLOAD_TIME)
    reader = MarketReader(entry, base_url=url, clock=clock, timeout=patience)
    try:
        yield reader
    finally:
        await reader.close()
