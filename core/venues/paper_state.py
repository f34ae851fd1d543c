"""Hold a paper account's books in memory, and turn changes into stored rows and back.

A row is one JSON text under one key: the wallet, one per symbol, one per order, fill
and payment. A change becomes rows that are written together; only then memory follows.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.model.holding import Holding
from core.model.instrument import Instrument
from core.model.order import Fill, OrderRecord, Payment
from core.model.units import ClientOrderId, OrderSide, VenueId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.intent import OrderIntent

ZERO = Decimal(0)
_INSTRUMENT_NUMBERS = (
    "multiplier",
    "unit",
    "lot_base",
    "price_tick",
    "min_quantity_base",
    "max_quantity_base",
    "min_notional_usd",
    "max_leverage",
)


@dataclass(frozen=True, slots=True)
class Wallet:
    """Money of the account without open results."""

    start_usd: Decimal
    realised_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    """Positive is paid."""
    funding_usd: Decimal = ZERO
    """Positive is received."""
    executions: int = 0
    """Numbers given to executions so far."""

    @property
    def balance_usd(self) -> Decimal:
        """Return start + realised - fees + funding."""
        earned = self.realised_usd - self.fees_usd + self.funding_usd
        return self.start_usd + earned


@dataclass(frozen=True, slots=True)
class Change:
    """What a symbol held from a moment on."""

    at: datetime
    quantity_base: Decimal


@dataclass(frozen=True, slots=True)
class Expected:
    """The coming payment as the venue announced it."""

    pay_at: datetime
    per_payment: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class PaperPosition:
    """One symbol of the account, flat or not."""

    symbol: str
    holding: Holding = field(default_factory=Holding)
    leverage: int = 1
    history: tuple[Change, ...] = ()
    """Oldest first; what the next payments need to know."""
    funded_until: datetime | None = None
    """Payments up to this moment are final; None before the first opening."""
    expected: Expected | None = None
    instrument: Instrument | None = None
    """The contract as it was last traded: a venue knows it beyond its public list."""

    @property
    def quantity_base(self) -> Decimal:
        """Return the signed quantity."""
        return self.holding.quantity_base

    def held_at(self, moment: datetime) -> Decimal:
        """Return the signed quantity held when a moment came."""
        before = [each for each in self.history if each.at < moment]
        return before[-1].quantity_base if before else ZERO

    def executed(
        self, side: OrderSide, quantity_base: Decimal, price: Decimal, at: datetime
    ) -> PaperPosition:
        """Return the position after one execution."""
        holding = self.holding.after(side, quantity_base, price)
        change = Change(at, holding.quantity_base)
        if any(each.quantity_base for each in self.history):
            return replace(self, holding=holding, history=(*self.history, change))
        return replace(self, holding=holding, history=(change,), funded_until=at)


@dataclass(frozen=True, slots=True)
class StateChange:
    """What must be written together."""

    wallet: Wallet | None = None
    positions: tuple[PaperPosition, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[Fill, ...] = ()
    payments: tuple[Payment, ...] = ()

    def rows(self) -> dict[str, str]:
        """Return the rows to write."""
        rows = {} if self.wallet is None else {"wallet": _text(self.wallet)}
        rows |= {f"position:{each.symbol}": _text(each) for each in self.positions}
        rows |= {f"order:{each.client_order_id}": _text(each) for each in self.orders}
        rows |= {f"fill:{each.venue_trade_id}": _text(each) for each in self.fills}
        for paid in self.payments:
            rows[f"payment:{paid.symbol}:{paid.pay_at.isoformat()}"] = _text(paid)
        return rows


@dataclass(slots=True)
class PaperState:
    """Everything an account knows."""

    wallet: Wallet
    positions: dict[str, PaperPosition] = field(default_factory=dict)
    orders: dict[ClientOrderId, OrderRecord] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    payments: dict[tuple[str, datetime], Payment] = field(default_factory=dict)

    def position(self, symbol: str) -> PaperPosition:
        """Return one symbol's position, a flat one if there never was any."""
        return self.positions.get(symbol) or PaperPosition(symbol)

    def held(self) -> tuple[PaperPosition, ...]:
        """Return the positions that are not flat."""
        return tuple(each for each in self.positions.values() if each.quantity_base)

    def paid_in(self, symbol: str) -> dict[datetime, Payment]:
        """Return one symbol's payments by moment."""
        return {
            each.pay_at: each
            for each in self.payments.values()
            if each.symbol == symbol
        }

    def has_order(self, intent: OrderIntent) -> bool:
        """Tell whether an order of this client id was taken before."""
        return intent.client_order_id in self.orders

    def apply(self, change: StateChange) -> None:
        """Take over what has been written."""
        if change.wallet is not None:
            self.wallet = change.wallet
        self.positions |= {each.symbol: each for each in change.positions}
        self.orders |= {each.client_order_id: each for each in change.orders}
        self.fills |= {each.venue_trade_id: each for each in change.fills}
        self.payments |= {(each.symbol, each.pay_at): each for each in change.payments}


