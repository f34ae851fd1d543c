"""The real ccxt classes, sent to a sandbox by their HTTP session."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import ccxt.async_support as ccxt
import yarl

from sandbox.app import SandboxServer
from sandbox.clock import SandboxClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

NOON_MS = 1795384333000  # 2026-11-22 21:52:13 UTC
CCXT_IDS = {
    "binance": "binanceusdm",
    "extended": "extended",
    "hyperliquid": "hyperliquid",
    "lighter": "lighter",
}
_COMMON: dict[str, Any] = {
    "enableRateLimit": True,
    "rateLimiterAlgorithm": "rollingWindow",
    "rollingWindowSize": 60_000,
    "enableLastHttpResponse": False,
    "has": {"fetchCurrencies": False},
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "binance": {"fetchCurrencies": False, "adjustForTimeDifference": True},
    "hyperliquid": {"fetchMarkets": {"types": ["swap"]}, "builderFee": False},
}
METHODS = frozenset({"get", "post", "put", "patch", "delete"})


class SentHere:
    """A session for ccxt that keeps paths and replaces scheme and host."""

    def __init__(self, base: str) -> None:
        self.headers: dict[str, str] = {}
        self._base = base
        self._real = aiohttp.ClientSession()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in METHODS:
            raise AttributeError(name)

        def call(url: yarl.URL | str, **words: Any) -> Any:  # noqa: ANN401 - ccxt's own shape
            words.pop("proxy", None)
            given = url if isinstance(url, yarl.URL) else yarl.URL(url, encoded=True)
            here = yarl.URL(f"{self._base}{given.raw_path_qs}", encoded=True)
            return getattr(self._real, name)(here, **words)

        return call

    async def close(self) -> None:
        """Close the real session; ccxt leaves a passed one open."""
        await self._real.close()


def frozen_box(**words: Any) -> SandboxServer:  # noqa: ANN401 - passed on
    """Return a sandbox whose clock stands still."""
    return SandboxServer(SandboxClock(fixed_ms=NOON_MS), **words)


@asynccontextmanager
async def venue_client(
    box: SandboxServer, venue: str, timeout_ms: int = 5000
) -> AsyncIterator[Any]:
    """Yield a venue's real ccxt class that talks to the sandbox."""
    session = SentHere(box.venue_url(venue))
    settings = _COMMON | {
        "session": session,
        "timeout": timeout_ms,
        "options": _OPTIONS.get(venue, {}),
    }
    client = getattr(ccxt, CCXT_IDS[venue])(settings)
    try:
        yield client
    finally:
        await client.close()
        await session.close()
