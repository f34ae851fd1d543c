"""Extended: public REST endpoints under /api/v1, every answer in an envelope.

Keys and JSON types as in ccxt 4.5.90's recorded answers. A rate is a fraction per
hour; `nextFundingRate` is, in spite of its name, the moment of the next payment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.books import scaled
from sandbox.venues.listings import LIVE
from sandbox.venues.wire import Bodies, exact, pack, whole_number
from sandbox.venues.world import MS_PER_HOUR

if TYPE_CHECKING:
    from sandbox.venues.listings import Instrument
    from sandbox.venues.private import PrivateDialect
    from sandbox.venues.wire import Answer, Ask
    from sandbox.venues.world import World

PREFIX: Final = "/api/v1/"
_BOOK: Final = re.compile(r"info/markets/([^/]+)/orderbook")
_STATS: Final = re.compile(r"info/markets/([^/]+)/stats")
_FUNDING: Final = re.compile(r"info/([^/]+)/funding")
_MOST_PAYMENTS: Final = 10_000
_USD: Final = {
    "id": 1,
    "name": "USD",
    "symbol": "USD",
    "description": "USD Collateral",
    "precision": 6,
    "isActive": True,
    "isCollateral": True,
    "starkexId": "0x1",
    "starkexResolution": 1000000,
    "l1Id": "0x0000000000000000000000000000000000000001",
    "l1Resolution": 1000000,
    "version": 3,
    "createdAt": 1752829532673,
    "type": "SPOT",
    "canBeUsedAsCollateral": True,
    "riskFactors": [],
    "availableForTradeFactors": [],
}


def _error(code: int, message: str, status: int) -> Answer:
    error = {"code": code, "message": message}
    return pack({"status": "ERROR", "error": error}, status)


def _fine(data: object) -> Answer:
    return pack({"status": "OK", "data": data})


class Extended:
    """Answers like api.starknet.extended.exchange."""

    venue = "extended"

    def __init__(self, world: World, private: PrivateDialect | None = None) -> None:
        self._world = world
        self._private = private
        self._bodies = Bodies(world)
        self._static: dict[str, str] = {}
        self._static_of: tuple[int, int] = (-1, -1)

    def endpoint(self, ask: Ask) -> str:
        """Return the path after the version, e.g. `info/markets`."""
        return ask.path.removeprefix(PREFIX)

    def answer(self, ask: Ask) -> Answer:
        """Answer one request."""
        if self._private is not None and self._private.knows(ask):
            return self._private.answer(ask)
        path = self.endpoint(ask)
        if ask.method != "GET" or not ask.path.startswith(PREFIX):
            return _error(404, "Not Found", 404)
        if path == "info/markets":
            return self._markets(ask)
        if path == "info/assets":
            return _fine([_USD])
        for pattern, route in (
            (_BOOK, self._book),
            (_STATS, self._one_stats),
            (_FUNDING, self._history),
        ):
            if found := pattern.fullmatch(path):
                one = self._world.by_symbol(self.venue, found[1])
                missing = one is None
                return (
                    _error(1001, "Market not found", 404)
                    if missing or one is None
                    else route(one, ask)
                )
        return _error(404, "Not Found", 404)

    def _markets(self, ask: Ask) -> Answer:
        wanted = ask.query.get("market")

        def payload(moment_ms: int) -> dict[str, Any]:
            listed = self._world.instruments(self.venue)
            rows = [
                self._market(one, moment_ms)
                for one in listed
                if wanted in {None, one.symbol_raw}
            ]
            return {"status": "OK", "data": rows}

        return self._bodies.get(f"markets {wanted}", 1000, payload)

    def _market(self, one: Instrument, moment_ms: int) -> dict[str, Any]:
        live = one.status == LIVE
        return {
            "name": one.symbol_raw,
            "uiName": one.symbol_raw,
            "type": "PERPETUAL",
            "category": "TradFi" if one.kind == "stock" else "Crypto",
            "subCategory": "Equities" if one.kind == "stock" else "L1",
            "assetName": one.raw,
            "assetPrecision": one.size_decimals,
            "collateralAssetName": "USD",
            "collateralAssetPrecision": 6,
            "description": one.base,
            "active": live,
            "status": "ACTIVE" if live else one.status,
            "marketStats": self._stats(one, moment_ms),
            "tradingConfig": _trading(one),
            "l2Config": _layer_two(one),
            "visibleOnUi": True,
            "createdAt": 1752829532673,
        }

    def _stats(self, one: Instrument, moment_ms: int) -> dict[str, Any]:
        world = self._world
        mark = world.mark_price(one, moment_ms)
        before = world.day_before(one, moment_ms)
        bid, ask, digits = world.best_ticks(one, moment_ms)
        volume = one.volume_usd
        return {
            "dailyVolume": None if volume is None else f"{volume:.6f}",
            "dailyVolumeBase": (
                None if volume is None else f"{float(volume) / mark:.5f}"
            ),
            "dailyPriceChange": f"{mark - before:.{digits}f}",
            "dailyPriceChangePercentage": f"{mark / before - 1:.4f}",
            "dailyLow": f"{min(mark, before) * 0.99:.{digits}f}",
            "dailyHigh": f"{max(mark, before) * 1.01:.{digits}f}",
            "lastPrice": f"{mark:.{digits}f}",
            "askPrice": scaled(ask, digits),
            "bidPrice": scaled(bid, digits),
            "markPrice": world.shown_mark(one, moment_ms),
            "indexPrice": f"{world.index_price(one, moment_ms):.10f}",
            "fundingRate": exact(world.shown_rate(one, moment_ms)),
            "nextFundingRate": world.next_payment_ms(one, moment_ms),
            "openInterest": "1158619.288316",
            "openInterestBase": f"{1158619 / mark:.5f}",
            "deleverageLevels": _LEVELS,
        }

    def _one_stats(self, one: Instrument, _ask: Ask) -> Answer:
        return _fine(self._stats(one, self._world.moment_ms()))

    def _book(self, one: Instrument, _ask: Ask) -> Answer:
        book = self._world.book(one, self._world.moment_ms())
        bids, asks = (
            [{"qty": size, "price": price} for price, size in side]
            for side in (book.bids, book.asks)
        )
        return _fine({"market": one.symbol_raw, "bid": bids, "ask": asks})

    def _history(self, one: Instrument, ask: Ask) -> Answer:
        start_ms = whole_number(ask.query.get("startTime"), -1)
        end_ms = whole_number(ask.query.get("endTime"), -1)
        limit = whole_number(ask.query.get("limit"), _MOST_PAYMENTS)
        if start_ms is None or end_ms is None or not limit or min(start_ms, end_ms) < 0:
            return _error(400, "startTime and endTime are required", 400)
        start_ms = max(start_ms, end_ms - _MOST_PAYMENTS * MS_PER_HOUR)
        paid = list(self._world.payments(one, start_ms, end_ms))
        rows = [
            {
                "m": one.symbol_raw,
                "f": exact(payment.rate),
                "T": payment.at_ms + 1028,
            }
            for payment in reversed(paid)
        ][:limit]
        cursor = rows[-1]["T"] if rows else 0
        pagination = {"cursor": cursor, "count": len(rows)}
        return pack({"status": "OK", "data": rows, "pagination": pagination})


_LEVELS: Final = {
    side: [
        {"level": 1, "rankingLowerBound": "-784.2884"},
        {"level": 2, "rankingLowerBound": "-2.1078"},
        {"level": 3, "rankingLowerBound": "-0.8754"},
        {"level": 4, "rankingLowerBound": "0.0000"},
    ]
    for side in ("shortPositions", "longPositions")
}


def _trading(one: Instrument) -> dict[str, Any]:
    return {
        "minOrderSize": scaled(10, one.size_decimals),
        "minOrderSizeChange": scaled(1, one.size_decimals),
        "minPriceChange": scaled(1, one.price_decimals),
        "maxMarketOrderValue": "3000000",
        "maxLimitOrderValue": "15000000",
        "maxPositionValue": "60000000",
        "maxLeverage": "50.00" if one.base == "BTC" else "10.00",
        "hourlyFundingRateCap": "0.25" if one.base == "BTC" else "1",
        "maxNumOrders": "200",
        "limitPriceCap": "0.05",
        "limitPriceFloor": "0.05",
        "riskFactorConfig": [
            {"upperBound": "4000000", "riskFactor": "0.02", "isAvailableForUsers": True}
        ],
    }


def _layer_two(one: Instrument) -> dict[str, Any]:
    synthetic = f"{one.raw}-6".encode().hex().ljust(28, "0")
    return {
        "type": "STARKX",
        "collateralId": "0x1",
        "syntheticId": f"0x{synthetic}",
        "syntheticResolution": 10 ** (one.size_decimals + 1),
        "collateralResolution": 1000000,
    }
