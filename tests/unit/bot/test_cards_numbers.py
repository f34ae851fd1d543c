from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cards import numbers
from core.model.units import FundingRate
from tests.fakes.runtime import START

DECIMALS = st.decimals(
    min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("-12345", "\N{MINUS SIGN}$12,345"),
        ("0.41", "+$0.41"),
        ("499.97", "+$499.97"),
        ("0.0041", "+$0.0041"),
        ("-0.005", "\N{MINUS SIGN}$0.005"),
        ("0", "$0"),
        ("-0.00000001", "$0.00"),
    ],
)
def test_money_reads_like_money(value: str, shown: str) -> None:
    """A result of minus nothing or of $499.970001 makes people doubt the rest."""
    assert numbers.usd(Decimal(value), is_signed=True) == shown


def test_unknown_money_is_said_to_be_unknown() -> None:
    """Unknown shown as $0 would be believed."""
    assert numbers.usd(None) == "unknown"
    assert numbers.usd_cell(None) == "-"


@pytest.mark.parametrize(
    ("per_hour", "hours", "shown"),
    [
        ("0.00010125", 8, "0.081%/8h"),
        ("0.00010125", 1, "0.010%/1h"),
        ("-0.000015", 8, "\N{MINUS SIGN}0.012%/8h"),
        ("0.15", 8, "120%/8h"),
        ("0.00000001", 8, "0.000008%/8h"),
        ("0", 8, "0%/8h"),
    ],
)
def test_a_rate_always_carries_its_period(
    per_hour: str, hours: int, shown: str
) -> None:
    """0.08 % per hour and per eight hours are worlds apart."""
    assert numbers.rate(Decimal(per_hour), hours) == shown


@pytest.mark.parametrize(
    ("per_hour", "shown"),
    [
        ("0.00010125", "+.081"),
        ("-0.00000875", "-.0070"),
        ("0.015", "+12.0"),
        ("0.15", "+120"),
        ("125", "+>9999"),
        ("0.0000000000012", "~0"),
    ],
)
def test_a_rate_fits_its_column(per_hour: str, shown: str) -> None:
    """One cell too many breaks every row of the table."""
    text = numbers.rate_cell(Decimal(per_hour), 8, is_signed=True)

    assert len(text) <= 6
    assert text == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [("0.89", "89%"), ("12.04", "1204%"), ("0.044", "4.4%"), ("9999", ">9999%")],
)
def test_a_yearly_rate_fits_its_column(fraction: str, shown: str) -> None:
    """1,204 % a year happens; it must not push the row over the edge."""
    assert numbers.apr_cell(Decimal(fraction)) == shown
    assert numbers.apr(Decimal("12.04")) == "1,204%"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("41.32200", "41.322"),
        ("0.0000012", "0.0000012"),
        ("63214.5", "63214"),
        ("0.00001234567", "0.000012346"),
        ("0.000000012345", "0.000000012"),
        ("0.00000000000123", "1.23E-12"),
    ],
)
def test_prices_are_cut_by_significant_digits(value: str, shown: str) -> None:
    """A fixed number of decimals would show PEPE at 0.00."""
    assert numbers.price(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("HYPE", "HYPE"),
        ("FARTCOIN", "FARTCOIN"),
        ("FARTCOIN9", "FARTCOI~"),
        ("币安人生", "币安人生"),
        ("币安人生吧", "币安人~"),
        ("A🔥<&", "A?<&"),
    ],
)
def test_names_are_cut_by_cells(token: str, shown: str) -> None:
    """A Chinese character is two cells wide; counting letters breaks the table."""
    assert numbers.cut(token) == shown
    assert numbers.cells(numbers.left(shown, 8)) == 8


@pytest.mark.parametrize(
    ("seconds", "cell", "text"),
    [
        (18, "18s", "18 s"),
        (720, "12m", "12 min"),
        (11520, "3h12", "3 h 12"),
        (612000, "7d2h", "7 d 2 h"),
        (-5, "0s", "0 s"),
    ],
)
def test_durations_read_short(seconds: int, cell: str, text: str) -> None:
    """Moments cannot stand in tables, so durations must."""
    duration = timedelta(seconds=seconds)

    assert (numbers.countdown(duration), numbers.duration_text(duration)) == (
        cell,
        text,
    )


def test_a_moment_has_the_readers_zone_and_utc_behind_it() -> None:
    """Clients that do not know the tag show the fallback."""
    assert numbers.moment(START, "T") == (
        '<tg-time unix="1795384333" format="T">21:52:13 UTC</tg-time>'
    )


@pytest.mark.parametrize(
    ("minutes", "shown"), [(60, "1"), (240, "4"), (480, "8"), (30, ".5")]
)
def test_payment_hours_are_two_cells(minutes: int, shown: str) -> None:
    """The matrix has two cells per venue."""
    interval = timedelta(minutes=minutes)

    assert numbers.hours_cell(FundingRate(Decimal(0), interval, interval)) == shown


@given(DECIMALS)
def test_no_number_is_wider_than_its_column(value: Decimal) -> None:
    """Markets produce numbers nobody thought of."""
    assert numbers.cells(numbers.rate_cell(value, 8, is_signed=True)) <= 6
    assert numbers.cells(numbers.apr_cell(value)) <= 6
    assert numbers.cells(numbers.gain_cell(value)) <= 7
    assert numbers.cells(numbers.big(abs(value))) <= 5
    assert numbers.cells(numbers.quantity(value)) <= 10
    assert numbers.cells(numbers.price(value)) <= 11
    assert numbers.cells(numbers.usd_cell(value, is_signed=True)) <= 11


@given(DECIMALS)
def test_table_cells_are_ascii(value: Decimal) -> None:
    """The true minus sign has another width on phones."""
    for text in (
        numbers.rate_cell(value, 8, is_signed=True),
        numbers.apr_cell(value),
        numbers.usd_cell(value, is_signed=True),
        numbers.gain_cell(value),
        numbers.price(value),
    ):
        assert text.isascii()
