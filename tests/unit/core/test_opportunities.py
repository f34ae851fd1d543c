"""Ranking: long the lowest, short the highest, and a reason for all that is left."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.instrument import AbsenceReason, TokenRow
from core.model.opportunity import SkipReason
from core.model.units import Base
from core.opportunities import Gates, best_pair, chosen_pair, judge, rank
from tests.fakes.objects import (
    ALL_VENUES,
    BINANCE,
    EXTENDED,
    HYPERLIQUID,
    LIGHTER,
    snapshot,
)

if TYPE_CHECKING:
    from core.model.market import FundingSnapshot

GATES = Gates(
    min_spread_per_hour=Decimal("0.00002"),
    min_volume_usd=Decimal(50000),
    allows_unknown_volume=True,
)


def row_of(*snapshots: FundingSnapshot, base: str = "APT") -> TokenRow:
    """Return the availability row that these snapshots come from."""
    listed = {s.instrument.venue_id: s.instrument for s in snapshots}
    absences = {v: AbsenceReason.NOT_LISTED for v in ALL_VENUES if v not in listed}
    return TokenRow(Base(base), listed, absences)


def test_the_pair_goes_long_where_funding_is_low_and_short_where_it_is_high() -> None:
    """0.0006 per 4 h against 0.00002 per hour is 0.00013 per hour, 113.88 % a year."""
    binance = snapshot(venue=BINANCE, per_hour="0.00015")
    extended = snapshot(venue=EXTENDED, per_hour="0.00002")

    pair, skips = judge(row_of(binance, extended), (binance, extended), GATES)

    assert pair is not None
    assert (pair.long, pair.short) == (extended, binance)
    assert pair.spread_per_hour == Decimal("0.00013")
    assert pair.gross_apr == Decimal("1.1388")
    assert skips == ()


def test_a_rate_per_eight_hours_and_one_per_hour_compare_on_one_basis() -> None:
    """Lighter's 0.000096 per 8 h is 0.000012 an hour: no spread against the same."""
    lighter = snapshot(venue=LIGHTER, per_hour="0.000012")
    extended = snapshot(venue=EXTENDED, per_hour="0.000012")

    pair, _ = best_pair((lighter, extended), GATES)

    assert lighter.rate.per_interval == Decimal("0.000096")
    assert pair is not None
    assert pair.spread_per_hour == 0


def test_highest_hourly_spread_comes_first_and_ties_go_by_token_name() -> None:
    """The first line of the list is the best one, and its order never flickers."""
    spreads = {"ZRO": "0.0001", "APT": "0.0001", "KAITO": "0.0005"}
    snapshots = {
        Base(base): (
            snapshot(base, BINANCE, per_hour="0"),
            snapshot(base, EXTENDED, per_hour=high),
        )
        for base, high in spreads.items()
    }
    rows = [row_of(*found, base=base) for base, found in snapshots.items()]

    ranked, _ = rank(rows, snapshots, GATES)

    assert [pair.base for pair in ranked] == ["KAITO", "APT", "ZRO"]


def test_a_token_on_one_venue_is_left_out_as_single_venue() -> None:
    """RARE trades only on one venue: shown, never paired, no error."""
    only = snapshot("RARE", EXTENDED)

    pair, skips = judge(row_of(only, base="RARE"), (only,), GATES)

    assert pair is None
    assert [skip.reason for skip in skips] == [SkipReason.SINGLE_VENUE]
    assert "only on extended" in skips[0].detail


def test_a_thin_side_is_left_out_and_the_next_best_side_takes_its_place() -> None:
    """12 000 USD a day is below 50 000: the wide spread there cannot be traded."""
    thin = snapshot(venue=BINANCE, per_hour="0.002", volume="12000")
    low = snapshot(venue=EXTENDED, per_hour="0.00001")
    high = snapshot(venue=LIGHTER, per_hour="0.00006")

    pair, skips = judge(row_of(thin, low, high), (thin, low, high), GATES)

    assert pair is not None
    assert (pair.long, pair.short) == (low, high)
    assert [(s.reason, s.venue_id) for s in skips] == [
        (SkipReason.BELOW_MIN_VOLUME, BINANCE)
    ]


