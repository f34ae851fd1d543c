"""Each fault spoils what it says, as often as it says, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from sandbox.faults import KINDS, Faults
from sandbox.spoiling import drop_row, spoil_row
from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box, venue_client

INDEX = "/fapi/v1/premiumIndex"


async def _get(url: str, timeout_s: float = 5) -> tuple[int, bytes]:
    limit = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as got:
        return got.status, await got.read()


@pytest.mark.parametrize(
    ("kind", "param", "error"),
    [
        ("timeout", None, ccxt.RequestTimeout),
        ("status", 500, ccxt.ExchangeNotAvailable),
        ("status", 502, ccxt.ExchangeNotAvailable),
        ("status", 503, ccxt.OperationFailed),
        ("429", 2, ccxt.DDoSProtection),
        ("truncated", None, ccxt.ExchangeError),
        ("reset", None, ccxt.ExchangeNotAvailable),
        ("slow_body", 30, ccxt.RequestTimeout),
    ],
)
async def test_transport_faults_reach_ccxt_as_on_a_bad_day(
    kind: str, param: object, error: type[Exception]
) -> None:
    """The product's error handling is tested with what ccxt really raises."""
    async with frozen_box() as box, venue_client(box, "binance") as client:
        await client.load_markets()
        # aiohttp itself repeats a GET once when a kept connection breaks.
        times = 2 if kind == "reset" else 1
        box.faults.add("binance", "premiumIndex", kind, param=param, times=times)
        client.timeout = 300

        with pytest.raises(error):
            await client.fetch_funding_rates()
        client.timeout = 5000
        rates = await client.fetch_funding_rates()

    assert len(rates) > 30
    assert box.requests[-2].fault == kind
    assert box.requests[-1].fault is None


@pytest.mark.parametrize(
    ("kind", "status", "start"),
    [
        ("html_200", 200, b"<html>"),
        ("empty", 200, b""),
        ("null", 200, b"null"),
        ("bad_json", 200, b'[{"symbol":'),
    ],
)
async def test_bodies_that_are_no_answer(kind: str, status: int, start: bytes) -> None:
    """A status of 200 proves nothing."""
    async with frozen_box() as box:
        box.faults.add("binance", "premiumIndex", kind)

        got, body = await _get(box.venue_url("binance") + INDEX)

    assert got == status
    assert body.startswith(start)
    assert body == start or kind in {"html_200", "bad_json"}
    if kind == "bad_json":
        with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
            json.loads(body)


async def test_stale_repeats_the_first_body_while_time_goes_on() -> None:
    """Frozen data looks healthy; only its age gives it away."""
    async with frozen_box() as box:
        url = box.venue_url("binance") + INDEX
        box.faults.add("binance", "*", "stale", times=None)
        first = await _get(url)
        box.clock.set_ms(NOON_MS + 3_600_000)

        frozen = await _get(url)
        box.faults.clear()
        fresh = await _get(url)

    assert frozen == first
    assert json.loads(fresh[1])[0]["time"] == NOON_MS + 3_600_000


async def test_a_fault_waits_for_its_turn_and_then_ends() -> None:
    """`after` and `times` make the nth request fail, which is how crashes are timed."""
    async with frozen_box() as box:
        url = box.venue_url("binance") + INDEX
        box.faults.add("binance", "premiumIndex", "status", after=1, times=2)

        statuses = [(await _get(url))[0] for _ in range(4)]

    assert statuses == [200, 502, 502, 200]


@pytest.mark.parametrize(
    ("venue", "endpoint", "hit"),
    [
        ("binance", "premiumIndex", True),
        ("*", "*", True),
        ("binance", "*", True),
        ("*", "Index", True),
        ("lighter", "*", False),
        ("binance", "depth", False),
    ],
)
def test_a_fault_meets_only_its_venue_and_endpoint(
    venue: str, endpoint: str, *, hit: bool
) -> None:
    """One venue down must leave the others untouched."""
    faults = Faults()
    faults.add(venue, endpoint, "reset")

    assert (faults.take("binance", "premiumIndex") is not None) is hit


def test_a_kind_nobody_knows_is_refused() -> None:
    """A typing error in a test must not look like a passed test."""
    with pytest.raises(ValueError, match="unknown kind 'timeot'"):
        Faults().add("binance", "*", "timeot")


def test_every_kind_is_named_here() -> None:
    """A new kind needs a test."""
    assert {
        "timeout", "status", "429", "truncated", "reset", "slow_body", "html_200",
        "empty", "null", "bad_json", "stale", "broken_row", "drop_row",
    } == KINDS  # fmt: skip


BULK = [
    ("binance", "premiumIndex", "SUIUSDT"),
    ("binance", "ticker/24hr", "SUIUSDT"),
    ("binance", "fundingInfo", "TRUMPUSDT"),
    ("binance", "exchangeInfo", "SUIUSDT"),
    ("extended", "info/markets", "SUI-USD"),
    ("hyperliquid", "metaAndAssetCtxs", "SUI"),
    ("lighter", "funding-rates", "SUI"),
]


