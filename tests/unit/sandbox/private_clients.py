"""The real ccxt classes with the sandbox's keys, set up for trading."""

from __future__ import annotations

import base64
import hashlib
import json
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


class ShapedSignatures(ccxt.lighter):  # type: ignore[misc]  # ccxt is untyped
    """Lighter without its native library: transactions have the right shape only."""

    async def load_account(self, *_: object) -> object:
        """Need no library."""
        return object()

    async def pre_load_lighter_library(self, params: object = None) -> bool:
        """Need no library."""
        del params
        return True

    def _signed(self, kind: int, request: dict[str, Any], fields: Any) -> list[Any]:  # noqa: ANN401 - ccxt's own shape
        now_ms = self.milliseconds()
        transaction = {
            "AccountIndex": int(request["account_index"]),
            "ApiKeyIndex": int(request["api_key_index"]),
            **fields,
            "ExpiredAt": now_ms + 599_000,
            "Nonce": request["nonce"],
            "L2TxAttributes": {"4": 1},
        }
        digest = hashlib.sha512(json.dumps(transaction).encode()).digest()
        signature = base64.b64encode((digest + digest)[:80]).decode()
        return [kind, json.dumps(transaction | {"Sig": signature})]

    def lighter_sign_create_order(self, _: object, request: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt's own shape
        """Return what the native signer would, with a made-up signature."""
        fields = {
            "MarketIndex": int(request["market_index"]),
            "ClientOrderIndex": request["client_order_index"],
            "BaseAmount": request["base_amount"],
            "Price": request["avg_execution_price"],
            "IsAsk": int(request["is_ask"]),
            "Type": request["order_type"],
            "TimeInForce": request["time_in_force"],
            "ReduceOnly": int(request["reduce_only"]),
            "TriggerPrice": request["trigger_price"],
            "OrderExpiry": request["order_expiry"],
        }
        return self._signed(14, request, fields)

    def lighter_sign_cancel_order(self, _: object, request: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt's own shape
        """Return what the native signer would, with a made-up signature."""
        index = request["order_index"]
        fields = {"MarketIndex": request["market_index"], "Index": index}
        return self._signed(15, request, fields)

    def lighter_sign_update_leverage(self, _: object, request: dict[str, Any]) -> Any:  # noqa: ANN401 - ccxt's own shape
        """Return what the native signer would, with a made-up signature."""
        fields = {
            "MarketIndex": request["market_index"],
            "InitialMarginFraction": request["initial_margin_fraction"],
            "MarginMode": request["margin_mode"],
        }
        return self._signed(20, request, fields)

    def create_auth(self, params: object = None) -> str:
        """Return a token of the right shape."""
        del params
        seconds = self.milliseconds() // 1000 + 3600
        place = f"{keys.LIGHTER_ACCOUNT}:{keys.LIGHTER_KEY_INDEX}"
        return f"{seconds}:{place}:{'ab' * 80}"


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
        "tiersForAccountIndexes": {str(keys.LIGHTER_ACCOUNT): True},
    }
    return ShapedSignatures({**settings, "options": options})


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
