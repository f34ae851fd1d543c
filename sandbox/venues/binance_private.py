"""Binance USD-M futures with a key: orders, account, positions, income.

Shapes and codes as in ccxt 4.5.90 and the venue's documentation of 2026. The HMAC
signature, the key, the time stamp and recvWindow are really checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import ENDED, FILLED, OPEN
from sandbox.venues.desk import Wish
from sandbox.venues.keys import BINANCE_KEY, BINANCE_SECRET
from sandbox.venues.rules import RULES, Refusal, most_leverage, refuse
from sandbox.venues.wire import exact, pack, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import FundingPaid, Order, Trade
    from sandbox.venues.desk import Desk
    from sandbox.venues.listings import Instrument
    from sandbox.venues.statement import Row
    from sandbox.venues.wire import Answer, Ask

_PATH: Final = re.compile(r"/(?:fapi|sapi)/v\d/(.+)")
_SIGNATURE: Final = re.compile(r"&?signature=([^&]*)")
_DEFAULT_WINDOW_MS: Final = 5000
_MOST_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1000
_MOST_ROWS: Final = 1000
_WEEK_MS: Final = 7 * 24 * 3_600_000
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CODES: Final[dict[str, tuple[int, str]]] = {
    "unknown_market": (-1121, "Invalid symbol."),
    "closed": (-4140, "Invalid symbol status for opening position."),
    "lot": (-1111, "Precision is over the maximum defined for this asset."),
    "tick": (-4014, "Price not increased by tick size."),
    "min_size": (-4004, "Quantity less than minimum quantity."),
    "duplicate": (-4116, "ClientOrderId is duplicated."),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "min_notional": (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    ),
    "price_high": (-4016, "Limit price can't be higher than the cap."),
    "price_low": (-4024, "Limit price can't be lower than the floor."),
    "price_band": (-4131, "The counterparty's best price does not meet the filter."),
    "margin": (-2019, "Margin is insufficient."),
    "leverage": (-4028, "Leverage is not valid"),
    "position_side": (
        -4061,
        "Order's position side does not match user's setting.",
    ),
    "same_position_mode": (-4059, "No need to change position side."),
    "same_margin_mode": (-4046, "No need to change margin type."),
    "position_open": (
        -4068,
        "Position side cannot be changed if there exists position.",
    ),
    "post_only": (
        -5022,
        "The order could not be executed as maker, the Post Only will be rejected.",
    ),
    "not_open": (-2011, "Unknown order sent."),
    "not_found": (-2013, "Order does not exist."),
    "malformed": (-1102, "A mandatory parameter was not sent, was empty or malformed."),
    "client_id": (-4015, "Client order id length should not be more than 36 chars"),
    "too_late": (-1021, "Timestamp for this request is outside of the recvWindow."),
    "signature": (-1022, "Signature for this request is not valid."),
    "key": (-2015, "Invalid API-key, IP, or permissions for action."),
    "no_key": (-2014, "API-key format invalid."),
    "busy": (-1008, "Request throttled by system-level protection."),
}
_STATES: Final = {OPEN: "NEW", FILLED: "FILLED", ENDED: "EXPIRED"}
_PURPOSES: Final = {
    ("GET", "order"): "@find",
    ("DELETE", "order"): "@cancel",
    ("DELETE", "allOpenOrders"): "@cancel",
    ("GET", "openOrders"): "@open",
    ("GET", "allOrders"): "@orders",
    ("GET", "userTrades"): "@trades",
    ("GET", "positionRisk"): "@positions",
    ("GET", "account"): "@balance",
    ("GET", "balance"): "@balance",
    ("POST", "leverage"): "@leverage",
    ("POST", "marginType"): "@margin_mode",
    ("POST", "positionSide/dual"): "@position_mode",
    ("GET", "income"): "@funding",
    ("GET", "commissionRate"): "@fees",
    ("GET", "account/apiRestrictions"): "@rights",
}


class BinancePrivate:
    """Answers signed requests for one account."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._routes: dict[tuple[str, str], Callable[[dict[str, str]], object]] = {
            ("POST", "order"): self._place,
            ("GET", "order"): lambda words: _order(self._found(words, "not_found")),
            ("DELETE", "order"): self._cancel,
            ("DELETE", "allOpenOrders"): self._cancel_all,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "userTrades"): self._trades,
            ("GET", "leverageBracket"): self._brackets,
            ("GET", "positionRisk"): self._positions,
            ("GET", "account"): lambda _: self._account(),
            ("GET", "balance"): lambda _: self._balance(),
            ("GET", "accountConfig"): lambda _: self._account_config(),
            ("GET", "symbolConfig"): self._symbol_config,
            ("POST", "leverage"): self._set_leverage,
            ("POST", "marginType"): self._set_margin_mode,
            ("GET", "positionSide/dual"): lambda _: {
                "dualSidePosition": self.desk.account.is_hedge_mode
            },
            ("POST", "positionSide/dual"): self._set_position_mode,
            ("GET", "multiAssetsMargin"): lambda _: {"multiAssetsMargin": False},
            ("GET", "income"): self._income,
            ("GET", "commissionRate"): self._fees,
            ("GET", "account/apiRestrictions"): lambda _: self._rights(),
        }

    # what a request is

    def knows(self, ask: Ask) -> bool:
        """Return whether this is one of the signed requests."""
        return (ask.method, _name(ask)) in self._routes

    def purposes(self, ask: Ask) -> frozenset[str]:
        """Return what a request is for."""
        if (ask.method, _name(ask)) == ("POST", "order"):
            reduces = ask.words.get("reduceOnly") == "true"
            return frozenset({"@order", "@reduce" if reduces else "@entry"})
        purpose = _PURPOSES.get((ask.method, _name(ask)))
        return frozenset({purpose} if purpose else ())

    def client_id(self, ask: Ask) -> str | None:
        """Return the client order id that a request names."""
        words = ask.words
        return words.get("newClientOrderId") or words.get("origClientOrderId")

    def answer(self, ask: Ask) -> Answer:
        """Check key, signature and time, then do it."""
        try:
            self._admit(ask)
            self.desk.settle()
            return pack(self._routes[ask.method, _name(ask)](ask.words))
        except Refusal as refusal:
            return self.refusal(refusal.why)
        except (KeyError, InvalidOperation, ValueError):
            return self.refusal("malformed")

    def refusal(self, why: str) -> Answer:
        """Return an error by its word, or by the venue's own code."""
        code, text = CODES.get(why) or (int(why), f"Refused with {why}.")
        status = 401 if why in {"key", "no_key"} else 400
        return pack({"code": code, "msg": text}, status)

    def _admit(self, ask: Ask) -> None:
        rights, now_ms = self.desk.account.rights, self.desk.now_ms()
        given = ask.headers.get("X-MBX-APIKEY", "")
        if not given:
            refuse("no_key")
        is_over = rights.expires_ms is not None and now_ms >= rights.expires_ms
        if given != BINANCE_KEY or not rights.is_known or is_over:
            refuse("key")
        text = f"{ask.raw_query}{ask.raw_body.decode(errors='replace')}"
        found = _SIGNATURE.search(text)
        signed = _SIGNATURE.sub("", text)
        right = hmac.new(BINANCE_SECRET.encode(), signed.encode(), hashlib.sha256)
        if found is None or not hmac.compare_digest(found[1], right.hexdigest()):
            refuse("signature")
        sent_ms = whole_number(ask.words.get("timestamp"), -1)
        window_ms = whole_number(ask.words.get("recvWindow"), _DEFAULT_WINDOW_MS)
        if sent_ms is None or window_ms is None or window_ms > _MOST_WINDOW_MS:
            refuse("malformed")
        if not self.desk.is_timely(sent_ms - _AHEAD_MS + 1, sent_ms + window_ms):
            refuse("too_late")

    # orders

    def _place(self, words: dict[str, str]) -> object:
        if not self.desk.account.rights.may_trade:
            refuse("key")
        in_hedge_mode = self.desk.account.is_hedge_mode
        if (words.get("positionSide", "BOTH") == "BOTH") == in_hedge_mode:
            refuse("position_side")
        client_id = words.get("newClientOrderId", "")
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            refuse("client_id")
        is_limit = words["type"] == "LIMIT"
        wish = Wish(
            symbol_raw=words["symbol"],
            side={"BUY": 1, "SELL": -1}[words["side"]],
            quantity=Decimal(words["quantity"]),
            price=Decimal(words["price"]) if is_limit else None,
            time_in_force=words["timeInForce"] if is_limit else "IOC",
            is_reduce_only=words.get("reduceOnly") == "true",
            client_id=client_id or f"web_{self.desk.account.next_id}",
            kind="limit" if is_limit else "market",
        )
        try:
            order = self.desk.place(wish)
        except Refusal as refusal:
            if refusal.why != "price_band":
                raise
            refuse("price_high" if wish.side > 0 else "price_low")
        if order.why == "post_only":
            refuse("post_only")
        return _order(order)

    def _found(self, words: dict[str, str], why: str) -> Order:
        order_id = words.get("orderId")
        found = self.desk.find(
            order_id=int(order_id) if order_id else None,
            client_id=words.get("origClientOrderId") or None,
        )
        if found is None or found.symbol_raw != words["symbol"]:
            refuse(why)
        return found

    def _cancel(self, words: dict[str, str]) -> object:
        return _order(self.desk.cancel(self._found(words, "not_open")))

    def _cancel_all(self, words: dict[str, str]) -> object:
        for order in self.desk.orders():
            if order.symbol_raw == words["symbol"] and order.state == OPEN:
                self.desk.cancel(order)
        text = "The operation of cancel all open order is done."
        return {"code": 200, "msg": text}

    def _open_orders(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            _order(one)
            for one in self.desk.orders()
            if one.state == OPEN and wanted in {None, one.symbol_raw}
        ]

    def _all_orders(self, words: dict[str, str]) -> object:
        rows = [one for one in self.desk.orders() if one.symbol_raw == words["symbol"]]
        return [_order(one) for one in _window(words, rows, _created_ms, 500)]

    def _trades(self, words: dict[str, str]) -> object:
        wanted = words.get("orderId")
        rows = [
            one
            for one in self.desk.trades()
            if one.symbol_raw == words["symbol"] and wanted in {None, str(one.order_id)}
        ]
        settle = self._settle_of(words["symbol"])
        return [_trade(one, settle) for one in _window(words, rows, _at_ms, 500)]

    def _settle_of(self, symbol_raw: str) -> str:
        one = self.desk.market(symbol_raw)
        if one is None:
            refuse("unknown_market")
        return one.quote

    # account

    def _brackets(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            {
                "symbol": one.symbol_raw,
                "notionalCoef": 1.0,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": most_leverage(one),
                        "notionalCap": 50_000_000,
                        "notionalFloor": 0,
                        "maintMarginRatio": float(RULES["binance"].maintenance),
                        "cum": 0.0,
                    }
                ],
            }
            for one in self.desk.world.instruments("binance")
            if wanted in {None, one.symbol_raw}
        ]

    def _positions(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            _position(row)
            for row in self.desk.seen("positions").rows()
            if wanted in {None, row.one.symbol_raw}
        ]

    def _account(self) -> object:
        worth = self.desk.seen("balance")
        asset = self._balance_row()
        return {
            "totalInitialMargin": asset["initialMargin"],
            "totalMaintMargin": asset["maintMargin"],
            "totalWalletBalance": asset["walletBalance"],
            "totalUnrealizedProfit": asset["unrealizedProfit"],
            "totalMarginBalance": asset["marginBalance"],
            "totalPositionInitialMargin": asset["positionInitialMargin"],
            "totalOpenOrderInitialMargin": asset["openOrderInitialMargin"],
            "totalCrossWalletBalance": asset["crossWalletBalance"],
            "totalCrossUnPnl": asset["crossUnPnl"],
            "availableBalance": asset["availableBalance"],
            "maxWithdrawAmount": asset["maxWithdrawAmount"],
            "assets": [asset],
            "positions": [
                {
                    "symbol": row.one.symbol_raw,
                    "positionSide": "BOTH",
                    "positionAmt": exact(row.held.quantity),
                    "unrealizedProfit": _money(row.profit),
                    "isolatedMargin": "0",
                    "notional": _money(row.held.quantity * row.mark),
                    "isolatedWallet": "0",
                    "initialMargin": _money(row.margin),
                    "maintMargin": _money(row.maintenance),
                    "updateTime": row.held.opened_ms,
                }
                for row in worth.rows()
            ],
        }

    def _balance_row(self) -> dict[str, Any]:
        worth = self.desk.seen("balance")
        return {
            "asset": "USDT",
            "walletBalance": _money(worth.wallet),
            "unrealizedProfit": _money(worth.unrealized()),
            "marginBalance": _money(worth.equity()),
            "maintMargin": _money(worth.maintenance()),
            "initialMargin": _money(worth.used()),
            "positionInitialMargin": _money(worth.position_margin()),
            "openOrderInitialMargin": _money(worth.order_margin()),
            "crossWalletBalance": _money(worth.wallet),
            "crossUnPnl": _money(worth.unrealized()),
            "availableBalance": _money(worth.free()),
            "maxWithdrawAmount": _money(worth.free()),
            "updateTime": self.desk.now_ms(),
        }

    def _balance(self) -> object:
        row = self._balance_row()
        return [
            {
                "accountAlias": "SgsR",
                "asset": "USDT",
                "balance": row["walletBalance"],
                "crossWalletBalance": row["crossWalletBalance"],
                "crossUnPnl": row["crossUnPnl"],
                "availableBalance": row["availableBalance"],
                "maxWithdrawAmount": row["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": row["updateTime"],
            }
        ]

    def _account_config(self) -> object:
        account = self.desk.account
        return {
            "feeTier": 0,
            "canTrade": account.rights.may_trade,
            "canDeposit": True,
            "canWithdraw": account.rights.may_withdraw,
            "dualSidePosition": account.is_hedge_mode,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, words: dict[str, str]) -> object:
        worth = self.desk.now()
        wanted = words.get("symbol")
        return [
            {
                "symbol": one.symbol_raw,
                "marginType": self._margin_mode(one),
                "isAutoAddMargin": False,
                "leverage": worth.leverage_of(one),
                "maxNotionalValue": "50000000",
            }
            for one in self.desk.world.instruments("binance")
            if wanted in {None, one.symbol_raw}
        ]

    def _margin_mode(self, one: Instrument) -> str:
        return self.desk.account.margin_mode.get(one.symbol_raw, "CROSSED")

    def _set_leverage(self, words: dict[str, str]) -> object:
        one = self.desk.market(words["symbol"])
        if one is None:
            refuse("unknown_market")
        leverage = int(words["leverage"])
        self.desk.set_leverage(one, leverage)
        return {
            "leverage": leverage,
            "maxNotionalValue": "50000000",
            "symbol": one.symbol_raw,
        }

    def _set_margin_mode(self, words: dict[str, str]) -> object:
        one = self.desk.market(words["symbol"])
        if one is None:
            refuse("unknown_market")
        if words["marginType"] not in {"CROSSED", "ISOLATED"}:
            refuse("malformed")
        if words["marginType"] == self._margin_mode(one):
            refuse("same_margin_mode")
        self.desk.account.margin_mode[one.symbol_raw] = words["marginType"]
        self.desk.touch()
        return {"code": 200, "msg": "success"}

    def _set_position_mode(self, words: dict[str, str]) -> object:
        wanted = words["dualSidePosition"] == "true"
        account = self.desk.account
        if wanted == account.is_hedge_mode:
            refuse("same_position_mode")
        if account.holdings:
            refuse("position_open")
        account.is_hedge_mode = wanted
        self.desk.touch()
        return {"code": 200, "msg": "success"}

    def _income(self, words: dict[str, str]) -> object:
        wanted_kind, wanted = words.get("incomeType"), words.get("symbol")
        rows = [
            _income(paid, self._settle_of(paid.symbol_raw))
            for paid in self.desk.account.payments
        ]
        for trade in self.desk.trades():
            settle = self._settle_of(trade.symbol_raw)
            rows.append(_flow(trade, "COMMISSION", -trade.fee, settle))
            if trade.profit:
                rows.append(_flow(trade, "REALIZED_PNL", trade.profit, settle))
        rows = [
            row
            for row in rows
            if wanted_kind in {None, row["incomeType"]}
            and wanted in {None, row["symbol"]}
        ]
        rows.sort(key=lambda row: int(row["time"]))
        return _window(words, rows, lambda row: int(row["time"]), 100)

    def _fees(self, words: dict[str, str]) -> object:
        self._settle_of(words["symbol"])
        rules = RULES["binance"]
        return {
            "symbol": words["symbol"],
            "makerCommissionRate": exact(rules.maker_fee),
            "takerCommissionRate": exact(rules.taker_fee),
            "rpiCommissionRate": "0.00005",
        }

    def _rights(self) -> object:
        rights = self.desk.account.rights
        answer = {
            "ipRestrict": rights.is_bound_to_address,
            "createTime": 1_760_000_000_000,
            "enableReading": True,
            "enableWithdrawals": rights.may_withdraw,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "enableFutures": rights.may_trade,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }
        if rights.expires_ms is not None:
            answer["tradingAuthorityExpirationTime"] = rights.expires_ms
        return answer


def _name(ask: Ask) -> str:
    found = _PATH.fullmatch(ask.path)
    return found[1] if found else ""


def _money(amount: Decimal) -> str:
    return f"{amount:.8f}"


def _created_ms(order: Order) -> int:
    return order.created_ms


def _at_ms(trade: Trade) -> int:
    return trade.at_ms


def _window(
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


def _order(order: Order) -> dict[str, Any]:
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


def _trade(trade: Trade, settle: str) -> dict[str, Any]:
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


def _position(row: Row) -> dict[str, Any]:
    held, price = row.held, row.liquidation_price
    return {
        "symbol": row.one.symbol_raw,
        "positionSide": "BOTH",
        "positionAmt": exact(held.quantity),
        "entryPrice": exact(round(held.entry_price, 8)),
        "breakEvenPrice": exact(round(held.entry_price, 8)),
        "markPrice": exact(row.mark),
        "unRealizedProfit": _money(row.profit),
        "liquidationPrice": "0" if price is None else f"{price:.8f}",
        "isolatedMargin": "0",
        "notional": _money(held.quantity * row.mark),
        "marginAsset": row.one.quote,
        "isolatedWallet": "0",
        "initialMargin": _money(row.margin),
        "maintMargin": _money(row.maintenance),
        "positionInitialMargin": _money(row.margin),
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": held.opened_ms,
    }


def _income(paid: FundingPaid, settle: str) -> dict[str, Any]:
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


def _flow(trade: Trade, kind: str, amount: Decimal, settle: str) -> dict[str, Any]:
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
