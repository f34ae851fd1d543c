"""The catalog's promises, as the chat and the trades rely on them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import ccxt.async_support as ccxt
import pytest

from core.model.units import VenueId
from core.model.venue import Acknowledgement, ClientIdFormat
from core.venues.catalog import VENUES, TickerUse, rules

if TYPE_CHECKING:
    from core.venues.catalog import CatalogEntry


def test_the_four_venues_are_the_ones_settings_name() -> None:
    """The default of the venue setting is exactly this list."""
    assert list(VENUES) == ["binance", "hyperliquid", "lighter", "extended"]
    assert [entry.rules.code for entry in VENUES.values()] == ["BN", "HL", "LT", "EX"]


@pytest.mark.parametrize(
    ("venue", "fence_s", "taker", "acknowledgement", "ids"),
    [
        (
            "binance",
            35,
            "0.0005",
            Acknowledgement.RESULT,
            ClientIdFormat.ALPHANUMERIC,
        ),
        ("hyperliquid", 35, "0.00045", Acknowledgement.RESULT, ClientIdFormat.HEX_128),
        ("lighter", 630, "0", Acknowledgement.ASYNC, ClientIdFormat.INTEGER_48),
        (
            "extended",
            35,
            "0.00025",
            Acknowledgement.ACCEPTED,
            ClientIdFormat.ALPHANUMERIC,
        ),
    ],
)
def test_what_the_trading_stages_know_of_a_venue(
    venue: str,
    fence_s: int,
    taker: str,
    acknowledgement: Acknowledgement,
    ids: ClientIdFormat,
) -> None:
    """An order sent with 5 s to live is final 30 s later; Lighter's live 10 minutes."""
    found = rules(VenueId(venue))

    assert found.fence == timedelta(seconds=fence_s)
    assert found.taker_fee == Decimal(taker)
    assert (found.acknowledgement, found.client_id_format) == (acknowledgement, ids)


@pytest.mark.parametrize("entry", VENUES.values(), ids=VENUES)
def test_every_call_an_entry_names_exists(entry: CatalogEntry) -> None:
    """A typo would only show on the first scan of a real venue."""
    kind = getattr(ccxt, entry.ccxt_id)
    calls = {entry.rates.call, entry.rates.intervals_call, "fetch_order_book"} - {None}
    if entry.rates.tickers is not TickerUse.NEVER:
        calls.add("fetch_tickers")

    assert all(callable(getattr(kind, str(call), None)) for call in calls)


def test_a_venue_nobody_knows_is_an_error() -> None:
    """Settings refuse it before; this is the last line."""
    with pytest.raises(KeyError):
        rules(VenueId("mtgox"))
