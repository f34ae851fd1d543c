"""The control plane: JSON over HTTP under /__control, and the same as plain methods.

    GET    truth                          every token's true rates and best pair
    GET    time      POST time            {"set_ms"} {"advance_s"} {"speed"}
    GET    requests  DELETE requests      the last 5000 requests to the venues
    GET    faults    DELETE faults
    POST   faults    {"venue", "endpoint", "kind", "times": 1, "after": 0, "param",
                      "before": false, "client_id"}
    POST   latency   {"ms", "venue"?}
    POST   rate      {"token", "venue", "hourly"}       null lets it move again
    POST   interval  {"token", "venue", "hours"}
    POST   price     {"token", "factor", "venue"?}
    POST   volume    {"token", "venue", "usd"}          null: the venue leaves it out
    POST   book      {"token", "venue", "depth_factor" or "empty": true}
    POST   unit      {"venue", "factor"}    rates times this, not their history; null
    POST   usdt      {"usd"}                what one USDT is worth in dollars
    POST   list      {"token", "venue", "status"}       live, absent or a venue's word
    POST   body      {"venue", "endpoint", "body"}      replayed verbatim until reset
    POST   reset                                        all of the above but time

An endpoint is the path after the version (premiumIndex, info/markets) or a
Hyperliquid `type`; faults also match by its end, "*" is any, and "times": null lasts
until cleared. Purposes (@order, @find, ...), `before` and the kinds that change what a
venue does are told in `faults` and `scripting`; the accounts' own control plane is
`control_accounts`. Bad input is answered with status 400 and {"error": ...}.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.venues.listings import VENUES
from sandbox.venues.truth import iso, truth
from sandbox.venues.world import UnknownMarketError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.reception import Reception

PREFIX: Final = "/__control/"
_MISSING: Final = object()


class Wrong(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The request to the control plane makes no sense; its text says why."""


