"""Hyperliquid: POST /info, told apart by the `type` of the body.

Keys and JSON types as in answers recorded in 2025. A rate is a fraction for the
coming hour. A delisted coin stays in the universe, marked, with a rate of zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.listings import LIVE
from sandbox.venues.wire import Answer, Bodies, exact, pack, plain
from sandbox.venues.world import FIRST_MS, MS_PER_HOUR, SLOT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.listings import Instrument
    from sandbox.venues.private import PrivateDialect
    from sandbox.venues.wire import Ask
    from sandbox.venues.world import World

_MOST_PAYMENTS: Final = 500
_REFUSED: Final = b"Failed to deserialize the JSON body into the target type"
_USDC: Final = {
    "name": "USDC",
    "szDecimals": 8,
    "weiDecimals": 8,
    "index": 0,
    "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
    "isCanonical": True,
    "evmContract": None,
    "fullName": None,
}


class Hyperliquid:
    """Answers like api.hyperliquid.xyz."""

    venue = "hyperliquid"

    def __init__(self, world: World, private: PrivateDialect | None = None) -> None:
        self._world = world
        self._private = private
        self._bodies = Bodies(world)
        self._routes: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "meta": lambda _: self._bodies.get("meta", SLOT_MS, self._meta),
            "metaAndAssetCtxs": lambda _: self._bodies.get("all", 1000, self._all),
            "allMids": lambda _: self._bodies.get("mids", 1000, self._mids),
            "l2Book": self._book,
            "fundingHistory": self._history,
            "perpDexs": lambda _: pack([None]),
            "spotMeta": lambda _: pack({"universe": [], "tokens": [_USDC]}),
            "spotMetaAndAssetCtxs": lambda _: pack(
                [{"universe": [], "tokens": [_USDC]}, []]
            ),
        }

    def endpoint(self, ask: Ask) -> str:
        """Return the `type` of the body or of its action, else the path."""
        action = ask.body.get("action") if isinstance(ask.body, dict) else None
        if isinstance(action, dict):
            return f"{ask.path.lstrip('/')}:{action.get('type')}"
        if isinstance(ask.body, dict) and isinstance(ask.body.get("type"), str):
            return str(ask.body["type"])
        return ask.path.lstrip("/")

    def answer(self, ask: Ask) -> Answer:
        """Answer one request."""
        if self._private is not None and self._private.knows(ask):
            return self._private.answer(ask)
        if ask.path != "/info":
            return Answer(b"", 404, "text/plain")
        if ask.method != "POST":
            return Answer(b"", 405, "text/plain")
        route = self._routes.get(self.endpoint(ask))
        if route is None or not isinstance(ask.body, dict):
            return Answer(_REFUSED, 422, "text/plain")
        return route(ask.body)

    def _meta(self, _moment_ms: int) -> dict[str, Any]:
        return {
            "universe": [_coin(one) for one in self._world.instruments(self.venue)],
            "marginTables": [],
            "collateralToken": 0,
        }

    def _all(self, moment_ms: int) -> list[Any]:
        listed = self._world.instruments(self.venue)
        contexts = [self._context(one, moment_ms) for one in listed]
        return [self._meta(moment_ms), contexts]

    def _mids(self, moment_ms: int) -> dict[str, str]:
        live = [one for one in self._world.instruments(self.venue) if _is_live(one)]
        return {one.raw: self._context(one, moment_ms)["midPx"] for one in live}

    def _context(self, one: Instrument, moment_ms: int) -> dict[str, Any]:
        world = self._world
        digits = world.price_decimals(one, moment_ms)
        mark = world.mark_price(one, moment_ms)
        index = world.index_price(one, moment_ms)
        if not _is_live(one):
            return _dead_context(plain(mark, digits), plain(index, digits))
        bid, ask, _ = world.best_ticks(one, moment_ms)
        scale = 10.0**digits
        volume = one.volume_usd
        return {
            "funding": exact(world.shown_rate(one, moment_ms)),
            "openInterest": plain(5_000_000 / mark, one.size_decimals),
            "prevDayPx": plain(world.day_before(one, moment_ms), digits),
            "dayNtlVlm": None if volume is None else plain(float(volume), 10),
            "premium": plain(mark / index - 1, 10),
            "oraclePx": plain(index, digits),
            "markPx": plain(mark, digits),
            "midPx": plain((bid + ask) / 2 / scale, digits + 1),
            "impactPxs": [plain(bid / scale, digits), plain(ask / scale, digits)],
            "dayBaseVlm": plain(float(volume or 0) / mark, one.size_decimals),
        }

    def _coin_of(self, body: dict[str, Any]) -> Instrument | None:
        return self._world.by_symbol(self.venue, str(body.get("coin")))

    def _book(self, body: dict[str, Any]) -> Answer:
        one = self._coin_of(body)
        if one is None:
            return pack(None)
        moment_ms = self._world.moment_ms()
        sides: tuple[Any, ...] = ((), ())
        if _is_live(one):
            book = self._world.book(one, moment_ms)
            sides = (book.bids, book.asks)
        levels = [
            [
                {"px": price, "sz": size, "n": 1 + place % 4}
                for place, (price, size) in enumerate(side)
            ]
            for side in sides
        ]
        return pack({"coin": one.raw, "time": moment_ms, "levels": levels})

    def _history(self, body: dict[str, Any]) -> Answer:
        start_ms = body.get("startTime")
        end_ms = body.get("endTime") or self._world.clock.now_ms()
        if not isinstance(start_ms, int) or not isinstance(end_ms, int):
            return Answer(_REFUSED, 422, "text/plain")
        one = self._coin_of(body)
        if one is None:
            return pack([])
        start_ms = max(start_ms, FIRST_MS)
        end_ms = min(end_ms, start_ms + _MOST_PAYMENTS * MS_PER_HOUR)
        return pack(
            [
                {
                    "coin": one.raw,
                    "fundingRate": exact(payment.rate),
                    "premium": "0.0003",
                    "time": payment.at_ms + 21,
                }
                for payment in self._world.payments(one, start_ms, end_ms)
            ][:_MOST_PAYMENTS]
        )


def _is_live(one: Instrument) -> bool:
    return one.status == LIVE


def _coin(one: Instrument) -> dict[str, Any]:
    coin: dict[str, Any] = {
        "szDecimals": one.size_decimals,
        "name": one.raw,
        "maxLeverage": 40 if one.base == "BTC" else 10,
        "marginTableId": 56 if one.base == "BTC" else 52,
    }
    if not _is_live(one):
        coin["isDelisted"] = True
    return coin


def _dead_context(mark: str, index: str) -> dict[str, Any]:
    return {
        "funding": "0.0",
        "openInterest": "0.0",
        "prevDayPx": mark,
        "dayNtlVlm": "0.0",
        "premium": None,
        "oraclePx": index,
        "markPx": mark,
        "midPx": None,
        "impactPxs": None,
        "dayBaseVlm": "0.0",
    }
