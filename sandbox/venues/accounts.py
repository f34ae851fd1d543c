"""What one pretend venue account holds: money, positions, orders, fills, payments.

Plain records; `desk` is the only place that changes them. Everything can be written
as JSON and read back, so that a restart continues with the same money.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, TypeVar

from sandbox.venues.wire import exact

START_BALANCE: Final = Decimal(5000)
ZERO: Final = Decimal(0)
BUY: Final = 1
SELL: Final = -1
OPEN: Final = "open"
FILLED: Final = "filled"
ENDED: Final = "ended"
"""Over without being filled whole: an IOC remainder, a cancel, an expiry."""
REFUSED: Final = "refused"
_VERSION: Final = 1
_DECIMALS: Final = frozenset({"Decimal", "Decimal | None"})

T = TypeVar("T")


@dataclass(slots=True)
class Holding:
    """One position; quantity and cost are negative for a short."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    """Quantity times average entry price."""
    opened_ms: int = 0
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    """Received since opened; below zero, paid."""
    foreign: bool = False
    """Whether somebody else put it there through the control plane."""

    @property
    def entry_price(self) -> Decimal:
        """Return the average entry price, zero while flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    def trade(self, signed: Decimal, price: Decimal) -> Decimal:
        """Add a fill, positive for a buy, and return the profit it realized."""
        if self.quantity * signed >= 0:
            self.quantity += signed
            self.cost += signed * price
            return ZERO
        closed = min(abs(signed), abs(self.quantity))
        direction = 1 if self.quantity > 0 else -1
        whole = closed == abs(self.quantity)
        part = self.cost if whole else self.cost * closed / abs(self.quantity)
        if not whole:
            part = part.quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
        profit = direction * closed * price - part
        self.quantity -= direction * closed
        self.cost -= part
        self.realized += profit
        left = signed + direction * closed
        if left:
            self.quantity, self.cost = left, left * price
        return profit


@dataclass(slots=True)
class Order:
    """One order from its arrival to its end."""

    id: int
    client_id: str
    symbol_raw: str
    side: int
    quantity: Decimal
    price: Decimal | None
    """None for a market order without a bound."""
    kind: str
    """`limit` or `market`."""
    time_in_force: str
    """IOC, GTC, FOK or GTX."""
    is_reduce_only: bool
    created_ms: int
    updated_ms: int
    expires_ms: int | None = None
    state: str = OPEN
    why: str = ""
    """What ended or refused it, empty while all went well."""
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO

    @property
    def average_price(self) -> Decimal:
        """Return the volume-weighted fill price, zero without a fill."""
        return self.cost / self.filled if self.filled else ZERO

    @property
    def remaining(self) -> Decimal:
        """Return what is not filled."""
        return self.quantity - self.filled


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill."""

    id: int
    order_id: int
    client_id: str
    symbol_raw: str
    side: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    profit: Decimal
    start: Decimal
    """Signed position before the fill."""
    is_maker: bool
    at_ms: int
    cause: str = "trade"
    """trade, liquidation, adl, settlement or foreign."""


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """One settled funding payment of one position."""

    id: int
    symbol_raw: str
    at_ms: int
    amount: Decimal
    """Positive: received."""
    rate: Decimal
    quantity: Decimal
    mark_price: Decimal


@dataclass(slots=True)
class Rights:
    """What the key may do and how long."""

    may_trade: bool = True
    may_withdraw: bool = False
    is_bound_to_address: bool = True
    expires_ms: int | None = None
    is_known: bool = True
    """False: the venue refuses the key."""


@dataclass(slots=True)
class Account:
    """All that a venue knows about one customer."""

    wallet: Decimal = START_BALANCE
    """Cash: deposits, realized profit, fees and funding; nothing unrealized."""
    deposited: Decimal = START_BALANCE
    holdings: dict[str, Holding] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    payments: list[FundingPaid] = field(default_factory=list)
    leverage: dict[str, int] = field(default_factory=dict)
    margin_mode: dict[str, str] = field(default_factory=dict)
    is_hedge_mode: bool = False
    rights: Rights = field(default_factory=Rights)
    settled_ms: int | None = None
    """Until when funding is booked; None before the first look."""
    next_id: int = 22_542_179
    last_nonce: int = 0
    signatures: list[str] = field(default_factory=list)
    """The newest signatures, oldest first; none may come twice."""

    def number(self) -> int:
        """Return a fresh id."""
        self.next_id += 1
        return self.next_id

    def holding(self, symbol_raw: str) -> Holding:
        """Return the position, flat if there is none."""
        return self.holdings.get(symbol_raw) or Holding()

    def order_by(
        self, *, order_id: int | None = None, client_id: str | None = None
    ) -> Order | None:
        """Return the newest order with one of the ids."""
        for order in reversed(self.orders):
            if order_id is not None and order.id == order_id:
                return order
            if client_id is not None and order.client_id == client_id:
                return order
        return None


def freeze(account: Account) -> dict[str, Any]:
    """Return the account as JSON values; decimals become text."""
    plain: dict[str, Any] = as_json(asdict(account))
    return {"version": _VERSION, **plain}


def thaw(kept: dict[str, Any]) -> Account:
    """Return the account that `freeze` wrote.

    Raises:
        ValueError: another version wrote it.
    """
    raw = dict(kept)
    if raw.pop("version", None) != _VERSION:
        message = "accounts of another version; remove the file to start afresh"
        raise ValueError(message)
    account = _row(Account, raw)
    account.holdings = {
        name: _row(Holding, one) for name, one in raw["holdings"].items()
    }
    account.orders = [_row(Order, one) for one in raw["orders"]]
    account.trades = [_row(Trade, one) for one in raw["trades"]]
    account.payments = [_row(FundingPaid, one) for one in raw["payments"]]
    account.rights = _row(Rights, raw["rights"])
    return account


def as_json(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return records without decimals, which become plain text."""
    if isinstance(value, Decimal):
        return exact(value)
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value


def _row(kind: type[T], raw: dict[str, Any]) -> T:
    exact = {one.name for one in fields(kind) if one.type in _DECIMALS}  # type: ignore[arg-type]  # only dataclasses come here
    return kind(
        **{
            name: Decimal(value) if name in exact and value is not None else value
            for name, value in raw.items()
        }
    )
