"""Orders, fills, positions and income as Binance writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import ENDED, FILLED, OPEN
from sandbox.venues.wire import exact, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import FundingPaid, Order, Trade
    from sandbox.venues.statement import Row


_MOST_ROWS: Final = 1000
_STATES: Final = {OPEN: "NEW", FILLED: "FILLED", ENDED: "EXPIRED"}


def money(amount: Decimal) -> str:
    """Return an amount with the eight decimals that the venue shows."""
    return f"{amount:.8f}"


def created_ms_of(order: Order) -> int:
    """Return when an order came."""
    return order.created_ms


def at_ms_of(trade: Trade) -> int:
    """Return when a fill was."""
    return trade.at_ms


def window(
    words: dict[str, str], rows: list[Any], moment: Callable[[Any], int], usual: int
) -> list[Any]:
    """Return rows of a window, the oldest if it has a start, else the newest."""
    start_ms = whole_number(words.get("startTime"), 0) or 0
    end_ms = whole_number(words.get("endTime"), 1 << 62) or 1 << 62
    limit = min(whole_number(words.get("limit"), usual) or usual, _MOST_ROWS)
    seen = [one for one in rows if start_ms <= moment(one) <= end_ms]
    return seen[:limit] if start_ms else seen[-limit:]


def _state(order: Order) -> str:
    if order.state == OPEN and order.filled:
        return "PARTIALLY_FILLED"
    if order.why == "cancelled":
        return "CANCELED"
    return _STATES.get(order.state, "REJECTED")


def order_row(order: Order) -> dict[str, Any]:
    """Return an order."""
    return {
        "orderId": order.id,
        "symbol": order.symbol_raw,
        "status": _state(order),
        "clientOrderId": order.client_id,
        "price": exact(order.price or Decimal(0)),
        "avgPrice": exact(round(order.average_price, 8)),
        "origQty": exact(order.quantity),
        "executedQty": exact(order.filled),
        "cumQty": exact(order.filled),
        "cumQuote": exact(order.cost),
        "timeInForce": order.time_in_force,
        "type": order.kind.upper(),
        "reduceOnly": order.is_reduce_only,
        "closePosition": False,
        "side": "BUY" if order.side > 0 else "SELL",
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.kind.upper(),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def trade_row(trade: Trade, settle: str) -> dict[str, Any]:
    """Return a fill."""
    return {
        "buyer": trade.side > 0,
        "commission": exact(trade.fee),
        "commissionAsset": settle,
        "id": trade.id,
        "maker": trade.is_maker,
        "orderId": trade.order_id,
        "price": exact(trade.price),
        "qty": exact(trade.quantity),
        "quoteQty": exact(trade.price * trade.quantity),
        "realizedPnl": exact(trade.profit),
        "side": "BUY" if trade.side > 0 else "SELL",
        "positionSide": "BOTH",
        "symbol": trade.symbol_raw,
        "time": trade.at_ms,
    }


def position_row(row: Row) -> dict[str, Any]:
    """Return a position."""
    held, price = row.held, row.liquidation_price
    return {
        "symbol": row.one.symbol_raw,
        "positionSide": "BOTH",
        "positionAmt": exact(held.quantity),
        "entryPrice": exact(round(held.entry_price, 8)),
        "breakEvenPrice": exact(round(held.entry_price, 8)),
        "markPrice": exact(row.mark),
        "unRealizedProfit": money(row.profit),
        "liquidationPrice": "0" if price is None else f"{price:.8f}",
        "isolatedMargin": "0",
        "notional": money(held.quantity * row.mark),
        "marginAsset": row.one.quote,
        "isolatedWallet": "0",
        "initialMargin": money(row.margin),
        "maintMargin": money(row.maintenance),
        "positionInitialMargin": money(row.margin),
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": held.opened_ms,
    }


def income_row(paid: FundingPaid, settle: str) -> dict[str, Any]:
    """Return a funding payment as income."""
    return {
        "symbol": paid.symbol_raw,
        "incomeType": "FUNDING_FEE",
        "income": exact(paid.amount),
        "asset": settle,
        "time": paid.at_ms,
        "info": "FUNDING_FEE",
        "tranId": paid.id,
        "tradeId": "",
    }


def flow_row(trade: Trade, kind: str, amount: Decimal, settle: str) -> dict[str, Any]:
    """Return a fee or a realized profit as income."""
    return {
        "symbol": trade.symbol_raw,
        "incomeType": kind,
        "income": exact(amount),
        "asset": settle,
        "time": trade.at_ms,
        "info": kind,
        "tranId": trade.id,
        "tradeId": str(trade.id),
    }
