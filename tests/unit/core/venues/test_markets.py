"""The real ccxt classes over HTTP against example payloads of the four venues."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import TroubleKind, VenueError
from core.model.instrument import AbsenceReason
from core.model.opportunity import SkipReason
from core.venues.catalog import VENUES
from core.venues.markets import MarketReader, open_markets
from tests.fakes.runtime import FakeClock
from tests.unit.core.venues.local import (
    PATHS,
    PAYLOAD_TIME,
    Told,
    example_answers,
    reading,
    serve,
)

if TYPE_CHECKING:
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot
    from core.model.units import VenueId

ALL = list(VENUES)
LIST_PATHS = {
    "binance": "/fapi/v1/exchangeInfo",
    "hyperliquid": "/info:metaAndAssetCtxs",
    "lighter": "/api/v1/orderBookDetails",
    "extended": "/api/v1/info/markets",
}
RATE_PATHS = {
    **LIST_PATHS,
    "binance": "/fapi/v1/premiumIndex",
    "lighter": "/api/v1/funding-rates",
}


async def listed(reader: MarketReader) -> dict[str, Instrument]:
    """Return a venue's instruments by token."""
    return {each.base: each for each in (await reader.instruments())[0]}


async def rates(
    reader: MarketReader, instruments: dict[str, Instrument]
) -> dict[str, FundingSnapshot]:
    """Return a venue's snapshots by token, when there is no skip."""
    found, skips = await reader.funding(
        {each.symbol: each for each in instruments.values()}
    )
    assert skips == ()
    return {each.instrument.base: each for each in found}


# --- what each venue's payload means --------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "native", "lot", "tick"),
    [
        ("binance", "1000PEPEUSDT", "1000", "0.000001"),
        ("hyperliquid", "kPEPE", "1000", "0.000001"),
        ("lighter", "1000PEPE", "1000", "0.000001"),
        ("extended", "1000PEPE-USD", "100000", "0.000001"),
    ],
)
async def test_every_venue_lists_pepe_by_its_own_name(
    venue: VenueId, native: str, lot: str, tick: str
) -> None:
    """One token under four names; lots are in PEPE, not in thousands of PEPE."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        found = await listed(reader)

    assert set(found) == {"BTC", "PEPE"}
    assert found["PEPE"].native_name == native
    assert found["PEPE"].multiplier == 1000
    assert found["PEPE"].lot_base == Decimal(lot)
    assert found["PEPE"].price_tick == Decimal(tick)
    assert found["BTC"].multiplier == 1


@pytest.mark.parametrize(
    ("venue", "btc", "pepe", "pepe_next"),
    [
        ("binance", "0.0000125", "0.00015", "00:00"),
        ("hyperliquid", "0.0000125", "-0.00002", "22:00"),
        ("lighter", "0.000012", "-0.000025", "22:00"),
        ("extended", "0.000013", "0.00002", "22:00"),
    ],
)
async def test_rates_of_the_four_venues_compare_per_hour(
    venue: VenueId, btc: str, pepe: str, pepe_next: str
) -> None:
    """0.0001 per 8 h, 0.000096 per 8 h and 0.0000125 per hour are nearly one rate."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        found = await rates(reader, await listed(reader))

    assert found["BTC"].rate.per_hour == Decimal(btc)
    assert found["PEPE"].rate.per_hour == Decimal(pepe)
    pays_at = found["PEPE"].next_funding_at
    assert pays_at is not None
    assert f"{pays_at:%H:%M}" == pepe_next
    mark = found["PEPE"].mark_price
    assert mark is not None
    assert Decimal("0.000010") < mark < Decimal("0.0000101")
    assert found["BTC"].observed_at == PAYLOAD_TIME


