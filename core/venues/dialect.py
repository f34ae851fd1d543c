"""What an adapter asks of one venue's private interface, and what all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from core.errors import TroubleKind, VenueError
from core.venues.fields import MalformedError, number_at, plain, value_at
from core.venues.listing import split_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from core.model.account import KeyRights
    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.model.order import (
        Accepted,
        Balance,
        Fill,
        OrderRecord,
        Payment,
        VenuePosition,
    )
    from core.model.units import VenueId
    from core.ports import Clock
    from core.venues.catalog import CatalogEntry
    from core.venues.credentials import Keys
    from core.venues.outcomes import Refusal

Row: TypeAlias = "Mapping[str, Any]"

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
NUMBER: Final = "#"
"""Stands before a contract's number where a name is expected."""
HALF_MINUTE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class WireOrder:
    """An order in the venue's own units, every number as the text that is sent."""

    intent: OrderIntent
    instrument: Instrument
    amount: str
    price: str
    expires_ms: int
    """Moment after which the venue must not take it any more."""

    @property
    def client_order_id(self) -> str:
        """Return our id of it."""
        return self.intent.client_order_id

    def quantity_of(self, amount: Decimal) -> Decimal:
        """Return the base quantity of an amount in the venue's units."""
        return amount * self.instrument.unit * self.instrument.multiplier


def wire_order(
    intent: OrderIntent, instrument: Instrument, expires_at: datetime
) -> WireOrder:
    """Return an order as it goes over the wire.

    Raises:
        MalformedError: the quantity is in no lots or the limit in no ticks, so that the
            client would round it.
    """
    quantity, limit = intent.quantity_base, intent.limit_price
    if quantity <= 0 or instrument.floor_quantity(quantity) != quantity:
        message = f"{quantity:f} is not in lots of {instrument.lot_base:f}"
        raise MalformedError(message)
    if limit <= 0 or instrument.round_limit(limit, intent.side) != limit:
        message = f"{limit:f} is no price the venue takes"
        raise MalformedError(message)
    return WireOrder(
        intent=intent,
        instrument=instrument,
        amount=f"{plain(instrument.wire_amount(quantity)):f}",
        price=f"{plain(instrument.listed_price(limit)):f}",
        expires_ms=ms_of(expires_at),
    )


@dataclass(frozen=True, slots=True)
class Contract:
    """What turns a row of the account into the model; also for contracts left out."""

    symbol: str
    scale: Decimal
    """Base units per unit of the wire's amount."""
    multiplier: Decimal

    def quantity(self, amount: Decimal) -> Decimal:
        """Return the base quantity of an amount."""
        return amount * self.scale

    def price(self, listed: Decimal | None) -> Decimal | None:
        """Return the price per base unit; venues write 0 where they have none."""
        return listed / self.multiplier if listed else None


def contracts_of(
    entry: CatalogEntry, markets: Mapping[str, Row]
) -> dict[str, Contract]:
    """Return every contract of a loaded list by the venue's own name and by number.

    Numbers are marked: a token may be called 4.
    """
    found: dict[str, Contract] = {}
    for market in markets.values():
        rows = {"market": market}
        native = value_at(rows, entry.market.native_name)
        raw_base = value_at(rows, entry.market.raw_base)
        if isinstance(native, str) and isinstance(raw_base, str):
            multiplier = split_name(raw_base)[1]
            each = Contract(str(market["symbol"]), multiplier, multiplier)
            found[native] = each
            found[f"{NUMBER}{market['id']}"] = each
    return found


