"""Contracts in, their order books out, few requests and no waiting for the slow.

Venues are read side by side. A book of the last seconds serves again; a venue that was
asked as often as it may be this minute shows its older book as long as that is
reasonable; whatever else goes wrong is a reason in plain words.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError

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
"""All books of a venue together."""
AT_ONCE = 5
"""Books of one venue that are under way at the same time."""
MINUTE = timedelta(minutes=1)
FEWEST, MOST = 4, 120
"""Books a minute that a venue is asked for at least and at most."""

_NO_TIME = frozenset({TroubleKind.BUSY, TroubleKind.HELD_BACK})
"""The venue wants fewer requests now, or our own limit for it is reached."""
_WHOLE = _NO_TIME | frozenset(
    {
        TroubleKind.TIMEOUT,
        TroubleKind.UNREACHABLE,
        TroubleKind.SERVER_ERROR,
    }
)
"""Failures of a venue as a whole: its other books are not asked for."""

BookKey = tuple["VenueId", str]


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why a book was not shown."""

    why: str
    is_whole: bool = False
    is_busy: bool = False
    """The venue, or our own limit for it, has no time now."""


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
        self._forget()
        found: dict[BookKey, OrderBook | str] = {}
        due: dict[VenueId, list[Instrument]] = {}
        for each in instruments:
            kept = self._kept.get(key_of(each))
            if kept is not None and self._age(kept) <= YOUNG:
                found[key_of(each)] = kept
            else:
                due.setdefault(each.venue_id, []).append(each)
        async with asyncio.TaskGroup() as group:
            for asked in due.values():
                group.create_task(self._read_venue(asked, found))
        return found

    def _age(self, book: OrderBook) -> timedelta:
        return self._clock.now() - book.observed_at

    def _older(self, instrument: Instrument) -> OrderBook | str:
        why = f"{instrument.venue_id} was asked for all its books of this minute"
        return self._lately(instrument) or why

    def _lately(self, instrument: Instrument) -> OrderBook | None:
        """Return the last book of a contract while it is reasonable."""
        book = self._kept.get(key_of(instrument))
        return None if book is None or self._age(book) > OLDEST else book

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

    async def _read_venue(
        self, due: list[Instrument], found: dict[BookKey, OrderBook | str]
    ) -> None:
        """Read one venue's books, a few at once: all in one moment would be a burst."""
        left = deque(due)
        end = asyncio.get_running_loop().time() + ANSWER_WITHIN.total_seconds()
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(due))):
                group.create_task(self._read_on(left, found, end))

    async def _read_on(
        self, left: deque[Instrument], found: dict[BookKey, OrderBook | str], end: float
    ) -> None:
        """Read what is left of a venue's books; one that fails as a whole is spared."""
        while left:
            instrument = left.popleft()
            if not self._may_ask(instrument.venue_id):
                found[key_of(instrument)] = self._older(instrument)
                continue
            book = await self._read(instrument, end)
            if not isinstance(book, _Failed):
                found[key_of(instrument)] = self._kept[key_of(instrument)] = book
                continue
            failed = [instrument, *left] if book.is_whole else [instrument]
            found |= {key_of(each): self._instead(each, book) for each in failed}
            if book.is_whole:
                left.clear()

    def _instead(self, instrument: Instrument, failed: _Failed) -> OrderBook | str:
        """Return why a book is missing; the last one serves a venue without time."""
        older = self._lately(instrument) if failed.is_busy else None
        return older or failed.why

    async def _read(self, instrument: Instrument, end: float) -> OrderBook | _Failed:
        venue_id = instrument.venue_id
        try:
            async with asyncio.timeout_at(end):
                return await self._sources[venue_id].book(instrument)
        except VenueError as error:
            why = f"{venue_id} shows no order book: {error.detail}"
            is_busy = error.kind in _NO_TIME
            return _Failed(why, is_whole=error.kind in _WHOLE, is_busy=is_busy)
        except TimeoutError:
            return _Failed(f"{venue_id} shows no order book in time", is_whole=True)
        except Exception:
            # One venue's adapter must never take the ranking of the others down.
            log.exception("adapter failed venue=%s", venue_id)
            return _Failed(f"{venue_id} shows no order book")

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