@pytest.mark.parametrize(
    ("venue", "token", "volume"),
    [
        ("binance", "BTC", "9100000000"),
        ("binance", "PEPE", None),
        ("hyperliquid", "BTC", "3000000000.5"),
        ("lighter", "PEPE", "2000000.0"),
        ("extended", "BTC", "231016077.51"),
    ],
)
async def test_day_volume_is_in_usd_and_unknown_where_it_is_not_told(
    venue: VenueId, token: str, volume: str | None
) -> None:
    """Binance's ticker list lacks PEPE here: unknown, not zero."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        found = await rates(reader, await listed(reader))

    assert found[token].volume_24h_usd == (None if volume is None else Decimal(volume))


@pytest.mark.parametrize(
    ("venue", "bid", "ask", "quantity"),
    [
        ("binance", "91010.0", "91010.1", "0.431"),
        ("hyperliquid", "91012.0", "91013.0", "0.5"),
        ("lighter", "91011.0", "91012.0", "1.3237"),
        ("extended", "91012", "91013", "14.46"),
    ],
)
async def test_books_come_with_prices_and_quantities_per_base_unit(
    venue: VenueId, bid: str, ask: str, quantity: str
) -> None:
    """What is left of an order counts, not what it was."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        found = await reader.book((await listed(reader))["BTC"])

    assert found.bids[0].price == Decimal(bid)
    assert found.bids[0].quantity_base == Decimal(quantity)
    assert found.asks[0].price == Decimal(ask)


@pytest.mark.parametrize(
    ("venue", "rate", "hour", "price"),
    [
        ("binance", "0.0001", 16, "90900.1"),
        ("hyperliquid", "0.0000125", 21, None),
        ("lighter", "0.000012", 21, None),
        ("extended", "0.000013", 21, None),
    ],
)
async def test_past_payments_are_fractions_at_full_hours(
    venue: VenueId, rate: str, hour: int, price: str | None
) -> None:
    """Lighter writes 0.0012 percent: 0.000012 of the notional."""
    since = PAYLOAD_TIME - timedelta(hours=9)
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        found = await reader.settled((await listed(reader))["BTC"], since)

    assert [(each.pay_at.hour, each.per_payment) for each in found] == [
        (hour, Decimal(rate))
    ]
    assert found[0].price == (None if price is None else Decimal(price))


async def test_payments_before_the_moment_asked_for_are_left_out() -> None:
    """Booking one twice would invent money."""
    since = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url) as reader,
    ):
        assert await reader.settled((await listed(reader))["BTC"], since) == ()


async def test_a_delisted_coin_stays_out_with_its_reason() -> None:
    """Hyperliquid goes on listing what it delisted."""
    async with (
        serve(example_answers("hyperliquid")) as local,
        reading(VENUES[ALL[1]], local.url) as reader,
    ):
        _, left_out = await reader.instruments()

    assert [(each.native_name, each.reason) for each in left_out] == [
        ("OLD", AbsenceReason.DELISTED)
    ]


# --- how many requests ----------------------------------------------------------------


async def test_a_warm_scan_of_four_venues_costs_five_requests() -> None:
    """Venues count requests; a scan a minute must stay far below their limits."""
    clock = FakeClock(PAYLOAD_TIME)
    cost: dict[str, list[str]] = {}
    for venue in ALL:
        async with (
            serve(example_answers(venue)) as local,
            reading(VENUES[venue], local.url, clock=clock) as reader,
        ):
            instruments = await listed(reader)
            await rates(reader, instruments)
            local.asked.clear()
            await rates(reader, instruments)
            cost[venue] = sorted(local.asked)

    assert cost == {
        "binance": ["/fapi/v1/premiumIndex"],
        "hyperliquid": ["/info:metaAndAssetCtxs"],
        "lighter": ["/api/v1/funding-rates", "/api/v1/orderBookDetails"],
        "extended": ["/api/v1/info/markets"],
    }


async def test_a_stored_list_of_instruments_costs_one_more_read_after_a_restart() -> (
    None
):
    """The reader needs ccxt's own list once, whoever asked for the instruments."""
    async with serve(example_answers("hyperliquid")) as local:
        async with reading(VENUES[ALL[1]], local.url) as before:
            stored = await listed(before)
        local.asked.clear()
        async with reading(VENUES[ALL[1]], local.url) as after:
            await rates(after, stored)

    assert local.asked == ["/info:metaAndAssetCtxs"] * 2


@pytest.mark.parametrize(
    ("seconds", "asked"),
    [
        (29, ["/fapi/v1/premiumIndex"]),
        (30, ["/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex"]),
        (299, ["/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex"]),
        (
            300,
            ["/fapi/v1/fundingInfo", "/fapi/v1/premiumIndex", "/fapi/v1/ticker/24hr"],
        ),
    ],
)
async def test_binance_intervals_are_kept_for_half_a_minute_and_volumes_for_five(
    seconds: int, asked: list[str]
) -> None:
    """A wrong interval is a wrong rate; volumes weigh as much as forty requests."""
    clock = FakeClock(PAYLOAD_TIME)
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url, clock=clock) as reader,
    ):
        instruments = await listed(reader)
        await rates(reader, instruments)
        await clock.advance(timedelta(seconds=seconds))
        local.asked.clear()
        await rates(reader, instruments)

    assert sorted(local.asked) == asked


