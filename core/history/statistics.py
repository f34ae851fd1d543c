"""Hourly samples of a signed spread in, its statistics out. Pure.

Samples are whole trillionths per hour: sums and products of them are exact.
"""

from __future__ import annotations

import itertools
import math
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from core.model.history import (
    MAX_PHI,
    THIN_BELOW,
    THIN_PHI,
    TRILLIONTHS,
    WINDOW,
    SpreadStats,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SPIKE_DEVIATIONS = 3
SPIKE_TIMES_MEAN = 2
LEAST_HOURS_FOR_SPIKE = 24
"""Against fewer known hours nothing can be called a spike."""
_HALF = Decimal("0.5").ln()
_HOUR = timedelta(hours=1)


class Sample(NamedTuple):
    """The spread in one past hour."""

    hour: int
    """Hours since 1970."""
    spread: int
    """Trillionths per hour."""
    is_own: bool
    """From our own scans; otherwise from settled payments."""


def to_trillionths(per_hour: Decimal) -> int:
    """Return a rate in whole trillionths per hour."""
    return int(per_hour * TRILLIONTHS)


def describe(
    samples: Sequence[Sample], now_per_hour: Decimal, hour: int
) -> SpreadStats | None:
    """Return the statistics of a spread, None when no past hour is known.

    Args:
        samples: completed hours, oldest first, each hour once.
        now_per_hour: the spread now, for the same sides.
        hour: the hour that is running now, since 1970.
    """
    if not samples:
        return None
    own = [each for each in samples if each.is_own]
    is_thin = len(own) < THIN_BELOW
    used = samples if is_thin else own
    now = to_trillionths(now_per_hour)
    phi = THIN_PHI if is_thin else persistence(used)
    mean, deviation = mean_and_deviation([each.spread for each in used])
    alike = sum(_sign(each.spread) == _sign(now) for each in samples)
    return SpreadStats(
        now_per_hour=now_per_hour,
        samples=len(own),
        hours=len(samples),
        same_sign_share=Decimal(alike) / len(samples),
        mean_per_hour=mean / TRILLIONTHS,
        sd_per_hour=deviation / TRILLIONTHS,
        phi=phi,
        half_life=half_life(phi),
        is_spike=_is_spike(now, mean, deviation, len(samples)),
        is_thin=is_thin,
        sign_age=_sign_age(samples, now, hour),
    )


def mean_and_deviation(values: Sequence[int]) -> tuple[Decimal, Decimal]:
    """Return the mean and the standard deviation (n - 1; zero for one value)."""
    count, total = len(values), sum(values)
    mean = Decimal(total) / count
    if count == 1:
        return mean, Decimal(0)
    # with d = n*x - sum: variance = sum of d^2 / (n^2 * (n - 1))
    squares = sum((count * value - total) ** 2 for value in values)
    variance = Decimal(squares) / (count * count * (count - 1))
    return mean, variance.sqrt()


def persistence(samples: Sequence[Sample]) -> Decimal:
    """Return which part of a deviation from the mean is left an hour later.

    The first autocorrelation, over neighbouring hours only, within 0 to 0.995.
    """
    count, total = len(samples), sum(each.spread for each in samples)
    moved = [(each.hour, count * each.spread - total) for each in samples]
    squares = sum(one * one for _, one in moved)
    if squares == 0:
        return MAX_PHI  # it never moved: as lasting as anything is taken to be
    together = sum(
        one * other
        for (before, other), (after, one) in itertools.pairwise(moved)
        if after - before == 1
    )
    return min(max(Decimal(together) / squares, Decimal(0)), MAX_PHI)


def half_life(phi: Decimal) -> timedelta | None:
    """Return when half of a deviation is gone, None if it does not last at all."""
    if phi <= 0:
        return None
    # hours = ln 0.5 / ln phi
    return timedelta(seconds=int(_HALF / phi.ln() * 3600))


def _is_spike(now: int, mean: Decimal, deviation: Decimal, known: int) -> bool | None:
    if known < LEAST_HOURS_FOR_SPIKE:
        return None
    is_far = now > mean + SPIKE_DEVIATIONS * deviation
    return is_far and now > 0 and now > SPIKE_TIMES_MEAN * mean


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _sign_age(samples: Sequence[Sample], now: int, hour: int) -> timedelta:
    """Return how long ago the newest hour of another sign ended."""
    for each in reversed(samples):
        if _sign(each.spread) != _sign(now):
            return (hour - each.hour - 1) * _HOUR
    return (hour - samples[0].hour) * _HOUR


WINDOW_HOURS = math.ceil(WINDOW / _HOUR)
