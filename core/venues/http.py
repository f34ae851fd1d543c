"""Carry ccxt's requests to the configured address, and to nowhere else.

The object behaves like the aiohttp session ccxt expects. It keeps the venue's own
addresses in ccxt (which picks its error tables by them) and replaces scheme and host at
the last moment; it refuses every other host, redirects, and, when only public reads are
allowed, everything that is not on the venue's list, before a byte leaves.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import aiohttp
import yarl

from core.errors import TroubleKind, VenueError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from types import SimpleNamespace, TracebackType

    from core.ports import Clock
    from core.venues.catalog import CatalogEntry, PublicRead

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
SLOW_DOWN: Final = frozenset({418, 429})
"""Statuses of "too many requests"; the first is a ban."""
_CHUNK_BYTES: Final = 64 * 1024
_MAX_CONNECTIONS: Final = 16
_HIDDEN: Final = b"[hidden]"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, in the shape ccxt reads."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes

    async def text(self, errors: str = "strict") -> str:
        """Return the body as text."""
        return self.content.decode("utf-8", errors)


@dataclass(slots=True)
class Watch:
    """What happens to the one request that carries an order."""

    method: str
    path: str
    send_by: datetime
    """After this moment it must not leave any more."""
    was_handed_over: bool = False
    was_connected: bool = False
    """A connection was obtained: without one no byte of the request has left."""
    status: int | None = None
    """Of the complete answer, None before it."""
    content: bytes = b""


_WATCHED: Final[ContextVar[Watch | None]] = ContextVar("watched", default=None)


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Note what happens to a request made inside the block."""
    token = _WATCHED.set(watch)
    try:
        yield
    finally:
        _WATCHED.reset(token)


