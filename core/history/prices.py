"""Mark prices by the hour in memory, and what a usual day's move of them is.

Only the last three days count: a margin lasts or not at recent moves. They are not
written; after a restart they come back from the recorded scans.
"""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from core.history.series import Series, hour_number
from core.model.history import TRILLIONTHS, PriceMoves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from core.model.history import SeriesKey
    from core.model.market import FundingSnapshot

RECENT: Final = timedelta(days=3)
LEAST_HOURS: Final = 24
"""Without prices from so many hours no day's move is claimed."""
LEAST_MOVES: Final = 6
"""Nor with fewer moves among them: a bot that was off has gaps."""
_HOURS: Final = RECENT // timedelta(hours=1)
_DAY_H: Final = 24
_LARGEST: Final = Decimal(9_000_000)
"""A dearer token would not fit into whole trillionths; nothing is kept of it."""


class Prices:
    """The first mark price that was seen of each contract in each hour."""

    def __init__(self) -> None:
        self._series = Series()
        self._hours: set[int] = set()

    def put(self, at: datetime, snapshots: Iterable[FundingSnapshot]) -> None:
        """Keep the marks of one moment, unless its hour is known already."""
        hour = hour_number(at)
        if hour in self._hours:
            return
        self._hours.add(hour)
        marks = {
            (each.instrument.venue_id, each.instrument.symbol): int(
                each.mark_price * TRILLIONTHS
            )
            for each in snapshots
            if each.mark_price is not None and 0 < each.mark_price < _LARGEST
        }
        self._series.put(hour, marks)

    def forget(self, now: datetime) -> None:
        """Drop what does not count any more."""
        before = hour_number(now) - _HOURS
        self._hours = {hour for hour in self._hours if hour >= before}
        self._series.forget(before)

    def moves(self, key: SeriesKey, now: datetime) -> PriceMoves:
        """Return how far a contract's price goes in a usual day of late."""
        end = hour_number(now) + 1
        known = self._series.rates(key, end - _HOURS, end)
        count = max(0, len(known) - 1)
        span = known[-1][0] - known[0][0] if known else 0
        # two prices a day apart are no day of prices
        hours = count if count < LEAST_MOVES else span
        return PriceMoves(hours=hours, daily=daily_move(known))


def daily_move(prices: Sequence[tuple[int, int]]) -> Decimal | None:
    """Return a usual day's move, a fraction of the price, of (hour, price) in order.

    The root of the mean square of the hourly moves, times the root of 24 hours. A gap
    counts for all its hours. None while fewer than 24 hours or 6 moves are known.
    """
    steps = [
        (later - earlier, Decimal(price) / before - 1)
        for (earlier, before), (later, price) in itertools.pairwise(prices)
    ]
    hours = sum(hours for hours, _ in steps)
    if len(steps) < LEAST_MOVES or hours < LEAST_HOURS:
        return None
    squares = sum((move * move for _, move in steps), start=Decimal(0))
    per_hour = squares / hours
    return (per_hour * _DAY_H).sqrt()
