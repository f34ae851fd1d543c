"""State as data what each venue's order entry takes, proves and refuses.

One record per venue, pinned by tests. Sources: venue documentation of 2026 and what
ccxt 4.5.90 puts on the wire; nothing here was confirmed against a live venue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.venues import refusals
from core.venues.catalog import BINANCE, EXTENDED, HYPERLIQUID, LIGHTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.units import VenueId
    from core.venues.catalog import CatalogEntry
    from core.venues.outcomes import RefusalTable


class ExpiryBy(StrEnum):
    """How an order request dies by itself at the venue."""

    RECEIVE_WINDOW = "recvWindow"
    EXPIRES_AFTER = "expiresAfter"
    ORDER_EXPIRY = "expiryEpochMillis"
    TRANSACTION = "ExpiredAt"
    """Set by the native signer; cannot be chosen."""


class Proof(StrEnum):
    """What in a reply proves that the venue has the order."""

    ORDER = "order id, our id echoed, a terminal status with its fill"
    FILLED = "order id with the total that was filled"
    RECEIPT = "transaction hash; the sequencer may still refuse"
    VENUE_ID = "the venue's number beside our id"


class UniqueAmong(StrEnum):
    """Among which orders a venue refuses a client id that was used."""

    OPEN = "open orders only: a filled one can be filled again"
    ALL = "all orders"
    NOT_PROVEN = "not proven: treated as none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the adapter of one venue relies on."""

    entry: CatalogEntry
    order_request: tuple[str, str]
    """Method and path of the one request that carries an order."""
    client_id_most: str
    """Form of the longest client id the venue takes."""
    unique_among: UniqueAmong
    proof: Proof
    lookup: str
    """Request that finds an order by our id, and what an unknown id looks like."""
    fills_name_our_id: bool
    """Own executions carry the client id; else they are joined by order id."""
    expiry_by: ExpiryBy
    expires_after: timedelta
    """Life of an order request after it is sent."""
    is_reduce_exempt: bool | None
    """A reduce-only order below the least notional is taken; None is not proven."""
    has_margin_mode: bool
    """Cross margin must be asked for."""
    has_hedge_mode: bool
    """The account may be in a two-way position mode, which is refused."""
    refusals: RefusalTable
    more_hosts: frozenset[str] = frozenset()
    """Hosts beside those of public data."""

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name in settings and JSON."""
        return self.entry.venue_id


_REQUEST_LIFE: Final = timedelta(seconds=5)

CAPABILITIES: Final[Mapping[VenueId, Capabilities]] = MappingProxyType(
    {
        each.venue_id: each
        for each in (
            Capabilities(
                entry=BINANCE,
                order_request=("POST", "/fapi/v1/order"),
                client_id_most="36 of .A-Z:/a-z0-9_-",
                unique_among=UniqueAmong.OPEN,
                proof=Proof.ORDER,
                lookup="GET /fapi/v1/order origClientOrderId; unknown is code -2013",
                fills_name_our_id=False,
                expiry_by=ExpiryBy.RECEIVE_WINDOW,
                expires_after=_REQUEST_LIFE,
                is_reduce_exempt=True,  # the text of code -4164 says so
                has_margin_mode=True,
                has_hedge_mode=True,
                refusals=refusals.BINANCE,
                more_hosts=frozenset({"api.binance.com"}),  # rights of the key
            ),
            Capabilities(
                entry=HYPERLIQUID,
                order_request=("POST", "/exchange"),
                client_id_most="0x and exactly 32 hexadecimal digits",
                unique_among=UniqueAmong.NOT_PROVEN,
                proof=Proof.FILLED,
                lookup="POST /info orderStatus oid; unknown is status unknownOid",
                fills_name_our_id=True,
                expiry_by=ExpiryBy.EXPIRES_AFTER,
                expires_after=_REQUEST_LIFE,
                is_reduce_exempt=None,
                has_margin_mode=True,
                has_hedge_mode=False,
                refusals=refusals.HYPERLIQUID,
            ),
            Capabilities(
                entry=LIGHTER,
                order_request=("POST", "/api/v1/sendTx"),
                client_id_most="integer up to 2^48 - 1",
                unique_among=UniqueAmong.NOT_PROVEN,
                proof=Proof.RECEIPT,
                lookup="GET accountOrders client_order_indexes; unknown is no row",
                fills_name_our_id=True,
                expiry_by=ExpiryBy.TRANSACTION,
                expires_after=timedelta(minutes=10),
                is_reduce_exempt=None,
                has_margin_mode=True,
                has_hedge_mode=False,
                refusals=refusals.LIGHTER,
            ),
            Capabilities(
                entry=EXTENDED,
                order_request=("POST", "/api/v1/user/order"),
                client_id_most="any text",
                unique_among=UniqueAmong.NOT_PROVEN,
                proof=Proof.VENUE_ID,
                lookup="GET user/orders/external/ID; unknown is no row, or 404",
                fills_name_our_id=True,
                expiry_by=ExpiryBy.ORDER_EXPIRY,
                expires_after=_REQUEST_LIFE,
                is_reduce_exempt=None,
                has_margin_mode=False,
                has_hedge_mode=False,
                refusals=refusals.EXTENDED,
            ),
        )
    }
)
