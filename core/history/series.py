"""Hourly rates of every contract in memory: a line per hour, a column per contract.

Whole trillionths in plain arrays: a week of two thousand contracts is three megabytes.
Where our own scans know nothing of an hour, settled payments stand in.
"""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.history.statistics import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.history import SeriesKey

_UNKNOWN: Final = -(2**63)
_EMPTY: Final = array("q")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


def hour_number(moment: datetime) -> int:
    """Return the full hours since 1970."""
    return (moment - _EPOCH) // _HOUR


def hour_at(number: int) -> datetime:
    """Return when an hour begins."""
    return _EPOCH + number * _HOUR


class Series:
    """What is known of each contract's rate, by the hour."""

    def __init__(self) -> None:
        self._columns: dict[SeriesKey, int] = {}
        self._own: dict[int, array[int]] = {}
        self._past: dict[SeriesKey, Mapping[int, int]] = {}

    def put(self, hour: int, rates: Mapping[SeriesKey, int]) -> None:
        """Keep the means of one hour, replacing what is there."""
        columns = self._columns
        for key in rates.keys() - columns.keys():
            columns[key] = len(columns)
        line = array("q", [_UNKNOWN]) * len(columns)
        for key, rate in rates.items():
            line[columns[key]] = rate
        self._own[hour] = line

    def put_past(self, key: SeriesKey, rates: Mapping[int, int]) -> None:
        """Keep what a contract's settled payments say, replacing what is there."""
        self._past[key] = rates

    def forget(self, before: int) -> None:
        """Drop the hours before one."""
        for hour in [each for each in self._own if each < before]:
            del self._own[hour]
        for key, rates in list(self._past.items()):
            if all(hour < before for hour in rates):
                del self._past[key]

    def known(self, key: SeriesKey, first: int, end: int) -> int:
        """Return how many hours of a contract are known, from first up to end."""
        past, own = self._past.get(key, {}), self._own_of(key, first, end)
        hours = zip(range(first, end), own, strict=True)
        return sum(rate != _UNKNOWN or hour in past for hour, rate in hours)

    def rates(self, key: SeriesKey, first: int, end: int) -> list[tuple[int, int]]:
        """Return hour and rate of every hour known of a contract, own ones first."""
        past, own = self._past.get(key, {}), self._own_of(key, first, end)
        found = []
        for hour, rate in zip(range(first, end), own, strict=True):
            known = past.get(hour, _UNKNOWN) if rate == _UNKNOWN else rate
            if known != _UNKNOWN:
                found.append((hour, known))
        return found

    def spreads(
        self, long: SeriesKey, short: SeriesKey, first: int, end: int
    ) -> list[Sample]:
        """Return the spread of every hour known on both sides, from first up to end."""
        sides = self._own_of(long, first, end), self._own_of(short, first, end)
        pasts = self._past.get(long, {}), self._past.get(short, {})
        found = []
        for hour, paid, received in zip(range(first, end), *sides, strict=True):
            if paid != _UNKNOWN and received != _UNKNOWN:  # noqa: PLR1714 - no set: it is asked a million times
                found.append(Sample(hour, received - paid, is_own=True))
                continue
            out = pasts[0].get(hour, _UNKNOWN) if paid == _UNKNOWN else paid
            into = pasts[1].get(hour, _UNKNOWN) if received == _UNKNOWN else received
            if _UNKNOWN not in {out, into}:
                found.append(Sample(hour, into - out, is_own=False))
        return found

    def _own_of(self, key: SeriesKey, first: int, end: int) -> list[int]:
        """Return a contract's own hours, `_UNKNOWN` where there is none."""
        column, own = self._columns.get(key), self._own
        if column is None:
            return [_UNKNOWN] * (end - first)
        lines = (own.get(hour, _EMPTY) for hour in range(first, end))
        return [_UNKNOWN if column >= len(line) else line[column] for line in lines]


class RunningHour:
    """The hour under way: sums that become its means."""

    def __init__(self, hour: int) -> None:
        self.hour = hour
        self.scans = 0
        self._sums: dict[SeriesKey, list[int]] = {}

    def resume(self, scans: int, rates: Mapping[SeriesKey, int]) -> None:
        """Go on with means that an earlier process kept of this hour."""
        self.scans = scans
        self._sums = {key: [rate * scans, scans] for key, rate in rates.items()}

    def add(self, key: SeriesKey, rate: int) -> None:
        """Count a contract's rate of one scan."""
        found = self._sums.get(key)
        if found is None:
            self._sums[key] = [rate, 1]
        else:
            found[0] += rate
            found[1] += 1

    def means(self) -> dict[SeriesKey, int]:
        """Return each contract's mean."""
        return {key: total // count for key, (total, count) in self._sums.items()}