def read_state(rows: Mapping[str, str], start_usd: Decimal) -> PaperState:
    """Rebuild the state from stored rows; an empty book starts with a balance."""
    state = PaperState(Wallet(start_usd))
    for key, text in sorted(rows.items()):
        state.apply(_read_row(key.partition(":")[0], json.loads(text)))
    return state


def _text(value: Wallet | PaperPosition | OrderRecord | Fill | Payment) -> str:
    return json.dumps(asdict(value), default=str, separators=(",", ":"))


def _read_row(kind: str, row: dict[str, Any]) -> StateChange:
    match kind:
        case "wallet":
            return StateChange(wallet=_wallet(row))
        case "position":
            return StateChange(positions=(_position(row),))
        case "order":
            return StateChange(orders=(_order(row),))
        case "fill":
            return StateChange(fills=(_fill(row),))
        case _:
            return StateChange(payments=(_payment(row),))


def _wallet(row: dict[str, Any]) -> Wallet:
    return Wallet(
        start_usd=Decimal(row["start_usd"]),
        realised_usd=Decimal(row["realised_usd"]),
        fees_usd=Decimal(row["fees_usd"]),
        funding_usd=Decimal(row["funding_usd"]),
        executions=row["executions"],
    )


def _position(row: dict[str, Any]) -> PaperPosition:
    holding = {name: Decimal(value) for name, value in row["holding"].items()}
    expected = row["expected"]
    return PaperPosition(
        symbol=row["symbol"],
        holding=Holding(**holding),
        leverage=row["leverage"],
        history=tuple(
            Change(datetime.fromisoformat(each["at"]), Decimal(each["quantity_base"]))
            for each in row["history"]
        ),
        funded_until=_moment(row["funded_until"]),
        expected=None
        if expected is None
        else Expected(
            pay_at=datetime.fromisoformat(expected["pay_at"]),
            per_payment=Decimal(expected["per_payment"]),
            price=_number(expected["price"]),
        ),
        instrument=_instrument(row.get("instrument")),
    )


def _instrument(row: dict[str, Any] | None) -> Instrument | None:
    if row is None:
        return None
    numbers = {name: _number(row[name]) for name in _INSTRUMENT_NUMBERS}
    return Instrument(**{**row, **numbers})


def _order(row: dict[str, Any]) -> OrderRecord:
    return OrderRecord(
        client_order_id=ClientOrderId(row["client_order_id"]),
        venue_order_id=row["venue_order_id"],
        filled_base=_number(row["filled_base"]),
        average_price=_number(row["average_price"]),
        fee_usd=_number(row["fee_usd"]),
        is_final=row["is_final"],
    )


def _fill(row: dict[str, Any]) -> Fill:
    client_id = row["client_order_id"]
    return Fill(
        venue_id=VenueId(row["venue_id"]),
        venue_trade_id=row["venue_trade_id"],
        symbol=row["symbol"],
        side=OrderSide(row["side"]),
        quantity_base=Decimal(row["quantity_base"]),
        price=Decimal(row["price"]),
        fee_usd=_number(row["fee_usd"]),
        at=datetime.fromisoformat(row["at"]),
        client_order_id=None if client_id is None else ClientOrderId(client_id),
    )


def _payment(row: dict[str, Any]) -> Payment:
    return Payment(
        venue_id=VenueId(row["venue_id"]),
        symbol=row["symbol"],
        pay_at=datetime.fromisoformat(row["pay_at"]),
        amount_usd=Decimal(row["amount_usd"]),
        per_payment=Decimal(row["per_payment"]),
        quantity_base=Decimal(row["quantity_base"]),
        price=_number(row["price"]),
        is_estimated=row["is_estimated"],
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
