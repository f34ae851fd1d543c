"""Make ccxt's class for a venue: tolerant of bad rows, strict with bad answers.

ccxt turns an error page into an empty list and lets one bad row spoil a whole list.
Here an answer that is no JSON object or list raises, one bad row is set aside, and
numbers keep the digits the venue wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import aiohttp
import ccxt.async_support as ccxt

from core.errors import TroubleKind, VenueError

if TYPE_CHECKING:
    from core.model.units import VenueId
    from core.venues.catalog import CatalogEntry, RateFields
    from core.venues.http import VenueSession
    from core.venues.pacing import RequestBudget

    class _Ccxt:
        """The methods of ccxt that are overridden here."""

        def parse_market(self, market: object) -> Row | None: ...
        def parse_ticker(self, ticker: object, market: object = None) -> Row: ...
        def parse_funding_rate(
            self, contract: object, market: object = None
        ) -> Row: ...
        async def fetch_markets(self, params: object = None) -> list[Row]: ...
        async def fetch(self, *args: object, **options: object) -> object: ...
else:
    _Ccxt = object

Row: TypeAlias = Mapping[str, Any]

_NAMES: Final = ("symbol", "name")
_BUSY: Final = frozenset({418, 429})
_TIMED_OUT: Final = 408
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_REDIRECT: Final = 300
_WRONG_SHAPE: Final = (
    AttributeError,
    TypeError,
    LookupError,
    ValueError,
    ArithmeticError,
)


class Rows(dict[str, Row]):
    """Rows by the venue's own name, or by ccxt's symbol where that is not known."""

    nameless = 0
    """How many rows could not be told apart, so that nobody knows whose they were."""


class Paced:
    """What every client gets on top of ccxt's own, be it for reading or for trading."""

    budget: RequestBudget
    on_json_response = staticmethod(
        # the digits as sent; ccxt takes numbers as text everywhere
        lambda text: json.loads(text, parse_float=str)
    )

    def milliseconds(self) -> int:
        """Return the moment, from our clock: ccxt ends a span of history at it."""
        return int(self.budget.now().timestamp() * 1000)

    def seconds(self) -> int:
        """Return the moment, from our clock."""
        return int(self.budget.now().timestamp())

    async def throttle(self, cost: float | None = None) -> None:
        """Wait for a request's turn; ccxt's own queue would let orders stand in it.

        Raises:
            OverBudgetError: a reading would wait too long.
        """
        await self.budget.take(cost)


class Tolerant(Paced, _Ccxt):
    """What every reader gets on top of ccxt's own."""

    venue_id: VenueId
    fields: RateFields
    reads_own_rows: bool
    """Of the fields, worked out once: it is asked for every row."""
    broken_markets: tuple[str, ...] = ()
    """Names of contracts ccxt could not read in the last list."""

    def on_rest_response(self, code: int, *rest: Any) -> str:  # noqa: ANN401 - ccxt's hook
        """Judge an answer before ccxt reads it; return its text.

        Raises:
            VenueError: the status says that there is nothing to read.
        """
        text = str(rest[4]).strip()
        trouble = _status_trouble(code)
        if trouble is not None:
            raise VenueError(self.venue_id, trouble, f"answered {code}")
        if not text.startswith(("{", "[")):
            detail = "sent a page instead of data" if text else "sent an empty answer"
            raise VenueError(self.venue_id, TroubleKind.NONSENSE, detail)
        return text

    async def fetch(self, *args: object, **options: object) -> object:
        """Send one request; return its parsed answer.

        Raises:
            VenueError: the answer cannot be parsed.
        """
        answer = await super().fetch(*args, **options)
        if not isinstance(answer, dict | list):
            raise VenueError(
                self.venue_id, TroubleKind.NONSENSE, "sent data that breaks off"
            )
        return answer

    async def fetch_markets(self, params: object = None) -> list[Row]:
        """Read the venue's list, noting what is unreadable in it."""
        self.broken_markets = ()
        return await super().fetch_markets({} if params is None else params)

    def parse_market(self, market: object) -> Row | None:
        """Read one contract, None if ccxt cannot."""
        try:
            parsed = super().parse_market(market)
        except Exception:  # noqa: BLE001 - whatever ccxt trips over costs this row only
            parsed = None
        if parsed is None:
            self.broken_markets += (name_of(market),)
        return parsed

    def parse_ticker(self, ticker: object, market: object = None) -> Row:
        """Read one ticker; an unreadable one has no symbol."""
        if self.reads_own_rows:
            listed = market.get("symbol") if isinstance(market, Mapping) else None
            return {"symbol": self._row_name(ticker) or listed, "info": ticker}
        try:
            return super().parse_ticker(ticker, market)
        except Exception:  # noqa: BLE001 - whatever ccxt trips over costs this row only
            return {"symbol": None, "info": ticker}

    def safe_ticker(self, ticker: Row, market: object = None) -> Row:  # noqa: ARG002 - ccxt's hook
        """Return a ticker as it was read.

        ccxt derives averages and changes nobody here asks for, at half a scan's cost.
        """
        return ticker

    def parse_funding_rates(self, response: object, symbols: object = None) -> Rows:  # noqa: ARG002 - ccxt's hook
        """Read a list of rates; unreadable rows are counted."""
        rows = Rows()
        for raw in response if isinstance(response, list) else ():
            row = self._rate_row(raw)
            name = self._row_name(raw) or (row and row.get("symbol"))
            if row is not None and isinstance(name, str):
                rows[name] = row
            else:
                rows.nameless += 1
        return rows

    def _rate_row(self, raw: object) -> Row | None:
        if self.reads_own_rows and self.fields.row_name is not None:
            return {"info": raw}
        try:
            return self.parse_funding_rate(raw)
        except Exception:  # noqa: BLE001 - whatever ccxt trips over costs this row only
            return None

    def _row_name(self, raw: object) -> str | None:
        """Return the native name in a venue's own row, where the catalog knows it."""
        if self.fields.row_name is None or not isinstance(raw, dict):
            return None
        name = raw.get(self.fields.row_name)
        return name if isinstance(name, str) else None


