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
    from collections.abc import Iterator, Mapping

    from core.model.history import SeriesKey

_UNKNOWN: Final = -(2**63)
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
        column, past = self._columns.get(key), self._past.get(key, {})
        return sum(
            self._at(column, hour) is not None or hour in past
            for hour in range(first, end)
        )

    def spreads(
        self, long: SeriesKey, short: SeriesKey, first: int, end: int
    ) -> Iterator[Sample]:
        """Yield the spread of every hour known on both sides, from first up to end."""
        columns = self._columns.get(long), self._columns.get(short)
        pasts = self._past.get(long, {}), self._past.get(short, {})
        for hour in range(first, end):
            paid = self._at(columns[0], hour)
            received = self._at(columns[1], hour)
            is_own = paid is not None and received is not None
            paid = pasts[0].get(hour) if paid is None else paid
            received = pasts[1].get(hour) if received is None else received
            if paid is not None and received is not None:
                yield Sample(hour, received - paid, is_own)

    def _at(self, column: int | None, hour: int) -> int | None:
        line = self._own.get(hour)
        if column is None or line is None or column >= len(line):
            return None
        rate = line[column]
        return None if rate == _UNKNOWN else rate


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
