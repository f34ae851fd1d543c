"""The real ccxt classes read the pretend venues as they read the real ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.unit.sandbox.venue_clients import NOON_MS, frozen_box, venue_client

VENUES = ("binance", "extended", "hyperliquid", "lighter")
HOUR_MS = 3_600_000


def _decimal(number: object) -> Decimal:
    return Decimal(str(number))


async def _hourly_rates(client: Any, venue: str) -> dict[str, Decimal]:  # noqa: ANN401 - ccxt is untyped
    """Derive hourly rates by each venue's documented unit, keyed by raw market id."""
    if venue == "extended":
        tickers = await client.fetch_tickers()
        return {
            client.market(symbol)["id"]: _decimal(row["info"]["fundingRate"])
            for symbol, row in tickers.items()
        }
    rates = await client.fetch_funding_rates()
    hours = dict.fromkeys(rates, Decimal({"hyperliquid": 1}.get(venue, 8)))
    if venue == "binance":
        for symbol, row in (await client.fetch_funding_intervals()).items():
            hours[symbol] = Decimal(row["interval"].removesuffix("h"))
    raw = "name" if venue == "hyperliquid" else "symbol"
    return {
        row["info"][raw]: _decimal(row["fundingRate"]) / hours[symbol]
        for symbol, row in rates.items()
    }


def _true_hourly_rates(truth: dict[str, Any], venue: str) -> dict[str, Decimal]:
    return {
        entry["venues"][venue]["symbol_raw"]: Decimal(
            entry["venues"][venue]["rate_hourly"]
        )
        for entry in truth["tokens"].values()
        if venue in entry["venues"] and entry["venues"][venue]["live"]
    }


@pytest.mark.parametrize("venue", VENUES)
async def test_hourly_rates_read_through_ccxt_are_the_true_ones(venue: str) -> None:
    """A scan can be checked against the truth only if both mean the same unit."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()

        read = await _hourly_rates(client, venue)

        expected = _true_hourly_rates(box.control.truth(), venue)
        assert len(expected) >= 25
        assert {name: read[name] for name in expected} == expected


@pytest.mark.parametrize("venue", VENUES)
async def test_mark_prices_survive_ccxts_floats(venue: str) -> None:
    """The price proof compares them with the truth, digit by digit."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()
        if venue in {"binance", "hyperliquid"}:
            rows = (await client.fetch_funding_rates()).values()
        else:
            rows = (await client.fetch_tickers()).values()

        read = {row["symbol"]: _decimal(row["markPrice"]) for row in rows}

        quote = "USDT:USDT" if venue == "binance" else "USDC:USDC"
        truth = box.control.truth()["tokens"]
        for base in ("BTC", "APT", "SUI", "ZEC"):
            facts = truth[base]["venues"][venue]
            assert read[f"{base}/{quote}"] == Decimal(facts["mark_price"])


