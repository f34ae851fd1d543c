"""What goes wrong on purpose: which request, how often, and how it is spoiled.

A fault is picked when its venue and endpoint match; the first that matches wins. An
endpoint may be a purpose that means the same on every venue: @order (@entry, @reduce),
@cancel, @find (by client id), @open, @orders, @trades, @positions, @balance,
@leverage, @margin_mode, @position_mode, @funding, @fees, @rights.
Whoever sends a GET over a kept connection may repeat it by itself after `reset`
(aiohttp does, once): let `times` be 2 to be sure that the caller notices.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.spoiling import drop_row, spoil_row
from sandbox.venues.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.clock import SandboxClock

ANY: Final = "*"
_HANG_S: Final = 3600.0
_SLOW_S: Final = 5.0
_SLOW_PARTS: Final = 10
_HTML: Final = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
_OVERLOADED: Final = {
    "binance": b'{"code":-1008,"msg":"Request throttled by system-level protection."}',
    "extended": b'{"status":"ERROR","error":{"code":503,"message":"Unavailable"}}',
    "hyperliquid": b"null",
    "lighter": b'{"code":503,"message":"service unavailable"}',
}
_TOO_MANY: Final = {
    "binance": b'{"code":-1003,"msg":"Too many requests."}',
    "extended": b'{"status":"ERROR","error":{"code":429,"message":"Rate limited"}}',
    "hyperliquid": b"null",
    "lighter": b'{"code":23000,"message":"Too Many Requests!"}',
}
NEVER_DONE: Final = frozenset({"429", "418"})
"""Kinds that a venue answers before it looks at the request."""
KINDS: Final = frozenset({
    "timeout", "status", "429", "truncated", "reset", "html_200", "bad_json", "empty",
    "null", "slow_body", "stale", "broken_row", "drop_row",
})  # fmt: skip
DEED_KINDS: Final = frozenset({
    "418", "drop", "lag", "late", "partial", "reject", "reject_after", "reject_later",
    "rest", "zero",
})  # fmt: skip
"""Kinds that change what the venue does, not only what it says; see `scripting`."""


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong."""

    venue: str
    endpoint: str
    kind: str
    times: int | None = 1
    """How many matching requests it spoils; None until cleared."""
    after: int = 0
    """How many matching requests it lets through first."""
    param: Any = None
    """Seconds, a status, or which row and how; see `sandbox.spoiling`."""
    before: bool = False
    """Whether the venue never gets to do what was asked; else only the reply fails."""
    client_id: str | None = None
    """Only the request that names this client order id; None is any."""
    frozen: dict[str, Answer] = field(default_factory=dict)

    def matches(
        self,
        venue: str,
        endpoint: str,
        *,
        purposes: frozenset[str] = frozenset(),
        client_id: str | None = None,
    ) -> bool:
        """Return whether a request is meant; an endpoint matches by its end."""
        return (
            self.venue in {ANY, venue}
            and self.client_id in {None, client_id}
            and (
                self.endpoint == ANY
                or self.endpoint in purposes
                or endpoint.endswith(self.endpoint)
            )
        )

    @property
    def is_done_anyway(self) -> bool:
        """Return whether the venue does what was asked, whatever it then says."""
        return not self.before and self.kind not in NEVER_DONE | {"late"}


@dataclass(slots=True)
class Faults:
    """The faults in force."""

    active: list[Fault] = field(default_factory=list)

    def add(  # noqa: PLR0913 - one keyword for each column of a fault
        self,
        venue: str,
        endpoint: str,
        kind: str,
        *,
        times: int | None = 1,
        after: int = 0,
        param: Any = None,  # noqa: ANN401 - comes from JSON, meaning depends on kind
        before: bool = False,
        client_id: str | None = None,
    ) -> Fault:
        """Put a fault in force.

        Raises:
            ValueError: no such kind.
        """
        known = KINDS | DEED_KINDS
        if kind not in known:
            message = f"unknown kind {kind!r}; known: {', '.join(sorted(known))}"
            raise ValueError(message)
        fault = Fault(
            venue,
            endpoint,
            kind,
            times=times,
            after=after,
            param=param,
            before=before,
            client_id=client_id,
        )
        self.active.append(fault)
        return fault

    def clear(self) -> None:
        """End all of them."""
        self.active.clear()

    def take(
        self,
        venue: str,
        endpoint: str,
        *,
        purposes: frozenset[str] = frozenset(),
        client_id: str | None = None,
    ) -> Fault | None:
        """Return the fault that spoils this request, and count it."""
        for fault in self.active:
            if not fault.matches(
                venue, endpoint, purposes=purposes, client_id=client_id
            ):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times is not None:
                if fault.times <= 0:
                    continue
                fault.times -= 1
            return fault
        return None


def changed_answer(
    fault: Fault, venue: str, name: str, answer: Answer
) -> Answer | None:
    """Return what is answered instead, None if the transport itself misbehaves.

    Args:
        fault: what goes wrong.
        venue: whose words an error is written in.
        name: which request this is, query included.
        answer: what would have been answered.
    """
    if fault.kind == "stale":
        return fault.frozen.setdefault(name, answer)
    if fault.kind in {"broken_row", "drop_row"}:
        spoil = spoil_row if fault.kind == "broken_row" else drop_row
        payload = spoil(json.loads(answer.body), fault.param)
        return Answer(json.dumps(payload).encode(), answer.status)
    make = _INSTEAD.get(fault.kind)
    return None if make is None else make(fault, venue, answer)


def _error_status(fault: Fault, venue: str, _answer: Answer) -> Answer:
    status = int(fault.param or 502)
    if status == web.HTTPServiceUnavailable.status_code:
        return Answer(_OVERLOADED[venue], status)
    return Answer(_HTML, status, "text/html")


def _too_many(fault: Fault, venue: str, _answer: Answer) -> Answer:
    wait = {"Retry-After": str(fault.param or 1)}
    return Answer(_TOO_MANY[venue], int(fault.kind), headers=wait)


_INSTEAD: Final[dict[str, Callable[[Fault, str, Answer], Answer]]] = {
    "status": _error_status,
    "429": _too_many,
    "418": _too_many,
    "html_200": lambda _, __, ___: Answer(_HTML, 200, "text/html"),
    "bad_json": lambda _, __, answer: Answer(answer.body[: len(answer.body) // 2]),
    "empty": lambda _, __, ___: Answer(b""),
    "null": lambda _, __, ___: Answer(b"null"),
}


async def misbehave(
    request: web.Request, fault: Fault, answer: Answer, clock: SandboxClock
) -> web.StreamResponse:
    """Hang, break the connection or dribble, as the kind says."""
    if fault.kind == "timeout":
        await clock.sleep(float(fault.param or _HANG_S))
        return break_off(request)
    if fault.kind == "reset":
        return break_off(request)
    response = web.StreamResponse()
    response.content_type = answer.content_type
    response.content_length = len(answer.body)
    await response.prepare(request)
    if fault.kind == "truncated":
        await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    size = len(answer.body) // _SLOW_PARTS + 1
    for start in range(0, len(answer.body), size):
        await response.write(answer.body[start : start + size])
        await clock.sleep(float(fault.param or _SLOW_S) / _SLOW_PARTS)
    await response.write_eof()
    return response


def break_off(request: web.Request) -> web.StreamResponse:
    """Reset the connection instead of answering."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # Lingering for zero seconds turns a close into a reset.
            at_once = struct.pack("ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        transport.abort()
    return web.Response()
