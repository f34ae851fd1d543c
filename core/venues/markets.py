"""Read a venue's public data without keys: contracts, rates, books, past payments.

One reader per venue, each with its own connections and its own ccxt object. A warm scan
costs one request on Binance, Hyperliquid and Extended and two on Lighter; Binance's
intervals and day volumes are lists of their own, kept for half a minute and for five.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import certifi

from core.errors import TroubleKind, VenueError
from core.model.market import FundingSnapshot
from core.venues import listing, translate
from core.venues.catalog import VENUES, TickerUse
from core.venues.client import Rows, failure_of, open_client
from core.venues.http import VenueSession
from core.venues.hyperliquid import Hyperliquid
from core.venues.kept import KeptList
from core.venues.lighter import Lighter
from core.venues.pacing import RequestBudget, Urgency, urgent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from datetime import datetime

    from core.model.instrument import Instrument, LeftOut
    from core.model.market import OrderBook, SettledRate
    from core.model.opportunity import Skip
    from core.model.units import VenueId
    from core.model.venue import VenueRules
    from core.ports import Clock, OrderBooks
    from core.venues.catalog import CatalogEntry
    from core.venues.client import Row

CALL_TIMEOUT: Final = timedelta(seconds=10)
_CLIENT_SHARE: Final = 0.9
"""ccxt gives up first, so that the next caller does not join a dying request."""
_SIDE_TIMEOUT: Final = timedelta(seconds=5)
"""Patience with a heavy list that was asked for before: rates do not wait for it."""
_MOST_PAYMENTS: Final = 500

_SPECIAL: Final = MappingProxyType({"hyperliquid": Hyperliquid, "lighter": Lighter})


@dataclass(slots=True)
class _Lists:
    """What one scan read."""

    rates: Mapping[str, Row] = field(default_factory=dict)
    tickers: Mapping[str, Row] = field(default_factory=dict)
    error: VenueError | None = None


class MarketReader:
    """Public data of one venue; implements four of the venue ports."""

    def __init__(
        self,
        entry: CatalogEntry,
        *,
        base_url: str | None,
        clock: Clock,
        reads_only: bool = True,
        tls: ssl.SSLContext | None = None,
        timeout: timedelta = CALL_TIMEOUT,
    ) -> None:
        self._entry = entry
        self._clock = clock
        self._timeout = timeout
        self._session = VenueSession(
            entry, base_url=base_url, clock=clock, reads_only=reads_only, tls=tls
        )
        self.budget = RequestBudget(entry.venue_id, entry.requests_per_minute, clock)
        """Requests of this venue, shared with its account."""
        self.for_orders: OrderBooks = _UrgentBooks(self)
        """The same books for what an order hangs on."""
        self._client = open_client(
            entry,
            self._session,
            self.budget,
            _SPECIAL.get(entry.ccxt_id),
            int(timeout * _CLIENT_SHARE / timedelta(milliseconds=1)),
        )
        self._loading: asyncio.Task[object] | None = None
        # Intervals change by themselves when a rate cap is hit, and nothing else tells
        # of it at once: each scan asks, unless one asked just now. Volumes move slowly.
        self._intervals = KeptList(
            entry.rates.intervals_call, timedelta(seconds=30), timedelta(hours=1)
        )
        self._volumes = KeptList(
            "fetch_tickers" if entry.rates.tickers is TickerUse.CACHED else None,
            timedelta(minutes=5),
            timedelta(minutes=15),
        )

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self._entry.venue_id

    @property
    def rules(self) -> VenueRules:
        """Return what the trading stages must know of the venue."""
        return self._entry.rules

    @property
    def requests_per_minute(self) -> int:
        """Return the venue's limit, in its own weights."""
        return self._entry.requests_per_minute

    @property
    def latency(self) -> timedelta | None:
        """Return how long the last finished request took, None before the first."""
        return self._session.latency

    @property
    def requests(self) -> int:
        """Return how many requests were handed to the network so far."""
        return self._session.requests

    async def close(self) -> None:
        """Close every connection and end a list that is still being read."""
        if self._loading is not None and not self._loading.done():
            self._loading.cancel()
            await asyncio.wait({self._loading})
        await self._client.close()
        await self._session.close()

    # --- contracts --------------------------------------------------------------------

    async def instruments(self) -> tuple[tuple[Instrument, ...], tuple[LeftOut, ...]]:
        """Read the list anew: usable instruments, and the rest with reasons.

        Raises:
            VenueError: the venue failed as a whole, or its list is empty.
        """
        async with self._guarded(self._timeout):
            await self._load(anew=True)
        rows = [row for same in self._client.markets_by_id.values() for row in same]
        broken = self._client.broken_markets
        if not rows and not broken:
            raise _nonsense(self.venue_id, "sent an empty list")
        return listing.read_markets(self._entry, rows, broken)

    async def _load(self, *, anew: bool) -> None:
        """Wait for ccxt's list of contracts.

        ccxt shares one task among all who wait for the list, and one of them being
        canceled would cancel it for all: so it is waited for behind a shield, in a task
        that this object keeps and ends in `close`.
        """
        if self._client.markets and not anew:
            return
        if self._loading is None or self._loading.done():
            loop = asyncio.get_running_loop()
            self._loading = loop.create_task(self._client.load_markets(reload=True))
            self._loading.add_done_callback(_take_note)
        await asyncio.shield(self._loading)

    async def lend_markets(self, client: Any) -> object:  # noqa: ANN401 - ccxt's object
        """Give a client of the same venue this list of contracts; return what it is.

        The same object is returned until the list is read anew.

        Raises:
            VenueError: the venue failed as a whole.
        """
        async with self._guarded(self._timeout):
            await self._load(anew=False)
        if client.markets is not self._client.markets:
            client.set_markets_from_exchange(self._client)
        return self._client.markets

    # --- rates ------------------------------------------------------------------------

    async def funding(
        self, instruments: Mapping[str, Instrument], *, is_entry: bool = False
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        """Read all rates at once; every given instrument gets a snapshot or a skip.

        With `is_entry` an order hangs on the answer: the intervals are read again too.

        Raises:
            VenueError: the venue failed as a whole, or sent no rate at all.
        """
        with urgent(Urgency.LOOKUP if is_entry else Urgency.READ):
            async with self._guarded(self._timeout):
                await self._load(anew=False)
            lists = await self._read_lists(is_entry=is_entry)
        if lists.error is not None:
            raise lists.error
        await self._clock.sleep(
            timedelta(0)
        )  # others first: reading takes milliseconds
        if not lists.rates:
            raise _nonsense(self.venue_id, "sent no rates")
        return self._translated(instruments.values(), lists, self._clock.now())

    async def _read_lists(self, *, is_entry: bool) -> _Lists:
        """Read everything that is due, all at once."""
        lists, now = _Lists(), self._clock.monotonic()
        due = [each for each in (self._intervals, self._volumes) if each.is_due(now)]
        may_ask = self._intervals.may_ask(now, is_urgent=is_entry)
        is_doubtful = is_entry or self._may_have_changed()
        if may_ask and is_doubtful and self._intervals not in due:
            due.append(self._intervals)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_rates(lists))
            if self._entry.rates.tickers is TickerUse.EVERY_SCAN:
                group.create_task(self._read_tickers(lists))
            for kept in due:
                group.create_task(self._refresh(kept))
        if self._volumes.is_usable(self._clock.monotonic()):
            lists.tickers = self._volumes.rows or {}
        return lists

    def _may_have_changed(self) -> bool:
        """Tell whether a payment may have been made since the intervals were read.

        Venues change an interval at a payment, and a change from 4 h to 8 h shows
        nowhere else: the announced moment fits both.
        """
        past = self._clock.now() - self._clock.now().replace(
            minute=0, second=0, microsecond=0
        )
        age = self._clock.monotonic() - self._intervals.read_at
        return age > past.total_seconds()

    async def _read_rates(self, lists: _Lists) -> None:
        try:
            lists.rates = await self._call(self._entry.rates.call)
        except VenueError as error:
            lists.error = error

    async def _read_tickers(self, lists: _Lists) -> None:
        try:
            lists.tickers = await self._call("fetch_tickers")
        except VenueError as error:
            lists.error = error

    async def _refresh(self, kept: KeptList) -> None:
        """Read a kept list again; a failure leaves the last answer to its age."""
        started = self._clock.monotonic()
        patience = self._timeout if kept.tried_at is None else _SIDE_TIMEOUT
        kept.tried_at = started
        try:
            rows = await self._call(str(kept.call), patience=patience)
        except VenueError:
            return
        # A row without a name may be any symbol's: the older complete list is better.
        if not (isinstance(rows, Rows) and rows.nameless and kept.is_usable(started)):
            kept.keep(rows, self._clock.monotonic())

    async def _call(
        self, name: str, *, patience: timedelta | None = None
    ) -> Mapping[str, Row]:
        """Call one of ccxt's bulk methods.

        Raises:
            VenueError: it failed.
        """
        async with self._guarded(patience or self._timeout):
            rows: Mapping[str, Row] = await getattr(self._client, name)()
            return rows

    def _translated(
        self, instruments: Iterable[Instrument], lists: _Lists, now: datetime
    ) -> tuple[tuple[FundingSnapshot, ...], tuple[Skip, ...]]:
        intervals, is_complete = self._known_intervals()
        snapshots: list[FundingSnapshot] = []
        skips: list[Skip] = []
        for instrument in instruments:
            found = translate.read_rate(
                self._entry,
                instrument,
                translate.RateRows(
                    rate=_row_of(instrument, lists.rates),
                    ticker=_row_of(instrument, lists.tickers),
                    interval=_row_of(instrument, intervals),
                    market=self._client.markets.get(instrument.symbol),
                    has_intervals=is_complete,
                ),
                now,
            )
            if isinstance(found, FundingSnapshot):
                snapshots.append(found)
            else:
                skips.append(found)
        return tuple(snapshots), tuple(skips)

    def _known_intervals(self) -> tuple[Mapping[str, Row], bool]:
        """Return the published intervals, and whether a missing one means something."""
        rows = self._intervals.rows
        if rows is None or not self._intervals.is_usable(self._clock.monotonic()):
            return {}, self._intervals.call is None
        return rows, not (isinstance(rows, Rows) and rows.nameless)

    # --- books and past payments ------------------------------------------------------

    async def book(
        self, instrument: Instrument, *, urgency: Urgency = Urgency.SPARE
    ) -> OrderBook:
        """Read one book now; `for_orders` reads those that an order hangs on.

        Raises:
            VenueError: the venue failed or sent nonsense.
        """
        with urgent(urgency):
            return await self._book(instrument)

    async def _book(self, instrument: Instrument) -> OrderBook:
        async with self._guarded(self._timeout):
            await self._load(anew=False)
            raw = await self._client.fetch_order_book(
                instrument.symbol, self._entry.book_depth
            )
            return translate.read_book(instrument, raw, self._clock.now())

    async def settled(
        self, instrument: Instrument, since: datetime
    ) -> tuple[SettledRate, ...]:
        """Read the settled rates after a moment, oldest first.

        Raises:
            VenueError: the venue failed or sent nonsense.
        """
        async with self._guarded(self._timeout):
            await self._load(anew=False)
            raw = await self._client.fetch_funding_rate_history(
                instrument.symbol, int(since.timestamp() * 1000), _MOST_PAYMENTS
            )
            payments = translate.read_settled(
                instrument, raw, price=self._entry.rates.settled_price
            )
        return tuple(payment for payment in payments if payment.pay_at > since)

    # --- failures ---------------------------------------------------------------------

    @asynccontextmanager
    async def _guarded(self, patience: timedelta) -> AsyncIterator[None]:
        """Give a call so long, and turn whatever goes wrong into a VenueError."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                yield
        except Exception as error:  # ccxt raises anything on a bad answer
            raise failure_of(self.venue_id, error) from error


class _UrgentBooks:
    """Books that may use the share of requests kept for orders."""

    def __init__(self, reader: MarketReader) -> None:
        self._reader = reader

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self._reader.venue_id

    async def book(self, instrument: Instrument) -> OrderBook:
        """Read one book now.

        Raises:
            VenueError: the venue failed or sent nonsense.
        """
        return await self._reader.book(instrument, urgency=Urgency.LOOKUP)


def _row_of(instrument: Instrument, rows: Mapping[str, Row]) -> Row | None:
    """Return an instrument's row, kept under the venue's name of it or ccxt's."""
    row = rows.get(instrument.native_name)
    return rows.get(instrument.symbol) if row is None else row


def _nonsense(venue_id: VenueId, detail: str) -> VenueError:
    return VenueError(venue_id, TroubleKind.NONSENSE, detail)


def _take_note(task: asyncio.Task[Any]) -> None:
    """Read a task's outcome even if every waiter has gone."""
    if not task.cancelled():
        task.exception()


def open_markets(
    venue_ids: Iterable[VenueId],
    urls: Mapping[VenueId, str | None],
    clock: Clock,
    *,
    paper: bool,
) -> dict[VenueId, MarketReader]:
    """Return a reader for each venue; whoever calls this closes them.

    Args:
        venue_ids: names from the catalog.
        urls: replacement of a venue's scheme and host; None or missing keeps them.
        clock: the clock of everything inside.
        paper: allow public reads only.

    Raises:
        KeyError: the catalog has no such venue.
    """
    # The authorities ccxt brings, so that a bare machine needs no package for them.
    tls = ssl.create_default_context(cafile=certifi.where())
    return {
        venue_id: MarketReader(
            VENUES[venue_id],
            base_url=urls.get(venue_id),
            clock=clock,
            reads_only=paper,
            tls=tls,
        )
        for venue_id in venue_ids
    }