@pytest.mark.parametrize("venue", VENUES)
async def test_ccxts_own_start_up_requests_are_answered(venue: str) -> None:
    """Without tuning ccxt asks for assets, spot and builder markets too."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        client.has["fetchCurrencies"] = venue != "binance"
        if venue == "hyperliquid":
            client.options["fetchMarkets"] = {"types": ["spot", "swap", "hip3"]}

        await client.load_markets()

    assert {one.status for one in box.requests} == {200}


@pytest.mark.parametrize("venue", VENUES)
async def test_markets_marked_inactive_are_exactly_the_dead_ones(venue: str) -> None:
    """Each venue says in its own words that a market is gone."""
    dead = {
        "binance": ["FTM"],
        "extended": ["STRK"],
        "hyperliquid": ["FTM"],
        "lighter": ["POL"],
    }
    async with frozen_box() as box, venue_client(box, venue) as client:
        markets = (await client.load_markets()).values()

    bases = [market["base"] for market in markets if market["active"] is False]
    assert bases == dead[venue]
    assert all(market["linear"] for market in markets)


async def test_binance_shows_what_must_not_be_scanned_as_a_coin() -> None:
    """Stocks, unlisted companies, dated futures and second quotes all look tempting."""
    async with frozen_box() as box, venue_client(box, "binance") as client:
        markets = await client.load_markets()

    info = {symbol: market["info"] for symbol, market in markets.items()}
    assert info["TSLA/USDT:USDT"]["contractType"] == "TRADIFI_PERPETUAL"
    assert info["OPENAI/USDT:USDT"]["underlyingType"] == "PREMARKET"
    assert markets["BTC/USDT:USDT-261225"]["future"] is True
    assert markets["BTC/USDC:USDC"]["quote"] == "USDC"
    assert markets["币安人生/USDT:USDT"]["active"] is True


async def test_a_dated_future_has_no_funding() -> None:
    """Binance writes zeros there (recorded in 2026): no payment, not a rate of 0."""
    async with frozen_box() as box, venue_client(box, "binance") as client:
        await client.load_markets()

        rates = await client.fetch_funding_rates()

    row = rates["BTC/USDT:USDT-261225"]
    assert (row["fundingRate"], row["fundingTimestamp"]) == (0.0, 0)


async def test_binance_names_only_adjusted_intervals() -> None:
    """A symbol missing there pays every 8 hours, and some 8 h ones are listed."""
    async with frozen_box() as box, venue_client(box, "binance") as client:
        await client.load_markets()

        intervals = await client.fetch_funding_intervals()

    assert {symbol: row["interval"] for symbol, row in intervals.items()} == {
        "BTC/USDT:USDT": "8h",
        "LTC/USDT:USDT": "8h",
        "TRUMP/USDT:USDT": "4h",
        "1000PEPE/USDT:USDT": "4h",
        "FARTCOIN/USDT:USDT": "1h",
    }


@pytest.mark.parametrize("venue", VENUES)
async def test_volumes_read_through_ccxt_are_the_true_ones(venue: str) -> None:
    """The liquidity filter must see what the market says, unknown included."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()
        tickers = await client.fetch_tickers()

        read = {
            client.market(symbol)["id"]: row["quoteVolume"]
            for symbol, row in tickers.items()
        }

        for entry in box.control.truth()["tokens"].values():
            facts = entry["venues"].get(venue)
            if facts is None or not facts["live"]:
                continue
            symbol = facts["symbol_raw"]
            if venue in {"hyperliquid", "lighter"}:
                one = box.world.by_symbol(venue, symbol)
                assert one is not None
                symbol = str(one.number)
            true = facts["volume_24h_usd"]
            seen = read[symbol]
            assert (seen is None) == (true is None)
            assert true is None or _decimal(seen) == Decimal(true)


async def test_wif_has_no_known_volume_on_lighter() -> None:
    """One token must exercise the unknown-volume setting."""
    async with frozen_box() as box:
        venues = box.control.truth()["tokens"]["WIF"]["venues"]

    assert venues["lighter"]["volume_24h_usd"] is None
    assert venues["binance"]["volume_24h_usd"] == "75000000"


