"""Expect a spread to fall back towards its own mean; pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.units import hours_of

if TYPE_CHECKING:
    from decimal import Decimal

    from core.model.estimate import NetEstimate
    from core.model.history import SpreadStats

LEAST_HOURS = 24
"""Of less known past no mean is taken to be one."""


def blended_net_usd(estimate: NetEstimate, past: SpreadStats | None) -> Decimal | None:
    """Return the net if the spread returns to its mean; None without enough past.

    Payments stay where the payment clock puts them; only what they bring on average is
    corrected, by the hours of the hold.
    """
    if past is None or past.hours < LEAST_HOURS:
        return None
    # each hour of the hold brings so much more or less of the notional than now
    change = past.blended_per_hour(estimate.hold) - past.now_per_hour
    return estimate.net_usd + change * hours_of(estimate.hold) * estimate.notional_usd
