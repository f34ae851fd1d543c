"""Rows as the client library makes them, for tests to change one field of."""

from __future__ import annotations

from typing import Any

from core.model.instrument import Instrument
from core.venues import listing
from core.venues.catalog import BINANCE


def market(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a row
    """Return ccxt's row of a Binance perpetual, with changes."""
    row: dict[str, Any] = {
        "id": "BTCUSDT",
        "baseId": "BTC",
        "symbol": "BTC/USDT:USDT",
        "quote": "USDT",
        "settle": "USDT",
        "type": "swap",
        "swap": True,
        "linear": True,
        "active": True,
        "contractSize": 1.0,
        "precision": {"amount": 0.001, "price": 0.1},
        "limits": {
            "amount": {"min": 0.001, "max": 1000.0},
            "cost": {"min": 100.0},
            "leverage": {"max": None},
        },
        "info": {"status": "TRADING", "contractType": "PERPETUAL"},
    }
    return {**row, **changes}


def instrument(**changes: Any) -> Instrument:  # noqa: ANN401 - any field of a row
    """Return the instrument of a row that must be one."""
    found = listing.read_market(BINANCE, market(**changes))
    assert isinstance(found, Instrument)
    return found


def rate_row(**changes: object) -> dict[str, Any]:
    """Return ccxt's row of a Binance rate, with changes inside `info`."""
    info = {
        "symbol": "BTCUSDT",
        "lastFundingRate": "0.00010000",
        "markPrice": "91010.1",
        "indexPrice": "91000.2",
        "nextFundingTime": 1795392000000,
        "time": 1795384333000,
    }
    return {"symbol": "BTC/USDT:USDT", "info": {**info, **changes}}
