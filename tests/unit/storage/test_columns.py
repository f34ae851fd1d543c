"""Numbers, moments and objects survive their columns unchanged, or fail aloud."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from core.errors import StorageError
from core.model.plan import Bounds
from storage.columns import STRICT, Json, Record, from_ms, to_ms, to_text
from tests.unit.storage.samples import BOUNDS


class Colour(StrEnum):
    """Two words."""

    RED = "red"
    BLUE = "blue"


def record(value: object) -> Record:
    """Return a row of one column."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    try:
        row = connection.execute("SELECT ? AS it", (value,)).fetchone()
    finally:
        connection.close()
    return Record("thing", row)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_keeps_every_digit(number: Decimal) -> None:
    """Money that changes on its way to disk and back is lost money."""
    back = record(to_text(number)).decimal("it")

    assert back.as_tuple() == number.as_tuple()


@given(st.integers(min_value=-62_135_596_800_000, max_value=253_402_300_799_999))
def test_a_millisecond_comes_back_as_itself(value: int) -> None:
    """Payment times are keys: one millisecond off is another payment."""
    assert to_ms(from_ms(value)) == value


def test_what_is_finer_than_a_millisecond_is_cut_off() -> None:
    """Cutting, never rounding up: an expiry must not move into the future."""
    moment = datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)

    assert to_ms(moment) == 1_999


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    """A venue's local time must not shift a payment by hours."""
    moment = datetime(1970, 1, 1, 2, 0, 0, tzinfo=timezone(timedelta(hours=2)))

    assert to_ms(moment) == 0


def test_a_moment_without_zone_is_refused() -> None:
    """Guessing a zone would be off by hours and look fine."""
    with pytest.raises(StorageError, match="has no time zone"):
        to_ms(datetime(2026, 1, 1))  # noqa: DTZ001 the point of the test


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_number_that_is_none_is_not_stored(text: str) -> None:
    """NaN compares false with everything, so every limit check would pass."""
    with pytest.raises(StorageError, match="is no number to store"):
        to_text(Decimal(text))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("twelve", "decimal"),
        ("NaN", "decimal"),
        (12, "text"),
        ("12", "whole"),
        (10**18, "moment"),
        (None, "decimal"),
        (None, "text"),
        (None, "moment"),
    ],
)
def test_a_malformed_value_names_table_and_column(value: object, kind: str) -> None:
    """Whoever repairs the file must know where to look."""
    with pytest.raises(StorageError, match=r"stored thing\.it is malformed"):
        getattr(record(value), kind)("it")


def test_a_word_outside_the_enumeration_is_malformed() -> None:
    """An unknown state must not pass for a known one."""
    assert record("red").word("it", Colour) is Colour.RED
    with pytest.raises(StorageError, match=r"thing\.it is malformed: 'green'"):
        record("green").word("it", Colour)


@pytest.mark.parametrize(
    "kind", ["maybe_text", "maybe_whole", "maybe_decimal", "maybe_moment"]
)
def test_unknown_stays_unknown(kind: str) -> None:
    """None is "not known"; it never becomes zero."""
    assert getattr(record(None), kind)("it") is None


def bounds_json() -> Json[tuple[Bounds]]:
    """Return the column of a plan's bounds."""
    return Json("bounds", TypeAdapter(tuple[Bounds], config=STRICT))


def test_an_object_comes_back_equal_with_its_digits() -> None:
    """A bound of 0.0010 is shown as it was quoted."""
    column = bounds_json()

    assert column.load(column.dump((BOUNDS,))) == (BOUNDS,)
    assert '"max_slip_first":"0.001"' in column.dump((BOUNDS,))


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"max_slip_first":', '"max_slip_1st":', "max_slip"),
        ('"0.001"', "true", "max_slip_first"),
        ('"0.001"', '"soon"', "max_slip_first"),
        ("}]", ',"extra":1}]', "extra"),
        ("}]", "", "bounds is malformed"),
    ],
)
def test_an_object_that_does_not_fit_names_the_field(
    old: str, new: str, where: str
) -> None:
    """A missing, unknown or wrong field must never turn into a default."""
    column = bounds_json()
    text = column.dump((BOUNDS,)).replace(old, new)

    with pytest.raises(StorageError, match=where):
        column.load(text)
