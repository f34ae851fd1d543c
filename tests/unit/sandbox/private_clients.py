"""The real ccxt classes with the sandbox's keys, set up for trading."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import ccxt.async_support as ccxt

from sandbox.venues import keys
from tests.unit.sandbox.venue_clients import SentHere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.app import SandboxServer

_COMMON: dict[str, Any] = {
    "enableRateLimit": False,
    "enableLastHttpResponse": False,
    "has": {"fetchCurrencies": False},
}


def money(amount: Decimal, decimals: int) -> Decimal:
    """Round half to even, which ccxt changes for everybody who does not say so."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)


class WithoutApprovals(ccxt.hyperliquid):  # type: ignore[misc]  # ccxt is untyped
    """Hyperliquid without the signed approvals that ccxt sends before orders."""

    async def initialize_client(self, params: object = None) -> bool:
        """Do nothing."""
        del params
        return True


class CountedNonce(ccxt.extended):  # type: ignore[misc]  # ccxt is untyped
    """Extended whose nonce never repeats; stock ccxt takes the current second."""

    last = 0

    def nonce(self) -> int:
        """Return a number that was never used."""
        self.last = max(self.last + 1, self.milliseconds() // 1000)
        return self.last


def _binance(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt is untyped
    options = {"fetchCurrencies": False, "adjustForTimeDifference": True}
    secrets = {"apiKey": keys.BINANCE_KEY, "secret": keys.BINANCE_SECRET}
    return ccxt.binanceusdm({**settings, **secrets, "options": options})


def _hyperliquid(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt is untyped
    options = {
        "fetchMarkets": {"types": ["swap"]},
        "builderFee": False,
        "refSet": True,
        "hip3TokensByName": {},
        "cachedCurrenciesById": {},
    }
    secrets = {
        "walletAddress": keys.HYPERLIQUID_WALLET,
        "privateKey": keys.HYPERLIQUID_PRIVATE_KEY,
    }
    return WithoutApprovals({**settings, **secrets, "options": options})


def _extended(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt is untyped
    secrets = {
        "apiKey": keys.EXTENDED_KEY,
        "privateKey": keys.EXTENDED_STARK_PRIVATE_KEY,
    }
    return CountedNonce({**settings, **secrets, "options": {"builderFee": False}})


def _lighter(settings: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt is untyped
    options = {
        "builderFee": False,
        "accountIndex": keys.LIGHTER_ACCOUNT,
        "apiKeyIndex": keys.LIGHTER_KEY_INDEX,
    }
    return ccxt.lighter({**settings, "options": options})


MAKERS = {
    "binance": _binance,
    "extended": _extended,
    "hyperliquid": _hyperliquid,
    "lighter": _lighter,
}


@asynccontextmanager
async def trading_client(
    box: SandboxServer, venue: str, timeout_ms: int = 5000
) -> AsyncIterator[Any]:
    """Yield a venue's real ccxt class with keys, on the sandbox's clock."""
    session = SentHere(box.venue_url(venue))
    client = MAKERS[venue](_COMMON | {"session": session, "timeout": timeout_ms})
    client.milliseconds = box.clock.now_ms
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()
        await session.close()
