"""Hold what venues say about orders, fills, positions, balances and payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.units import ClientOrderId, IntentId, OrderSide, TradeId, VenueId


@dataclass(frozen=True, slots=True)
class Rejected:
    """Proof that the order does not exist."""

    code: str
    """Our word: not_sent, margin, min_notional, price_band, reduce_only, expired …"""
    detail: str
    was_sent: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """Proof that the venue has the order."""

    venue_order_id: str | None
    filled_base: Decimal | None
    """None when the reply does not tell."""
    average_price: Decimal | None
    fee_usd: Decimal | None
    is_final: bool


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Neither proof: the order must be looked up, never sent again."""

    cause: str


SubmitResult = Rejected | Accepted | Uncertain


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """An order as a venue shows it on a look-up."""

    client_order_id: ClientOrderId
    venue_order_id: str | None
    filled_base: Decimal | None
    average_price: Decimal | None
    fee_usd: Decimal | None
    is_final: bool


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, counted once by the venue's trade id."""

    venue_id: VenueId
    venue_trade_id: str
    symbol: str
    side: OrderSide
    quantity_base: Decimal
    price: Decimal
    """Per base unit."""
    fee_usd: Decimal | None
    """Positive is paid; None until the venue tells."""
    at: datetime
    client_order_id: ClientOrderId | None
    intent_id: IntentId | None = None
    trade_id: TradeId | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """One funding payment of one position."""

    venue_id: VenueId
    symbol: str
    pay_at: datetime
    amount_usd: Decimal
    """Positive is received."""
    per_payment: Decimal
    """Rate of this payment as a fraction of notional."""
    quantity_base: Decimal
    """Signed position the payment was for."""
    price: Decimal | None
    is_estimated: bool = False
    trade_id: TradeId | None = None


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """What a venue says we hold in one symbol."""

    venue_id: VenueId
    symbol: str
    quantity_base: Decimal
    """Signed: positive is long."""
    entry_price: Decimal | None
    liquidation_price: Decimal | None
    """None is unknown, not safe."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Money of ours on one venue."""

    venue_id: VenueId
    equity_usd: Decimal
    free_usd: Decimal
    """What may still be used as margin."""
    at: datetime
    wallet_usd: Decimal | None = None
    """Equity without what open positions gained or lost; None if it is not told."""
