"""Extended with a key: orders, account, positions, payments under /api/v1/user.

Shapes and codes as in ccxt 4.5.90. The key, the Stark key, the vault, the order's
expiry and that no signature comes twice are checked; whether a Stark signature is
right is not. The sign of `fundingFee` is not established: here + is received.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from sandbox.venues.accounts import OPEN
from sandbox.venues.checks import REDUCE_ONLY
from sandbox.venues.codes import EXTENDED
from sandbox.venues.extended import PREFIX
from sandbox.venues.extended_rows import (
    money,
    order_row,
    paid_row,
    position_row,
    trade_row,
)
from sandbox.venues.keys import (
    EXTENDED_ACCOUNT,
    EXTENDED_KEY,
    EXTENDED_STARK_KEY,
    EXTENDED_VAULT,
)
from sandbox.venues.rules import RULES, Refusal, refuse
from sandbox.venues.wire import Answer, pack, whole_number
from sandbox.venues.wishes import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.desk import Desk
    from sandbox.venues.listings import Instrument
    from sandbox.venues.wire import Ask

_DAY_MS: Final = 24 * 3_600_000
_LONGEST_DAYS: Final = 90
_MOST_ROWS: Final = 1000
_FIELD: Final = 2**251 + 17 * 2**192 + 1
"""Numbers of a Stark signature are below this prime."""
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_PURPOSES: Final = {
    ("GET", "user/orders/external"): "@find",
    ("GET", "user/orders/id"): "@find",
    ("DELETE", "user/order"): "@cancel",
    ("DELETE", "user/order/id"): "@cancel",
    ("POST", "user/order/massCancel"): "@cancel",
    ("GET", "user/orders"): "@open",
    ("GET", "user/orders/history"): "@orders",
    ("GET", "user/trades"): "@trades",
    ("GET", "user/positions"): "@positions",
    ("GET", "user/balance"): "@balance",
    ("GET", "user/spot/balances"): "@balance",
    ("PATCH", "user/leverage"): "@leverage",
    ("GET", "user/funding/history"): "@funding",
    ("GET", "user/fees"): "@fees",
    ("GET", "user/account/info"): "@rights",
}


class ExtendedPrivate:
    """Answers for one vault."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._routes: dict[tuple[str, str], Callable[[Ask], object]] = {
            ("POST", "user/order"): self._place,
            ("GET", "user/orders/external"): self._by_client_id,
            ("GET", "user/orders/id"): self._by_id,
            ("DELETE", "user/order"): self._cancel,
            ("DELETE", "user/order/id"): self._cancel,
            ("POST", "user/order/massCancel"): lambda _: self._cancel_all(),
            ("GET", "user/orders"): self._open_orders,
            ("GET", "user/orders/history"): self._history,
            ("GET", "user/trades"): self._trades,
            ("GET", "user/positions"): self._positions,
            ("GET", "user/balance"): lambda _: self._balance(),
            ("GET", "user/spot/balances"): lambda _: self._spot_balances(),
            ("GET", "user/leverage"): self._leverage,
            ("PATCH", "user/leverage"): self._set_leverage,
            ("GET", "user/funding/history"): self._funding,
            ("GET", "user/fees"): self._fees,
            ("GET", "user/account/info"): lambda _: _info(),
            ("GET", "user/accounts"): lambda _: [_info()],
        }

    # what a request is

    def knows(self, ask: Ask) -> bool:
        """Return whether this is one of its requests."""
        return (ask.method, _name(ask)[0]) in self._routes

    def purposes(self, ask: Ask) -> frozenset[str]:
        """Return what a request is for."""
        name = ask.method, _name(ask)[0]
        if name == ("POST", "user/order"):
            reduces = isinstance(ask.body, dict) and ask.body.get("reduceOnly")
            return frozenset({"@order", "@reduce" if reduces else "@entry"})
        purpose = _PURPOSES.get(name)
        return frozenset({purpose} if purpose else ())

    def client_id(self, ask: Ask) -> str | None:
        """Return the client order id that a request names."""
        name, rest = _name(ask)
        if name == "user/order" and isinstance(ask.body, dict):
            return str(ask.body.get("id"))
        return rest if name == "user/orders/external" else ask.query.get("externalId")

    def answer(self, ask: Ask) -> Answer:
        """Check the key, then do it."""
        self.desk.settle()
        rights, now_ms = self.desk.account.rights, self.desk.now_ms()
        is_over = rights.expires_ms is not None and now_ms >= rights.expires_ms
        given = ask.headers.get("X-Api-Key")
        if given != EXTENDED_KEY or not rights.is_known or is_over:
            return Answer(b"", 401, "text/plain")
        try:
            if "@order" not in self.purposes(ask):
                self.desk.refuse_as_scripted()
            data = self._routes[ask.method, _name(ask)[0]](ask)
        except Refusal as refusal:
            return self.refusal(refusal.why)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            return self.refusal("malformed")
        if isinstance(data, Paged):
            page = {"cursor": data.rows[-1]["id"] if data.rows else 0}
            page["count"] = len(data.rows)
            return pack({"status": "OK", "data": data.rows, "pagination": page})
        return pack(
            {"status": "OK"} if data is None else {"status": "OK", "data": data}
        )

    def refusal(self, why: str) -> Answer:
        """Return an error by its word, or by the venue's own code."""
        code, text = EXTENDED.get(why) or (int(why), f"Refused with {why}")
        status = 404 if why in {"not_open", "unknown_market"} else 400
        error = {"code": code, "message": text}
        return pack({"status": "ERROR", "error": error}, status)

    # orders

    def _admit(self, body: dict[str, Any]) -> int:
        """Check what settles on the chain and return when the order expires."""
        settlement = body["settlement"]
        signature = settlement["signature"]
        if int(settlement["starkKey"], 16) != int(EXTENDED_STARK_KEY, 16):
            refuse("stark_key")
        if int(settlement["collateralPosition"]) != EXTENDED_VAULT:
            refuse("vault")
        for name in ("r", "s"):
            text = str(signature[name])
            if not _HEX.fullmatch(text) or not 0 < int(text, 16) < _FIELD:
                refuse("signature")
        if not self.desk.is_fresh_signature(f"{signature['r']} {signature['s']}"):
            refuse("signature")
        expires_ms = int(body["expiryEpochMillis"])
        earliest_ms = expires_ms - _LONGEST_DAYS * _DAY_MS
        if not self.desk.is_timely(earliest_ms, expires_ms):
            refuse("expired")
        if Decimal(body["fee"]) < RULES["extended"].taker_fee:
            refuse("fee")
        return expires_ms

    def _place(self, ask: Ask) -> object:
        body = ask.body
        if not self.desk.account.rights.may_trade:
            refuse("malformed")
        expires_ms = self._admit(body)
        tif = "GTX" if body["postOnly"] else str(body["timeInForce"])
        one = self._market(body["market"])
        if one.status == REDUCE_ONLY and body["reduceOnly"] is not True:
            refuse("reduce_only_market")
        side = {"BUY": 1, "SELL": -1}[body["side"]]
        wish = Wish(
            symbol_raw=one.symbol_raw,
            side=side,
            quantity=Decimal(body["qty"]),
            price=Decimal(body["price"]),
            time_in_force={"GTT": "GTC"}.get(tif, tif),
            is_reduce_only=body["reduceOnly"] is True,
            client_id=str(body["id"]),
            expires_ms=expires_ms,
            kind={"LIMIT": "limit", "MARKET": "market"}[body["type"]],
        )
        try:
            order = self.desk.place(wish)
        except Refusal as refusal:
            if refusal.why != "reduce_only":
                raise
            held = self.desk.account.holding(one.symbol_raw).quantity
            refuse("same_side" if held * side > 0 else "no_position")
        return {"id": order.id, "externalId": order.client_id}

    def _market(self, name: object) -> Instrument:
        return self.desk.market(str(name)) or refuse("unknown_market")

    def _by_client_id(self, ask: Ask) -> object:
        found = self.desk.find(client_id=_name(ask)[1])
        return [] if found is None else [order_row(found)]

    def _by_id(self, ask: Ask) -> object:
        return order_row(
            self.desk.find(order_id=int(_name(ask)[1])) or refuse("not_open")
        )

    def _cancel(self, ask: Ask) -> None:
        name, rest = _name(ask)
        self.desk.cancel(
            self.desk.find(order_id=int(rest))
            if name == "user/order/id"
            else self.desk.find(client_id=ask.query["externalId"])
        )

    def _cancel_all(self) -> None:
        for order in self.desk.orders():
            if order.state == OPEN:
                self.desk.cancel(order)

    def _open_orders(self, ask: Ask) -> object:
        return [
            order_row(one)
            for one in self.desk.orders()
            if one.state == OPEN and _wanted(ask, one.symbol_raw)
        ]

    def _history(self, ask: Ask) -> object:
        rows = [one for one in self.desk.orders() if one.state != OPEN]
        return _page(ask, [order_row(one) for one in rows])

    def _trades(self, ask: Ask) -> object:
        return _page(ask, [trade_row(one) for one in self.desk.trades()])

    # account

    def _positions(self, ask: Ask) -> object:
        rows = self.desk.seen("positions").rows()
        return [position_row(one) for one in rows if _wanted(ask, one.one.symbol_raw)]

    def _balance(self) -> object:
        worth = self.desk.seen("balance")
        equity, used = worth.equity(), worth.used()
        return {
            "collateralName": "USD",
            "balance": money(worth.wallet),
            "equity": money(equity),
            "spotEquity": money(worth.wallet),
            "availableForTrade": money(worth.free()),
            "availableForWithdrawal": money(worth.free()),
            "unrealisedPnl": money(worth.unrealized()),
            "initialMargin": money(used),
            "marginRatio": money(worth.maintenance() / equity if equity > 0 else used),
            "exposure": money(sum((one.notional for one in worth.rows()), Decimal(0))),
            "leverage": "0",
            "updatedTime": self.desk.now_ms(),
        }

    def _spot_balances(self) -> object:
        worth = self.desk.seen("balance")
        return [
            {
                "accountId": EXTENDED_ACCOUNT,
                "asset": "USDC",
                "balance": money(worth.wallet),
                "indexPrice": "1",
                "notionalValue": money(worth.wallet),
                "contributionFactor": "1",
                "equityContribution": money(worth.wallet),
                "availableToWithdraw": money(worth.free()),
                "updatedAt": self.desk.now_ms(),
            }
        ]

    def _chosen(self, ask: Ask) -> list[Instrument]:
        wanted = ask.query.get("market")
        if wanted:
            return [self._market(wanted)]
        return self.desk.world.instruments("extended")

    def _leverage(self, ask: Ask) -> object:
        worth = self.desk.now()
        return [
            {"market": one.symbol_raw, "leverage": str(worth.leverage_of(one))}
            for one in self._chosen(ask)
        ]

    def _set_leverage(self, ask: Ask) -> object:
        one = self._market(ask.body["market"])
        self.desk.set_leverage(one, int(Decimal(str(ask.body["leverage"]))))
        leverage = self.desk.account.leverage[one.symbol_raw]
        return {"market": one.symbol_raw, "leverage": str(leverage)}

    def _fees(self, ask: Ask) -> object:
        rules = RULES["extended"]
        return [
            {
                "market": one.symbol_raw,
                "makerFeeRate": f"{rules.maker_fee:.5f}",
                "takerFeeRate": f"{rules.taker_fee:.5f}",
                "builderFeeRate": "0",
            }
            for one in self._chosen(ask)
        ]

    def _funding(self, ask: Ask) -> object:
        start_ms = whole_number(ask.query.get("startTime"), 0) or 0
        rows = [one for one in self.desk.account.payments if one.at_ms >= start_ms]
        return _page(ask, [paid_row(one) for one in rows])


