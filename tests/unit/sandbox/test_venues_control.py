"""The control plane over HTTP does what its methods do, and refuses nonsense."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box, venue_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.app import SandboxServer


class Remote:
    """The control plane as a test in another process sees it."""

    def __init__(self, box: SandboxServer, session: aiohttp.ClientSession) -> None:
        self.box = box
        self._session = session

    async def ask(self, method: str, name: str, **words: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        """Return status and parsed body."""
        url = f"{self.box.url}/__control/{name}"
        async with self._session.request(method, url, json=words or None) as got:
            return got.status, await got.json()

    async def post(self, name: str, *market: str, **words: Any) -> None:  # noqa: ANN401 - JSON
        """Change something (of a token, on a venue) and insist that it worked."""
        words |= dict(zip(("token", "venue"), market, strict=False))
        assert await self.ask("POST", name, **words) == (200, {"ok": True})

    async def token(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Return the truth about one token."""
        _, body = await self.ask("GET", "truth")
        return body["tokens"][name]


@asynccontextmanager
async def _remote() -> AsyncIterator[Remote]:
    async with frozen_box() as box, aiohttp.ClientSession() as session:
        yield Remote(box, session)


async def test_truth_over_http_is_the_truth_in_process() -> None:
    """Both kinds of test compare with the same thing."""
    async with _remote() as remote:
        status, body = await remote.ask("GET", "truth")

        assert (status, body) == (200, remote.box.control.truth())
    assert body["at"] == "2026-11-22T21:52:13+00:00"
    assert set(body["tokens"]["APT"]["venues"]["binance"]) == {
        "symbol_raw", "multiplier", "rate", "rate_interval_h", "interval_h",
        "rate_hourly", "next_funding_at", "mark_price", "volume_24h_usd", "live",
        "why_not",
    }  # fmt: skip


async def test_a_rate_can_be_held_and_let_go() -> None:
    """Stories such as a flip need a rate on command."""
    async with _remote() as remote:
        before = (await remote.token("KAITO"))["venues"]["lighter"]["rate_hourly"]
        await remote.post("rate", "KAITO", "lighter", hourly="-0.0003")
        held = (await remote.token("KAITO"))["venues"]["lighter"]
        best = (await remote.token("KAITO"))["best"]
        await remote.post("rate", "KAITO", "lighter", hourly=None)

        after = (await remote.token("KAITO"))["venues"]["lighter"]["rate_hourly"]

    assert Decimal(held["rate"]) == Decimal("-0.0024")
    assert Decimal(held["rate_hourly"]) == Decimal("-0.0003")
    assert (best["long"], best["short"]) == ("lighter", "extended")
    assert after == before


async def test_a_held_rate_is_what_gets_settled_from_then_on() -> None:
    """Funding received must match what the card showed."""
    async with _remote() as remote:
        await remote.post("rate", "APT", "hyperliquid", hourly="0.001")
        await remote.post("time", advance_s=3600)
        world = remote.box.world
        one = world.find("APT", "hyperliquid")

        paid = list(world.payments(one, NOON_MS - 3_600_000, NOON_MS + 3_600_000))

    assert [payment.rate == Decimal("0.001") for payment in paid] == [False, True]


async def test_an_interval_changes_the_field_and_the_next_payment() -> None:
    """Binance moves symbols to 1 h by itself; the same field then means 1 h."""
    async with _remote() as remote:
        before = (await remote.token("APT"))["venues"]["binance"]
        await remote.post("interval", "APT", "binance", hours=1)

        after = (await remote.token("APT"))["venues"]["binance"]

        async with venue_client(remote.box, "binance") as client:
            await client.load_markets()
            intervals = await client.fetch_funding_intervals()
    assert (before["interval_h"], after["interval_h"]) == (8, 1)
    assert after["next_funding_at"] == "2026-11-22T22:00:00+00:00"
    assert intervals["APT/USDT:USDT"]["interval"] == "1h"


async def test_levers_for_price_volume_book_and_listing() -> None:
    """Each reason to leave a token out can be produced."""
    async with _remote() as remote:
        await remote.post("price", "SUI", "binance", factor=1.2)
        await remote.post("volume", "SUI", "extended", usd=None)
        await remote.post("list", "SUI", "hyperliquid", status="delisted")
        await remote.post("list", "RARE", "lighter", status="live")
        await remote.post("book", "SUI", "lighter", empty=True)
        sui, rare = await remote.token("SUI"), await remote.token("RARE")
        world = remote.box.world
        book = world.book(world.find("SUI", "lighter"), NOON_MS)
        await remote.post("reset")

        again = await remote.token("SUI")

    prices = {name: Decimal(row["mark_price"]) for name, row in sui["venues"].items()}
    assert Decimal("1.19") < prices["binance"] / prices["extended"] < Decimal("1.21")
    assert sui["venues"]["extended"]["volume_24h_usd"] is None
    assert sui["venues"]["hyperliquid"]["why_not"] == "delisted"
    assert sorted(rare["venues"]) == ["extended", "lighter"]
    assert (book.bids, book.asks) == ((), ())
    assert again["venues"]["hyperliquid"]["live"] is True


