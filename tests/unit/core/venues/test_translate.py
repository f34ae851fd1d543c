"""Rates, books and payments of ccxt against the model, with numbers to check."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.model.instrument import Instrument
from core.model.market import FundingSnapshot
from core.model.opportunity import Skip, SkipReason
from core.model.units import HOUR
from core.venues import listing, translate
from core.venues.catalog import BINANCE, EXTENDED, LIGHTER
from core.venues.fields import MalformedError
from core.venues.translate import RateRows
from tests.unit.core.venues.rows import instrument, market, rate_row

NOW = datetime(2026, 11, 22, 21, 52, 13, tzinfo=UTC)


def read(row: dict[str, Any] | None, **rows: Any) -> FundingSnapshot | Skip:  # noqa: ANN401 - any row
    """Read one Binance rate at a fixed moment."""
    now = rows.pop("now", NOW)
    return translate.read_rate(BINANCE, instrument(), RateRows(row, **rows), now)


def snapshot(row: dict[str, Any], **rows: Any) -> FundingSnapshot:  # noqa: ANN401 - any row
    """Read one Binance rate that must be readable."""
    found = read(row, **rows)
    assert isinstance(found, FundingSnapshot)
    return found


def skip(row: dict[str, Any] | None, **rows: Any) -> Skip:  # noqa: ANN401 - any row
    """Read one Binance rate that must be skipped."""
    found = read(row, **rows)
    assert isinstance(found, Skip)
    return found


# --- rates ----------------------------------------------------------------------------


def test_a_rate_keeps_the_digits_the_venue_wrote() -> None:
    """Rates come out of the venue's text, not out of a float."""
    found = snapshot(
        rate_row(lastFundingRate="0.00001235"),
        ticker={"info": {"quoteVolume": "9100000000.12"}},
    )

    assert str(found.rate.per_interval) == "0.00001235"
    assert found.rate.interval == found.rate.payment_interval == timedelta(hours=8)
    assert found.next_funding_at == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert found.mark_price == Decimal("91010.1")
    assert found.index_price == Decimal("91000.2")
    assert found.volume_24h_usd == Decimal("9100000000.12")


def test_prices_are_per_base_unit() -> None:
    """1000PEPE at 0.01001 is PEPE at 0.00001001."""
    pepe = instrument(id="1000PEPEUSDT", baseId="1000PEPE")

    found = translate.read_rate(
        BINANCE, pepe, RateRows(rate_row(markPrice="0.0100100")), NOW
    )

    assert isinstance(found, FundingSnapshot)
    assert found.mark_price == Decimal("0.00001001")


def test_a_published_interval_replaces_the_default() -> None:
    """0.0008 per 4 h is 0.0002 per hour; taken as per 8 h it would be half."""
    found = snapshot(
        rate_row(lastFundingRate="0.0008"),
        interval={"info": {"fundingIntervalHours": 4}},
    )

    assert found.rate.per_hour == Decimal("0.0002")


def test_lighter_publishes_per_eight_hours_and_pays_hourly() -> None:
    """0.000096 per 8 h is 0.000012 per hour and per payment."""
    row = market(quote="USDC", settle="USDC", info={"symbol": "BTC"})
    btc = listing.read_market(LIGHTER, row)
    assert isinstance(btc, Instrument)

    found = translate.read_rate(
        LIGHTER, btc, RateRows({"info": {"rate": "0.000096"}}), NOW
    )

    assert isinstance(found, FundingSnapshot)
    assert found.rate.per_hour == found.rate.per_payment == Decimal("0.000012")
    assert found.next_funding_at == datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    assert (found.mark_price, found.volume_24h_usd) == (None, None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, SkipReason.NO_RATE),
        ("", SkipReason.NO_RATE),
        ("abc", SkipReason.MALFORMED),
        ("NaN", SkipReason.MALFORMED),
        ("Infinity", SkipReason.MALFORMED),
        (float("nan"), SkipReason.MALFORMED),
        (True, SkipReason.MALFORMED),
        ([], SkipReason.MALFORMED),
        ("2.1", SkipReason.MALFORMED),
        ("-2.1", SkipReason.MALFORMED),
    ],
)
def test_a_rate_that_is_no_rate_is_skipped(value: object, reason: SkipReason) -> None:
    """2.1 per 8 h is above 0.25 per hour: a unit error, not a market."""
    assert skip(rate_row(lastFundingRate=value)).reason is reason


def test_a_rate_at_the_limit_still_counts() -> None:
    """2.0 per 8 h is exactly 0.25 per hour."""
    assert snapshot(rate_row(lastFundingRate="2.0")).rate.per_hour == Decimal("0.25")


def test_a_missing_row_is_no_rate() -> None:
    """Every instrument asked for ends in one of the two results."""
    found = skip(None)

    assert (found.reason, found.symbol) == (SkipReason.NO_RATE, "BTC/USDT:USDT")
    assert (found.venue_id, found.base) == ("binance", "BTC")


