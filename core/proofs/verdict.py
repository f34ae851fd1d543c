"""Pairs of rates in, the likely error of their unit out. Pure.

Every pair holds one instrument's shown rate against one that can be relied on, both
per hour; q is shown over relied on. A median over many instruments hardly moves with
the market, but a wrong unit moves all of them by one and the same factor.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEAST_SETTLED = Decimal("0.000001")
"""Per hour; smaller ones are rounded by the venues, so their quotient says nothing."""
TOLERATED = Decimal("0.000002")
"""Per hour: one instrument may be off by so little, whatever the quotient."""
ENOUGH = 10
"""Instruments that a venue is judged by, or all it has."""
LEAST_TO_ACCUSE = 3
"""A venue with fewer instruments is judged by payments in a row only."""
SAME_SIGN = Decimal("0.8")
MOSTLY_SAME = Decimal("0.65")
"""Equal signs that prove rates against hours-old ones: small rates turn honestly."""
NEUTRAL = (Decimal("0.0000115"), Decimal("0.0000135"))
"""0.01 % per 8 hours with the venues' rounding: the rate nobody leans against."""
NEUTRAL_SHARE = Decimal("0.25")
"""The most frequent rate counts as the neutral one if so many show it."""
ENOUGH_FOR_NEUTRAL = 20


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes many quotients one common factor."""

    most_opposite: Decimal
    """Share of equal signs up to which the sign is turned."""
    width: Decimal
    """Quotients this close to the median, up or down, moved together with it."""
    share: Decimal
    """Least share of them; a market's own move scatters more."""


MINUTES_OLD = Likeness(Decimal("0.2"), Decimal("1.6"), Decimal("0.8"))
"""Against the last scan of a proven venue: a unit changes all at once."""
HOURS_OLD = Likeness(Decimal("0.3"), Decimal(2), Decimal("0.5"))
"""Against the last payments: the market moved in between too."""


class Cause(StrEnum):
    """What a comparison says of the unit."""

    RIGHT = "right"
    NEAR = "near"
    """Twice to five times off: another interval, or a fast market."""
    EIGHT = "eight"
    """Per 8 hours read as per hour, or the reverse."""
    TWO_ERRORS = "two_errors"
    """24 hours, or an 8-hour and a percent error at once (100/8 = 12.5)."""
    HUNDRED = "hundred"
    """Percent read as a fraction, or the reverse."""
    BEYOND = "beyond"
    SIGN = "sign"
    """Who pays whom is turned round, or the field shows another payment."""

    @property
    def is_unit_error(self) -> bool:
        """Tell whether nothing but a wrong unit or sign explains it."""
        return self not in {Cause.RIGHT, Cause.NEAR}