class Paged:
    """Rows that go out with a cursor."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows


def _name(ask: Ask) -> tuple[str, str]:
    """Return which request this is and the id at the end of its path."""
    path = ask.path.removeprefix(PREFIX)
    for head, name in (
        ("user/orders/external/", "user/orders/external"),
        ("user/orders/", "user/orders/id"),
        ("user/order/", "user/order/id"),
    ):
        rest = path.removeprefix(head)
        if rest != path and rest not in {"history", "massCancel"}:
            return name, unquote(rest)
    return path, ""


def _wanted(ask: Ask, symbol_raw: str) -> bool:
    return ask.query.get("market") in {None, symbol_raw}


def _page(ask: Ask, rows: list[dict[str, Any]]) -> Paged:
    limit = min(whole_number(ask.query.get("limit"), _MOST_ROWS) or 1, _MOST_ROWS)
    before = whole_number(ask.query.get("cursor"), 1 << 63) or 1 << 63
    newest_first = [
        one
        for one in reversed(rows)
        if _wanted(ask, one["market"]) and one["id"] < before
    ]
    return Paged(newest_first[:limit])


def _info() -> dict[str, Any]:
    return {
        "accountId": EXTENDED_ACCOUNT,
        "description": "Main",
        "accountIndex": 0,
        "status": "ACTIVE",
        "l2Key": EXTENDED_STARK_KEY,
        "l2Vault": str(EXTENDED_VAULT),
        "bridgeStarknetAddress": "0x1",
        "apiKeys": [],
    }