def name_of(row: object) -> str:
    """Return what a row that cannot be read calls itself."""
    if isinstance(row, Mapping):
        for key in _NAMES:
            if isinstance(row.get(key), str):
                return str(row[key])
    return "?"


def _status_trouble(code: int) -> TroubleKind | None:
    if code in _BUSY:
        return TroubleKind.BUSY
    if code == _TIMED_OUT:
        return TroubleKind.TIMEOUT
    if code >= _SERVER_ERROR:
        return TroubleKind.SERVER_ERROR
    if code >= _REDIRECT:
        return TroubleKind.REFUSED
    return None


def open_client(
    entry: CatalogEntry,
    session: VenueSession,
    budget: RequestBudget,
    extra: type | None,
    timeout_ms: int,
) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return ccxt's object for a venue: no keys, no market list yet, our session.

    Args:
        entry: the venue.
        session: carries every request.
        budget: says when a request may leave.
        extra: what data cannot say of this venue.
        timeout_ms: ccxt's own limit; ours is what counts.
    """
    bases = (Tolerant,) if extra is None else (extra, Tolerant)
    kind = type(f"Reader_{entry.ccxt_id}", (*bases, getattr(ccxt, entry.ccxt_id)), {})
    client = set_up(kind, session, budget, timeout_ms, entry.arguments)
    client.venue_id, client.fields = entry.venue_id, entry.rates
    client.reads_own_rows = entry.rates.reads_own_rows
    return client


def set_up(
    kind: type,
    session: VenueSession,
    budget: RequestBudget,
    timeout_ms: int,
    arguments: Mapping[str, object],
) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Return an object of ccxt's with what is the same for readers and traders."""
    client = kind(
        {
            "enableRateLimit": True,  # else our budget is not asked
            "enableLastHttpResponse": False,
            "enableLastJsonResponse": False,
            "enableLastResponseHeaders": False,
            "timeout": timeout_ms,
            "has": {"fetchCurrencies": False},
            "session": session,
            **arguments,
        }
    )
    client.budget = budget
    client.ssl_context = False  # ours is in the session; else ccxt reads a file
    client.timeout_on_exit = 0  # it has no sockets of its own to wait for
    return client


def failure_of(venue_id: VenueId, error: Exception) -> VenueError:
    """Return what an exception out of ccxt or the network means, in plain words."""
    if isinstance(error, VenueError):
        return error
    kind, detail = _meaning(error)
    return VenueError(venue_id, kind, detail)


def _meaning(error: Exception) -> tuple[TroubleKind, str]:
    if isinstance(error, TimeoutError | ccxt.RequestTimeout):
        return TroubleKind.TIMEOUT, "no answer in time"
    if isinstance(error, ccxt.BaseError):
        return _ccxt_meaning(error)
    if isinstance(error, aiohttp.ClientError | OSError):
        return TroubleKind.UNREACHABLE, "no connection"
    if isinstance(error, _WRONG_SHAPE):
        return TroubleKind.NONSENSE, "sent data of another shape"
    return TroubleKind.UNEXPECTED, type(error).__name__


def _ccxt_meaning(error: Exception) -> tuple[TroubleKind, str]:
    cause = error.__cause__
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
        return TroubleKind.BUSY, "asked us to slow down"
    if isinstance(error, ccxt.OnMaintenance):
        return TroubleKind.SERVER_ERROR, "under maintenance"
    if isinstance(error, ccxt.ExchangeNotAvailable):
        has_hung_up = isinstance(cause, aiohttp.ServerDisconnectedError)
        return TroubleKind.UNREACHABLE, "hung up" if has_hung_up else "no connection"
    if isinstance(cause, aiohttp.ClientError):
        return TroubleKind.NONSENSE, "sent an answer that breaks off"
    if isinstance(error, ccxt.BadResponse | ccxt.NullResponse):
        return TroubleKind.NONSENSE, "sent data of another shape"
    return TroubleKind.REFUSED, f"refused ({type(error).__name__})"