@pytest.mark.parametrize("venue", VENUES)
async def test_every_live_book_is_uncrossed_and_stands_around_the_mark(
    venue: str,
) -> None:
    """Paper fills walk these books; a crossed or far one would print money."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()
        marks = {
            facts["symbol_raw"]: Decimal(facts["mark_price"])
            for entry in box.control.truth()["tokens"].values()
            if (facts := entry["venues"].get(venue)) and facts["live"]
        }

        for one in box.world.instruments(venue):
            if one.symbol_raw not in marks:
                continue
            # a token may be called 4, and another be the fourth of the list
            is_numbered = venue in {"hyperliquid", "lighter"}
            market_id = str(one.number) if is_numbered else one.symbol_raw
            symbol = next(
                row["symbol"]
                for row in client.markets.values()
                if row["id"] == market_id
            )
            book = await client.fetch_order_book(symbol)
            mark = float(marks[one.symbol_raw])
            bids, asks = book["bids"], book["asks"]

            assert len(bids) == len(asks) == 20
            assert bids[0][0] < asks[0][0]
            assert bids[0][0] < mark * 1.0002
            assert asks[0][0] > mark * 0.9998
            assert bids == sorted(bids, reverse=True)
            assert asks == sorted(asks)


@pytest.mark.parametrize("venue", VENUES)
async def test_book_prices_and_sizes_respect_the_venues_steps(venue: str) -> None:
    """An order at a shown price must not be refused for its tick or lot."""
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()
        symbol = "APT/USDT:USDT" if venue == "binance" else "APT/USDC:USDC"

        book = await client.fetch_order_book(symbol)

        precision = client.market(symbol)["precision"]
        for price, size in (*book["bids"], *book["asks"]):
            assert _decimal(price) % _decimal(precision["price"]) == 0
            assert _decimal(size) % _decimal(precision["amount"]) == 0


@pytest.mark.parametrize("venue", ["binance", "extended", "hyperliquid"])
async def test_settled_rates_are_those_shown_before_the_payment(venue: str) -> None:
    """Units are proven by comparing shown rates with settled ones."""
    symbol = "KAITO/USDC:USDC" if venue == "extended" else "APT/USDC:USDC"
    if venue == "binance":
        symbol = "APT/USDT:USDT"
    async with frozen_box() as box, venue_client(box, venue) as client:
        await client.load_markets()
        one = box.world.find(symbol.split("/")[0], venue)

        since_ms = NOON_MS - 48 * HOUR_MS
        rows = await client.fetch_funding_rate_history(
            symbol, since=since_ms, params={"until": NOON_MS}
        )

        expected = {
            payment.at_ms: payment.rate
            for payment in box.world.payments(one, since_ms, NOON_MS)
        }
        settled = {
            row["timestamp"] // HOUR_MS * HOUR_MS: _decimal(row["fundingRate"])
            for row in rows
        }
        assert settled == expected
        assert len(settled) == (6 if venue == "binance" else 48)


async def test_nothing_was_paid_before_the_market_existed() -> None:
    """A reader that asks from 1970 on gets the first payments, as on the venue."""
    async with frozen_box() as box, venue_client(box, "hyperliquid") as client:
        await client.load_markets()

        rows = await client.fetch_funding_rate_history("BTC/USDC:USDC", since=1)

    assert len(rows) == 500
    assert rows[0]["datetime"].startswith("2023-11-14T23:00")


async def test_lighter_settles_in_percent_per_hour_with_a_direction() -> None:
    """The same venue shows fractions per 8 hours: mixing them up is off by 12.5."""
    async with frozen_box() as box, venue_client(box, "lighter") as client:
        await client.load_markets()
        one = box.world.find("APT", "lighter")
        request = {
            "market_id": one.number,
            "resolution": "1h",
            "start_timestamp": NOON_MS // 1000 - 7200,
            "end_timestamp": NOON_MS // 1000,
            "count_back": 10,
        }

        rows = (await client.publicGetFundings(request))["fundings"]

        for row in rows:
            at_ms = row["timestamp"] * 1000
            hourly = box.world.hourly_rate(one, at_ms - 1)
            sign = 1 if row["direction"] == "long" else -1
            assert Decimal(row["rate"]) * sign / 100 == hourly
        assert [row["direction"] for row in rows] == ["short", "short"]


async def test_lighter_shows_other_venues_rates_that_a_reader_must_drop() -> None:
    """Four rows per market, one of them its own."""
    async with frozen_box() as box, venue_client(box, "lighter") as client:
        await client.load_markets()

        raw = (await client.publicGetFundingRates())["funding_rates"]
        kept = await client.fetch_funding_rates()

    assert len(raw) == 4 * len(kept)


async def test_payments_follow_each_venues_own_clock() -> None:
    """At 21:52 UTC Binance pays at midnight or 22:00, the others at 22:00."""
    async with frozen_box() as box:
        tokens = box.control.truth()["tokens"]

    assert {
        name: facts["next_funding_at"]
        for name, facts in tokens["APT"]["venues"].items()
    } == {
        "binance": "2026-11-23T00:00:00+00:00",
        "extended": "2026-11-22T22:00:00+00:00",
        "hyperliquid": "2026-11-22T22:00:00+00:00",
        "lighter": "2026-11-22T22:00:00+00:00",
    }
    hourly = tokens["FARTCOIN"]["venues"]["binance"]
    assert hourly["next_funding_at"] == "2026-11-22T22:00:00+00:00"


@pytest.mark.parametrize(
    ("venue", "path", "status", "part"),
    [
        ("binance", "/fapi/v1/nothing", 404, b'"code":-5000'),
        ("binance", "/fapi/v1/depth?symbol=NO", 400, b'"code":-1121'),
        ("binance", "/fapi/v1/depth?symbol=BTCUSDT&limit=7", 400, b'"code":-1130'),
        ("hyperliquid", "/nothing", 404, b""),
        ("lighter", "/api/v1/nothing", 404, b'"code":404'),
        ("lighter", "/api/v1/orderBookOrders?market_id=1", 400, b'"code":20001'),
        ("extended", "/api/v1/nothing", 404, b'"status":"ERROR"'),
        ("extended", "/api/v1/info/markets/NO-USD/orderbook", 404, b'"code":1001'),
    ],
)
async def test_a_wrong_request_is_refused_in_the_venues_own_words(
    venue: str, path: str, status: int, part: bytes
) -> None:
    """Error handling is only tested by errors that look real."""
    async with (
        frozen_box() as box,
        aiohttp.ClientSession() as session,
        session.get(box.venue_url(venue) + path) as response,
    ):
        assert response.status == status
        assert part in await response.read()
