"""Orders and fills as Hyperliquid writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import FILLED, OPEN, REFUSED
from sandbox.venues.keys import HYPERLIQUID_WALLET
from sandbox.venues.wire import exact

if TYPE_CHECKING:
    from decimal import Decimal

    from sandbox.venues.accounts import Order, Trade


Body = dict[str, Any]
_STATUS_OF_REFUSED: Final = {
    "margin": "perpMarginRejected",
    "min_notional": "minTradeNtlRejected",
    "no_match": "iocCancelRejected",
    "post_only": "badAloPxRejected",
    "reduce_only": "reduceOnlyRejected",
    "tick": "tickRejected",
}


def number(value: Decimal, digits: int | None = None) -> str:
    """Return a decimal as text, always with a point."""
    text = exact(value if digits is None else round(value, max(0, digits)))
    return text if "." in text else f"{text}.0"


def placed_row(order: Order) -> Body:
    """Return the status of an accepted order."""
    if order.state == OPEN:
        resting: Body = {"oid": order.id}
        return {"resting": resting | _cloid(order.client_id)}
    return {
        "filled": {
            "totalSz": number(order.filled),
            "avgPx": number(order.average_price, 10),
            "oid": order.id,
        }
    }


def _cloid(client_id: str) -> Body:
    return {"cloid": client_id} if client_id else {}


def status_word(order: Order) -> str:
    """Return the venue's word for how an order stands."""
    if order.state in {OPEN, FILLED}:
        return order.state
    if order.state == REFUSED:
        return _STATUS_OF_REFUSED.get(order.why, "rejected")
    return "delistedCanceled" if order.why == "delisted" else "canceled"


def order_row(order: Order) -> Body:
    """Return an order as all look-ups show it."""
    return {
        "coin": order.symbol_raw,
        "side": "B" if order.side > 0 else "A",
        "limitPx": number(order.price or order.average_price, 10),
        "sz": number(order.remaining),
        "oid": order.id,
        "timestamp": order.created_ms,
        "triggerCondition": "N/A",
        "isTrigger": False,
        "triggerPx": "0.0",
        "children": [],
        "isPositionTpsl": False,
        "reduceOnly": order.is_reduce_only,
        "orderType": "Limit" if order.kind == "limit" else "Market",
        "origSz": number(order.quantity),
        "tif": {"IOC": "Ioc", "GTC": "Gtc", "GTX": "Alo"}.get(order.time_in_force),
        "cloid": order.client_id or None,
    }


def _direction(trade: Trade) -> str:
    if trade.cause == "adl":
        return "Auto-Deleveraging"
    if trade.cause == "liquidation":
        return f"Liquidated Cross {'Long' if trade.start > 0 else 'Short'}"
    if trade.cause == "settlement":
        return "Settlement"
    closes = trade.start * trade.side < 0
    if closes and abs(trade.start) < trade.quantity:
        return "Long > Short" if trade.start > 0 else "Short > Long"
    is_long = trade.side > 0 if not closes else trade.start > 0
    return f"{'Close' if closes else 'Open'} {'Long' if is_long else 'Short'}"


def fill_row(trade: Trade) -> Body:
    """Return a fill."""
    row: Body = {
        "coin": trade.symbol_raw,
        "px": number(trade.price),
        "sz": number(trade.quantity),
        "side": "B" if trade.side > 0 else "A",
        "time": trade.at_ms,
        "startPosition": number(trade.start),
        "dir": _direction(trade),
        "closedPnl": number(trade.profit),
        "hash": f"0x{trade.id:064x}",
        "oid": trade.order_id,
        "crossed": not trade.is_maker,
        "fee": number(trade.fee),
        "tid": trade.id,
        "feeToken": "USDC",
        "twapId": None,
    }
    if trade.cause == "liquidation":
        row["liquidation"] = {
            "liquidatedUser": HYPERLIQUID_WALLET,
            "markPx": number(trade.price),
            "method": "market",
        }
    return row | _cloid(trade.client_id)
