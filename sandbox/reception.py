"""Where requests to the pretend venues arrive: noted, delayed, spoiled, answered."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.faults import Faults, changed_answer, misbehave
from sandbox.scripting import arrive_late, left_for_reply, scripted
from sandbox.venues.binance import Binance
from sandbox.venues.binance_private import BinancePrivate
from sandbox.venues.desk import Desk
from sandbox.venues.extended import Extended
from sandbox.venues.extended_private import ExtendedPrivate
from sandbox.venues.hyperliquid import Hyperliquid
from sandbox.venues.hyperliquid_private import HyperliquidPrivate
from sandbox.venues.lighter import Lighter
from sandbox.venues.lighter_private import LighterPrivate
from sandbox.venues.listings import VENUES
from sandbox.venues.wire import Answer, Ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.faults import Fault
    from sandbox.venues.private import PrivateDialect
    from sandbox.venues.wire import Dialect
    from sandbox.venues.world import World

REQUESTS_KEPT: Final = 5000
BODY_KEPT: Final = 4000
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


@dataclass(slots=True)
class Seen:
    """One request as it arrived, and how it ended."""

    venue: str
    method: str
    path: str
    query: str
    endpoint: str
    """Path after the version, or the `type` of a Hyperliquid body."""
    at_ms: int
    user_agent: str
    status: int | None = None
    """None until answered and for ever if the connection was broken."""
    fault: str | None = None
    purposes: tuple[str, ...] = ()
    """What a request with a key is for, e.g. @order; see `sandbox.faults`."""
    client_id: str | None = None
    """The client order id that it names."""
    body: str = ""
    """What a writing request with a key carried."""


@dataclass(slots=True)
class Reception:
    """Answers for all four venues."""

    world: World
    faults: Faults = field(default_factory=Faults)
    requests: deque[Seen] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    latency_ms: dict[str, float] = field(default_factory=dict)
    """Real milliseconds before each answer, by venue; "*" is all others."""
    replays: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Whole bodies to send instead, by venue and endpoint."""
    saved: Callable[[], Awaitable[None]] | None = None
    """Keeps accounts on disk; awaited before a reply that follows a change."""
    desks: dict[str, Desk] = field(init=False)
    private: dict[str, PrivateDialect] = field(init=False)
    dialects: dict[str, Dialect] = field(init=False)

    def __post_init__(self) -> None:
        self.desks = {venue: Desk(venue, self.world) for venue in VENUES}
        # The native signer stamps transactions with the clock of the machine.
        self.desks["lighter"].clocks = "either"
        self.private = {
            "binance": BinancePrivate(self.desks["binance"]),
            "extended": ExtendedPrivate(self.desks["extended"]),
            "hyperliquid": HyperliquidPrivate(self.desks["hyperliquid"]),
            "lighter": LighterPrivate(self.desks["lighter"]),
        }
        made: tuple[Dialect, ...] = (
            Binance(self.world, self.private["binance"]),
            Extended(self.world, self.private["extended"]),
            Hyperliquid(self.world, self.private["hyperliquid"]),
            Lighter(self.world, self.private["lighter"]),
        )
        self.dialects = {dialect.venue: dialect for dialect in made}

    def replay(self, venue: str, endpoint: str, body: object) -> None:
        """Answer this endpoint with a recorded body until reset; text goes verbatim."""
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
        self.replays[venue, endpoint] = text.encode()

    def reset(self) -> None:
        """End faults, delays and replays; the request log stays."""
        self.faults.clear()
        self.latency_ms.clear()
        self.replays.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request to `/venue/<name>/...`."""
        dialect = self.dialects.get(request.match_info["venue"])
        if dialect is None:
            raise web.HTTPNotFound(text="no such venue here")
        ask = await _ask_of(request)
        seen = self._note(dialect, ask, request)
        arrived_s = self.world.clock.monotonic()
        fault = self.faults.take(
            seen.venue,
            seen.endpoint,
            purposes=frozenset(seen.purposes),
            client_id=seen.client_id,
        )
        seen.fault = None if fault is None else fault.kind
        revision = self.desks[dialect.venue].revision
        answer = self._do(dialect, ask, seen.endpoint, fault)
        if self.saved is not None and self.desks[dialect.venue].revision != revision:
            await self.saved()
        await self._delay(dialect.venue, arrived_s)
        return await self._send(request, seen, answer, fault)

    def _note(self, dialect: Dialect, ask: Ask, request: web.Request) -> Seen:
        private = self.private[dialect.venue]
        is_private = private.knows(ask)
        seen = Seen(
            dialect.venue,
            ask.method,
            ask.path,
            request.query_string,
            dialect.endpoint(ask),
            self.world.clock.now_ms(),
            request.headers.get("User-Agent", ""),
            purposes=(tuple(sorted(private.purposes(ask))) if is_private else ()),
            client_id=private.client_id(ask) if is_private else None,
            body=(
                ask.raw_body[:BODY_KEPT].decode(errors="replace") if is_private else ""
            ),
        )
        self.requests.append(seen)
        return seen

    async def _delay(self, venue: str, arrived_s: float) -> None:
        """Wait out the latency; what making the answer took counts as part of it."""
        delay_s = self.latency_ms.get(venue, self.latency_ms.get("*", 0)) / 1000
        left_s = arrived_s + delay_s - self.world.clock.monotonic()
        if left_s > 0:
            await self.world.clock.sleep(left_s)

    def _do(
        self, dialect: Dialect, ask: Ask, endpoint: str, fault: Fault | None
    ) -> Answer:
        """Let the venue do what is asked, as far as a fault lets it."""
        recorded = self.replays.get((dialect.venue, endpoint))
        if recorded is not None:
            return Answer(recorded)
        desk = self.desks[dialect.venue]
        if fault is None:
            return dialect.answer(ask)
        if fault.kind == "late":
            arrive_late(desk, fault, lambda: dialect.answer(ask))
        if not fault.is_done_anyway:
            return Answer(b"{}")
        with scripted(desk, fault):
            answer = dialect.answer(ask)
        if fault.kind == "reject_after":
            why = "duplicate" if fault.param is None else str(fault.param)
            return self.private[dialect.venue].refusal(why)
        return answer

    async def _send(
        self, request: web.Request, seen: Seen, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        fault = left_for_reply(fault)
        if fault is not None:
            name = f"{seen.venue} {seen.endpoint} {seen.query}"
            try:
                changed = changed_answer(fault, seen.venue, name, answer)
            except ValueError as error:
                # Loud, or a test would believe that its broken row was survived.
                raise web.HTTPNotImplemented(text=f"fault misses: {error}") from None
            if changed is None:
                return await misbehave(request, fault, answer, self.world.clock)
            answer = changed
        seen.status = answer.status
        return web.Response(
            body=answer.body,
            status=answer.status,
            content_type=answer.content_type,
            headers=answer.headers,
        )


async def _ask_of(request: web.Request) -> Ask:
    body: Any = None
    form: dict[str, str] = {}
    raw = await request.read()
    if request.content_type in _FORMS:
        form = {name: str(value) for name, value in (await request.post()).items()}
    elif request.method in {"POST", "PATCH"}:
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
    return Ask(
        request.method,
        f"/{request.match_info['path']}",
        request.query,
        body,
        form=form,
        headers=request.headers,
        raw_query=request.raw_path.partition("?")[2],
        raw_body=raw,
    )
