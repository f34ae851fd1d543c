"""What the adapters rely on, venue by venue, written down a second time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from core.model.venue import Acknowledgement, ClientIdFormat
from core.orders.desk import SEND_WITHIN
from core.venues.capabilities import CAPABILITIES, ExpiryBy, Proof, UniqueAmong
from core.venues.catalog import VENUES

if TYPE_CHECKING:
    from core.model.units import VenueId

PINNED = {
    "binance": (
        ("POST", "/fapi/v1/order"),
        ClientIdFormat.ALPHANUMERIC,
        Acknowledgement.RESULT,
        Proof.ORDER,
        UniqueAmong.OPEN,
        ExpiryBy.RECEIVE_WINDOW,
        timedelta(seconds=5),
        (True, True, True, False),
    ),
    "hyperliquid": (
        ("POST", "/exchange"),
        ClientIdFormat.HEX_128,
        Acknowledgement.RESULT,
        Proof.FILLED,
        UniqueAmong.NOT_PROVEN,
        ExpiryBy.EXPIRES_AFTER,
        timedelta(seconds=5),
        (None, True, False, True),
    ),
    "lighter": (
        ("POST", "/api/v1/sendTx"),
        ClientIdFormat.INTEGER_48,
        Acknowledgement.ASYNC,
        Proof.RECEIPT,
        UniqueAmong.NOT_PROVEN,
        ExpiryBy.TRANSACTION,
        timedelta(minutes=10),
        (None, True, False, True),
    ),
    "extended": (
        ("POST", "/api/v1/user/order"),
        ClientIdFormat.ALPHANUMERIC,
        Acknowledgement.ACCEPTED,
        Proof.VENUE_ID,
        UniqueAmong.NOT_PROVEN,
        ExpiryBy.ORDER_EXPIRY,
        timedelta(seconds=5),
        (None, False, False, True),
    ),
}


@pytest.mark.parametrize("venue_id", list(VENUES))
def test_each_venue_promises_what_was_looked_up(venue_id: VenueId) -> None:
    """A changed promise must be changed in two places, by somebody who looked."""
    has = CAPABILITIES[venue_id]

    assert PINNED[venue_id] == (
        has.order_request,
        has.entry.rules.client_id_format,
        has.entry.rules.acknowledgement,
        has.proof,
        has.unique_among,
        has.expiry_by,
        has.expires_after,
        (
            has.is_reduce_exempt,
            has.has_margin_mode,
            has.has_hedge_mode,
            has.fills_name_our_id,
        ),
    )


@pytest.mark.parametrize("venue_id", list(VENUES))
def test_the_fence_outlasts_every_request(venue_id: VenueId) -> None:
    """A search counts only when no copy can arrive any more, with 30 s to spare."""
    has = CAPABILITIES[venue_id]

    assert has.entry.rules.fence >= has.expires_after + timedelta(seconds=30)
    assert timedelta(0) < SEND_WITHIN <= timedelta(seconds=2)


@pytest.mark.parametrize("venue_id", list(VENUES))
def test_an_acknowledgement_matches_its_proof(venue_id: VenueId) -> None:
    """Only a reply that holds the fill ends an order."""
    has = CAPABILITIES[venue_id]
    is_told = has.entry.rules.acknowledgement is Acknowledgement.RESULT

    assert is_told is (has.proof in {Proof.ORDER, Proof.FILLED})


def test_no_order_may_go_to_a_host_beside_the_venues_own() -> None:
    """Hosts beside those of public data are named, with one use each."""
    more = {each.venue_id: each.more_hosts for each in CAPABILITIES.values()}

    assert {key: hosts for key, hosts in more.items() if hosts} == {
        "binance": frozenset({"api.binance.com"})
    }