class Pair(NamedTuple):
    """One instrument's shown rate and one that can be relied on, per hour."""

    shown: Decimal
    relied: Decimal

    @property
    def is_telling(self) -> bool:
        """Tell whether the quotient means anything."""
        return abs(self.relied) >= LEAST_SETTLED

    @property
    def is_close(self) -> bool:
        """Tell whether the two differ by no more than noise."""
        return abs(self.shown - self.relied) <= TOLERATED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What many pairs, or one, say."""

    cause: Cause
    factor: Decimal
    """Median of |q|."""
    same_sign: Decimal
    """Share of pairs with equal signs."""
    samples: int
    right: int
    """Pairs that are right taken alone."""


_BANDS = (
    (Decimal(2), Cause.RIGHT),
    (Decimal("5.5"), Cause.NEAR),
    (Decimal(12), Cause.EIGHT),
    (Decimal(60), Cause.TWO_ERRORS),
    (Decimal(160), Cause.HUNDRED),
)


def band(factor: Decimal) -> Cause:
    """Return the cause of a factor; 8 and 1/8 have the same."""
    if factor <= 0:
        return Cause.BEYOND
    distance = max(factor, 1 / factor)
    return next((cause for most, cause in _BANDS if distance <= most), Cause.BEYOND)


def of_payments(pairs: Iterable[Pair]) -> Verdict | None:
    """Judge rates shown just before a payment by what was then paid.

    None if no pair is telling. Shown and paid are minutes apart, so every distance
    counts, in whatever way the instruments differ.
    """
    found = _measure(pairs)
    if found is None:
        return None
    is_same = found.same_sign >= SAME_SIGN
    return _verdict(band(found.factor) if is_same else Cause.SIGN, found)


def of_latest(
    pairs: Iterable[Pair],
    shown: Sequence[Decimal] = (),
    likeness: Likeness = HOURS_OLD,
) -> Verdict | None:
    """Judge rates shown now by older ones that can be relied on.

    In hours a market moves every rate, so only what all instruments share counts: one
    common factor, or one turned sign. None when they scatter: that is no proof of
    anything. `shown` are all rates of the venue now: its neutral rate is a witness.
    """
    found = _measure(pairs)
    if found is None:
        return None
    if found.same_sign >= MOSTLY_SAME and band(found.factor) is Cause.RIGHT:
        return _verdict(Cause.RIGHT, found)
    cause = _common_cause(found, likeness)
    if cause is None:
        return None
    low, high = found.factor / likeness.width, found.factor * likeness.width
    together = sum(low <= abs(q) <= high for q in found.quotients)
    is_common = Decimal(together) / len(found.quotients) >= likeness.share
    is_witnessed = neutral_cause(shown) is cause
    return _verdict(cause, found) if is_common or is_witnessed else None


def _common_cause(found: _Measured, likeness: Likeness) -> Cause | None:
    """Return the unit error that a factor and signs may mean."""
    if found.same_sign <= likeness.most_opposite:
        return Cause.SIGN
    cause = band(found.factor)
    named = cause.is_unit_error and cause is not Cause.BEYOND
    return cause if named and found.same_sign >= MOSTLY_SAME else None


def neutral_cause(shown: Sequence[Decimal]) -> Cause | None:
    """Return what the venue's most frequent rate says of its unit.

    Where interest balances, most venues charge 0.01 % per 8 hours; None without a
    rate that is frequent enough to be that one.
    """
    if len(shown) < ENOUGH_FOR_NEUTRAL:
        return None
    rate, count = Counter(shown).most_common(1)[0]
    if rate == 0 or Decimal(count) / len(shown) < NEUTRAL_SHARE:
        return None
    low, high = NEUTRAL
    if low <= rate <= high:
        return Cause.RIGHT
    if low <= -rate <= high:
        return Cause.SIGN
    return band(abs(rate) / ((low + high) / 2))


def is_shared(pairs: Iterable[Pair]) -> bool:
    """Tell whether other venues show much the same for the same tokens now.

    Then a common factor is the market's own move. `relied` is what the others show.
    """
    found = _measure(pairs)
    return (
        found is not None
        and len(found.quotients) >= ENOUGH
        and found.same_sign >= MOSTLY_SAME
        and band(found.factor) is Cause.RIGHT
    )


def of_one(pair: Pair) -> Cause | None:
    """Judge one instrument by one payment; None if its rate is too small to tell."""
    if pair.is_close:
        return Cause.RIGHT if pair.is_telling else None
    if not pair.is_telling:
        return None
    if pair.shown * pair.relied < 0:
        return Cause.SIGN
    return band(abs(pair.shown / pair.relied))


@dataclass(frozen=True, slots=True)
class _Measured:
    """Every q of telling pairs, and what they have in common."""

    quotients: tuple[Decimal, ...]
    factor: Decimal
    same_sign: Decimal
    right: int


def _measure(pairs: Iterable[Pair]) -> _Measured | None:
    """Return what telling pairs say; a small difference never turns a sign."""
    telling = [each for each in pairs if each.is_telling]
    if not telling:
        return None
    quotients = tuple(each.shown / each.relied for each in telling)
    same = sum(
        q > 0 or each.is_close for q, each in zip(quotients, telling, strict=True)
    )
    return _Measured(
        quotients=quotients,
        factor=median(abs(q) for q in quotients),
        same_sign=Decimal(same) / len(quotients),
        right=sum(of_one(each) is Cause.RIGHT for each in telling),
    )


def _verdict(cause: Cause, found: _Measured) -> Verdict:
    samples = len(found.quotients)
    return Verdict(cause, found.factor, found.same_sign, samples, found.right)
