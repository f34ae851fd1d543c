"""The worked numbers of a pair's net: 1000PEPE, long Extended, short Binance.

Extended pays 0.002 % every hour, Binance 0.06 % every 4 h from 00:00 UTC on; the way in
and out costs 0.254 % of one leg.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.economics import (
    LegFunding,
    adverse_move,
    break_even_payment,
    expected_net,
    first_payment,
    liquidation_distance,
    liquidation_price,
    margin_locked,
    payments_within,
    slower,
    smooth_break_even,
)
from core.model.units import FundingRate, LegSide

D = Decimal
COST = D("0.00254")
SPREAD = D("0.00013")


def _at(clock: str, day: int = 21) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def _rate(per_payment: str, hours: int) -> FundingRate:
    every = timedelta(hours=hours)
    return FundingRate(D(per_payment), every, every)


LONG = LegFunding(LegSide.LONG, _rate("0.00002", 1), _at("22:00"))
SHORT = LegFunding(LegSide.SHORT, _rate("0.0006", 4), _at("00:00", 22))


def _hold(words: str) -> timedelta:
    hours, _, minutes = words.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes or 0))


# --- hourly rates and spread ----------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "hours", "per_hour"),
    [
        ("0.0001", 8, "0.0000125"),
        ("0.0006", 4, "0.00015"),
        ("0.0000125", 1, "0.0000125"),
        ("0.000096", 8, "0.000012"),
        ("0.00002", 1, "0.00002"),
    ],
)
def test_a_rate_is_spread_over_the_hours_of_its_own_field(
    number: str, hours: int, per_hour: str
) -> None:
    """0.06 % per 4 h is 0.015 % per hour, whatever the payment clock says."""
    assert _rate(number, hours).per_hour == D(per_hour)


def test_the_spread_of_the_example_is_114_percent_a_year_gross() -> None:
    """0.015 % - 0.002 % = 0.013 % per hour; times 8760 is 113.88 %."""
    spread = SHORT.rate.per_hour - LONG.rate.per_hour

    assert spread == SPREAD
    assert spread * 8760 == D("1.1388")


# --- the payment clock ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("hold", "short", "long", "net", "smooth"),
    [
        ("1", 0, 1, "-0.00256", "-0.00241"),
        ("2:05", 0, 2, "-0.00258", "-0.00227"),
        ("2:10", 1, 3, "-0.00200", "-0.00226"),
        ("8", 2, 8, "-0.00150", "-0.00150"),
        ("18:10", 5, 19, "0.00008", "-0.00018"),
        ("24", 6, 24, "0.00058", "0.00058"),
        ("72", 18, 72, "0.00682", "0.00682"),
    ],
)
def test_only_payments_inside_the_hold_count(
    hold: str, short: int, long: int, net: str, smooth: str
) -> None:
    """In at 21:50: leaving at 23:55 or just after 00:00 differs by 0.058 %."""
    entry, length = _at("21:50"), _hold(hold)
    hours = D(length // timedelta(minutes=1)) / 60

    counted = expected_net(LONG, SHORT, cost=COST, entry=entry, hold=length)

    assert SHORT.payments(entry, length) == short
    assert LONG.payments(entry, length) == long
    assert counted == D(net)
    assert round(SPREAD * hours - COST, 5) == D(smooth)


@pytest.mark.parametrize(
    ("entry", "caught"),
    [("22:58", 2), ("22:59", 2), ("23:00", 1), ("23:01", 1)],
)
def test_an_entry_keeps_a_minute_away_from_a_payment(entry: str, caught: int) -> None:
    """A payment at 23:00 or 00:00 counts for those who are in a minute before it."""
    hold = _at("00:00", 22) - _at(entry)

    assert payments_within(_at("05:00", 20), timedelta(hours=1), _at(entry), hold) == (
        caught
    )


@given(
    offset=st.integers(0, 100_000),
    every=st.sampled_from([1, 2, 4, 8]),
    hold=st.integers(0, 300_000),
)
def test_counting_payments_agrees_with_naming_each(
    offset: int, every: int, hold: int
) -> None:
    """The closed form must not be one off at either end."""
    entry = _at("21:50")
    interval, length = timedelta(hours=every), timedelta(seconds=hold)
    next_at = entry - timedelta(seconds=offset)
    named = [next_at + k * interval for k in range(-1, 120)]
    inside = [m for m in named if entry + timedelta(minutes=1) <= m <= entry + length]

    assert payments_within(next_at, interval, entry, length) == len(inside)
    assert first_payment(next_at, interval, entry) == min(
        m for m in named if m >= entry + timedelta(minutes=1)
    )


def test_funding_that_flows_all_the_time_counts_by_the_hour() -> None:
    """0.015 % an hour for 2 h 05 is 0.03125 %, although no 4 h payment falls in it."""
    flowing = LegFunding(LegSide.SHORT, SHORT.rate, SHORT.next_at, accrues=True)

    assert flowing.payments(_at("21:50"), _hold("2:05")) is None
    assert flowing.brings(_at("21:50"), _hold("2:05")) == D("0.0003125")


# --- break-even -----------------------------------------------------------------------


def test_the_smooth_break_even_of_the_example_is_19_and_a_half_hours() -> None:
    """0.254 % over 0.013 % per hour = 19.54 h."""
    needed = smooth_break_even(COST, SPREAD)

    assert needed is not None
    assert round(D(needed.total_seconds()) / 3600, 1) == D("19.5")


def test_a_spread_that_does_not_pay_never_breaks_even() -> None:
    """No hours are shown where waiting longer costs more."""
    assert smooth_break_even(COST, D(0)) is None
    assert smooth_break_even(COST, D("-0.0001")) is None
    assert smooth_break_even(COST, D("1e-12")) is None


@pytest.mark.parametrize(
    ("entry", "day", "after", "binance", "extended"),
    [("21:50", 21, "18:10", 5, 19), ("00:05", 22, "19:55", 5, 20)],
)
def test_the_fifth_binance_payment_covers_the_cost(
    entry: str, day: int, after: str, binance: int, extended: int
) -> None:
    """5 * 0.06 - 19 * 0.002 = 0.262 %; who just missed one waits 19 h 55 instead."""
    start = _at(entry, day)

    found = break_even_payment(LONG, SHORT, cost=COST, entry=start)

    assert found == _hold(after)
    assert SHORT.payments(start, found) == binance
    assert LONG.payments(start, found) == extended
    assert slower(LONG, SHORT) is SHORT


def test_a_gain_on_the_way_in_breaks_even_at_once_and_a_payer_never() -> None:
    """A cost below zero is earned already; a spread below zero earns nothing."""
    dear = LegFunding(LegSide.LONG, _rate("0.0009", 4), _at("00:00", 22))
    start = _at("21:50")

    assert break_even_payment(LONG, SHORT, cost=D(0), entry=start) == timedelta(0)
    assert break_even_payment(dear, SHORT, cost=COST, entry=start) is None


def test_a_first_payment_alone_may_cover_a_small_cost() -> None:
    """The pair pays from then on, yet the 0.06 % of 00:00 cover 0.05 % once."""
    dear = LegFunding(LegSide.LONG, _rate("0.0018", 8), _at("02:00", 22))

    assert break_even_payment(dear, SHORT, cost=D("0.0005"), entry=_at("21:50")) == (
        _hold("2:10")
    )


def test_two_legs_that_accrue_break_even_smoothly() -> None:
    """Without payments the clock is the spread itself."""
    long = LegFunding(LegSide.LONG, LONG.rate, LONG.next_at, accrues=True)
    short = LegFunding(LegSide.SHORT, SHORT.rate, SHORT.next_at, accrues=True)

    found = break_even_payment(long, short, cost=COST, entry=_at("21:50"))

    assert found == smooth_break_even(COST, SPREAD)


def test_one_leg_that_accrues_counts_up_to_the_payments_of_the_other() -> None:
    """The long leg flows: at the 5th payment, 18 h 10 min in, it has paid 0.0363 %."""
    long = LegFunding(LegSide.LONG, LONG.rate, LONG.next_at, accrues=True)
    start = _at("21:50")

    found = break_even_payment(long, SHORT, cost=COST, entry=start)

    assert found == _hold("18:10")
    assert slower(long, SHORT) is SHORT
    assert slower(SHORT, long) is SHORT


@given(
    cost=st.decimals("0.0001", "0.02", places=5),
    offsets=st.tuples(st.integers(0, 3600), st.integers(0, 28800)),
    rates=st.tuples(st.integers(-50, 50), st.integers(-200, 200)),
    every=st.sampled_from([1, 2, 4, 8]),
)
def test_break_even_is_the_first_payment_at_which_the_net_is_not_below_zero(
    cost: Decimal, offsets: tuple[int, int], rates: tuple[int, int], every: int
) -> None:
    """Skipping whole cycles must find the same moment as walking all of them."""
    entry = _at("21:50")
    long = LegFunding(
        LegSide.LONG,
        _rate(f"{rates[0]}e-6", 1),
        entry + timedelta(seconds=offsets[0]),
    )
    short = LegFunding(
        LegSide.SHORT,
        _rate(f"{rates[1]}e-6", every),
        entry + timedelta(seconds=offsets[1]),
    )

    found = break_even_payment(long, short, cost=cost, entry=entry)

    walked = _walk(long, short, cost, entry)
    if found is None or found > timedelta(days=10):
        assert walked is None
    else:
        assert walked == found


def _walk(
    long: LegFunding, short: LegFunding, cost: Decimal, entry: datetime
) -> timedelta | None:
    moments = sorted(
        first_payment(leg.next_at, leg.every, entry) + k * leg.every
        for leg in (long, short)
        for k in range(timedelta(days=10) // leg.every + 1)
    )
    for moment in moments:
        after = moment - entry
        if after > timedelta(days=10):
            break
        if expected_net(long, short, cost=cost, entry=entry, hold=after) >= 0:
            return after
    return None


# --- margin and liquidation -----------------------------------------------------------


def test_two_legs_of_ten_thousand_at_three_times_lock_eight_thousand() -> None:
    """3,333.33 on each venue and a fifth more as reserve."""
    locked = margin_locked(
        D(10_000), long_leverage=D(3), short_leverage=D(3), reserve=D("0.2")
    )

    assert round(locked, 2) == D("8000.00")


@pytest.mark.parametrize(
    ("side", "price", "distance"),
    [(LegSide.LONG, "67.00", "0.330"), (LegSide.SHORT, "132.67", "0.327")],
)
def test_liquidation_of_the_worked_leg(
    side: LegSide, price: str, distance: str
) -> None:
    """In at 100 with 3x and 0.5 % to keep: 67.00 below, 132.67 above."""
    found = liquidation_price(side, D(100), D(3), D("0.005"))

    assert round(found, 2) == D(price)
    assert round(liquidation_distance(found, D(100)), 3) == D(distance)


def test_free_margin_is_a_price_move() -> None:
    """1,500 USD free beside a leg of 10,000 bear 15 %."""
    assert adverse_move(D(1_500), D(10_000)) == D("0.15")
