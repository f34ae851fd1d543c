"""Orders, fills, positions and payments as Extended writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import FILLED, OPEN, REFUSED
from sandbox.venues.keys import EXTENDED_ACCOUNT
from sandbox.venues.wire import exact

if TYPE_CHECKING:
    from sandbox.venues.accounts import FundingPaid, Order, Trade
    from sandbox.venues.statement import Row


_CAUSES: Final = {
    "adl": "DELEVERAGE",
    "foreign": "TRADE",
    "liquidation": "LIQUIDATION",
    "settlement": "SETTLEMENT",
    "trade": "TRADE",
}


def money(amount: Decimal) -> str:
    """Return an amount with the six decimals that the venue shows."""
    return exact(round(amount, 6))


def _status(order: Order) -> str:
    if order.state == FILLED:
        return "FILLED"
    if order.state == OPEN:
        return "PARTIALLY_FILLED" if order.filled else "NEW"
    if order.state == REFUSED:
        return "REJECTED"
    return "EXPIRED" if order.why == "expired" else "CANCELLED"


def order_row(order: Order) -> dict[str, Any]:
    """Return an order."""
    row = {
        "id": order.id,
        "externalId": order.client_id,
        "accountId": EXTENDED_ACCOUNT,
        "market": order.symbol_raw,
        "type": order.kind.upper(),
        "side": "BUY" if order.side > 0 else "SELL",
        "status": _status(order),
        "price": exact(order.price or Decimal(0)),
        "averagePrice": exact(round(order.average_price, 10)),
        "qty": exact(order.quantity),
        "filledQty": exact(order.filled),
        "payedFee": exact(order.fee),
        "reduceOnly": order.is_reduce_only,
        "postOnly": order.time_in_force == "GTX",
        "createdTime": order.created_ms,
        "updatedTime": order.updated_ms,
        "timeInForce": "IOC" if order.time_in_force == "IOC" else "GTT",
        "expireTime": order.expires_ms,
    }
    if order.state == REFUSED:
        row["statusReason"] = order.why.upper()
    return row


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return a fill."""
    return {
        "id": trade.id,
        "orderId": trade.order_id,
        "externalId": trade.client_id,
        "accountId": EXTENDED_ACCOUNT,
        "market": trade.symbol_raw,
        "side": "BUY" if trade.side > 0 else "SELL",
        "price": exact(trade.price),
        "qty": exact(trade.quantity),
        "value": exact(trade.price * trade.quantity),
        "fee": exact(trade.fee),
        "tradeType": _CAUSES[trade.cause],
        "isTaker": not trade.is_maker,
        "createdTime": trade.at_ms,
    }


def position_row(row: Row) -> dict[str, Any]:
    """Return a position; numbers are text."""
    held, price = row.held, row.liquidation_price
    return {
        "id": row.one.number + 1,
        "accountId": EXTENDED_ACCOUNT,
        "market": row.one.symbol_raw,
        "status": "OPENED",
        "side": "LONG" if held.quantity > 0 else "SHORT",
        "leverage": str(row.leverage),
        "size": exact(abs(held.quantity)),
        "value": money(row.notional),
        "openPrice": exact(round(held.entry_price, 10)),
        "markPrice": exact(row.mark),
        "liquidationPrice": None if price is None else exact(round(price, 10)),
        "margin": money(row.margin),
        "unrealisedPnl": money(row.profit),
        "realisedPnl": money(held.realized + held.funding),
        "adl": "2.5",
        "maxPositionSize": "1000000",
        "createdAt": held.opened_ms,
        "updatedAt": held.opened_ms,
    }


def paid_row(paid: FundingPaid) -> dict[str, Any]:
    """Return a funding payment."""
    return {
        "id": paid.id,
        "accountId": EXTENDED_ACCOUNT,
        "market": paid.symbol_raw,
        "positionId": 1,
        "side": "LONG" if paid.quantity > 0 else "SHORT",
        "size": exact(abs(paid.quantity)),
        "value": money(abs(paid.quantity) * paid.mark_price),
        "markPrice": exact(paid.mark_price),
        "fundingFee": exact(paid.amount),
        "fundingRate": exact(paid.rate),
        "paidTime": paid.at_ms + 1028,
    }