@dataclass(frozen=True, slots=True)
class Desk:
    """What every dialect works with."""

    entry: CatalogEntry
    client: Any
    clock: Clock
    contracts: dict[str, Contract]
    """By the venue's own name; the same object for good, filled anew with each list."""

    @property
    def venue_id(self) -> VenueId:
        """Return which venue this is."""
        return self.entry.venue_id

    def contract(self, native_name: str) -> Contract:
        """Return a contract; one that no list names yet is taken by its name."""
        known = self.contracts.get(native_name)
        if known is not None:
            return known
        multiplier = split_name(native_name)[1]
        return Contract(native_name, multiplier, multiplier)

    def market(self, instrument: Instrument) -> Row:
        """Return the client's row of a contract.

        Raises:
            VenueError: the list does not have it.
        """
        row: Row | None = self.client.markets.get(instrument.symbol)
        if row is None:
            detail = f"{instrument.symbol} is not in the venue's list"
            raise self.nonsense(detail)
        return row

    def nonsense(self, detail: str) -> VenueError:
        """Return the error for an answer that cannot be read."""
        return VenueError(self.venue_id, TroubleKind.NONSENSE, detail)

    def refused(self, detail: str) -> VenueError:
        """Return the error for what the venue does not do."""
        return VenueError(self.venue_id, TroubleKind.REFUSED, detail)


class Dialect(Protocol):
    """One venue's private interface.

    Every method raises what ccxt raises, MalformedError or VenueError on failure; the
    adapter makes one error of them.
    """

    async def prepare(self) -> None:
        """Do once what the first order must not wait for."""
        ...

    async def place(self, order: WireOrder) -> None:
        """Send an order in exactly one request; the answer is read by the watch."""
        ...

    def refusal(self, body: object) -> Refusal | None:
        """Return the error in an answer's body, None where there is none."""
        ...

    def receipt(self, order: WireOrder, body: object) -> Accepted | None:
        """Return the proof of acceptance in a body, None where there is none."""
        ...

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel an order by our id; unknown to the venue is no error."""
        ...

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look an order up by our id; None is "not visible"."""
        ...

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read our executions in one symbol."""
        ...

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read all positions that are not flat, from a complete list."""
        ...

    async def balance(self) -> Balance:
        """Read equity and free margin."""
        ...

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding received and paid."""
        ...

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set cross margin and the leverage of one symbol."""
        ...

    async def is_one_way(self) -> bool:
        """Tell whether the account holds one position per symbol."""
        ...

    async def venue_time(self) -> datetime | None:
        """Read the venue's clock, None where it shows none."""
        ...

    async def key_rights(self) -> KeyRights:
        """Read what the key may do."""
        ...

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Read the account's own fee as a fraction of notional."""
        ...


class DialectKind(Protocol):
    """A dialect's constructor."""

    def __call__(self, desk: Desk, keys: Keys) -> Dialect:
        """Return the dialect of one account."""
        ...


# --- reading rows ---------------------------------------------------------------------


def ms_of(moment: datetime) -> int:
    """Return a moment in milliseconds."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment_at(row: Row, path: str, unit_ms: int = 1) -> datetime:
    """Return the moment at a path.

    Raises:
        MalformedError: there is none.
    """
    number = needed(row, path)
    try:
        return _EPOCH + timedelta(milliseconds=int(number) * unit_ms)
    except OverflowError as error:
        message = f"{path} is {number}"
        raise MalformedError(message) from error


def full_minute(moment: datetime) -> datetime:
    """Return the full minute a payment belongs to; venues stamp it a little later."""
    return (moment + HALF_MINUTE).replace(second=0, microsecond=0)


def needed(row: Row, path: str) -> Decimal:
    """Return the number at a path.

    Raises:
        MalformedError: there is none.
    """
    number = number_at(row, path)
    if number is None:
        message = f"{path} is missing"
        raise MalformedError(message)
    return number


def text_at(row: Row, path: str) -> str:
    """Return the text or whole number at a path as text.

    Raises:
        MalformedError: there is neither.
    """
    found = value_at(row, path)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        message = f"{path} is missing"
        raise MalformedError(message)
    return str(found)


def rows_at(answer: object, path: str | None = None) -> list[Row]:
    """Return the list of rows in an answer; anything else is no information.

    Raises:
        MalformedError: there is no list, or something in it is no row.
    """
    found = answer
    if path is not None:
        found = value_at(answer, path) if isinstance(answer, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        message = "the list is missing"
        raise MalformedError(message)
    return found
