"""Numbers on the token card about the past, each checked by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.history.statistics import (
    Sample,
    half_life,
    mean_and_deviation,
    past_of,
    persistence,
)
from core.model.history import SpreadStats

if TYPE_CHECKING:
    from collections.abc import Sequence

PERCENT = 10**10
"""One percent per hour in trillionths; samples below are thousandths of it."""


def samples(
    values: Sequence[int], *, first: int = 100, own: bool = True
) -> list[Sample]:
    """Return one sample an hour, in 0.001 % per hour."""
    return [
        Sample(first + place, value * PERCENT // 1000, own)
        for place, value in enumerate(values)
    ]


def per_hour(thousandths: str) -> Decimal:
    """Return a fraction per hour from 0.001 % per hour."""
    return Decimal(thousandths) / 100_000


def test_mean_and_deviation_of_five_hours() -> None:
    """4, 3, 2, 2, -1: mean 2, sd the root of 14/4."""
    mean, deviation = mean_and_deviation([4, 3, 2, 2, -1])

    assert mean == 2
    assert deviation == Decimal("3.5").sqrt()


def test_a_single_hour_has_no_deviation() -> None:
    """One sample must not divide by zero."""
    assert mean_and_deviation([7]) == (Decimal(7), Decimal(0))


def test_persistence_and_half_life_of_five_hours() -> None:
    """Deviations 2, 1, 0, 0, -3: 2/14 lasts an hour, half is gone in 0.36 h."""
    found = persistence(samples([4, 3, 2, 2, -1]))

    assert found == Decimal(2) / 14
    needed = half_life(found)
    assert needed is not None
    assert round(Decimal(needed.total_seconds()) / 3600, 2) == Decimal("0.36")


def test_a_gap_between_hours_says_nothing_about_persistence() -> None:
    """Only the first two of 4, 3, 2, 2, -1 deviate alike; torn apart, nothing does."""
    whole = samples([4, 3, 2, 2, -1])
    torn = [whole[0], *(each._replace(hour=each.hour + 5) for each in whole[1:])]

    assert persistence(torn) == 0


def test_persistence_stays_between_nothing_and_almost_everything() -> None:
    """A see-saw would give a negative share, a flat line none at all."""
    assert persistence(samples([1, -1, 1, -1])) == 0
    assert persistence(samples([3, 3, 3])) == Decimal("0.995")
    assert half_life(Decimal(0)) is None


def test_half_of_a_deviation_of_phi_097_is_gone_after_22_hours() -> None:
    """The hours are ln 0.5 / ln 0.97 = 22.76."""
    needed = half_life(Decimal("0.97"))

    assert needed is not None
    assert timedelta(hours=22.7) < needed < timedelta(hours=22.8)


def blended(now: str, mean: str, phi: str) -> SpreadStats:
    """Return statistics with this mean and persistence."""
    return SpreadStats(
        now_per_hour=per_hour(now),
        samples=100,
        hours=168,
        same_sign_share=Decimal(1),
        mean_per_hour=per_hour(mean),
        sd_per_hour=Decimal(0),
        phi=Decimal(phi),
        half_life=None,
        is_spike=False,
        is_thin=False,
        sign_age=timedelta(0),
    )


def test_a_candidate_of_0013_is_expected_to_bring_001048_a_day() -> None:
    """0.004 + 0.009 * 0.7203 = 0.01048 %/h; 24 h bring 0.2516 %, less than 0.254."""
    stats = blended(now="13", mean="4", phi="0.97")

    expected = stats.blended_per_hour(timedelta(hours=24))

    assert round(expected * 100, 5) == Decimal("0.01048")
    assert round(expected * 24 * 100, 4) == Decimal("0.2516")
    assert round(expected * 24 * 100 - Decimal("0.254"), 3) == Decimal("-0.002")


def test_what_lasts_not_at_all_brings_one_hour_and_then_the_mean() -> None:
    """Phi 0 over 4 h: (13 + 3 * 4) / 4 = 6.25."""
    stats = blended(now="13", mean="4", phi="0")

    assert stats.blended_per_hour(timedelta(hours=4)) == per_hour("6.25")


def test_over_no_time_the_spread_is_as_it_is_now() -> None:
    """A hold of zero hours must not divide by zero."""
    stats = blended(now="13", mean="4", phi="0.97")

    assert stats.blended_per_hour(timedelta(0)) == per_hour("13")


def test_four_of_five_hours_with_the_same_sign() -> None:
    """4, 3, 2, 2, -1 is positive for 80 %; the change of sign was the last hour."""
    past = past_of(samples([4, 3, 2, 2, -1]))
    assert past is not None

    rising = past.seen_from(per_hour("1"), 105)
    falling = past.seen_from(per_hour("-1"), 105)

    assert rising.same_sign_share == Decimal("0.8")
    assert rising.sign_age == timedelta(0)
    assert falling.same_sign_share == Decimal("0.2")
    assert falling.sign_age == timedelta(hours=1)


def test_a_sign_that_never_changed_is_as_old_as_what_is_known() -> None:
    """Three positive hours from hour 100 on, looked at in hour 103."""
    past = past_of(samples([1, 2, 3]))

    assert past is not None
    assert past.seen_from(per_hour("1"), 103).sign_age == timedelta(hours=3)


def test_with_fewer_than_72_own_hours_settled_payments_make_the_mean() -> None:
    """100 settled hours at 2 and 20 own at 8: mean (200 + 160) / 120 = 3."""
    known = samples([2] * 100) + samples([8] * 20, first=200)
    thin = [each._replace(is_own=each.hour >= 200) for each in known]

    past = past_of(thin)

    assert past is not None
    stats = past.seen_from(per_hour("8"), 220)
    assert stats.is_thin
    assert (stats.samples, stats.hours) == (20, 120)
    assert stats.mean_per_hour == per_hour("3")
    assert stats.phi == Decimal("0.97")


def test_with_72_own_hours_they_alone_make_the_mean() -> None:
    """Settled payments only stand in where we did not look ourselves."""
    known = samples([2] * 96) + samples([8] * 72, first=196)
    past = past_of([each._replace(is_own=each.hour >= 196) for each in known])

    assert past is not None
    stats = past.seen_from(per_hour("8"), 268)
    assert not stats.is_thin
    assert (stats.samples, stats.hours) == (72, 168)
    assert stats.mean_per_hour == per_hour("8")


@pytest.mark.parametrize(
    ("now", "is_spike"), [("5", False), ("6", True), ("-6", False)]
)
def test_a_spike_stands_far_above_its_own_past(now: str, *, is_spike: bool) -> None:
    """Ones and threes in turn: mean 2, sd 1.003, so three of them reach 5.01."""
    past = past_of(samples([1, 3] * 84))

    assert past is not None
    assert past.seen_from(per_hour(now), 268).is_spike is is_spike


def test_a_small_rise_over_a_flat_past_is_no_spike() -> None:
    """A rate that stood still for a week and moves by a tenth is no news."""
    past = past_of(samples([10] * 168))

    assert past is not None
    assert past.seen_from(per_hour("11"), 268).is_spike is False
    assert past.seen_from(per_hour("21"), 268).is_spike is True


def test_with_less_than_a_day_known_nothing_is_said_about_spikes() -> None:
    """Unknown is not the same as no."""
    past = past_of(samples([1] * 23))

    assert past is not None
    assert past.seen_from(per_hour("50"), 123).is_spike is None


def test_without_any_known_hour_there_are_no_statistics() -> None:
    """A token listed this minute has no past."""
    assert past_of([]) is None


def test_a_new_level_is_a_spike_for_its_first_sixteen_hours() -> None:
    """A flat week, then a share p of it at L: mean p * L, sd the root of p(1 - p) * L.

    1 - p is more than three times that root as long as p is below a tenth: 16.8 h.
    """

    def is_spike(hours: int) -> bool | None:
        past = past_of(samples([0] * (168 - hours) + [10] * hours))
        assert past is not None
        return past.seen_from(per_hour("10"), 268).is_spike

    assert [is_spike(hours) for hours in (1, 16, 17, 24)] == [True, True, False, False]
