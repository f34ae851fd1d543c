"""Make ccxt's class for trading a venue: keys, own queue, no approval ever signed.

ccxt signs requests and knows the venues' addresses; what is sent and what an answer
means is decided by the adapters. Of its convenience nothing is used that sends
something on its own (approvals of fees, referrals, new keys) or sends an order again.
"""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ccxt.async_support as ccxt

from core.errors import TroubleKind, VenueError
from core.venues.client import Paced, set_up
from core.venues.credentials import (
    BinanceKeys,
    ExtendedKeys,
    HyperliquidKeys,
    LighterKeys,
)

if TYPE_CHECKING:
    from core.ports import Clock
    from core.venues.catalog import CatalogEntry
    from core.venues.credentials import Keys
    from core.venues.http import VenueSession
    from core.venues.pacing import RequestBudget

_SILENT: Final = logging.getLogger(f"{__name__}.silent")
_SILENT.setLevel(logging.CRITICAL + 1)
"""ccxt writes requests with their keys and signatures to its log of details."""
_SIGNER_PACKAGE: Final = "lighter-sdk"
_MACHINES: Final = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64"} | {
    "aarch64": "arm64"
}
_SIGNER_FILES: Final = {
    ("linux", "amd64"): "lighter-signer-linux-amd64.so",
    ("linux", "arm64"): "lighter-signer-linux-arm64.so",
    ("darwin", "arm64"): "lighter-signer-darwin-arm64.dylib",
    ("win32", "amd64"): "lighter-signer-windows-amd64.dll",
}


class Trading(Paced):
    """What every trader gets on top of ccxt's own."""

    clock: Clock
    logger = _SILENT

    def milliseconds(self) -> int:
        """Return the moment, from our clock."""
        return int(self.clock.now().timestamp() * 1000)

    def seconds(self) -> int:
        """Return the moment, from our clock."""
        return int(self.clock.now().timestamp())


class _Counted(Trading):
    """Numbers of requests that are never used twice."""

    _last = 0

    def _next(self, now: int) -> int:
        self._last = max(self._last + 1, now)
        return self._last


class HyperliquidTrading(_Counted):
    """Hyperliquid without the approvals that ccxt signs before orders."""

    async def initialize_client(self) -> bool:
        """Sign and send nothing; stock ccxt approves a builder fee and a referrer."""
        return True

    def incrementing_nonce(self) -> int:
        """Return the moment in ms, or one more than the last."""
        return self._next(self.milliseconds())


class LighterTrading(_Counted):
    """Lighter with a nonce of its own for each transaction."""

    def next_nonce(self) -> int:
        """Return the moment in ms, or one more than the last."""
        return self._next(self.milliseconds())

    async def change_api_key(self, *_: object) -> None:
        """Refuse: stock ccxt would register a new key on its own.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError

    async def approve_builder_fee(self, *_: object) -> None:
        """Refuse: no fee of others is ever approved.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError


class ExtendedTrading(_Counted):
    """Extended with a nonce of its own for each order; stock: the current second."""

    def nonce(self) -> int:
        """Return the moment in seconds, or one more than the last."""
        return self._next(self.seconds())


class BinanceTrading(Trading):
    """Binance on our clock."""


_KINDS: Final[dict[str, type]] = {
    "binanceusdm": BinanceTrading,
    "hyperliquid": HyperliquidTrading,
    "lighter": LighterTrading,
    "extended": ExtendedTrading,
}


def open_trader(
    entry: CatalogEntry,
    keys: Keys,
    session: VenueSession,
    budget: RequestBudget,
    *,
    clock: Clock,
    timeout_ms: int,
) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return ccxt's object for trading a venue: keys, our clock, no markets yet."""
    kind = type(
        f"Trader_{entry.ccxt_id}",
        (_KINDS[entry.ccxt_id], getattr(ccxt, entry.ccxt_id)),
        {"clock": clock},
    )
    options = {**_dict(entry.arguments.get("options", {})), "builderFee": False}
    secrets, more = _arguments_of(keys)
    arguments = {**entry.arguments, **secrets, "options": {**options, **more}}
    client = set_up(kind, session, budget, timeout_ms, arguments)
    client.options["maxRetriesOnFailure"] = 0  # anything else would order twice
    return client


def _dict(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def _arguments_of(keys: Keys) -> tuple[dict[str, object], dict[str, object]]:
    """Return ccxt's arguments and options for a set of keys."""
    match keys:
        case BinanceKeys():
            return {"apiKey": keys.api_key, "secret": keys.api_secret}, {}
        case HyperliquidKeys():
            wallet, key = keys.wallet_address, keys.private_key
            return {"walletAddress": wallet, "privateKey": key}, {}
        case ExtendedKeys():
            stark = keys.stark_private_key
            return {"apiKey": keys.api_key, "privateKey": stark}, {}
        case LighterKeys():
            return {}, _lighter_options(keys)


def _lighter_options(keys: LighterKeys) -> dict[str, object]:
    """Hand the API key over in the one place where ccxt makes no new key of it."""
    account, slot = str(keys.account_index), str(keys.api_key_index)
    held = {"signer": None, "lighterPrivateKey": keys.api_private_key}
    return {
        "accountIndex": keys.account_index,
        "apiKeyIndex": keys.api_key_index,
        "auths": {account: {slot: {**held, "deadline": None, "token": None}}},
        # known beforehand, else the first order asks for it
        "tiersForAccountIndexes": {account: True},
    }


def signer_file() -> Path:
    """Return Lighter's native signer for this machine; its package is not imported.

    Raises:
        VenueError: it is not installed, or there is none for this machine.
    """
    machine = _MACHINES.get(platform.machine().lower(), platform.machine())
    name = _SIGNER_FILES.get((sys.platform, machine))
    if name is None:
        detail = f"no signer for {sys.platform} on {machine}"
        raise _no_signer(detail)
    try:
        package = importlib.metadata.distribution(_SIGNER_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        detail = "its signer is not installed"
        raise _no_signer(detail) from None
    found = Path(str(package.locate_file(f"lighter/signers/{name}")))
    if not found.is_file():
        detail = f"its package holds no {name}"
        raise _no_signer(detail)
    return found


def _no_signer(detail: str) -> VenueError:
    return VenueError("lighter", TroubleKind.UNEXPECTED, detail)
