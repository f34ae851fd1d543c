"""A venue's public data that serves what a test gives it, with scripted faults."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.errors import TroubleKind, VenueError
from core.model.market import BookLevel, OrderBook, SettledRate
from core.model.opportunity import Skip, SkipReason
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from core.model.instrument import Instrument, LeftOut
    from core.model.market import FundingSnapshot
    from core.model.units import VenueId
    from core.ports import Clock

Rungs = tuple[tuple[str, str], ...]
"""(price, quantity) from the best outwards, as texts."""


def levels(rungs: Rungs) -> tuple[BookLevel, ...]:
    """Return book levels."""
    return tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in rungs)


def book(
    instrument: Instrument, *, bids: Rungs, asks: Rungs, at: datetime = START
) -> OrderBook:
    """Return an order book."""
    return OrderBook(instrument, levels(bids), levels(asks), at)


class FakeMarket:
    """One venue's contracts, rates, books and settled rates.

    Books are stamped with the clock's moment when they are read, unless `is_frozen`.
    Every fault in `faults` is raised by one read, in order; `calls` names all reads.
    """

    def __init__(self, venue_id: VenueId, clock: Clock) -> None:
        self._venue_id = venue_id
        self._clock = clock
        self.listed: dict[str, Instrument] = {}
        self.left_out: tuple[LeftOut, ...] = ()
        self.snapshots: dict[str, FundingSnapshot] = {}
        self.books: dict[str, OrderBook] = {}
        self.history: dict[str, list[SettledRate]] = {}
        self.faults: deque[Exception] = deque()
        self.calls: list[str] = []
        self.is_frozen = False

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self._venue_id

    def show(self, *snapshots: FundingSnapshot) -> None:
        """List these instruments with their rates."""
        for each in snapshots:
            self.listed[each.instrument.symbol] = each.instrument
            self.snapshots[each.instrument.symbol] = each

    def quote(self, order_book: OrderBook) -> None:
        """Serve this book from now on."""
        self.listed[order_book.instrument.symbol] = order_book.instrument
        self.books[order_book.instrument.symbol] = order_book

    def pay(
        self, instrument: Instrument, at: datetime, rate: str, price: str | None = None
    ) -> None:
        """Publish one settled rate."""
        settled = SettledRate(
            instrument=instrument,
            pay_at=at,
            per_payment=Decimal(rate),
            price=None if price is None else Decimal(price),
        )
        self.history.setdefault(instrument.symbol, []).append(settled)

    def fail(self, *faults: Exception) -> None:
        """Raise these, one per read."""
        self.faults.extend(faults)

    def go_down(self, reads: int = 1) -> None:
        """Answer the next reads with a venue error."""
        kind = TroubleKind.UNREACHABLE
        self.fail(*(VenueError(self._venue_id, kind, "down") for _ in range(reads)))

    def mark(self, symbol: str) -> FundingSnapshot | None:
        """Return the latest snapshot, as scans keep it."""
        return self.snapshots.get(symbol)

    def find(self, symbol: str) -> Instrument | None:
        """Return the instrument, as the availability cache keeps it."""
        return self.listed.get(symbol)

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Serve the list."""
        self._called("instruments")
        return tuple(self.listed.values()), self.left_out

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Serve the rates; an instrument without one becomes a skip."""
        del is_entry
        self._called("funding")
        found = (self.snapshots.get(symbol) for symbol in instruments)
        now = self._clock.now()
        stamped = (replace(each, observed_at=now) for each in found if each)
        return tuple(stamped), tuple(self._missing(instruments.values()))

    async def book(self, instrument: Instrument) -> OrderBook:
        """Serve a book."""
        self._called("book")
        found = self.books.get(instrument.symbol)
        if found is None:
            kind = TroubleKind.NONSENSE
            raise VenueError(self._venue_id, kind, f"no book of {instrument.symbol}")
        if self.is_frozen:
            return found
        return replace(found, observed_at=self._clock.now())

    async def settled(
        self, instrument: Instrument, since: datetime
    ) -> tuple[SettledRate, ...]:
        """Serve the settled rates after a moment."""
        self._called("settled")
        known = self.history.get(instrument.symbol, [])
        found = (each for each in known if since < each.pay_at)
        return tuple(sorted(found, key=lambda each: each.pay_at))

    def _missing(self, instruments: Iterable[Instrument]) -> Iterable[Skip]:
        for each in instruments:
            if each.symbol not in self.snapshots:
                yield Skip(
                    base=each.base,
                    reason=SkipReason.NO_RATE,
                    detail="no rate",
                    venue_id=self._venue_id,
                    symbol=each.symbol,
                )

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.faults:
            raise self.faults.popleft()
