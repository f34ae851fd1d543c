"""Pairs of rates in, the likely error out; every number can be checked by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.proofs.verdict import (
    Cause,
    Pair,
    band,
    is_shared,
    neutral_cause,
    of_latest,
    of_one,
    of_payments,
)

PAID = [Decimal(number) / 1_000_000 for number in range(8, 20)]
"""Twelve tokens at 8 to 19 millionths per hour."""


def pairs(factor: str, paid: list[Decimal] = PAID) -> list[Pair]:
    """Return what is shown when every rate is off by a factor."""
    return [Pair(each * Decimal(factor), each) for each in paid]


@pytest.mark.parametrize(
    ("factor", "cause"),
    [
        ("1", Cause.RIGHT),
        ("2", Cause.RIGHT),
        ("0.5", Cause.RIGHT),
        ("4", Cause.NEAR),
        ("0.25", Cause.NEAR),
        ("8", Cause.EIGHT),
        ("0.125", Cause.EIGHT),
        ("12.5", Cause.TWO_ERRORS),
        ("24", Cause.TWO_ERRORS),
        ("0.08", Cause.TWO_ERRORS),
        ("100", Cause.HUNDRED),
        ("0.01", Cause.HUNDRED),
        ("1000", Cause.BEYOND),
        ("0", Cause.BEYOND),
    ],
)
def test_a_factor_names_the_error(factor: str, cause: Cause) -> None:
    """8 is an 8-hour rate taken for an hourly one; 12.5 is 100/8, two errors at once.

    The documented case: 0.000096 per 8 hours shown, 0.0012 % per hour paid. Rightly
    read both are 0.000012; without the 8 it is 8, with percent as a fraction 0.01.
    """
    assert band(Decimal(factor)) is cause


def test_payments_prove_a_unit_or_refute_it() -> None:
    """Shown a minute before, paid a minute later: nothing but the unit differs."""
    right = of_payments(pairs("1"))
    wrong = of_payments(pairs("8"))

    assert right is not None
    assert (right.cause, f"{right.factor:f}", right.right) == (Cause.RIGHT, "1", 12)
    assert wrong is not None
    assert (wrong.cause, f"{wrong.factor:f}", wrong.right) == (Cause.EIGHT, "8", 0)


def test_a_turned_sign_is_found_whatever_the_factor() -> None:
    """Three of twelve with equal signs are 25 %, less than the 80 % wanted."""
    found = of_payments([*pairs("-1")[:9], *pairs("1")[9:]])

    assert found is not None
    assert found.cause is Cause.SIGN
    assert found.same_sign == Decimal("0.25")


def test_rates_too_small_to_tell_are_left_out() -> None:
    """Half a millionth per hour is rounded by the venue: its quotient says nothing."""
    tiny = Decimal("0.0000005")
    assert of_payments(pairs("8", [tiny] * 12)) is None
    found = of_payments([*pairs("1"), *pairs("8", [tiny] * 50)])
    assert found is not None
    assert (found.cause, found.samples) == (Cause.RIGHT, 12)


def test_a_small_difference_never_turns_a_sign() -> None:
    """1.1 millionths paid and -0.5 shown are 1.6 millionths apart: noise."""
    paid, shown = Decimal("0.0000011"), Decimal("-0.0000005")
    assert of_one(Pair(shown, paid)) is Cause.RIGHT
    found = of_payments([*pairs("1"), *[Pair(shown, paid)] * 4])
    assert found is not None
    assert found.same_sign == 1


@pytest.mark.parametrize("factor", ["8", "0.125", "24", "100", "0.01", "-1"])
def test_one_factor_for_all_is_an_error_even_against_old_rates(factor: str) -> None:
    """A market moves tokens apart; a unit moves them together."""
    found = of_latest(pairs(factor))
    assert found is not None
    assert found.cause.is_unit_error


def test_a_market_that_moved_proves_nothing_either_way() -> None:
    """Rates that went 3 to 40 times up, each its own way, are a market, not a unit."""
    factors = [3, 3, 4, 4, 5, 9, 14, 25, 30, 34, 38, 40]
    moved = [Pair(e * f, e) for e, f in zip(PAID, factors, strict=True)]
    assert of_latest(moved) is None


def test_the_neutral_rate_is_a_witness() -> None:
    """Most venues charge 0.01 % per 8 hours where interest balances: 0.0000125/h.

    When a third of all rates are 0.0001 the 8 was forgotten, however the rest moved.
    """
    others = [Decimal(number) / 10**7 for number in range(20)]
    for shown, cause in (
        ("0.0000125", Cause.RIGHT),
        ("0.0001", Cause.EIGHT),
        ("0.00000156", Cause.EIGHT),
        ("0.00125", Cause.HUNDRED),
        ("-0.0000125", Cause.SIGN),
    ):
        assert neutral_cause([Decimal(shown)] * 10 + others) is cause
    assert neutral_cause(others) is None, "no rate is frequent enough"
    assert neutral_cause([Decimal("0.0001")] * 10) is None, "too few tokens"
    assert neutral_cause([Decimal(0)] * 30) is None


def test_other_venues_that_show_the_same_exonerate() -> None:
    """In a crash every venue's rates are eight times yesterday's, and rightly so."""
    assert is_shared(pairs("1.2"))
    assert not is_shared(pairs("8"))
    assert not is_shared(pairs("-1"))
    assert not is_shared(pairs("1")[:9]), "nine tokens are too few to speak for all"


def test_one_instrument_is_judged_by_one_payment() -> None:
    """Beyond two millionths apart the quotient decides."""
    paid = Decimal("0.00002")
    assert of_one(Pair(paid, paid)) is Cause.RIGHT
    assert of_one(Pair(paid * 3, paid)) is Cause.NEAR
    assert of_one(Pair(paid * 8, paid)) is Cause.EIGHT
    assert of_one(Pair(-paid, paid)) is Cause.SIGN
    assert of_one(Pair(paid, Decimal(0))) is None