@pytest.mark.parametrize("hours", ["abc", 0, -8, 25, 10**12, None])
def test_an_unreadable_interval_is_never_assumed(hours: object) -> None:
    """The venue did list this symbol: its 8 h default no longer holds."""
    found = skip(rate_row(), interval={"info": {"fundingIntervalHours": hours}})

    assert found.reason is SkipReason.NO_INTERVAL


def test_without_the_list_of_intervals_the_default_does_not_hold() -> None:
    """8 h is what is missing from a list that was read, not what is unknown."""
    assert skip(rate_row(), has_intervals=False).reason is SkipReason.NO_INTERVAL


@pytest.mark.parametrize(
    ("next_ms", "hours", "why"),
    [
        (1795388400000, 8, "23:00 is no multiple of 8 h"),
        (1795392000000, 1, "00:00 is two hours ahead, an hourly payment is not"),
    ],
)
def test_an_interval_the_next_payment_contradicts_is_not_known(
    next_ms: int, hours: int, why: str
) -> None:
    """Intervals change by themselves; an old list then gives a rate 8 times off."""
    found = skip(
        rate_row(nextFundingTime=next_ms),
        interval={"info": {"fundingIntervalHours": hours}},
    )

    assert found.reason is SkipReason.NO_INTERVAL, why


def test_without_an_announced_payment_a_listed_interval_stands() -> None:
    """Nothing contradicts it; only the countdown is unknown."""
    found = snapshot(rate_row(nextFundingTime=0))

    assert found.rate.interval == timedelta(hours=8)
    assert found.next_funding_at is None


@pytest.mark.parametrize(
    ("interval", "unit", "expected"),
    [
        ("8h", HOUR, timedelta(hours=8)),
        ("30m", HOUR, timedelta(minutes=30)),
        ("1d", HOUR, timedelta(days=1)),
        (480, timedelta(minutes=1), timedelta(hours=8)),
        ("28800", timedelta(seconds=1), timedelta(hours=8)),
    ],
)
def test_intervals_are_read_in_the_unit_the_venue_uses(
    interval: object, unit: timedelta, expected: timedelta
) -> None:
    """Bybit writes minutes, Gate seconds, ccxt text."""
    fields = replace(
        BINANCE.rates, interval="rate.interval", interval_unit=unit, intervals_call=None
    )

    found = translate.read_rate(
        replace(BINANCE, rates=fields),
        instrument(),
        RateRows({**rate_row(nextFundingTime=None), "interval": interval}),
        NOW,
    )

    assert isinstance(found, FundingSnapshot)
    assert found.rate.interval == expected


@pytest.mark.parametrize("mark", [None, "", "0", "0.00000000", "-1"])
def test_a_price_that_is_none_is_unknown(mark: object) -> None:
    """Venues write zero where they have no price."""
    assert snapshot(rate_row(markPrice=mark)).mark_price is None


def test_a_garbled_price_costs_the_row() -> None:
    """A row with one garbled number cannot be trusted in the others."""
    found = skip(rate_row(markPrice="1,234"))

    assert found.reason is SkipReason.MALFORMED
    assert found.detail == "markPrice is '1,234'"


@pytest.mark.parametrize("volume", [None, "", "abc", "-1", "NaN"])
def test_an_unreadable_volume_is_unknown_and_costs_no_rate(volume: object) -> None:
    """Unknown volume has a rule of its own; it is never zero and never enough."""
    found = snapshot(rate_row(), ticker={"info": {"quoteVolume": volume}})

    assert found.volume_24h_usd is None


# --- payment moments ------------------------------------------------------------------


def at(text: str) -> datetime:
    """Return a moment of the test day."""
    return datetime.fromisoformat(f"2026-11-22T{text}+00:00")


@pytest.mark.parametrize(
    ("announced", "interval_h", "now", "expected"),
    [
        ("16:00:00", 8, "15:59:59", "16:00:00"),
        ("16:00:00", 8, "09:00:00", "16:00:00"),
        # just settled, the venue still shows the old moment
        ("16:00:00", 4, "16:00:00", "20:00:00"),
        ("16:00:00", 4, "16:00:04", "20:00:00"),
        ("16:00:00", 4, "16:05:00", "20:00:00"),
        # long past, or further away than one interval
        ("16:00:00", 4, "16:05:01", None),
        ("16:00:00", 1, "14:00:00", None),
        # a venue clock up to a minute ahead of ours
        ("16:00:00", 1, "14:59:30", "16:00:00"),
    ],
)
def test_the_next_payment_is_ahead_and_at_most_one_interval_away(
    announced: str, interval_h: int, now: str, expected: str | None
) -> None:
    """The countdown on a card and the payment clock both start here."""
    found = translate.next_payment(
        at(announced), timedelta(hours=interval_h), at(now), is_told=True
    )

    assert found == (None if expected is None else at(expected))