async def test_lost_lists_of_intervals_and_volumes_age_into_unknown() -> None:
    """Volumes are believed for 15 minutes, intervals for an hour, then nothing is."""
    clock = FakeClock(PAYLOAD_TIME)
    seen: list[tuple[Decimal | None, int]] = []
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url, clock=clock) as reader,
    ):
        instruments = await listed(reader)
        await rates(reader, instruments)
        for lost in ("/fapi/v1/fundingInfo", "/fapi/v1/ticker/24hr"):
            local.answers[lost] = Told("<html>gone</html>", 503)
        for minutes in (14, 2, 44, 1):
            await clock.advance(timedelta(minutes=minutes))
            found, skips = await reader.funding(
                {each.symbol: each for each in instruments.values()}
            )
            btc = [each for each in found if each.instrument.base == "BTC"]
            assert all(skip.reason is SkipReason.NO_INTERVAL for skip in skips)
            seen.append((btc[0].volume_24h_usd if btc else None, len(skips)))

    assert seen == [(Decimal(9_100_000_000), 0), (None, 0), (None, 0), (None, 2)]


async def test_a_list_that_fails_is_not_asked_for_again_within_a_minute() -> None:
    """A slow extra list must not slow down every scan."""
    clock = FakeClock(PAYLOAD_TIME)
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url, clock=clock) as reader,
    ):
        instruments = await listed(reader)
        await rates(reader, instruments)
        local.answers["/fapi/v1/ticker/24hr"] = Told("", 500)
        await clock.advance(timedelta(minutes=6))
        local.asked.clear()
        for _ in range(3):
            await rates(reader, instruments)
            await clock.advance(timedelta(seconds=20))
        asked_early = local.asked.count("/fapi/v1/ticker/24hr")
        await rates(reader, instruments)
        asked_late = local.asked.count("/fapi/v1/ticker/24hr")

    assert (asked_early, asked_late) == (1, 2)


async def test_a_contradicted_interval_is_right_with_the_next_scan() -> None:
    """BTC went from 8 h to hourly a minute ago: 8 times the rate per hour."""
    clock = FakeClock(PAYLOAD_TIME)
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url, clock=clock) as reader,
    ):
        instruments = await listed(reader)
        await rates(reader, instruments)
        index = local.payload("/fapi/v1/premiumIndex")
        index[0]["nextFundingTime"] = 1795384800000  # 22:00
        local.tell("/fapi/v1/premiumIndex", index)
        listed_intervals = local.payload("/fapi/v1/fundingInfo")
        local.tell(
            "/fapi/v1/fundingInfo",
            [*listed_intervals, {"symbol": "BTCUSDT", "fundingIntervalHours": 1}],
        )
        await clock.advance(timedelta(minutes=1))
        found = await rates(reader, instruments)

    assert found["BTC"].rate.interval == timedelta(hours=1)
    assert found["BTC"].rate.per_hour == Decimal("0.0001")


@pytest.mark.parametrize(
    ("minutes", "is_entry"), [(8, False), (1, True)], ids=["full hour", "entry"]
)
async def test_intervals_are_read_again_after_a_payment_and_before_an_entry(
    minutes: int, *, is_entry: bool
) -> None:
    """A change from 4 h to 8 h halves the rate and contradicts nothing.

    The payloads are of 21:52; eight minutes later a payment may have been made.
    """
    clock = FakeClock(PAYLOAD_TIME)
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url, clock=clock) as reader,
    ):
        instruments = await listed(reader)
        before = await rates(reader, instruments)
        local.tell("/fapi/v1/fundingInfo", [])
        await clock.advance(timedelta(minutes=minutes))
        found, _ = await reader.funding(
            {each.symbol: each for each in instruments.values()}, is_entry=is_entry
        )

    (pepe,) = (each for each in found if each.instrument.base == "PEPE")
    assert before["PEPE"].rate.per_hour == 2 * pepe.rate.per_hour


# --- broken rows ----------------------------------------------------------------------


