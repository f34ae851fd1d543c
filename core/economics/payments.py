"""Tell by the clock which funding payments a hold catches; pure arithmetic.

Signs: funding is positive when we receive it. Amounts are fractions of one leg's
notional unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from math import lcm
from typing import TYPE_CHECKING

from core.model.units import hours_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from core.model.units import FundingRate, LegSide

SECOND = timedelta(seconds=1)
KEPT_AWAY = timedelta(seconds=60)
"""Distance from a payment: nothing is entered so shortly before one, and an exit that
falls on one waits until it is through."""


def funding_usd(side: LegSide, per_payment: Decimal, notional_usd: Decimal) -> Decimal:
    """Return what one payment brings a leg: longs pay a positive rate."""
    return -side.sign * per_payment * notional_usd


@dataclass(frozen=True, slots=True)
class LegFunding:
    """What one leg is paid, how much and when."""

    side: LegSide
    rate: FundingRate
    next_at: datetime
    """Any payment moment; the others follow every payment interval."""
    accrues: bool = False
    """Funding flows all the time instead of in payments."""

    @property
    def per_payment(self) -> Decimal:
        """Return what one payment brings; positive is received."""
        return -self.side.sign * self.rate.per_payment

    @property
    def every(self) -> timedelta:
        """Return the time between two payments."""
        return self.rate.payment_interval

    def payments(self, entry: datetime, hold: timedelta) -> int | None:
        """Count the payments a hold catches; None where funding accrues."""
        if self.accrues:
            return None
        return payments_within(self.next_at, self.every, entry, hold)

    def brings(self, entry: datetime, hold: timedelta) -> Decimal:
        """Return what the hold brings at today's rate; positive is received."""
        caught = self.payments(entry, hold)
        if caught is None:
            return -self.side.sign * self.rate.per_hour * hours_of(hold)
        return caught * self.per_payment


def payments_within(
    next_at: datetime, every: timedelta, entry: datetime, hold: timedelta
) -> int:
    """Count payments from 60 s after the entry to the end of the hold, both included.

    `next_at` is any payment moment; the others lie every interval from it.
    """
    # payments are next_at + k * every; the first k and the last one inside the hold
    first = -((next_at - entry - KEPT_AWAY) // every)
    last = (entry + hold - next_at) // every
    return max(0, last - first + 1)


def first_payment(next_at: datetime, every: timedelta, entry: datetime) -> datetime:
    """Return the first payment that an entry at this moment catches."""
    return next_at - ((next_at - entry - KEPT_AWAY) // every) * every


def expected_net(
    long: LegFunding,
    short: LegFunding,
    *,
    cost: Decimal,
    entry: datetime,
    hold: timedelta,
) -> Decimal:
    """Return what a hold brings after the cost of the way in and out."""
    # net = payments received - payments paid - cost, by the payment clock
    return long.brings(entry, hold) + short.brings(entry, hold) - cost


def smooth_break_even(cost: Decimal, spread_per_hour: Decimal) -> timedelta | None:
    """Return how long the spread needs to earn the cost, None if never."""
    # hours = cost / spread per hour
    if spread_per_hour <= 0:
        return None
    return _seconds(cost / spread_per_hour * 3600)


_LONGEST = timedelta(days=3650)


def _seconds(count: Decimal) -> timedelta | None:
    """Return so many seconds; what takes ten years takes for ever."""
    if count > Decimal(int(_LONGEST.total_seconds())):
        return None
    return timedelta(seconds=max(0, round(count)))


def slower(long: LegFunding, short: LegFunding) -> LegFunding:
    """Return the leg that is paid more rarely; the short one if both are alike."""
    if short.accrues or (not long.accrues and long.every > short.every):
        return long
    return short


def break_even_payment(
    long: LegFunding, short: LegFunding, *, cost: Decimal, entry: datetime
) -> timedelta | None:
    """Return the time from the entry to the payment that first covers the cost.

    None if no payment ever does. A leg that accrues counts up to each payment.
    """
    if cost <= 0:
        return timedelta(0)
    if long.accrues and short.accrues:
        per_hour = short.rate.per_hour - long.rate.per_hour
        return smooth_break_even(cost, per_hour)
    cycle = _cycle(long, short)
    steps = list(_steps(long, short, entry, cycle))
    whole = _of_cycle(long, cycle) + _of_cycle(short, cycle)
    most = max(total for _, total in steps)
    skipped = 0
    if most < cost:
        if whole <= 0:
            return None
        # cycles that must pass before the best moment of one can reach the cost
        skipped = int(((cost - most) / whole).to_integral_value(ROUND_CEILING))
    if skipped > _LONGEST // cycle:
        return None
    covered = (after for after, total in steps if total + skipped * whole >= cost)
    return next(covered) + skipped * cycle


def _cycle(long: LegFunding, short: LegFunding) -> timedelta:
    """Return the time after which the payments of both legs repeat."""
    every = [each.every // SECOND for each in (long, short) if not each.accrues]
    return lcm(*every) * SECOND


def _of_cycle(leg: LegFunding, cycle: timedelta) -> Decimal:
    """Return what a whole cycle brings a leg."""
    if leg.accrues:
        return leg.brings(leg.next_at, cycle)
    return cycle // leg.every * leg.per_payment


def _steps(
    long: LegFunding, short: LegFunding, entry: datetime, cycle: timedelta
) -> Iterator[tuple[timedelta, Decimal]]:
    """Yield each payment of one cycle: time from the entry, and the sum until then."""
    moments = set()
    for leg in (long, short):
        if not leg.accrues:
            first = first_payment(leg.next_at, leg.every, entry)
            moments |= {first + k * leg.every for k in range(cycle // leg.every)}
    for moment in sorted(moments):
        after = moment - entry
        yield after, long.brings(entry, after) + short.brings(entry, after)
