"""Binance USD-M futures with a key: orders, account, positions, income.

Shapes and codes as in ccxt 4.5.90 and the venue's documentation of 2026. The HMAC
signature, the key, the time stamp and recvWindow are really checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from sandbox.venues.accounts import OPEN
from sandbox.venues.binance_account import BinanceAccount
from sandbox.venues.binance_rows import (
    at_ms_of,
    created_ms_of,
    order_row,
    trade_row,
    window,
)
from sandbox.venues.codes import BINANCE
from sandbox.venues.keys import BINANCE_KEY, BINANCE_SECRET
from sandbox.venues.rules import Refusal, refuse
from sandbox.venues.wire import pack, whole_number
from sandbox.venues.wishes import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import Order
    from sandbox.venues.desk import Desk
    from sandbox.venues.wire import Answer, Ask

_PATH: Final = re.compile(r"/(?:fapi|sapi)/v\d/(.+)")
_SIGNATURE: Final = re.compile(r"&?signature=([^&]*)")
_DEFAULT_WINDOW_MS: Final = 5000
_MOST_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1000
_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
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
        self._account = BinanceAccount(desk)
        self._routes: dict[tuple[str, str], Callable[[dict[str, str]], object]] = {
            ("POST", "order"): self._place,
            ("GET", "order"): lambda words: order_row(self._found(words, "not_found")),
            ("DELETE", "order"): self._cancel,
            ("DELETE", "allOpenOrders"): self._cancel_all,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "userTrades"): self._trades,
            **self._account.routes,
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
            if "@order" not in self.purposes(ask):
                self.desk.refuse_as_scripted()
            return pack(self._routes[ask.method, _name(ask)](ask.words))
        except Refusal as refusal:
            return self.refusal(refusal.why)
        except (KeyError, InvalidOperation, ValueError):
            return self.refusal("malformed")

    def refusal(self, why: str) -> Answer:
        """Return an error by its word, or by the venue's own code."""
        code, text = BINANCE.get(why) or (int(why), f"Refused with {why}.")
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
        return order_row(order)

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
        return order_row(self.desk.cancel(self._found(words, "not_open")))

    def _cancel_all(self, words: dict[str, str]) -> object:
        for order in self.desk.orders():
            if order.symbol_raw == words["symbol"] and order.state == OPEN:
                self.desk.cancel(order)
        text = "The operation of cancel all open order is done."
        return {"code": 200, "msg": text}

    def _open_orders(self, words: dict[str, str]) -> object:
        wanted = words.get("symbol")
        return [
            order_row(one)
            for one in self.desk.orders()
            if one.state == OPEN and wanted in {None, one.symbol_raw}
        ]

    def _all_orders(self, words: dict[str, str]) -> object:
        rows = [one for one in self.desk.orders() if one.symbol_raw == words["symbol"]]
        return [order_row(one) for one in window(words, rows, created_ms_of, 500)]

    def _trades(self, words: dict[str, str]) -> object:
        wanted = words.get("orderId")
        rows = [
            one
            for one in self.desk.trades()
            if one.symbol_raw == words["symbol"] and wanted in {None, str(one.order_id)}
        ]
        settle = self._account.settle_of(words["symbol"])
        return [trade_row(one, settle) for one in window(words, rows, at_ms_of, 500)]


def _name(ask: Ask) -> str:
    found = _PATH.fullmatch(ask.path)
    return found[1] if found else ""