def rate_rows(venue: str, payload: Any) -> tuple[list[Any], int, str]:  # noqa: ANN401 - any JSON
    """Return a payload's rates, where BTC's is, and the key of the rate in it."""
    if venue == "binance":
        return payload, 0, "lastFundingRate"
    if venue == "hyperliquid":
        return payload[1], 0, "funding"
    if venue == "lighter":
        return payload["funding_rates"], 2, "rate"
    return payload["data"], 0, "fundingRate"


def contract_rows(venue: str, payload: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """Return a payload's contracts, BTC first."""
    if venue == "hyperliquid":
        payload, key = payload[0], "universe"
    else:
        key = {
            "binance": "symbols",
            "lighter": "order_book_details",
            "extended": "data",
        }[venue]
    rows: list[Any] = payload[key]
    return rows


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("how", ["text", "missing", "null", "not_object"])
async def test_one_broken_rate_costs_only_its_token(venue: VenueId, how: str) -> None:
    """The other tokens of the venue are as right as ever."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        instruments = await listed(reader)
        payload = local.payload(RATE_PATHS[venue])
        rows, at, key = rate_rows(venue, payload)
        row = rows[at]
        holder = row.get("marketStats", row)
        if how == "missing":
            del holder[key]
        elif how == "not_object":
            rows[at] = None
        else:
            holder[key] = "abc" if how == "text" else None
        local.tell(RATE_PATHS[venue], payload)
        found, skips = await reader.funding(
            {each.symbol: each for each in instruments.values()}
        )

    assert [each.instrument.base for each in found] == ["PEPE"]
    assert [skip.base for skip in skips] == ["BTC"]
    expected = SkipReason.MALFORMED if how == "text" else SkipReason.NO_RATE
    assert skips[0].reason is expected


@pytest.mark.parametrize(
    ("venue", "breakage"),
    [
        ("binance", {"filters": [{"filterType": "LOT_SIZE", "stepSize": "x"}]}),
        ("binance", {"quantityPrecision": "x", "filters": []}),
        ("hyperliquid", {"szDecimals": "five"}),
        ("lighter", {"size_decimals": "five"}),
        ("lighter", {"price_decimals": None}),
        ("extended", {"tradingConfig": None}),
    ],
)
async def test_one_broken_contract_costs_only_itself(
    venue: VenueId, breakage: dict[str, object]
) -> None:
    """A list of 800 contracts must not fail for one."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        payload = local.payload(LIST_PATHS[venue])
        rows = contract_rows(venue, payload)
        rows[0].update(breakage)
        local.tell(LIST_PATHS[venue], payload)
        used, left_out = await reader.instruments()

    assert [each.base for each in used] == ["PEPE"]
    broken = [each for each in left_out if each.reason is AbsenceReason.MALFORMED]
    assert [each.native_name.removesuffix("USDT") for each in broken] in (
        ["BTC"],
        ["BTC-USD"],
    )


@pytest.mark.parametrize("venue", ALL)
async def test_a_null_among_the_contracts_costs_nothing_else(venue: VenueId) -> None:
    """The row has no name, so nobody can be told which one it was."""
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        payload = local.payload(LIST_PATHS[venue])
        rows = contract_rows(venue, payload)
        rows[0] = None
        local.tell(LIST_PATHS[venue], payload)
        used, _ = await reader.instruments()

    assert [each.base for each in used] == ["PEPE"]


async def test_an_interval_nobody_can_name_withdraws_the_default_of_all() -> None:
    """The nameless row may be BTC's: 8 h is not certain for anyone unlisted."""
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url) as reader,
    ):
        instruments = await listed(reader)
        rows = local.payload("/fapi/v1/fundingInfo")
        local.tell("/fapi/v1/fundingInfo", [*rows, None])
        found, skips = await reader.funding(
            {each.symbol: each for each in instruments.values()}
        )

    assert [each.instrument.base for each in found] == ["PEPE"]
    assert [(skip.base, skip.reason) for skip in skips] == [
        ("BTC", SkipReason.NO_INTERVAL)
    ]


async def test_a_context_list_that_is_one_short_is_refused_whole() -> None:
    """Every later coin would silently get its neighbor's rate."""
    async with (
        serve(example_answers("hyperliquid")) as local,
        reading(VENUES[ALL[1]], local.url) as reader,
    ):
        instruments = await listed(reader)
        payload = local.payload("/info:metaAndAssetCtxs")
        del payload[1][0]
        local.tell("/info:metaAndAssetCtxs", payload)
        with pytest.raises(VenueError, match="not equally many") as caught:
            await reader.funding({each.symbol: each for each in instruments.values()})

    assert caught.value.kind is TroubleKind.NONSENSE


