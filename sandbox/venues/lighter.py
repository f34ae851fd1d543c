"""Lighter: public REST endpoints under /api/v1.

Keys and JSON types as in ccxt 4.5.90's recorded answers. Two units for one thing:
funding-rates shows a fraction per 8 hours although payments come hourly, fundings
shows percent per hour as a magnitude, and `direction` says who paid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.books import scaled
from sandbox.venues.listings import LIVE
from sandbox.venues.wire import Bodies, exact, pack, whole_number
from sandbox.venues.world import MS_PER_HOUR, SLOT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.listings import Instrument
    from sandbox.venues.private import PrivateDialect
    from sandbox.venues.wire import Answer, Ask
    from sandbox.venues.world import World

PREFIX: Final = "/api/v1/"
_FOREIGN: Final = ("binance", "bybit", "hyperliquid")
_MOST_ORDERS: Final = 250
_MOST_PAYMENTS: Final = 1000
_HALF_YEAR_H: Final = 4380


def _error(code: int, message: str, status: int = 400) -> Answer:
    return pack({"code": code, "message": message}, status)


class Lighter:
    """Answers like mainnet.zklighter.elliot.ai."""

    venue = "lighter"

    def __init__(self, world: World, private: PrivateDialect | None = None) -> None:
        self._world = world
        self._private = private
        self._bodies = Bodies(world)
        self._routes: dict[str, Callable[[Ask], Answer]] = {
            "orderBookDetails": self._details,
            "orderBooks": lambda _: self._bodies.get("books", SLOT_MS, self._listing),
            "funding-rates": lambda _: self._bodies.get("rates", 1000, self._rates),
            "orderBookOrders": self._orders,
            "fundings": self._history,
            "assetDetails": lambda _: pack({"code": 200, "asset_details": [_USDC]}),
        }

    def endpoint(self, ask: Ask) -> str:
        """Return the path after the version, e.g. `funding-rates`."""
        return ask.path.removeprefix(PREFIX)

    def answer(self, ask: Ask) -> Answer:
        """Answer one request."""
        if self._private is not None and self._private.knows(ask):
            return self._private.answer(ask)
        if ask.path == "/":
            seconds = self._world.clock.now_ms() // 1000
            return pack({"status": 200, "network_id": 1, "timestamp": seconds})
        route = self._routes.get(self.endpoint(ask))
        if route is None or ask.method != "GET" or not ask.path.startswith(PREFIX):
            return _error(404, "page not found", 404)
        return route(ask)

    def _market(self, ask: Ask) -> Instrument | None:
        number = whole_number(ask.query.get("market_id"), -1)
        for one in self._world.instruments(self.venue):
            if one.number == number:
                return one
        return None

    def _listing(self, _moment_ms: int) -> dict[str, Any]:
        return {
            "code": 200,
            "order_books": [
                _listed(one) for one in self._world.instruments(self.venue)
            ],
        }

    def _details(self, ask: Ask) -> Answer:
        wanted = ask.query.get("market_id")
        chosen = self._market(ask) if wanted and wanted != "255" else None

        def payload(moment_ms: int) -> dict[str, Any]:
            listed = [chosen] if chosen else self._world.instruments(self.venue)
            return {
                "code": 200,
                "order_book_details": [self._detail(one, moment_ms) for one in listed],
                "spot_order_book_details": [],
            }

        return self._bodies.get(f"details {wanted}", 1000, payload)

    def _detail(self, one: Instrument, moment_ms: int) -> dict[str, Any]:
        world = self._world
        mark = world.mark_price(one, moment_ms)
        before = world.day_before(one, moment_ms)
        digits = one.price_decimals
        detail = _listed(one) | {
            "size_decimals": one.size_decimals,
            "price_decimals": digits,
            "quote_multiplier": 1,
            "default_initial_margin_fraction": 500,
            "min_initial_margin_fraction": 200,
            "maintenance_margin_fraction": 120,
            "closeout_margin_fraction": 80,
            "last_trade_price": round(mark, digits),
            "mark_price": world.shown_mark(one, moment_ms),
            "index_price": f"{world.index_price(one, moment_ms):.{digits}f}",
            "daily_trades_count": 119_734,
            "daily_price_low": round(min(mark, before) * 0.99, digits),
            "daily_price_high": round(max(mark, before) * 1.01, digits),
            "daily_price_change": round((mark / before - 1) * 100, 6),
            "open_interest": round(3_000_000 / mark, one.size_decimals),
            "daily_chart": {},
            "market_config": {
                "market_margin_mode": 0,
                "insurance_fund_account_index": 281474976710655,
                "liquidation_mode": 0,
                "force_reduce_only": False,
                "trading_hours": "",
            },
        }
        if one.volume_usd is not None:
            volume = float(one.volume_usd)
            detail["daily_base_token_volume"] = round(volume / mark, one.size_decimals)
            detail["daily_quote_token_volume"] = volume
        return detail

    def _rates(self, moment_ms: int) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        for one in self._world.instruments(self.venue):
            rate = float(self._world.shown_rate(one, moment_ms))
            row = {"market_id": one.number, "symbol": one.raw}
            # The venue shows what others charge beside its own rate.
            rows += [row | {"exchange": other, "rate": 0.0001} for other in _FOREIGN]
            rows.append(row | {"exchange": "lighter", "rate": rate})
        return {"code": 200, "funding_rates": rows}

    def _orders(self, ask: Ask) -> Answer:
        one = self._market(ask)
        limit = whole_number(ask.query.get("limit"), 0)
        if one is None or not limit or not 0 < limit <= _MOST_ORDERS:
            return _error(20001, "invalid param")
        if one.status != LIVE:
            return _error(21100, "market is not active")
        moment_ms = self._world.moment_ms()
        book = self._world.book(one, moment_ms)
        asks = _resting(book.asks[:limit], 281474976710656, moment_ms)
        bids = _resting(book.bids[:limit], 562949953421311, moment_ms)
        return pack(
            {
                "code": 200,
                "total_asks": len(asks),
                "asks": asks,
                "total_bids": len(bids),
                "bids": bids,
            }
        )

    def _history(self, ask: Ask) -> Answer:
        one = self._market(ask)
        now_s = self._world.clock.now_ms() // 1000
        start_s = whole_number(ask.query.get("start_timestamp"), -1)
        end_s = whole_number(ask.query.get("end_timestamp"), now_s)
        count = whole_number(ask.query.get("count_back"), 0)
        resolution = ask.query.get("resolution")
        if (
            one is None
            or start_s is None
            or end_s is None
            or count is None
            or start_s < 0
            or resolution != "1h"
        ):
            return _error(20001, "invalid param")
        start_s = max(start_s, end_s - _HALF_YEAR_H * 3600)
        paid = list(self._world.payments(one, start_s * 1000, end_s * 1000))
        fundings = [
            {
                "timestamp": payment.at_ms // 1000,
                "value": scaled(
                    round(float(payment.rate) * payment.mark_price * 1e8), 8
                ),
                "rate": exact(abs(payment.rate * 100)),
                "direction": "long" if payment.rate >= 0 else "short",
            }
            for payment in paid[-(count or _MOST_PAYMENTS) :]
        ]
        return pack({"code": 200, "resolution": resolution, "fundings": fundings})


_USDC: Final = {
    "asset_id": 3,
    "symbol": "USDC",
    "l1_decimals": 6,
    "decimals": 6,
    "min_transfer_amount": "1.000000",
    "min_withdrawal_amount": "1.000000",
    "margin_mode": "enabled",
    "index_price": "1.000000",
    "l1_address": "0x0000000000000000000000000000000000000003",
}


def _listed(one: Instrument) -> dict[str, Any]:
    fewest = max(1, round(5 / one.price * 10**one.size_decimals))
    return {
        "symbol": one.raw,
        "market_id": one.number,
        "market_type": "perp",
        "base_asset_id": 0,
        "quote_asset_id": 0,
        "status": "active" if one.status == LIVE else one.status,
        "taker_fee": "0.0000",
        "maker_fee": "0.0000",
        "liquidation_fee": "1.0000",
        "min_base_amount": scaled(fewest, one.size_decimals),
        "min_quote_amount": "10.000000",
        "order_quote_limit": "281474976.710655",
        "supported_size_decimals": one.size_decimals,
        "supported_price_decimals": one.price_decimals,
        "supported_quote_decimals": 6,
    }


def _resting(
    side: tuple[tuple[str, str], ...], first: int, moment_ms: int
) -> list[dict[str, Any]]:
    return [
        {
            "order_index": first + place,
            "order_id": str(first + place),
            "owner_account_index": 20 + place,
            "initial_base_amount": size,
            "remaining_base_amount": size,
            "price": price,
            "order_expiry": moment_ms + 28 * 24 * MS_PER_HOUR,
        }
        for place, (price, size) in enumerate(side)
    ]