@pytest.mark.parametrize("allowed", [True, False])
def test_unknown_volume_obeys_the_setting_and_is_marked(*, allowed: bool) -> None:
    """Unknown is neither enough nor zero: the owner decides, the card says so."""
    gates = Gates(
        min_spread_per_hour=Decimal(0),
        min_volume_usd=Decimal(50000),
        allows_unknown_volume=allowed,
    )
    unknown = snapshot(venue=LIGHTER, per_hour="0.0001", volume=None)
    known = snapshot(venue=EXTENDED)

    pair, skips = judge(row_of(unknown, known), (unknown, known), gates)

    assert (pair is not None and pair.has_unknown_volume) is allowed
    assert [s.reason for s in skips] == ([] if allowed else [SkipReason.UNKNOWN_VOLUME])


@pytest.mark.parametrize(
    ("price", "agrees"),
    [("4.85", False), ("4.86", True), ("5.15", True), ("5.16", False)],
)
def test_two_names_pair_only_if_unit_prices_agree(price: str, *, agrees: bool) -> None:
    """Higher over lower is at most 1.03, whichever side it is on."""
    one = snapshot(venue=BINANCE, per_hour="0.0002", price=price)
    other = snapshot(venue=EXTENDED, price="5")

    pair, skips = judge(row_of(one, other), (one, other), GATES)

    assert (pair is not None) is agrees
    assert [s.reason for s in skips] == ([] if agrees else [SkipReason.PRICE_MISMATCH])


def test_a_name_collision_on_one_venue_does_not_cost_the_other_venues() -> None:
    """The odd one is named and the widest agreeing pair is taken."""
    odd = snapshot(venue=BINANCE, per_hour="0.005", price="0.001")
    low = snapshot(venue=EXTENDED, per_hour="0.00001")
    high = snapshot(venue=HYPERLIQUID, per_hour="0.00009")

    pair, skips = judge(row_of(odd, low, high), (odd, low, high), GATES)

    assert pair is not None
    assert (pair.long, pair.short) == (low, high)
    assert {s.reason for s in skips} == {SkipReason.PRICE_MISMATCH}
    assert all("binance" in s.detail for s in skips)


def test_a_spread_below_the_threshold_is_left_out_with_its_numbers() -> None:
    """In percent like every card: a bare fraction reads 100 times too small."""
    low = snapshot(venue=EXTENDED, per_hour="0.00001")
    high = snapshot(venue=LIGHTER, per_hour="0.00002")

    pair, skips = judge(row_of(low, high), (low, high), GATES)

    assert pair is None
    assert skips[0].reason is SkipReason.BELOW_MIN_SPREAD
    assert skips[0].detail == (
        "0.00100% per hour between extended and lighter, 0.00200% wanted"
    )


def test_a_side_without_price_cannot_prove_its_unit() -> None:
    """No price, no pair: the unit would be a guess."""
    blind = snapshot(venue=BINANCE, per_hour="0.0003", price=None)
    other = snapshot(venue=EXTENDED)

    pair, skips = judge(row_of(blind, other), (blind, other), GATES)

    assert pair is None
    assert [s.reason for s in skips] == [SkipReason.NO_PRICE]


@given(
    st.lists(
        st.decimals(min_value="-0.01", max_value="0.01", places=8),
        min_size=2,
        max_size=4,
    )
)
def test_no_other_pair_of_the_token_is_wider(rates: list[Decimal]) -> None:
    """Lowest against highest can never be beaten, and never comes out negative."""
    found = [
        snapshot(venue=venue, per_hour=f"{rate:f}")
        for venue, rate in zip(ALL_VENUES, rates, strict=False)
    ]

    pair, _ = best_pair(found, GATES)

    assert pair is not None
    hourly = [each.rate.per_hour for each in found]
    assert pair.spread_per_hour == max(hourly) - min(hourly)
    assert pair.long is not pair.short


@pytest.mark.parametrize(
    ("price", "volume", "reason"),
    [
        ("5", "1000000", None),
        ("5", None, None),
        (None, "1000000", SkipReason.NO_PRICE),
        ("5", "12000", SkipReason.BELOW_MIN_VOLUME),
        ("5.5", "1000000", SkipReason.PRICE_MISMATCH),
    ],
    ids=["fine", "unknown volume", "no price", "thin market", "another asset"],
)
def test_a_pair_that_a_person_names_passes_the_same_gates(
    price: str | None, volume: str | None, reason: SkipReason | None
) -> None:
    """A button of an old list must not lead around the liquidity and unit checks."""
    long = snapshot("APT", BINANCE, per_hour="0.00001")
    short = snapshot("APT", EXTENDED, per_hour="0.00009", price=price, volume=volume)

    found = chosen_pair(long, short, GATES)

    assert getattr(found, "reason", None) is reason