class Words:
    """A JSON object whose members are read by name and kind."""

    def __init__(self, given: object) -> None:
        if not isinstance(given, dict):
            message = "send one JSON object"
            raise Wrong(message)
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def any(self, name: str, default: object = _MISSING) -> Any:  # noqa: ANN401 - JSON
        """Return a member as it is."""
        value = self._given.get(name, default)
        if value is _MISSING:
            message = f"{name!r} is missing"
            raise Wrong(message)
        return value

    def text(self, name: str) -> str:
        """Return a member that must be text."""
        value = self.any(name)
        if not isinstance(value, str):
            message = f"{name!r} must be text"
            raise Wrong(message)
        return value

    def venue(self, name: str = "venue", *, optional: bool = False) -> str | None:
        """Return a member that must name a venue."""
        value = self.any(name, None if optional else _MISSING)
        if value not in {*VENUES, "*"} and not (optional and value is None):
            message = f"{name!r} must be one of {', '.join(VENUES)}"
            raise Wrong(message)
        return None if value is None else str(value)

    def decimal(self, name: str) -> Decimal | None:
        """Return a number or decimal text; null stays None."""
        value = self.any(name)
        try:
            return None if value is None else Decimal(str(value))
        except InvalidOperation:
            message = f"{name!r} must be a number"
            raise Wrong(message) from None

    def number(self, name: str, default: object = _MISSING) -> float:
        """Return a member that must be a number."""
        value = self.any(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            message = f"{name!r} must be a number"
            raise Wrong(message)
        return value

    def whole(self, name: str, default: object = _MISSING) -> int:
        """Return a member that must be a whole number."""
        return int(self.number(name, default))


class Control:
    """Truth, faults, time and the market's levers."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._world = reception.world
        self._clock = reception.world.clock

    # plain methods

    def truth(self) -> dict[str, Any]:
        """Return every token's true rates and best pair now."""
        return truth(self._world)

    def time(self) -> dict[str, Any]:
        """Return the pretend moment and how fast it passes."""
        now_ms = self._clock.now_ms()
        return {"now_ms": now_ms, "now": iso(now_ms), "speed": self._clock.speed}

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        self._clock.set_ms(self._clock.now_ms() + round(seconds * 1000))

    def seen(self) -> list[dict[str, Any]]:
        """Return the venues' request log, oldest first."""
        return [asdict(one) for one in self._reception.requests]

    def reset(self) -> None:
        """Undo every change to market, faults, latency and replays."""
        self._world.reset()
        self._reception.reset()

    # over HTTP

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the control plane."""
        gets: dict[str, Callable[[], object]] = {
            "truth": self.truth,
            "time": self.time,
            "faults": self._list_faults,
            "requests": self.seen,
        }
        posts: dict[str, Callable[[Words], None]] = {
            "faults": self._add_fault,
            "latency": self._latency,
            "time": self._set_time,
            "rate": self._rate,
            "interval": self._interval,
            "price": self._price,
            "volume": self._volume,
            "book": self._book,
            "list": self._list,
            "unit": self._unit,
            "usdt": self._usdt,
            "body": self._body,
        }
        deletes: dict[str, Callable[[], None]] = {
            "faults": self._reception.faults.clear,
            "requests": self._reception.requests.clear,
        }
        return [
            *(web.get(PREFIX + name, _reading(make)) for name, make in gets.items()),
            *(web.post(PREFIX + name, _writing(do)) for name, do in posts.items()),
            *(web.delete(PREFIX + name, _doing(do)) for name, do in deletes.items()),
            web.post(f"{PREFIX}reset", _doing(self.reset)),
        ]

    def _list_faults(self) -> list[dict[str, Any]]:
        shown = ("venue", "endpoint", "kind", "times", "after", "param", "before",
                 "client_id")  # fmt: skip
        return [
            {name: getattr(fault, name) for name in shown}
            for fault in self._reception.faults.active
        ]

    def _add_fault(self, words: Words) -> None:
        times = words.any("times", 1)
        self._reception.faults.add(
            words.venue() or "*",
            str(words.any("endpoint", "*")),
            str(words.any("kind")),
            times=None if times is None else int(times),
            after=words.whole("after", 0),
            param=words.any("param", None),
            before=words.any("before", default=False) is True,
            client_id=words.any("client_id", None),
        )

    def _latency(self, words: Words) -> None:
        venue = words.venue(optional=True) or "*"
        self._reception.latency_ms[venue] = words.number("ms")

    def _set_time(self, words: Words) -> None:
        if "set_ms" in words:
            self._clock.set_ms(words.whole("set_ms"))
        if "advance_s" in words:
            self.advance(words.number("advance_s"))
        if "speed" in words:
            self._clock.run(words.number("speed"))

    def _rate(self, words: Words) -> None:
        self._world.set_rate(*_market(words), words.decimal("hourly"))

    def _interval(self, words: Words) -> None:
        self._world.set_interval(*_market(words), words.whole("hours"))

    def _price(self, words: Words) -> None:
        venue = words.venue(optional=True)
        self._world.set_price_factor(words.text("token"), words.number("factor"), venue)

    def _volume(self, words: Words) -> None:
        self._world.set_volume(*_market(words), words.decimal("usd"))

    def _book(self, words: Words) -> None:
        empty = words.any("empty", default=False) is True
        factor = 0.0 if empty else words.number("depth_factor")
        self._world.set_depth_factor(*_market(words), factor)

    def _unit(self, words: Words) -> None:
        self._world.set_unit_factor(words.venue() or "", words.decimal("factor"))

    def _usdt(self, words: Words) -> None:
        self._world.set_usdt(words.number("usd"))

    def _list(self, words: Words) -> None:
        self._world.set_status(*_market(words), words.text("status"))

    def _body(self, words: Words) -> None:
        venue, endpoint = words.venue() or "*", words.text("endpoint")
        self._reception.replay(venue, endpoint, words.any("body"))


def _market(words: Words) -> tuple[str, str]:
    return words.text("token"), words.venue() or ""


def _reading(make: Callable[[], object]) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        return _json(make())

    return handle


def _doing(do: Callable[[], None]) -> Callable[[web.Request], Any]:
    async def handle(_request: web.Request) -> web.Response:
        do()
        return _json({"ok": True})

    return handle


def _writing(do: Callable[[Words], None]) -> Callable[[web.Request], Any]:
    async def handle(request: web.Request) -> web.Response:
        try:
            do(Words(json.loads(await request.read())))
        except (Wrong, UnknownMarketError, ValueError) as error:
            return _json({"error": str(error)}, 400)
        return _json({"ok": True})

    return handle


def _json(payload: object, status: int = 200) -> web.Response:
    text = json.dumps(payload, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json")
