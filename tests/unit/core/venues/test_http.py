"""The session handed to ccxt: where a request may go, and where it may not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from core.errors import TroubleKind, VenueError
from core.venues import http
from core.venues.catalog import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER, VENUES
from core.venues.http import VenueSession
from tests.fakes.runtime import START, FakeClock
from tests.unit.core.venues.local import Told, serve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.venues.catalog import CatalogEntry

NOWHERE = "http://127.0.0.1:9"
TIME = "https://fapi.binance.com/fapi/v1/time"


def session_of(
    entry: CatalogEntry, url: str | None = NOWHERE, *, reads_only: bool = True
) -> VenueSession:
    """Return a session that has sent nothing yet."""
    return VenueSession(entry, base_url=url, clock=FakeClock(), reads_only=reads_only)


async def test_only_scheme_and_host_are_replaced() -> None:
    """Paths and queries are what the venue documents, percent signs and all."""
    path = "/pretend/binance/fapi/v1/time"
    async with serve({path: Told('{"serverTime":1}')}) as local:
        session = session_of(BINANCE, f"{local.url}/pretend/binance/")
        async with session.get(f"{TIME}?symbol=%E5%B8%81&x=1") as answer:
            text = await answer.text()
        await session.close()

    assert json.loads(text) == {"serverTime": 1}
    assert local.asked == [path]
    assert (session.requests, session.latency) == (1, timedelta(0))


async def test_a_host_of_nobody_is_refused_before_anything_is_sent() -> None:
    """A mistake in an address, or a redirect, must not carry a request away."""
    session = session_of(BINANCE)

    with pytest.raises(VenueError, match=r"api\.binance\.com is no address") as caught:
        session.get("https://api.binance.com/sapi/v1/capital/config/getall")

    assert caught.value.kind is TroubleKind.REFUSED
    assert session.requests == 0


@pytest.mark.parametrize(
    ("entry", "method", "url", "body"),
    [
        (BINANCE, "post", "https://fapi.binance.com/fapi/v1/order", "symbol=BTCUSDT"),
        (BINANCE, "get", "https://fapi.binance.com/fapi/v3/account", None),
        (BINANCE, "post", "https://fapi.binance.com/fapi/v1/premiumIndex", None),
        (HYPERLIQUID, "post", "https://api.hyperliquid.xyz/exchange", "{}"),
        (
            HYPERLIQUID,
            "post",
            "https://api.hyperliquid.xyz/info",
            '{"type":"clearinghouseState","user":"0x0"}',
        ),
        (HYPERLIQUID, "post", "https://api.hyperliquid.xyz/info", "not json"),
        (HYPERLIQUID, "post", "https://api.hyperliquid.xyz/info", "[1]"),
        (HYPERLIQUID, "post", "https://api.hyperliquid.xyz/info", '{"type":7}'),
        (
            LIGHTER,
            "post",
            "https://mainnet.zklighter.elliot.ai/api/v1/sendTx",
            "tx_type=14",
        ),
        (
            EXTENDED,
            "post",
            "https://api.starknet.extended.exchange/api/v1/user/order",
            "{}",
        ),
        (
            EXTENDED,
            "patch",
            "https://api.starknet.extended.exchange/api/v1/user/leverage",
            "{}",
        ),
        (
            EXTENDED,
            "delete",
            "https://api.starknet.extended.exchange/api/v1/user/order",
            None,
        ),
        (
            EXTENDED,
            "put",
            "https://api.starknet.extended.exchange/api/v1/info/markets",
            None,
        ),
        (
            EXTENDED,
            "get",
            "https://api.starknet.extended.exchange/api/v1/info/a/b/funding",
            None,
        ),
    ],
)
def test_paper_sends_nothing_but_public_reads(
    entry: CatalogEntry, method: str, url: str, body: str | None
) -> None:
    """No bug above this line can place a real order in paper mode."""
    session = session_of(entry)
    data = None if body is None else body.encode()

    with pytest.raises(VenueError, match="no public read"):
        getattr(session, method)(url, data=data)

    assert session.requests == 0


@pytest.mark.parametrize("entry", VENUES.values(), ids=VENUES)
def test_every_public_read_of_the_catalog_is_let_through(entry: CatalogEntry) -> None:
    """A list with a typo would silence a venue."""
    session = session_of(entry)

    for read in entry.public_reads:
        url = f"{entry.default_url}{read.path.replace('*', 'BTC-USD')}"
        body = json.dumps({"type": read.body_type}).encode()
        getattr(session, read.method.lower())(url, data=body)

    assert session.requests == 0  # nothing leaves before the context is entered


def test_without_the_restriction_other_paths_pass_but_other_hosts_do_not() -> None:
    """Real orders will need it; the host check stays."""
    session = session_of(BINANCE, reads_only=False)

    session.post("https://fapi.binance.com/fapi/v1/order", data=b"")
    with pytest.raises(VenueError, match="no address"):
        session.post("https://example.com/fapi/v1/order", data=b"")


async def test_a_redirect_is_not_followed() -> None:
    """Where it points is not on the list of hosts."""
    away = Told("", 302, {"Location": "http://127.0.0.1:9/away"})
    async with serve({"/fapi/v1/time": away}) as local:
        session = session_of(BINANCE, local.url)
        async with session.get(TIME) as answer:
            status = answer.status
        await session.close()

    assert status == 302
    assert local.asked == ["/fapi/v1/time"]


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stuck venue must not fill the machine's memory."""
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 1000)
    async with serve({"/fapi/v1/time": Told("x" * 1001)}) as local:
        session = session_of(BINANCE, local.url)
        with pytest.raises(VenueError, match="more than 1000 bytes") as caught:
            async with session.get(TIME):
                pass
        await session.close()

    assert caught.value.kind is TroubleKind.NONSENSE


