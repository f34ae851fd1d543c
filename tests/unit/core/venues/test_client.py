"""What an exception out of the client library means, in a person's words."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from core.errors import TroubleKind, VenueError
from core.model.units import VenueId
from core.venues.catalog import BINANCE, VENUES, RateFields
from core.venues.client import failure_of, name_of, open_client
from core.venues.fields import MalformedError
from core.venues.http import VenueSession
from core.venues.pacing import RequestBudget
from tests.fakes.runtime import FakeClock

if TYPE_CHECKING:
    from core.venues.catalog import CatalogEntry

VENUE = VenueId("binance")


def budget_of(entry: CatalogEntry) -> RequestBudget:
    """Return the requests of a venue's minute, all unused."""
    return RequestBudget(entry.venue_id, entry.requests_per_minute, FakeClock())


def caused(error: Exception, cause: Exception) -> Exception:
    """Return an error that was raised from another."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (TimeoutError(), TroubleKind.TIMEOUT, "no answer in time"),
        (
            ccxt.RequestTimeout("x GET https://secret"),
            TroubleKind.TIMEOUT,
            "no answer in time",
        ),
        (
            ccxt.RateLimitExceeded("x"),
            TroubleKind.BUSY,
            "asked us to slow down",
        ),
        (ccxt.DDoSProtection("x"), TroubleKind.BUSY, "asked us to slow down"),
        (ccxt.OnMaintenance("x"), TroubleKind.SERVER_ERROR, "under maintenance"),
        (
            caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError()),
            TroubleKind.UNREACHABLE,
            "hung up",
        ),
        (
            caused(ccxt.ExchangeNotAvailable("x"), OSError("refused")),
            TroubleKind.UNREACHABLE,
            "no connection",
        ),
        (
            caused(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError()),
            TroubleKind.NONSENSE,
            "sent an answer that breaks off",
        ),
        (ccxt.NullResponse("x"), TroubleKind.NONSENSE, "sent data of another shape"),
        (ccxt.BadSymbol("x {key}"), TroubleKind.REFUSED, "refused (BadSymbol)"),
        (ccxt.ExchangeError("x"), TroubleKind.REFUSED, "refused (ExchangeError)"),
        (aiohttp.ClientError("x"), TroubleKind.UNREACHABLE, "no connection"),
        (OSError("x"), TroubleKind.UNREACHABLE, "no connection"),
        (AttributeError("x"), TroubleKind.NONSENSE, "sent data of another shape"),
        (TypeError("x"), TroubleKind.NONSENSE, "sent data of another shape"),
        (KeyError("x"), TroubleKind.NONSENSE, "sent data of another shape"),
        (MalformedError("x"), TroubleKind.NONSENSE, "sent data of another shape"),
        (RuntimeError("x"), TroubleKind.UNEXPECTED, "RuntimeError"),
    ],
)
def test_each_failure_has_a_kind_and_plain_words(
    error: Exception, kind: TroubleKind, words: str
) -> None:
    """Cards show the words; addresses and raw bodies never get there."""
    found = failure_of(VENUE, error)

    assert (found.kind, found.detail, found.venue_id) == (kind, words, VENUE)


def test_a_failure_that_has_its_words_keeps_them() -> None:
    """The first to notice knows best."""
    known = VenueError(VENUE, TroubleKind.BUSY, "answered 429")

    assert failure_of(VENUE, known) is known


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"symbol": "BTCUSDT"}, "BTCUSDT"),
        ({"name": "kPEPE"}, "kPEPE"),
        ({"symbol": 7}, "?"),
        (None, "?"),
    ],
)
def test_a_broken_row_is_called_what_it_calls_itself(row: object, name: str) -> None:
    """A person can then look it up at the venue."""
    assert name_of(row) == name


@pytest.mark.parametrize("venue", VENUES.values(), ids=VENUES)
async def test_a_client_carries_no_keys_and_asks_for_no_retries(
    venue: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Public data needs no secret; a blind retry could one day repeat an order."""
    entry = next(each for each in VENUES.values() if each is venue)
    session = VenueSession(entry, base_url=None, clock=FakeClock(), reads_only=True)

    with caplog.at_level(logging.WARNING):
        client = open_client(entry, session, budget_of(entry), None, 9000)
        options = client.options
        await client.close()
        del client
        await asyncio.sleep(0)

    assert "maxRetriesOnFailure" not in options
    assert options.get("builderFee") is not True or entry is BINANCE
    assert caplog.records == []


def test_the_client_has_no_secret() -> None:
    """Nothing that could sign is ever set on a reader."""
    session = VenueSession(BINANCE, base_url=None, clock=FakeClock(), reads_only=True)

    client = open_client(BINANCE, session, budget_of(BINANCE), None, 9000)

    assert not any((client.apiKey, client.secret, client.privateKey))
    client.session = None  # nothing was opened; the library would ask to close it


def reader_of(fields: RateFields) -> Any:  # noqa: ANN401 - the library is untyped
    """Return a client of Binance with other rate fields."""
    entry = replace(BINANCE, rates=fields)
    session = VenueSession(entry, base_url=None, clock=FakeClock(), reads_only=True)
    client = open_client(entry, session, budget_of(entry), None, 9000)
    client.session = None  # nothing was opened; the library would ask to close it
    return client


UNIFIED = RateFields(rate="rate.fundingRate", volume="ticker.quoteVolume")


def test_fields_of_the_library_are_read_where_the_catalog_asks_for_them() -> None:
    """A venue whose own rows are awkward can still be one entry."""
    client = reader_of(UNIFIED)

    rates = client.parse_funding_rates(
        [{"symbol": "BTCUSDT", "lastFundingRate": "0.0001"}, None, 7]
    )
    tickers = client.parse_tickers([{"symbol": "BTCUSDT", "quoteVolume": "5.5"}])

    assert rates["BTCUSDT"]["fundingRate"] == 0.0001
    assert rates.nameless == 2
    assert float(tickers["BTCUSDT"]["quoteVolume"]) == 5.5


def test_rows_the_library_trips_over_are_set_aside() -> None:
    """Whatever it raises, the other rows are read."""
    client = reader_of(UNIFIED)
    client.safe_symbol = _trip
    client.safe_market = _trip

    assert client.parse_ticker({"symbol": "BTCUSDT"})["symbol"] is None
    assert client.parse_funding_rates([{"symbol": "BTCUSDT"}]).nameless == 1


def _trip(*_: object) -> None:
    message = "unexpected"
    raise RuntimeError(message)


def test_an_answer_that_is_no_list_has_no_rates() -> None:
    """The reader then says that the venue sent none."""
    assert not reader_of(UNIFIED).parse_funding_rates({"code": 1})
