"""Hyperliquid with a key: signed actions under /exchange, an account under /info.

Shapes as in ccxt 4.5.90 and in answers recorded in 2025. Reads are unsigned there: who
asks about another address sees an empty account. The status word of a partly filled
IOC is not known from the venue; `canceled` is a guess.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import ENDED, OPEN, REFUSED
from sandbox.venues.codes import HYPERLIQUID
from sandbox.venues.hyperliquid_rows import (
    fill_row,
    number,
    order_row,
    placed_row,
    status_word,
)
from sandbox.venues.hyperliquid_signing import signer_of
from sandbox.venues.keys import HYPERLIQUID_AGENT, HYPERLIQUID_WALLET
from sandbox.venues.rules import RULES, Refusal, most_leverage, refuse
from sandbox.venues.wire import Answer, exact, pack
from sandbox.venues.wishes import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import Order
    from sandbox.venues.desk import Desk
    from sandbox.venues.listings import Instrument
    from sandbox.venues.statement import Row
    from sandbox.venues.wire import Ask

Body = dict[str, Any]
_DAY_MS: Final = 24 * 3_600_000
_MOST_FILLS: Final = 2000
_MOST_PAYMENTS: Final = 500
_CLIENT_ID: Final = re.compile(r"0x[0-9a-f]{32}")
_NO_HASH: Final = "0x" + "0" * 64
_ENTIRE: Final = frozenset({"malformed", "leverage"})
"""Refusals of a whole request rather than of one order in it."""
_PURPOSES: Final = {
    "cancel": ("@cancel",),
    "cancelByCloid": ("@cancel",),
    "updateLeverage": ("@leverage", "@margin_mode"),
    "clearinghouseState": ("@positions", "@balance"),
    "extraAgents": ("@rights",),
    "frontendOpenOrders": ("@open",),
    "historicalOrders": ("@orders",),
    "openOrders": ("@open",),
    "orderStatus": ("@find",),
    "userFees": ("@fees",),
    "userFills": ("@trades",),
    "userFillsByTime": ("@trades",),
    "userFunding": ("@funding",),
    "userRole": ("@rights",),
}


class HyperliquidPrivate:
    """Answers for one master account and the wallet that it approved."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._reads: dict[str, Callable[[Body], object]] = {
            "activeAssetData": self._asset,
            "clearinghouseState": self._state,
            "extraAgents": self._agents,
            "frontendOpenOrders": self._open_orders,
            "historicalOrders": self._history,
            "openOrders": self._open_orders,
            "orderStatus": self._status,
            "spotClearinghouseState": lambda _: {"balances": []},
            "userAbstraction": lambda _: "default",
            "userFees": lambda _: self._fees(),
            "userFills": self._fills,
            "userFillsByTime": self._fills_by_time,
            "userFunding": self._funding,
            "userRole": self._role,
        }
        self._actions: dict[str, Callable[[Body], object]] = {
            "order": self._place,
            "cancel": self._cancel,
            "cancelByCloid": self._cancel,
            "updateLeverage": self._set_leverage,
        }

    # what a request is

    def knows(self, ask: Ask) -> bool:
        """Return whether this is an action or about an account."""
        if ask.method != "POST" or not isinstance(ask.body, dict):
            return False
        return ask.path == "/exchange" or ask.body.get("type") in self._reads

    def purposes(self, ask: Ask) -> frozenset[str]:
        """Return what a request is for."""
        action = ask.body.get("action")
        kind = action.get("type") if isinstance(action, dict) else None
        if kind == "order":
            reduces = any(one.get("r") for one in action.get("orders", []))
            return frozenset({"@order", "@reduce" if reduces else "@entry"})
        return frozenset(_PURPOSES.get(kind or ask.body.get("type"), ()))

    def client_id(self, ask: Ask) -> str | None:
        """Return the client order id that a request names first."""
        action = ask.body.get("action")
        if not isinstance(action, dict):
            oid = ask.body.get("oid")
            return oid if isinstance(oid, str) else None
        rows = [*action.get("orders", []), *action.get("cancels", [])]
        found = rows[0].get("c") or rows[0].get("cloid") if rows else None
        return found if isinstance(found, str) else None

    def answer(self, ask: Ask) -> Answer:
        """Check signature, nonce and expiry of an action, then do it; or read."""
        self.desk.settle()
        try:
            if "@order" not in self.purposes(ask):
                self.desk.refuse_as_scripted()
            if ask.path != "/exchange":
                return pack(self._reads[ask.body["type"]](ask.body))
            self._admit(ask.body)
            action = ask.body["action"]
            return _fine(action["type"], self._actions[action["type"]](action))
        except Refusal as refusal:
            return _err(HYPERLIQUID.get(refusal.why, refusal.why))
        except (KeyError, TypeError, ValueError, InvalidOperation, IndexError):
            return Answer(HYPERLIQUID["malformed"].encode(), 422, "text/plain")

    def refusal(self, why: str) -> Answer:
        """Return the refusal of the one order in a request."""
        return _fine("order", {"statuses": [_order_error(why, 0)]})

    def _admit(self, body: Body) -> None:
        signer = signer_of(body)
        rights, now_ms = self.desk.account.rights, self.desk.now_ms()
        is_over = rights.expires_ms is not None and now_ms >= rights.expires_ms
        if signer != HYPERLIQUID_AGENT or not rights.is_known or is_over:
            refuse(f"User or API Wallet {signer} does not exist.")
        nonce = int(body["nonce"])
        if not self.desk.is_timely(nonce - _DAY_MS, nonce + 2 * _DAY_MS):
            refuse(f"Invalid nonce: {nonce} is too far from the present")
        if not self.desk.is_fresh_signature(f"nonce {nonce}"):
            refuse(f"Invalid nonce: duplicate nonce {nonce}")
        expires_ms = body.get("expiresAfter")
        if expires_ms is not None and not self.desk.is_timely(None, int(expires_ms)):
            refuse(f"Request expired: expiresAfter {expires_ms} has passed")
        if body["action"]["type"] not in self._actions:
            refuse("Must deposit before performing actions.")

    # actions

    def _market(self, index: int) -> Instrument:
        listed = self.desk.world.instruments("hyperliquid")
        return listed[index] if 0 <= index < len(listed) else refuse("unknown_market")

    def _place(self, action: Body) -> object:
        if action["grouping"] != "na":
            refuse("malformed")
        return {"statuses": [self._place_one(one) for one in action["orders"]]}

    def _place_one(self, row: Body) -> Body:
        client_id = row.get("c") or ""
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            refuse("malformed")
        one = self._market(row["a"])
        tif = str(row["t"]["limit"]["tif"]).upper()
        wish = Wish(
            symbol_raw=one.symbol_raw,
            side=1 if row["b"] else -1,
            quantity=Decimal(row["s"]),
            price=Decimal(row["p"]),
            time_in_force={"ALO": "GTX", "FRONTENDMARKET": "IOC"}.get(tif, tif),
            is_reduce_only=bool(row["r"]),
            client_id=client_id,
        )
        try:
            order = self.desk.place(wish)
        except Refusal as refusal:
            if refusal.why in _ENTIRE:
                raise
            self.desk.record(wish, refused=refusal.why)
            return _order_error(refusal.why, row["a"])
        if order.state == ENDED and not order.filled:
            order.state = REFUSED
            return _order_error(order.why, row["a"])
        return placed_row(order)

    def _cancel(self, action: Body) -> object:
        statuses: list[object] = []
        for row in action["cancels"]:
            found = self.desk.find(order_id=row.get("o"), client_id=row.get("cloid"))
            try:
                self.desk.cancel(found)
                statuses.append("success")
            except Refusal as refusal:
                asset = row.get("a", row.get("asset"))
                statuses.append(_order_error(refusal.why, asset))
        return {"statuses": statuses}

    def _set_leverage(self, action: Body) -> None:
        one = self._market(action["asset"])
        self.desk.set_leverage(one, int(action["leverage"]))
        mode = "cross" if action["isCross"] else "isolated"
        self.desk.account.margin_mode[one.symbol_raw] = mode

    # reads

    def _is_ours(self, body: Body) -> bool:
        return str(body["user"]).lower() == HYPERLIQUID_WALLET

    def _state(self, body: Body) -> object:
        worth = self.desk.seen("positions")
        rows = worth.rows() if self._is_ours(body) else []
        equity = worth.equity() if self._is_ours(body) else Decimal(0)
        used = worth.used() if rows else Decimal(0)
        notional = sum((row.notional for row in rows), Decimal(0))
        signed = sum((row.held.quantity * row.mark for row in rows), Decimal(0))
        summary = {
            "accountValue": number(equity, 6),
            "totalNtlPos": number(notional, 6),
            "totalRawUsd": number(equity - signed, 6),
            "totalMarginUsed": number(used, 6),
        }
        maintenance = sum((row.maintenance for row in rows), Decimal(0))
        return {
            "marginSummary": summary,
            "crossMarginSummary": summary,
            "crossMaintenanceMarginUsed": number(maintenance, 6),
            "withdrawable": number(max(Decimal(0), equity - used), 6),
            "assetPositions": [self._position(row) for row in rows],
            "time": self.desk.now_ms(),
        }

    def _position(self, row: Row) -> Body:
        held, price = row.held, row.liquidation_price
        mode = self.desk.account.margin_mode.get(row.one.symbol_raw, "cross")
        digits = self.desk.world.price_decimals(row.one, self.desk.moment_ms())
        return {
            "type": "oneWay",
            "position": {
                "coin": row.one.raw,
                "szi": number(held.quantity),
                "leverage": {"type": mode, "value": row.leverage},
                "entryPx": number(held.entry_price, digits + 2),
                "positionValue": number(row.notional, 6),
                "unrealizedPnl": number(row.profit, 6),
                "returnOnEquity": "0.0",
                "liquidationPx": None if price is None else number(price, digits),
                "marginUsed": number(row.margin, 6),
                "maxLeverage": most_leverage(row.one),
                "cumFunding": {
                    "allTime": number(-held.funding),
                    "sinceOpen": number(-held.funding),
                    "sinceChange": number(-held.funding),
                },
            },
        }

    def _asset(self, body: Body) -> object:
        one = self.desk.market(str(body["coin"])) or refuse("unknown_market")
        worth = self.desk.now()
        mark = worth.mark(one)
        leverage = worth.leverage_of(one)
        most = round(worth.free() * leverage / mark, one.size_decimals)
        mode = self.desk.account.margin_mode.get(one.symbol_raw, "cross")
        return {
            "user": body["user"],
            "coin": one.raw,
            "leverage": {"type": mode, "value": leverage},
            "maxTradeSzs": [number(most), number(most)],
            "availableToTrade": [number(worth.free(), 6)] * 2,
            "markPx": number(mark),
        }

    def _orders(self, body: Body) -> list[Order]:
        return self.desk.orders() if self._is_ours(body) else []

    def _status(self, body: Body) -> object:
        oid = body["oid"]
        is_named = isinstance(oid, str) and oid.startswith("0x")
        found = (
            self.desk.find(client_id=oid)
            if is_named
            else self.desk.find(order_id=int(oid))
        )
        if found is None or not self._is_ours(body):
            return {"status": "unknownOid"}
        return {"status": "order", "order": self._told(found)}

    def _open_orders(self, body: Body) -> object:
        rows = [one for one in self._orders(body) if one.state == OPEN]
        return [order_row(one) for one in reversed(rows)]

    def _history(self, body: Body) -> object:
        rows = self._orders(body)[-_MOST_FILLS:]
        return [self._told(one) for one in reversed(rows)]

    def _told(self, order: Order) -> Body:
        return {
            "order": order_row(order),
            "status": status_word(order),
            "statusTimestamp": order.updated_ms,
        }

    def _fills(self, body: Body) -> object:
        rows = self.desk.trades() if self._is_ours(body) else []
        return [fill_row(one) for one in reversed(rows[-_MOST_FILLS:])]

    def _fills_by_time(self, body: Body) -> object:
        rows = self.desk.trades() if self._is_ours(body) else []
        start_ms, end_ms = int(body["startTime"]), int(body.get("endTime") or 1 << 62)
        kept = [one for one in rows if start_ms <= one.at_ms <= end_ms]
        return [fill_row(one) for one in kept[:_MOST_FILLS]]

    def _funding(self, body: Body) -> object:
        start_ms, end_ms = int(body["startTime"]), int(body.get("endTime") or 1 << 62)
        rows = self.desk.account.payments if self._is_ours(body) else []
        return [
            {
                "time": paid.at_ms + 21,
                "hash": _NO_HASH,
                "delta": {
                    "type": "funding",
                    "coin": paid.symbol_raw,
                    "usdc": number(paid.amount),
                    "szi": number(paid.quantity),
                    "fundingRate": exact(paid.rate),
                    "nSamples": None,
                },
            }
            for paid in rows
            if start_ms <= paid.at_ms + 21 <= end_ms
        ][:_MOST_PAYMENTS]

    def _fees(self) -> object:
        rules = RULES["hyperliquid"]
        taker, maker = exact(rules.taker_fee), exact(rules.maker_fee)
        return {
            "dailyUserVlm": [],
            "feeSchedule": {"cross": taker, "add": maker},
            "userCrossRate": taker,
            "userAddRate": maker,
            "userSpotCrossRate": "0.0007",
            "userSpotAddRate": "0.0004",
            "activeReferralDiscount": "0.0",
        }

    def _role(self, body: Body) -> object:
        rights = self.desk.account.rights
        asked = str(body["user"]).lower()
        if asked == HYPERLIQUID_AGENT and rights.is_known:
            if rights.may_withdraw:  # as if the master's own key were in use
                return {"role": "user"}
            return {"role": "agent", "data": {"user": HYPERLIQUID_WALLET}}
        return {"role": "user" if asked == HYPERLIQUID_WALLET else "missing"}

    def _agents(self, body: Body) -> object:
        rights = self.desk.account.rights
        if not self._is_ours(body) or not rights.is_known:
            return []
        until_ms = rights.expires_ms or self.desk.now_ms() + 180 * _DAY_MS
        return [{"name": "bot", "address": HYPERLIQUID_AGENT, "validUntil": until_ms}]


def _fine(kind: str, data: object) -> Answer:
    if data is None:
        return pack({"status": "ok", "response": {"type": "default"}})
    name = "cancel" if kind == "cancelByCloid" else kind
    return pack({"status": "ok", "response": {"type": name, "data": data}})


def _err(text: str) -> Answer:
    return pack({"status": "err", "response": text})


def _order_error(why: str, asset: object) -> Body:
    return {"error": f"{HYPERLIQUID.get(why, why)} asset={asset}"}