async def test_an_answer_of_just_the_limit_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The limit itself is allowed."""
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 1000)
    async with serve({"/fapi/v1/time": Told("x" * 1000)}) as local:
        session = session_of(BINANCE, local.url)
        async with session.get(TIME) as answer:
            size = len(await answer.text())
        await session.close()

    assert size == 1000


async def test_without_an_address_the_venues_own_is_kept() -> None:
    """That is what a run without any URL setting does."""
    sent: list[str] = []

    class Recording(VenueSession):
        async def send(
            self,
            method: str,
            target: object,
            options: Mapping[str, object],
            watch: http.Watch | None = None,
        ) -> http.Answer:
            assert watch is None
            sent.append(f"{method} {target} {sorted(options)}")
            return http.Answer(200, "OK", {}, b"{}")

    session = Recording(BINANCE, base_url=None, clock=FakeClock(), reads_only=True)
    async with session.get(f"{TIME}?a=1", proxy=None, headers={}) as answer:
        assert answer.status == 200

    assert sent == [f"GET {TIME}?a=1 ['headers']"]


async def test_closing_twice_and_reusing_are_harmless() -> None:
    """Shut-down code may run more than once."""
    async with serve({"/fapi/v1/time": Told("{}")}) as local:
        session = session_of(BINANCE, local.url)
        await session.close()
        for _ in range(2):
            async with session.get(TIME) as answer:
                assert await answer.text() == "{}"
            await session.close()
        await session.close()

    assert session.requests == 2


def test_the_default_address_is_the_venues_own_host() -> None:
    """Shown by settings as what an empty URL means."""
    assert BINANCE.default_url == "https://fapi.binance.com"
    assert replace(LIGHTER).default_url == "https://mainnet.zklighter.elliot.ai"


# --- the one request that carries an order --------------------------------------------


ORDER = "https://fapi.binance.com/fapi/v1/order"


def watch_of(**changes: object) -> http.Watch:
    """Return a watch on an order of this moment."""
    fields = {"method": "POST", "path": "/fapi/v1/order", "send_by": START}
    return http.Watch(**{**fields, **changes})  # type: ignore[arg-type]  # any field


async def test_what_happens_to_an_order_is_noted_as_it_happens() -> None:
    """Whether a byte left decides between "refused" and "unknown"."""
    async with serve({"/fapi/v1/time": Told("{}")}) as local:
        local.answers["/fapi/v1/order:x"] = Told('{"a":1}', 429, {"Retry-After": "3"})
        session, seen = session_of(BINANCE, local.url, reads_only=False), []
        told: list[tuple[int, str | None]] = []
        session.on_slow_down = lambda *words: told.append(words)
        for _ in range(2):  # the second finds the connection open
            watch = watch_of()
            with http.watching(watch):
                async with session.get(TIME):
                    assert not watch.was_handed_over
                async with session.post(ORDER, data=b'{"type":"x"}'):
                    seen.append(watch)
        await session.close()

    assert told == [(429, "3")] * 2
    for watch in seen:
        assert (watch.was_handed_over, watch.was_connected) == (True, True)
        assert (watch.status, watch.content) == (429, b'{"a":1}')


async def test_an_order_without_a_connection_is_noted_as_such() -> None:
    """Nobody listens: not one byte of it left."""
    session, watch = session_of(BINANCE, NOWHERE, reads_only=False), watch_of()

    with http.watching(watch), pytest.raises(aiohttp.ClientConnectorError):
        async with session.post(ORDER, data=b"x"):
            pass
    await session.close()

    assert (watch.was_handed_over, watch.was_connected) == (True, False)
    assert watch.status is None


async def test_an_order_is_handed_over_once() -> None:
    """A client that tries again by itself would open the position twice."""
    async with serve({"/fapi/v1/order:x": Told("{}")}) as local:
        session, watch = session_of(BINANCE, local.url, reads_only=False), watch_of()
        with http.watching(watch):
            async with session.post(ORDER, data=b'{"type":"x"}'):
                pass
            with pytest.raises(VenueError, match="never sent twice"):
                session.post(ORDER, data=b'{"type":"x"}')
        await session.close()

    assert local.asked == ["/fapi/v1/order:x"]


async def test_a_late_order_does_not_leave() -> None:
    """The client's queue may have held it back for too long."""
    session = session_of(BINANCE, NOWHERE, reads_only=False)
    watch = watch_of(send_by=START - timedelta(microseconds=1))

    with http.watching(watch), pytest.raises(VenueError, match="too much time"):
        session.post(ORDER, data=b"x")

    assert not watch.was_handed_over
    assert session.requests == 0


async def test_a_trading_session_knows_no_other_hosts_either() -> None:
    """What can sign must not reach further than what can read."""
    session = VenueSession(
        BINANCE,
        base_url=NOWHERE,
        clock=FakeClock(),
        reads_only=False,
        more_hosts=frozenset({"api.binance.com"}),
    )

    session.get("https://api.binance.com/sapi/v1/account/apiRestrictions")
    with pytest.raises(VenueError, match="no address of this venue"):
        session.post("https://fapi.binance.com.example.org/fapi/v1/order")
    assert session.requests == 0