class VenueSession:
    """One venue's connection pool, usable as ccxt's `session`."""

    def __init__(  # noqa: PLR0913 - each part is named where it is given
        self,
        entry: CatalogEntry,
        *,
        base_url: str | None,
        clock: Clock,
        reads_only: bool,
        tls: ssl.SSLContext | None = None,
        more_hosts: frozenset[str] = frozenset(),
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Take the parts.

        `more_hosts` are the venue's beside those of public data; `secrets` are taken
        out of every answer, so that no error can quote what a host repeated.
        """
        self._entry = entry
        self._hosts = entry.hosts | more_hosts
        self._base_url = None if base_url is None else base_url.rstrip("/")
        self._clock = clock
        self._reads_only = reads_only
        self._tls = tls
        self._secrets = tuple(each.encode() for each in secrets if each)
        self._pool: aiohttp.ClientSession | None = None
        self.headers: dict[str, str] = {}
        """Always empty; ccxt looks here for headers of the session."""
        self.on_slow_down: Callable[[int, str | None], None] | None = None
        """Called with status and Retry-After when the venue wants to be left alone."""
        self.requests = 0
        """How many were handed to the network."""
        self.latency: timedelta | None = None
        """Time the last finished request took, body included."""

    def get(self, url: yarl.URL | str, **options: object) -> Sending:
        """Prepare a GET."""
        return self._prepare("GET", url, options)

    def post(self, url: yarl.URL | str, **options: object) -> Sending:
        """Prepare a POST."""
        return self._prepare("POST", url, options)

    def put(self, url: yarl.URL | str, **options: object) -> Sending:
        """Prepare a PUT."""
        return self._prepare("PUT", url, options)

    def patch(self, url: yarl.URL | str, **options: object) -> Sending:
        """Prepare a PATCH."""
        return self._prepare("PATCH", url, options)

    def delete(self, url: yarl.URL | str, **options: object) -> Sending:
        """Prepare a DELETE."""
        return self._prepare("DELETE", url, options)

    async def close(self) -> None:
        """Close every connection; the object can be used again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _prepare(
        self, method: str, url: yarl.URL | str, options: dict[str, object]
    ) -> Sending:
        asked = url if isinstance(url, yarl.URL) else yarl.URL(url, encoded=True)
        if asked.host not in self._hosts:
            raise _refusal(self._entry, f"{asked.host} is no address of this venue")
        if self._reads_only and not self._is_public_read(method, asked, options):
            raise _refusal(self._entry, f"{method} {asked.path} is no public read")
        options.pop("proxy", None)
        watch = self._watch_of(method, asked)
        return Sending(self, method, self._target(asked), options, watch)

    def _watch_of(self, method: str, asked: yarl.URL) -> Watch | None:
        """Return the watch on this request, refusing an order that is late."""
        watch = _WATCHED.get()
        if watch is None or (watch.method, watch.path) != (method, asked.path):
            return None
        if watch.was_handed_over:
            raise _refusal(self._entry, "an order is never sent twice")
        if self._clock.now() > watch.send_by:
            raise _refusal(self._entry, "too much time passed before sending")
        return watch

    def _is_public_read(
        self, method: str, asked: yarl.URL, options: Mapping[str, object]
    ) -> bool:
        kind = _body_type(options.get("data"))
        return any(
            _matches(read, method, asked.path, kind)
            for read in self._entry.public_reads
        )

    def _target(self, asked: yarl.URL) -> yarl.URL:
        if self._base_url is None:
            return asked
        return yarl.URL(f"{self._base_url}{asked.raw_path_qs}", encoded=True)

    async def send(
        self,
        method: str,
        target: yarl.URL,
        options: Mapping[str, object],
        watch: Watch | None = None,
    ) -> Answer:
        """Send a request and read its whole answer.

        What happens to a watched one is noted as it happens.

        Raises:
            aiohttp.ClientError: the transport failed; it holds nothing of the request.
            VenueError: the answer is too large.
        """
        started = self._clock.monotonic()
        self.requests += 1
        if watch is not None:
            watch.was_handed_over = True
        response, body = await self._exchange(method, target, options, watch)
        self.latency = timedelta(seconds=self._clock.monotonic() - started)
        if watch is not None:
            watch.status, watch.content = response.status, body
        if response.status in SLOW_DOWN and self.on_slow_down is not None:
            self.on_slow_down(response.status, response.headers.get("Retry-After"))
        reason = (response.reason or "").encode("utf-8", "replace")
        shown = self._hide(reason).decode("utf-8")
        return Answer(response.status, shown, response.headers, body)

    async def _exchange(
        self,
        method: str,
        target: yarl.URL,
        options: Mapping[str, object],
        watch: Watch | None,
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        try:
            async with self._open_pool().request(
                method,
                target,
                allow_redirects=False,
                trace_request_ctx=watch,
                **options,  # type: ignore[arg-type]  # ccxt's own keyword arguments
            ) as response:
                return response, self._hide(await self._read(response))
        except aiohttp.ClientResponseError as error:
            why = type(error).__name__
        # Out here, so that it drags no error along that holds the request's headers.
        message = f"no valid answer ({why})"
        raise aiohttp.ClientPayloadError(message)

    def _hide(self, said: bytes) -> bytes:
        for secret in self._secrets:
            said = said.replace(secret, _HIDDEN)
        return said

    def _open_pool(self) -> aiohttp.ClientSession:
        if self._pool is None:
            connector = aiohttp.TCPConnector(
                ssl=True if self._tls is None else self._tls, limit=_MAX_CONNECTIONS
            )
            self._pool = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_connection_trace()],
            )
        return self._pool

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                detail = f"an answer of more than {MAX_BODY_BYTES} bytes"
                raise VenueError(self._entry.venue_id, TroubleKind.NONSENSE, detail)
        return bytes(body)


class Sending:
    """One request, sent when its context is entered, as aiohttp's are."""

    def __init__(
        self,
        session: VenueSession,
        method: str,
        target: yarl.URL,
        options: Mapping[str, object],
        watch: Watch | None = None,
    ) -> None:
        self._session, self._method = session, method
        self._target, self._options, self._watch = target, options, watch

    async def __aenter__(self) -> Answer:
        return await self._session.send(
            self._method, self._target, self._options, self._watch
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: the answer was read whole."""


def _connection_trace() -> aiohttp.TraceConfig:
    """Return hooks that note when a watched request has a connection."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connection)
    trace.on_connection_reuseconn.append(_note_connection)
    return trace


async def _note_connection(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _event: object
) -> None:
    watch = context.trace_request_ctx
    if watch is not None:
        watch.was_connected = True


def _refusal(entry: CatalogEntry, what: str) -> VenueError:
    return VenueError(entry.venue_id, TroubleKind.REFUSED, f"not sent: {what}")


def _body_type(body: object) -> str | None:
    """Return `type` of a JSON body, None where there is none."""
    if not isinstance(body, bytes | str):
        return None
    try:
        parsed = json.loads(body)
    except ValueError:
        return None
    kind = parsed.get("type") if isinstance(parsed, dict) else None
    return kind if isinstance(kind, str) else None


def _matches(read: PublicRead, method: str, path: str, kind: str | None) -> bool:
    wanted, asked = read.path.split("/"), path.split("/")
    return (
        read.method == method
        and (read.body_type is None or read.body_type == kind)
        and len(wanted) == len(asked)
        and all(want in {"*", part} for want, part in zip(wanted, asked, strict=True))
    )