async def test_a_rate_of_a_contract_nobody_listed_is_ignored() -> None:
    """Binance shows NEWUSDT before its list does; lighter a market 777."""
    for venue in ("binance", "lighter"):
        async with (
            serve(example_answers(venue)) as local,
            reading(VENUES[ALL[0] if venue == "binance" else ALL[2]], local.url) as one,
        ):
            found = await rates(one, await listed(one))

        assert set(found) == {"BTC", "PEPE"}


# --- whole failures -------------------------------------------------------------------

HTML = "<html><body>502 Bad Gateway</body></html>"
FAILURES = {
    "5xx": (Told(HTML, 502), TroubleKind.SERVER_ERROR, "answered 502"),
    "503 with json": (
        Told('{"code":-1008,"msg":"busy"}', 503),
        TroubleKind.SERVER_ERROR,
        "answered 503",
    ),
    "429": (Told('{"code":-1003}', 429), TroubleKind.BUSY, "answered 429"),
    "418": (Told("{}", 418), TroubleKind.BUSY, "answered 418"),
    "451": (Told("{}", 451), TroubleKind.REFUSED, "answered 451"),
    "404": (Told("{}", 404), TroubleKind.REFUSED, "answered 404"),
    "408": (Told("{}", 408), TroubleKind.TIMEOUT, "answered 408"),
    "redirect": (
        Told("", 302, {"Location": "http://127.0.0.1:9/elsewhere"}),
        TroubleKind.REFUSED,
        "answered 302",
    ),
    "html with 200": (Told(HTML), TroubleKind.NONSENSE, "a page instead of data"),
    "empty": (Told(""), TroubleKind.NONSENSE, "an empty answer"),
    "null": (Told("null"), TroubleKind.NONSENSE, "a page instead of data"),
    "bad json": (Told('[{"symbol":'), TroubleKind.NONSENSE, "data that breaks off"),
    "cut off": (
        Told('[{"symbol":', is_cut=True),
        TroubleKind.NONSENSE,
        "an answer that breaks off",
    ),
    "empty list": (Told("[]"), TroubleKind.NONSENSE, "sent"),
    "empty object": (Told("{}"), TroubleKind.NONSENSE, "sent"),
    "wrong shape": (
        Told('{"data":7,"symbols":7,"order_book_details":7,"funding_rates":7}'),
        TroubleKind.NONSENSE,
        "sent",
    ),
}


@pytest.mark.parametrize("failure", list(FAILURES))
@pytest.mark.parametrize("venue", ALL)
async def test_a_venue_that_fails_says_how_in_plain_words(
    venue: VenueId, failure: str
) -> None:
    """The card names the venue and this phrase; no address, no raw page."""
    told, kind, words = FAILURES[failure]
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        instruments = await listed(reader)
        local.answers[RATE_PATHS[venue]] = told
        local.answers[LIST_PATHS[venue]] = told
        with pytest.raises(VenueError) as on_rates:
            await reader.funding({each.symbol: each for each in instruments.values()})
        with pytest.raises(VenueError) as on_list:
            await reader.instruments()
        local.answers.update(example_answers(venue))
        recovered = await rates(reader, await listed(reader))

    for caught in (on_rates, on_list):
        assert caught.value.kind is kind
        assert words in caught.value.detail
        assert "://" not in caught.value.detail
        assert caught.value.venue_id == venue
    assert set(recovered) == {"BTC", "PEPE"}


@pytest.mark.parametrize("venue", ALL)
async def test_a_venue_that_is_not_there_is_unreachable(venue: VenueId) -> None:
    """Nobody listens on this port any more."""
    async with serve({}) as local:
        url = local.url

    async with reading(VENUES[venue], url) as reader:
        with pytest.raises(VenueError) as caught:
            await reader.instruments()

    assert caught.value.kind is TroubleKind.UNREACHABLE
    assert caught.value.detail == "no connection"


@pytest.mark.parametrize("venue", ALL)
async def test_a_venue_that_hangs_costs_its_time_limit_and_no_more(
    venue: VenueId,
) -> None:
    """The scan of the others goes on; a later answer is taken again."""
    gate = asyncio.Event()
    answers = example_answers(venue)
    path = LIST_PATHS[venue]
    answers[path].gate = gate
    async with (
        serve(answers) as local,
        reading(
            VENUES[venue], local.url, patience=timedelta(milliseconds=500)
        ) as reader,
    ):
        with pytest.raises(VenueError) as caught:
            await reader.instruments()
        gate.set()
        found = await listed(reader)

    assert caught.value.kind is TroubleKind.TIMEOUT
    assert set(found) == {"BTC", "PEPE"}


