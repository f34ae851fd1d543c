"""Contracts in, their order books out, few requests and no waiting for the slow.

All books are read at once. A book of the last seconds serves again; a venue that was
asked as often as it may be this minute shows its older book as long as that is
reasonable; whatever else goes wrong is a reason in plain words.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import VenueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from core.model.instrument import Instrument
    from core.model.market import OrderBook
    from core.model.units import VenueId
    from core.ports import Clock, OrderBooks

log = logging.getLogger(__name__)

YOUNG = timedelta(seconds=3)
"""A book of this age is not asked for again."""
OLDEST = timedelta(seconds=60)
"""A book older than this prices nothing."""
ANSWER_WITHIN = timedelta(seconds=3)
MINUTE = timedelta(minutes=1)
FEWEST, MOST = 4, 120
"""Books a minute that a venue is asked for at least and at most."""

BookKey = tuple["VenueId", str]


class BookShelf:
    """Reads books and keeps the last of each contract."""

    def __init__(
        self,
        *,
        sources: Mapping[VenueId, OrderBooks],
        per_minute: Mapping[VenueId, int],
        clock: Clock,
    ) -> None:
        """Take the parts; `per_minute` is how many books each venue may be asked."""
        self._sources = sources
        self._per_minute = per_minute
        self._clock = clock
        self._kept: dict[BookKey, OrderBook] = {}
        self._asked: dict[VenueId, deque[float]] = {}

    async def read(
        self, instruments: Iterable[Instrument]
    ) -> dict[BookKey, OrderBook | str]:
        """Return each contract's book, or why there is none; the first matter most.

        What a venue may not be asked for any more this minute is left to older books.
        """
        wanted = {key_of(each): each for each in instruments}
        found: dict[BookKey, OrderBook | str] = {}
        due = {key: each for key, each in wanted.items() if self._young(key) is None}
        async with asyncio.TaskGroup() as group:
            for key, instrument in due.items():
                if self._may_ask(instrument.venue_id):
                    group.create_task(self._read(instrument, found))
                else:
                    found[key] = self._older(instrument)
        for key in wanted:
            found.setdefault(key, self._kept.get(key) or "its order book is gone")
        self._forget()
        return found

    def _young(self, key: BookKey) -> OrderBook | None:
        book = self._kept.get(key)
        return None if book is None or self._age(book) > YOUNG else book

    def _age(self, book: OrderBook) -> timedelta:
        return self._clock.now() - book.observed_at

    def _older(self, instrument: Instrument) -> OrderBook | str:
        book = self._kept.get(key_of(instrument))
        if book is not None and self._age(book) <= OLDEST:
            return book
        return f"{instrument.venue_id} was asked for all its books of this minute"

    def _may_ask(self, venue_id: VenueId) -> bool:
        """Count one more request of this minute, unless it would be one too many."""
        now = self._clock.monotonic()
        asked = self._asked.setdefault(venue_id, deque())
        while asked and now - asked[0] >= MINUTE.total_seconds():
            asked.popleft()
        if len(asked) >= self._per_minute.get(venue_id, 0):
            return False
        asked.append(now)
        return True

    async def _read(
        self, instrument: Instrument, found: dict[BookKey, OrderBook | str]
    ) -> None:
        key, venue_id = key_of(instrument), instrument.venue_id
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                book = await self._sources[venue_id].book(instrument)
        except VenueError as error:
            found[key] = f"{venue_id} shows no order book: {error.detail}"
        except TimeoutError:
            found[key] = f"{venue_id} shows no order book in time"
        except Exception:
            # One venue's adapter must never take the ranking of the others down.
            log.exception("adapter failed venue=%s", venue_id)
            found[key] = f"{venue_id} shows no order book"
        else:
            found[key] = self._kept[key] = book

    def _forget(self) -> None:
        old = [key for key, book in self._kept.items() if self._age(book) > OLDEST]
        for key in old:
            del self._kept[key]


def books_per_minute(requests_per_minute: int, scan_interval: timedelta) -> int:
    """Return how many books a venue may be asked for, so that rates never wait.

    A third of its requests is kept for orders; each scan takes up to three for rates.
    """
    for_rates = 3 * -(-MINUTE // scan_interval)
    left = requests_per_minute * 2 // 3 - for_rates
    return max(FEWEST, min(requests_per_minute // 3, left, MOST))


def key_of(instrument: Instrument) -> BookKey:
    """Return what a contract's book is kept under."""
    return instrument.venue_id, instrument.symbol