async def test_a_deeper_book_keeps_its_prices() -> None:
    """Depth alone decides whether a size fits."""
    async with _remote() as remote:
        world = remote.box.world
        one = world.find("SUI", "lighter")
        before = world.book(one, NOON_MS)
        await remote.post("book", "SUI", "lighter", depth_factor=2)

        after = world.book(one, NOON_MS)

    assert [price for price, _ in after.bids] == [price for price, _ in before.bids]
    ratio = Decimal(after.bids[9][1]) / Decimal(before.bids[9][1])
    assert Decimal("1.99") < ratio < Decimal("2.01")


async def test_time_jumps_and_runs_on_command() -> None:
    """A funding payment eight hours away must not take eight hours."""
    async with _remote() as remote:
        await remote.post("time", set_ms=NOON_MS + 5000)
        await remote.post("time", advance_s=60)
        _, stopped = await remote.ask("GET", "time")
        await remote.post("time", speed=3600)

        _, running = await remote.ask("GET", "time")

    assert stopped == {
        "now_ms": NOON_MS + 65_000,
        "now": "2026-11-22T21:53:18+00:00",
        "speed": 0.0,
    }
    assert running["speed"] == 3600


async def test_a_fault_over_http_spoils_and_is_cleared() -> None:
    """The demo's page or a shell can break a venue too."""
    async with _remote() as remote:
        await remote.post(
            "faults", venue="lighter", endpoint="*", kind="status", times=None
        )
        async with venue_client(remote.box, "lighter") as client:
            with pytest.raises(Exception, match="502"):
                await client.load_markets()
            _, listed = await remote.ask("GET", "faults")
            await remote.ask("DELETE", "faults")

            assert len(await client.load_markets()) > 30
    assert listed[0]["kind"] == "status"


async def test_a_recorded_body_is_sent_verbatim_until_reset() -> None:
    """Whole recorded markets can be replayed over HTTP."""
    async with _remote() as remote:
        recorded = [{"symbol": "币安人生USDT", "lastFundingRate": "0.00005000"}]
        await remote.post(
            "body", venue="binance", endpoint="premiumIndex", body=recorded
        )
        async with venue_client(remote.box, "binance") as client:
            replayed = await client.fapiPublicGetPremiumIndex()
            await remote.post("reset")

            own = await client.fapiPublicGetPremiumIndex()

    assert replayed == recorded
    assert len(own) > 30


async def test_the_request_log_says_who_asked_what() -> None:
    """Requests per scan are counted from here."""
    async with _remote() as remote:
        async with venue_client(remote.box, "hyperliquid") as client:
            await client.load_markets()
        _, seen = await remote.ask("GET", "requests")
        await remote.ask("DELETE", "requests")

        _, emptied = await remote.ask("GET", "requests")

    assert [
        (one["venue"], one["method"], one["path"], one["endpoint"], one["status"])
        for one in seen
    ] == [("hyperliquid", "POST", "/info", "metaAndAssetCtxs", 200)]
    assert seen[0]["at_ms"] == NOON_MS
    assert seen[0]["user_agent"] != ""
    assert emptied == []


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("rate", {"venue": "binance", "hourly": 1}, "'token' is missing"),
        ("rate", {"token": "BTC", "venue": "mars", "hourly": 1}, "must be one of"),
        ("rate", {"token": "X", "venue": "binance", "hourly": 1}, "'X' is not listed"),
        ("rate", {"token": "BTC", "venue": "binance", "hourly": "?"}, "a number"),
        ("faults", {"venue": "binance", "kind": "meteor"}, "unknown kind 'meteor'"),
        ("interval", {"token": "BTC", "venue": "lighter", "hours": 4}, "only binance"),
        ("list", {"token": "X", "venue": "binance", "status": "live"}, "not listed"),
        ("price", {"token": "X", "factor": 2}, "no venue lists 'X'"),
    ],
)
async def test_nonsense_is_refused_with_a_sentence(
    name: str, words: dict[str, Any], sentence: str
) -> None:
    """A test that set nothing must find out."""
    async with _remote() as remote:
        status, body = await remote.ask("POST", name, **words)

    assert status == 400
    assert sentence in body["error"]


async def test_units_and_usdt_are_spoiled_over_http() -> None:
    """A demo shows what a wrong unit does without touching the code."""
    async with _remote() as remote:
        world = remote.box.world
        one = world.find("APT", "binance")
        true = world.wire_rate(one, NOON_MS)
        await remote.post("unit", venue="binance", factor="-1")
        await remote.post("usdt", usd=0.98)
        assert world.shown_rate(one, NOON_MS) == -true
        status, body = await remote.ask("POST", "usdt", usd=0)
        assert (status, body) == (400, {"error": "a USDT is worth more than nothing"})
        await remote.post("unit", venue="binance", factor=None)
        assert world.shown_rate(one, NOON_MS) == true
