"""Binance USD-M futures: public REST endpoints under /fapi/v1; the rest needs a key.

Keys, JSON types and error codes as in answers recorded in 2026. A rate is a fraction
per interval; symbols that fundingInfo leaves out pay every 8 hours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.books import scaled
from sandbox.venues.listings import LIVE
from sandbox.venues.wire import Bodies, exact, pack, whole_number
from sandbox.venues.world import FIRST_MS, MS_PER_HOUR, SLOT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.listings import Instrument
    from sandbox.venues.private import PrivateDialect
    from sandbox.venues.wire import Answer, Ask
    from sandbox.venues.world import World

PREFIX: Final = "/fapi/v1/"
_VERSION: Final = re.compile(r"^/[fs]api/v\d/")
_NEVER_MS: Final = 4133404800000
_QUARTER_END_MS: Final = 1798185600000
_DEPTH_LIMITS: Final = frozenset({5, 10, 20, 50, 100, 500, 1000})
_MOST_PAYMENTS: Final = 1000
_CONTRACT_TYPES: Final = {
    "perp": "PERPETUAL",
    "twin": "PERPETUAL",
    "dated": "CURRENT_QUARTER",
    "stock": "TRADIFI_PERPETUAL",
    "premarket": "TRADIFI_PERPETUAL",
}
_UNDERLYING: Final = {
    "stock": ("EQUITY", ["TradFi"]),
    "premarket": ("PREMARKET", ["Pre-IPO", "TradFi"]),
}
_ORDER_TYPES: Final = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT",
                       "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]  # fmt: skip


def _error(code: int, message: str, status: int = 400) -> Answer:
    return pack({"code": code, "msg": message}, status)


class Binance:
    """Answers like fapi.binance.com."""

    venue = "binance"

    def __init__(self, world: World, private: PrivateDialect | None = None) -> None:
        self._world = world
        self._private = private
        self._bodies = Bodies(world)
        self._routes: dict[str, Callable[[Ask], Answer]] = {
            "ping": lambda _: pack({}),
            "time": lambda _: pack({"serverTime": world.clock.now_ms()}),
            "exchangeInfo": lambda _: self._bodies.get("info", SLOT_MS, self._info),
            "fundingInfo": lambda _: self._bodies.get(
                "intervals", 1000, self._intervals
            ),
            "premiumIndex": lambda ask: self._rows(ask, self._premium),
            "ticker/24hr": lambda ask: self._rows(ask, self._ticker),
            "depth": self._depth,
            "fundingRate": self._history,
        }

    def endpoint(self, ask: Ask) -> str:
        """Return the path after the version, e.g. `premiumIndex`."""
        return _VERSION.sub("", ask.path, count=1)

    def answer(self, ask: Ask) -> Answer:
        """Answer one request."""
        if self._private is not None and self._private.knows(ask):
            return self._private.answer(ask)
        route = self._routes.get(self.endpoint(ask))
        if route is None or ask.method != "GET" or not ask.path.startswith(PREFIX):
            message = f"Path {ask.path}, Method {ask.method} is invalid"
            return _error(-5000, message, 404)
        return route(ask)

    def _rows(
        self, ask: Ask, row: Callable[[Instrument, int], dict[str, Any] | None]
    ) -> Answer:
        symbol = ask.query.get("symbol")
        if symbol:
            one = self._world.by_symbol(self.venue, symbol)
            found = one and row(one, self._world.moment_ms())
            return pack(found) if found else _error(-1121, "Invalid symbol.")

        def rows(moment_ms: int) -> list[dict[str, Any]]:
            listed = self._world.instruments(self.venue)
            return [made for one in listed if (made := row(one, moment_ms))]

        return self._bodies.get(row.__name__, 1000, rows)

    # market list

    def _info(self, moment_ms: int) -> dict[str, Any]:
        listed = self._world.instruments(self.venue)
        return {
            "timezone": "UTC",
            "serverTime": moment_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [_limit("REQUEST_WEIGHT", 2400), _limit("ORDERS", 1200)],
            "exchangeFilters": [],
            "assets": [
                {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
                for asset in ("USDT", "USDC", "BNB")
            ],
            "symbols": [_symbol(one) for one in listed],
        }

    def _intervals(self, moment_ms: int) -> list[dict[str, Any]]:
        return [
            {
                "symbol": one.symbol_raw,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": self._world.interval_h(one, moment_ms),
                "disclaimer": False,
            }
            for one in self._world.instruments(self.venue)
            if one.in_funding_info
        ]

    # prices and rates

    def _premium(self, one: Instrument, moment_ms: int) -> dict[str, Any]:
        world = self._world
        index = world.index_price(one, moment_ms)
        ends = one.kind == "dated"
        rate = "0.00000000" if ends else f"{world.shown_rate(one, moment_ms):.8f}"
        return {
            "symbol": one.symbol_raw,
            "markPrice": world.shown_mark(one, moment_ms),
            "indexPrice": f"{index:.8f}",
            "estimatedSettlePrice": f"{index:.8f}" if one.status == LIVE else "0.0",
            "lastFundingRate": rate,
            "interestRate": "0.00000000" if ends else "0.00010000",
            "nextFundingTime": 0 if ends else world.next_payment_ms(one, moment_ms),
            "time": moment_ms,
        }

    def _ticker(self, one: Instrument, moment_ms: int) -> dict[str, Any] | None:
        if one.volume_usd is None or one.status != LIVE:
            return None
        mark = self._world.mark_price(one, moment_ms)
        digits = one.price_decimals
        day_ms = 24 * MS_PER_HOUR
        before = self._world.day_before(one, moment_ms)
        return {
            "symbol": one.symbol_raw,
            "priceChange": f"{mark - before:.{digits}f}",
            "priceChangePercent": f"{(mark / before - 1) * 100:.3f}",
            "weightedAvgPrice": f"{(mark + before) / 2:.{digits}f}",
            "lastPrice": f"{mark:.{digits}f}",
            "lastQty": scaled(1, one.size_decimals),
            "openPrice": f"{before:.{digits}f}",
            "highPrice": f"{max(mark, before) * 1.01:.{digits}f}",
            "lowPrice": f"{min(mark, before) * 0.99:.{digits}f}",
            "volume": f"{float(one.volume_usd) / mark:.{one.size_decimals}f}",
            "quoteVolume": exact(one.volume_usd),
            "openTime": moment_ms - day_ms,
            "closeTime": moment_ms,
            "firstId": 1,
            "lastId": 120_000,
            "count": 119_999,
        }

    def _depth(self, ask: Ask) -> Answer:
        one = self._world.by_symbol(self.venue, ask.query.get("symbol", ""))
        limit = whole_number(ask.query.get("limit"), 500)
        if one is None or one.status != LIVE:
            return _error(-1121, "Invalid symbol.")
        if limit not in _DEPTH_LIMITS:
            return _error(-1130, "Data sent for parameter 'limit' is not valid.")
        moment_ms = self._world.moment_ms()
        book = self._world.book(one, moment_ms)
        return pack(
            {
                "lastUpdateId": moment_ms,
                "E": moment_ms,
                "T": moment_ms - 10,
                "bids": book.bids[:limit],
                "asks": book.asks[:limit],
            }
        )

    def _history(self, ask: Ask) -> Answer:
        query = ask.query
        limit = whole_number(query.get("limit"), 100)
        now_ms = self._world.clock.now_ms()
        end_ms = whole_number(query.get("endTime"), now_ms)
        start_ms = whole_number(query.get("startTime"), 0)
        one = self._world.by_symbol(self.venue, query.get("symbol", ""))
        if limit is None or end_ms is None or start_ms is None:
            return _error(-1102, "A parameter was empty/null, or malformed.")
        if one is None or one.kind == "dated":
            return _error(-1121, "Invalid symbol.")
        limit = max(1, min(limit, _MOST_PAYMENTS))
        # With a start the oldest come first, without one the newest are returned.
        reach_ms = (limit + 1) * 8 * MS_PER_HOUR
        from_start = start_ms > 0
        start_ms = max(start_ms, FIRST_MS)
        window = (
            (start_ms, min(end_ms, start_ms + reach_ms))
            if from_start
            else (end_ms - reach_ms, end_ms)
        )
        paid = list(self._world.payments(one, *window))
        return pack(
            [
                {
                    "symbol": one.symbol_raw,
                    "fundingTime": payment.at_ms,
                    "fundingRate": f"{payment.rate:.8f}",
                    "markPrice": f"{payment.mark_price:.8f}",
                }
                for payment in (paid[:limit] if from_start else paid[-limit:])
            ]
        )


def _limit(kind: str, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": limit,
    }


def _tick(decimals: int) -> str:
    return f"{scaled(1, decimals)}0" if decimals else "1"


def _filters(one: Instrument) -> list[dict[str, Any]]:
    tick, step = _tick(one.price_decimals), scaled(1, one.size_decimals)
    most = str(max(1, round(20_000_000 / one.price)))
    market_most = str(max(1, round(2_000_000 / one.price)))
    notional = "100" if one.base == "BTC" else "20" if one.base == "ETH" else "5"
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "tickSize": tick,
         "maxPrice": str(round(one.price * 100) or 200)},
        {"filterType": "LOT_SIZE", "stepSize": step, "minQty": step, "maxQty": most},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": step, "minQty": step,
         "maxQty": market_most},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": notional},
        {"filterType": "PERCENT_PRICE", "multiplierDecimal": "4",
         "multiplierDown": "0.9500", "multiplierUp": "1.0500"},
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]  # fmt: skip


def _symbol(one: Instrument) -> dict[str, Any]:
    underlying, subtypes = _UNDERLYING.get(one.kind, ("COIN", ["Layer-1"]))
    return {
        "symbol": one.symbol_raw,
        "pair": f"{one.raw}{one.quote}",
        "contractType": _CONTRACT_TYPES[one.kind],
        "deliveryDate": _QUARTER_END_MS if one.kind == "dated" else _NEVER_MS,
        "onboardDate": FIRST_MS + one.number * 86_400_000,
        "status": "TRADING" if one.status == LIVE else one.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.raw,
        "quoteAsset": one.quote,
        "marginAsset": one.quote,
        "pricePrecision": one.price_decimals + 1,
        "quantityPrecision": one.size_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": underlying,
        "underlyingSubType": [] if one.kind == "dated" else subtypes,
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(one),
        "orderTypes": _ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
    }
