"""When a heavy list is asked for again, and for how long its answer is believed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.venues.kept import KeptList


def kept_list(call: str | None = "fetch_tickers") -> KeptList:
    """Return a list read every 5 minutes and believed for 15."""
    return KeptList(call, timedelta(minutes=5), timedelta(minutes=15))


def test_a_list_never_read_is_due_and_not_usable() -> None:
    """The first scan waits for it."""
    kept = kept_list()

    assert kept.is_due(0.0)
    assert not kept.is_usable(0.0)


def test_a_venue_without_such_a_list_is_never_asked() -> None:
    """Most venues send everything in one answer."""
    assert not kept_list(None).is_due(0.0)


@pytest.mark.parametrize(
    ("age_s", "is_due", "is_usable"),
    [(299, False, True), (300, True, True), (900, True, True), (901, True, False)],
)
def test_a_list_is_refreshed_long_before_it_stops_being_believed(
    age_s: float, *, is_due: bool, is_usable: bool
) -> None:
    """Two failed refreshes in a row cost nothing."""
    kept = kept_list()
    kept.keep({}, 1000.0)

    assert kept.is_due(1000.0 + age_s) is is_due
    assert kept.is_usable(1000.0 + age_s) is is_usable


@pytest.mark.parametrize(("since_try_s", "is_due"), [(59, False), (60, True)])
def test_after_a_failed_try_a_minute_passes(
    since_try_s: float, *, is_due: bool
) -> None:
    """A slow list must not hold up every scan."""
    kept = kept_list()
    kept.keep({}, 0.0)
    kept.tried_at = 400.0

    assert kept.is_due(400.0 + since_try_s) is is_due


def test_after_a_good_answer_its_age_alone_counts() -> None:
    """A list asked for at every scan is due although the last try was 59 s ago."""
    kept = KeptList("fetch", timedelta(seconds=30), timedelta(hours=1))
    kept.tried_at = 100.0
    kept.keep({}, 101.0)

    assert not kept.is_due(130.9)
    assert kept.is_due(131.0)


def test_without_a_usable_answer_there_is_nothing_to_wait_for() -> None:
    """Volumes or intervals are unknown already; every scan may try."""
    kept = kept_list()
    kept.keep({}, 0.0)
    kept.tried_at = 950.0

    assert kept.is_due(951.0)
