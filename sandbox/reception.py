"""Where requests to the pretend venues arrive: noted, delayed, spoiled, answered."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.faults import Faults, changed_answer, misbehave
from sandbox.venues.binance import Binance
from sandbox.venues.extended import Extended
from sandbox.venues.hyperliquid import Hyperliquid
from sandbox.venues.lighter import Lighter
from sandbox.venues.wire import Answer, Ask

if TYPE_CHECKING:
    from sandbox.venues.wire import Dialect
    from sandbox.venues.world import World

REQUESTS_KEPT: Final = 5000


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
    dialects: dict[str, Dialect] = field(init=False)

    def __post_init__(self) -> None:
        made: tuple[Dialect, ...] = (
            Binance(self.world),
            Extended(self.world),
            Hyperliquid(self.world),
            Lighter(self.world),
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
        endpoint = dialect.endpoint(ask)
        seen = Seen(
            dialect.venue,
            ask.method,
            ask.path,
            request.query_string,
            endpoint,
            self.world.clock.now_ms(),
            request.headers.get("User-Agent", ""),
        )
        self.requests.append(seen)
        arrived_s = self.world.clock.monotonic()
        answer = self._answer(dialect, ask, endpoint)
        await self._delay(dialect.venue, arrived_s)
        return await self._send(request, seen, answer)

    async def _delay(self, venue: str, arrived_s: float) -> None:
        """Wait out the latency; what making the answer took counts as part of it."""
        delay_s = self.latency_ms.get(venue, self.latency_ms.get("*", 0)) / 1000
        left_s = arrived_s + delay_s - self.world.clock.monotonic()
        if left_s > 0:
            await self.world.clock.sleep(left_s)

    def _answer(self, dialect: Dialect, ask: Ask, endpoint: str) -> Answer:
        recorded = self.replays.get((dialect.venue, endpoint))
        return dialect.answer(ask) if recorded is None else Answer(recorded)

    async def _send(
        self, request: web.Request, seen: Seen, answer: Answer
    ) -> web.StreamResponse:
        fault = self.faults.take(seen.venue, seen.endpoint)
        if fault is not None:
            seen.fault = fault.kind
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
    if request.method == "POST":
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
    path = f"/{request.match_info['path']}"
    return Ask(request.method, path, request.query, body)