async def _payload(box: Any, venue: str, endpoint: str) -> Any:  # noqa: ANN401 - JSON
    prefix = "/fapi/v1/" if venue == "binance" else "/api/v1/"
    base = box.venue_url(venue)
    async with aiohttp.ClientSession() as session:
        if venue == "hyperliquid":
            async with session.post(f"{base}/info", json={"type": endpoint}) as got:
                return await got.json()
        async with session.get(base + prefix + endpoint) as got:
            return await got.json()


@pytest.mark.parametrize(("venue", "endpoint", "row"), BULK)
async def test_a_broken_row_stands_among_good_ones(
    venue: str, endpoint: str, row: str
) -> None:
    """One malformed row may cost one row, never the scan."""
    async with frozen_box() as box:
        good = await _payload(box, venue, endpoint)
        box.faults.add(venue, endpoint, "broken_row", param=row)

        bad = await _payload(box, venue, endpoint)

    changed = json.dumps(bad).count('"abc"')
    assert changed == 1
    assert json.dumps(bad).replace('"abc"', "") != json.dumps(good)
    assert len(json.dumps(bad)) > 0.95 * len(json.dumps(good))


@pytest.mark.parametrize(("venue", "endpoint", "row"), BULK)
async def test_a_dropped_row_is_gone_and_the_rest_stays_aligned(
    venue: str, endpoint: str, row: str
) -> None:
    """A market can vanish from one answer and still be in another."""
    async with frozen_box() as box:
        box.faults.add(venue, endpoint, "drop_row", param=row)

        bad = await _payload(box, venue, endpoint)
        good = await _payload(box, venue, endpoint)

    if venue == "hyperliquid":
        assert [len(part) for part in (bad[0]["universe"], bad[1])] == [
            len(good[1]) - 1,
            len(good[1]) - 1,
        ]
        assert row not in {coin["name"] for coin in bad[0]["universe"]}
    else:
        key = '"exchange": "lighter"' if venue == "lighter" else f'"{row}"'
        assert json.dumps(bad).count(key) < json.dumps(good).count(key)


@pytest.mark.parametrize(
    ("how", "row"),
    [
        ("text", {"symbol": "A", "rate": "abc", "markPrice": "2"}),
        ("missing", {"symbol": "A", "markPrice": "2"}),
        ("null_rate", {"symbol": "A", "rate": None, "markPrice": "2"}),
        ("null_price", {"symbol": "A", "rate": "1", "markPrice": None}),
        ("not_object", None),
    ],
)
def test_a_row_can_be_broken_in_five_ways(how: str, row: object) -> None:
    """Each way breaks a parser at another place."""
    rows: list[dict[str, str]] = [{"symbol": "A", "rate": "1", "markPrice": "2"}]

    assert spoil_row(rows, {"row": "A", "how": how}) == [row]


def test_a_row_that_is_not_there_cannot_be_spoiled() -> None:
    """A fault that hits nothing must not pass for a survived one."""
    with pytest.raises(ValueError, match="no row is called 'B'"):
        drop_row([{"symbol": "A"}], "B")


@pytest.mark.parametrize(
    ("venue", "too_many", "overloaded"),
    [
        ("binance", ccxt.DDoSProtection, ccxt.OperationFailed),
        ("extended", ccxt.ExchangeError, ccxt.ExchangeError),
        ("hyperliquid", ccxt.RateLimitExceeded, ccxt.ExchangeNotAvailable),
        ("lighter", ccxt.RateLimitExceeded, ccxt.ExchangeError),
    ],
)
async def test_a_busy_venue_says_so_in_its_own_words(
    venue: str, too_many: type[Exception], overloaded: type[Exception]
) -> None:
    """The class that ccxt raises depends on the body, so one class is not enough."""
    raised: list[type[BaseException]] = []
    async with frozen_box() as box, venue_client(box, venue) as client:
        for kind, param in (("429", None), ("status", 503)):
            box.faults.add(venue, "*", kind, times=1, param=param)
            with pytest.raises(ccxt.BaseError) as caught:
                await client.load_markets()
            raised.append(caught.type)

    assert raised == [too_many, overloaded]


async def test_a_fault_that_hits_no_row_is_loud() -> None:
    """Status 501 belongs to no venue, so nobody takes it for an answer."""
    async with frozen_box() as box:
        box.faults.add("binance", "premiumIndex", "broken_row", param="NOPEUSDT")

        status, body = await _get(box.venue_url("binance") + INDEX)

    assert (status, body) == (501, b"fault misses: no row is called 'NOPEUSDT'")


async def test_latency_is_added_per_venue() -> None:
    """Wall time is measured at 80 ms, the price of one round trip."""
    async with frozen_box() as box:
        box.reception.latency_ms["binance"] = 120
        clock = box.clock
        times = []
        for venue, path in (("binance", INDEX), ("extended", "/api/v1/info/assets")):
            began = clock.monotonic()
            await _get(box.venue_url(venue) + path)
            times.append(clock.monotonic() - began)

    assert times[0] >= 0.12
    assert times[1] < times[0]