@pytest.mark.parametrize("venue", ALL)
async def test_one_waiter_giving_up_does_not_take_the_list_from_another(
    venue: VenueId,
) -> None:
    """The client shares one task among all waiters and lets any of them kill it."""
    gate = asyncio.Event()
    answers = example_answers(venue)
    answers[LIST_PATHS[venue]].gate = gate
    async with (
        serve(answers) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        impatient = asyncio.create_task(reader.instruments())
        patient = asyncio.create_task(reader.instruments())
        await local.arrived.wait()
        impatient.cancel()
        await asyncio.wait({impatient})
        gate.set()
        used, _ = await patient

    assert impatient.cancelled()
    assert {each.base for each in used} == {"BTC", "PEPE"}
    assert local.asked == [LIST_PATHS[venue]]


async def test_closing_while_a_list_is_read_leaves_nothing_behind() -> None:
    """Ctrl-C in the first second must end in a prompt, not in warnings."""
    answers = example_answers("binance")
    answers["/fapi/v1/exchangeInfo"].gate = asyncio.Event()
    async with serve(answers) as local:
        reader = MarketReader(
            VENUES[ALL[0]], base_url=local.url, clock=FakeClock(PAYLOAD_TIME)
        )
        waiting = asyncio.create_task(reader.instruments())
        await local.arrived.wait()
        await reader.close()
        await asyncio.wait({waiting})

    assert waiting.cancelled() or waiting.exception() is not None


async def test_lighter_without_prices_fails_instead_of_guessing() -> None:
    """Its rates come without prices; both lists together are one answer."""
    async with (
        serve(example_answers("lighter")) as local,
        reading(VENUES[ALL[2]], local.url) as reader,
    ):
        instruments = await listed(reader)
        local.answers["/api/v1/orderBookDetails"] = Told(HTML, 502)
        with pytest.raises(VenueError, match="answered 502"):
            await reader.funding({each.symbol: each for each in instruments.values()})


@pytest.mark.parametrize("venue", ALL)
async def test_a_garbled_book_is_a_failure_of_the_venue(venue: VenueId) -> None:
    """An order is never priced on half a book."""
    path = next(
        each
        for each in PATHS[venue]
        if PATHS[venue][each].lower().endswith("book")
        or "depth" in each
        or "orderBookOrders" in each
    )
    async with (
        serve(example_answers(venue)) as local,
        reading(VENUES[venue], local.url) as reader,
    ):
        btc = (await listed(reader))["BTC"]
        local.answers[path] = Told(
            str(local.answers[path].body).replace("9101", "nine")
        )
        with pytest.raises(VenueError) as caught:
            await reader.book(btc)

    assert caught.value.kind is TroubleKind.NONSENSE


async def test_an_empty_book_is_an_answer_nobody_can_trade_on() -> None:
    """A halted market has no orders; that is no failure of the venue."""
    async with (
        serve(example_answers("binance")) as local,
        reading(VENUES[ALL[0]], local.url) as reader,
    ):
        btc = (await listed(reader))["BTC"]
        local.tell("/fapi/v1/depth", {"lastUpdateId": 1, "bids": [], "asks": []})
        found = await reader.book(btc)

    assert not found.is_usable


# --- all of them ----------------------------------------------------------------------


async def test_open_markets_gives_one_reader_per_venue_asked_for() -> None:
    """Only configured venues are ever called."""
    wanted = [ALL[0], ALL[3]]

    readers = open_markets(wanted, {}, FakeClock(PAYLOAD_TIME), paper=True)

    assert [reader.venue_id for reader in readers.values()] == wanted
    assert readers[ALL[3]].rules.code == "EX"
    assert readers[ALL[0]].requests == 0
    assert readers[ALL[0]].latency is None
    for reader in readers.values():
        await reader.close()


async def test_the_reader_counts_requests_and_times_the_last_one() -> None:
    """The health screen shows both."""
    async with (
        serve(example_answers("extended")) as local,
        reading(VENUES[ALL[3]], local.url) as reader,
    ):
        await reader.instruments()

        assert reader.requests == 1
        assert reader.latency == timedelta(0)  # the test's clock stands still
