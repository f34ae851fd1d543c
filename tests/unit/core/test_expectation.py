"""Net if a spread returns to its mean: beside today's, and ranked by if wished."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.appraisal import best_first
from core.economics import blended_net_usd
from tests.fakes.engine import pair
from tests.fakes.estimates import estimate
from tests.fakes.history import WEEK

if TYPE_CHECKING:
    from core.model.history import SpreadStats


def past(now: str, mean: str, phi: str = "0.97") -> SpreadStats:
    """Return a past with rates in 0.001 % per hour."""
    return replace(
        WEEK,
        now_per_hour=Decimal(now) / 100_000,
        mean_per_hour=Decimal(mean) / 100_000,
        phi=Decimal(phi),
    )


def test_a_day_at_0013_falling_back_to_0004_brings_a_fifth_less() -> None:
    """(0.01048 - 0.013) * 24 = -0.0604 % of the notional, off the net of today."""
    today = estimate()

    blended = blended_net_usd(today, past("13", "4"))

    assert blended is not None
    lost = (today.net_usd - blended) / today.notional_usd
    assert round(lost * 100, 4) == Decimal("0.0604")
    assert today.hold == timedelta(hours=24)


def test_a_spread_below_its_mean_is_expected_to_rise() -> None:
    """What is cheap today may be worth more than it looks."""
    today = estimate()

    blended = blended_net_usd(today, past("4", "13"))

    assert blended is not None
    assert blended > today.net_usd


def test_at_its_mean_both_are_the_same() -> None:
    """Nothing to fall back to."""
    assert blended_net_usd(estimate(), past("5", "5")) == estimate().net_usd


def test_too_short_a_past_gives_no_second_number() -> None:
    """A mean of 23 hours is no mean; unknown stays unknown."""
    assert blended_net_usd(estimate(), None) is None
    assert blended_net_usd(estimate(), replace(past("13", "4"), hours=23)) is None


def test_the_switch_decides_which_net_ranks() -> None:
    """A spike looks best now; blended, the steady pair is before it."""
    base = estimate()
    spike = replace(
        pair("MON"), estimate=replace(base, blended_net_usd=Decimal("-0.1"))
    )
    steady = replace(
        pair("APT"),
        estimate=replace(
            base,
            entry_basis_usd=base.entry_basis_usd + 1,
            blended_net_usd=Decimal("0.2"),
        ),
    )

    assert best_first(spike) < best_first(steady)
    assert best_first(steady, expects_mean=True) < best_first(spike, expects_mean=True)
