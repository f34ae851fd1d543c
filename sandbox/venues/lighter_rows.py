"""Orders, fills and positions as Lighter writes them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import FILLED, OPEN, REFUSED
from sandbox.venues.books import scaled
from sandbox.venues.keys import LIGHTER_ACCOUNT

if TYPE_CHECKING:
    from decimal import Decimal

    from sandbox.venues.accounts import Holding, Order, Trade
    from sandbox.venues.listings import Instrument
    from sandbox.venues.statement import Row


Body = dict[str, Any]
FIRST_ORDER: Final = 281474976710656
"""Order indexes start at 2 to the 48th; client indexes are below it."""
_OTHERS_ACCOUNT: Final = 20
_ENDED: Final = {
    "cancelled": "canceled",
    "delisted": "canceled",
    "expired": "canceled-expired",
    "margin": "canceled-margin-not-allowed",
    "no_match": "canceled-not-enough-liquidity",
    "post_only": "canceled-post-only",
    "reduce_only": "canceled-reduce-only",
}
_CAUSES: Final = {
    "adl": "deleverage",
    "foreign": "trade",
    "liquidation": "liquidation",
    "settlement": "market-settlement",
    "trade": "trade",
}


def order_row(order: Order, one: Instrument) -> Body:
    """Return an order."""
    sizes, prices = one.size_decimals, one.price_decimals
    price = order.price or order.average_price
    index = FIRST_ORDER + order.id
    return {
        "order_index": index,
        "client_order_index": int(order.client_id or 0),
        "order_id": str(index),
        "client_order_id": order.client_id or "0",
        "market_index": one.number,
        "owner_account_index": LIGHTER_ACCOUNT,
        "initial_base_amount": f"{order.quantity:.{sizes}f}",
        "price": f"{price:.{prices}f}",
        "nonce": order.created_ms,
        "remaining_base_amount": f"{order.remaining:.{sizes}f}",
        "is_ask": order.side < 0,
        "base_size": 0,
        "base_price": int(price.scaleb(prices)),
        "filled_base_amount": f"{order.filled:.{sizes}f}",
        "filled_quote_amount": f"{order.cost:.6f}",
        "side": "",
        "type": order.kind,
        "time_in_force": {
            "IOC": "immediate-or-cancel",
            "GTX": "post-only",
        }.get(order.time_in_force, "good-till-time"),
        "reduce_only": order.is_reduce_only,
        "trigger_price": scaled(0, prices),
        "order_expiry": order.expires_ms or 0,
        "status": _status(order),
        "trigger_status": "na",
        "trigger_time": 0,
        "parent_order_index": 0,
        "parent_order_id": "0",
        "block_height": 102_202,
        "timestamp": order.updated_ms // 1000,
        "created_at": order.created_ms // 1000,
        "updated_at": order.updated_ms // 1000,
    }


def money(amount: Decimal) -> str:
    """Return an amount with six decimals."""
    return f"{amount:.6f}"


def _status(order: Order) -> str:
    if order.state in {FILLED, OPEN}:
        return order.state
    if order.state == REFUSED:
        return _ENDED.get(order.why, f"canceled-{order.why}")
    return _ENDED.get(order.why, "canceled")


def held_row(one: Instrument, held: Holding, row: Row) -> Body:
    """Return what a position that is not flat shows."""
    price = row.liquidation_price
    return {
        "sign": 1 if held.quantity > 0 else -1,
        "position": f"{abs(held.quantity):.{one.size_decimals}f}",
        "avg_entry_price": f"{held.entry_price:.{one.price_decimals + 2}f}",
        "position_value": money(row.notional),
        "unrealized_pnl": money(row.profit),
        "realized_pnl": money(held.realized),
        "liquidation_price": "0" if price is None else f"{price:.6f}",
        "total_funding_paid_out": money(-held.funding),
    }


def trade_row(trade: Trade, one: Instrument) -> Body:
    """Return a fill with both its sides."""
    ours, other = FIRST_ORDER + trade.order_id, 562949952870533
    client_id = int(trade.client_id or 0)
    sells = trade.side < 0
    return {
        "trade_id": trade.id,
        "tx_hash": hashlib.sha256(str(trade.id).encode()).hexdigest(),
        "type": _CAUSES[trade.cause],
        "market_id": one.number,
        "size": f"{trade.quantity:.{one.size_decimals}f}",
        "price": f"{trade.price:.{one.price_decimals}f}",
        "usd_amount": money(trade.price * trade.quantity),
        "ask_id": ours if sells else other,
        "bid_id": other if sells else ours,
        "ask_client_id": client_id if sells else 0,
        "bid_client_id": 0 if sells else client_id,
        "ask_account_id": LIGHTER_ACCOUNT if sells else _OTHERS_ACCOUNT,
        "bid_account_id": _OTHERS_ACCOUNT if sells else LIGHTER_ACCOUNT,
        "is_maker_ask": trade.is_maker == sells,
        "block_height": 102_070,
        "timestamp": trade.at_ms,
    }