def test_a_venue_that_tells_no_moment_this_time_has_none() -> None:
    """An unknown moment stays unknown."""
    assert translate.next_payment(None, HOUR, NOW, is_told=True) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [("21:52:13", "22:00:00"), ("22:00:00", "23:00:00"), ("00:00:00", "01:00:00")],
)
def test_hourly_venues_pay_at_the_next_full_hour(now: str, expected: str) -> None:
    """Hyperliquid and Lighter announce no moment; they pay every full hour."""
    found = translate.next_payment(None, HOUR, at(now), is_told=False)

    assert found == at(expected)


def test_a_row_is_as_old_as_the_venue_says() -> None:
    """An answer from a stuck cache must not look fresh."""
    old = NOW - timedelta(minutes=4)

    found = snapshot(rate_row(time=int(old.timestamp() * 1000)))

    assert found.observed_at == old


def test_a_venue_clock_ahead_of_ours_makes_nothing_fresher_than_now() -> None:
    """Ages are never negative."""
    ahead = NOW + timedelta(seconds=2)

    found = snapshot(rate_row(time=int(ahead.timestamp() * 1000)))

    assert found.observed_at == NOW


def test_a_row_that_announces_a_past_payment_is_older_than_it() -> None:
    """Extended stamps no rows, but a passed payment gives a frozen one away."""
    row = market(quote="USDC", settle="USDC", info={"category": "Crypto"})
    btc = listing.read_market(EXTENDED, row)
    assert isinstance(btc, Instrument)
    passed = NOW - timedelta(minutes=52, seconds=13)
    info = {"fundingRate": "0.00001", "nextFundingRate": passed.timestamp() * 1000}

    found = translate.read_rate(EXTENDED, btc, RateRows({"info": info}), NOW)

    assert isinstance(found, FundingSnapshot)
    assert found.observed_at == passed
    assert found.next_funding_at is None


def test_an_impossible_moment_costs_the_row() -> None:
    """Python cannot even hold it."""
    assert skip(rate_row(nextFundingTime=10**30)).reason is SkipReason.MALFORMED


# --- books and past payments ----------------------------------------------------------


def test_a_book_is_in_base_units_and_orders_of_one_price_are_one_level() -> None:
    """Lighter lists single orders; 2 + 3 listed units of kPEPE are 5000 PEPE."""
    pepe = instrument(id="1000PEPEUSDT", baseId="1000PEPE")
    raw = {
        "bids": [[0.01, 2.0], [0.009, 1.0], [0.01, 3.0]],
        "asks": [[0.02, 1.0], [0.011, 4.0]],
    }

    book = translate.read_book(pepe, raw, NOW)

    assert [(level.price, level.quantity_base) for level in book.bids] == [
        (Decimal("0.00001"), Decimal(5000)),
        (Decimal("0.000009"), Decimal(1000)),
    ]
    assert [(level.price, level.quantity_base) for level in book.asks] == [
        (Decimal("0.000011"), Decimal(4000)),
        (Decimal("0.00002"), Decimal(1000)),
    ]
    assert book.is_usable


@pytest.mark.parametrize(
    "bids",
    [
        None,
        {},
        [[None, 1.0]],
        [["abc", 1.0]],
        [[0.0, 1.0]],
        [[1.0, -1.0]],
        [[float("nan"), 1.0]],
    ],
)
def test_a_garbled_book_is_refused_whole(bids: object) -> None:
    """An order priced on half a book would be priced on nothing."""
    with pytest.raises(MalformedError):
        translate.read_book(instrument(), {"bids": bids, "asks": []}, NOW)


def test_past_payments_are_sorted_and_stamped_with_the_full_minute() -> None:
    """Venues stamp a payment a second or two after the hour."""
    rows = [
        {
            "fundingRate": "0.0002",
            "timestamp": 1795381201346,
            "info": {"markPrice": "100"},
        },
        {"fundingRate": "-0.0001", "timestamp": 1795377600000, "info": {}},
    ]

    found = translate.read_settled(instrument(), rows, price="info.markPrice")

    assert [(each.pay_at, each.per_payment, each.price) for each in found] == [
        (at("20:00:00"), Decimal("-0.0001"), None),
        (at("21:00:00"), Decimal("0.0002"), Decimal(100)),
    ]


@pytest.mark.parametrize(
    "row", [{"fundingRate": None, "timestamp": 1}, {"fundingRate": "0.1"}]
)
def test_a_past_payment_needs_rate_and_moment(row: dict[str, Any]) -> None:
    """Booking a payment of zero instead would hide money."""
    with pytest.raises(MalformedError):
        translate.read_settled(instrument(), [row], price=None)
