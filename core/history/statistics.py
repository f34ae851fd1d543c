"""Hourly samples of a signed spread in, its statistics out. Pure.

Samples are whole trillionths per hour: sums and products of them are exact.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
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
    from collections.abc import Mapping, Sequence

SPIKE_DEVIATIONS = 3
SPIKE_TIMES_MEAN = 2
LEAST_HOURS_FOR_SPIKE = 24
"""Against fewer known hours nothing can be called a spike."""
_HALF = Decimal("0.5").ln()
_HOUR = timedelta(hours=1)
WINDOW_HOURS = WINDOW // _HOUR


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


@dataclass(frozen=True, slots=True)
class Past:
    """What a spread's completed hours say, before it is known what it is now."""

    samples: int
    hours: int
    first_hour: int
    mean: Decimal
    """Trillionths per hour."""
    deviation: Decimal
    phi: Decimal
    half_life: timedelta | None
    alike: Mapping[int, int]
    """Hours by sign: -1, 0, 1."""
    last_other: Mapping[int, int]
    """For each sign, the newest hour of another one."""

    def seen_from(self, now_per_hour: Decimal, hour: int) -> SpreadStats:
        """Return the statistics for the spread now.

        Args:
            now_per_hour: the spread now, for the same sides.
            hour: the hour that is running now, since 1970.
        """
        now = to_trillionths(now_per_hour)
        other = self.last_other.get(_sign(now))
        begun = self.first_hour if other is None else other + 1
        return SpreadStats(
            now_per_hour=now_per_hour,
            samples=self.samples,
            hours=self.hours,
            same_sign_share=Decimal(self.alike.get(_sign(now), 0)) / self.hours,
            mean_per_hour=self.mean / TRILLIONTHS,
            sd_per_hour=self.deviation / TRILLIONTHS,
            phi=self.phi,
            half_life=self.half_life,
            is_spike=self._is_spike(now),
            is_thin=self.samples < THIN_BELOW,
            sign_age=(hour - begun) * _HOUR,
        )

    def _is_spike(self, now: int) -> bool | None:
        if self.hours < LEAST_HOURS_FOR_SPIKE:
            return None
        is_far = now > self.mean + SPIKE_DEVIATIONS * self.deviation
        return is_far and now > 0 and now > SPIKE_TIMES_MEAN * self.mean


def past_of(samples: Sequence[Sample]) -> Past | None:
    """Return what completed hours say, None when no hour is known.

    With enough own samples they alone count; before that settled payments help out.

    Args:
        samples: oldest first, each hour once.
    """
    if not samples:
        return None
    own = [each for each in samples if each.is_own]
    is_thin = len(own) < THIN_BELOW
    used = samples if is_thin else own
    phi = THIN_PHI if is_thin else persistence(used)
    mean, deviation = mean_and_deviation([each.spread for each in used])
    signs = [_sign(each.spread) for each in samples]
    return Past(
        samples=len(own),
        hours=len(samples),
        first_hour=samples[0].hour,
        mean=mean,
        deviation=deviation,
        phi=phi,
        half_life=half_life(phi),
        alike=Counter(signs),
        last_other=_last_others(samples, signs),
    )


def _last_others(samples: Sequence[Sample], signs: Sequence[int]) -> dict[int, int]:
    newest = dict(zip(signs, (each.hour for each in samples), strict=True))
    found = {}
    for sign in (-1, 0, 1):
        hours = [hour for other, hour in newest.items() if other != sign]
        if hours:
            found[sign] = max(hours)
    return found


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


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
