"""Lighter with a key: signed transactions through sendTx, and an account to read.

Shapes and codes as in ccxt 4.5.90; transactions and tokens look as the native signer
of lighter-sdk 1.1.8 writes them. Account, key, expiry and that no signature comes
twice are checked; whether one is right is not. The sign of `change` in positionFunding
is not established: here + is received.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from sandbox.venues.accounts import OPEN
from sandbox.venues.codes import LIGHTER
from sandbox.venues.keys import LIGHTER_ACCOUNT, LIGHTER_KEY_INDEX
from sandbox.venues.lighter import PREFIX
from sandbox.venues.lighter_rows import (
    FIRST_ORDER,
    held_row,
    money,
    order_row,
    trade_row,
)
from sandbox.venues.rules import Refusal, refuse
from sandbox.venues.wire import exact, pack, whole_number
from sandbox.venues.wishes import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import Order
    from sandbox.venues.desk import Desk
    from sandbox.venues.listings import Instrument
    from sandbox.venues.statement import Row
    from sandbox.venues.wire import Answer, Ask

Body = dict[str, Any]
_CREATE: Final = "14"
_CANCEL: Final = "15"
_CANCEL_ALL: Final = "16"
_LEVERAGE: Final = "20"
_SIGNATURE_BYTES: Final = 80
_TOKEN: Final = re.compile(r"(\d+):(\d+):(\d+):[0-9a-f]{160}")
_DAY_MS: Final = 24 * 3_600_000
_MOST_ROWS: Final = 100
_ALL_FRACTION: Final = 10_000
_TIMES_IN_FORCE: Final = {0: "IOC", 1: "GTC", 2: "GTX"}
_PURPOSES: Final = {
    "account": ("@positions", "@balance"),
    "accountActiveOrders": ("@open",),
    "accountInactiveOrders": ("@orders",),
    "accountLimits": ("@fees",),
    "accountOrders": ("@find",),
    "apikeys": ("@rights",),
    "positionFunding": ("@funding",),
    "trades": ("@trades",),
}


class LighterPrivate:
    """Answers for one account and one of its keys."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._open: dict[str, Callable[[Ask], object]] = {
            "account": self._account,
            "apikeys": self._keys,
            "nextNonce": lambda _: {"nonce": desk.account.last_nonce + 1},
        }
        self._signed: dict[str, Callable[[Ask], object]] = {
            "accountOrders": self._by_client_ids,
            "accountActiveOrders": self._active,
            "accountInactiveOrders": self._inactive,
            "accountLimits": lambda _: self._limits(),
            "trades": self._trades,
            "positionFunding": self._funding,
        }
        self._writes: dict[str, Callable[[Body], None]] = {
            _CREATE: self._place,
            _CANCEL: self._cancel,
            _CANCEL_ALL: self._cancel_all,
            _LEVERAGE: self._set_leverage,
        }

    # what a request is

    def knows(self, ask: Ask) -> bool:
        """Return whether this is one of its requests."""
        name = ask.path.removeprefix(PREFIX)
        if ask.method == "POST":
            return name == "sendTx"
        return ask.method == "GET" and (name in self._open or name in self._signed)

    def purposes(self, ask: Ask) -> frozenset[str]:
        """Return what a request is for."""
        if ask.method == "GET":
            return frozenset(_PURPOSES.get(ask.path.removeprefix(PREFIX), ()))
        kind = ask.words.get("tx_type", "")
        if kind == _CREATE:
            reduces = _transaction(ask).get("ReduceOnly")
            return frozenset({"@order", "@reduce" if reduces else "@entry"})
        if kind in {_CANCEL, _CANCEL_ALL}:
            return frozenset({"@cancel"})
        is_leverage = kind == _LEVERAGE
        return frozenset({"@leverage", "@margin_mode"} if is_leverage else ())

    def client_id(self, ask: Ask) -> str | None:
        """Return the client order index that a request names."""
        if ask.method == "GET":
            return ask.query.get("client_order_indexes")
        transaction = _transaction(ask)
        found = transaction.get("ClientOrderIndex") or transaction.get("Index")
        return None if found is None else str(found)

    def answer(self, ask: Ask) -> Answer:
        """Check who asks, then do it."""
        self.desk.settle()
        name = ask.path.removeprefix(PREFIX)
        try:
            if "@order" not in self.purposes(ask):
                self.desk.refuse_as_scripted()
            if ask.method == "POST":
                return self._send(ask)
            if name in self._signed:
                self._check_token(ask)
                made = self._signed[name](ask)
            else:
                made = self._open[name](ask)
        except Refusal as refusal:
            return self.refusal(refusal.why)
        except (KeyError, TypeError, ValueError, InvalidOperation):
            return self.refusal("malformed" if ask.method == "POST" else "params")
        return pack({"code": 200, **made} if isinstance(made, dict) else made)

    def refusal(self, why: str) -> Answer:
        """Return an error by its word, or by the venue's own code."""
        code, text = LIGHTER.get(why) or (int(why), f"refused with {why}")
        return pack({"code": code, "message": text}, 401 if why == "token" else 400)

    def _check_rights(self) -> None:
        rights = self.desk.account.rights
        is_over = rights.expires_ms is not None
        is_over = is_over and self.desk.now_ms() >= (rights.expires_ms or 0)
        if not rights.is_known or is_over:
            refuse("key")

    def _check_token(self, ask: Ask) -> None:
        self._check_rights()
        token = ask.headers.get("Authorization") or ask.query.get("auth") or ""
        found = _TOKEN.fullmatch(token)
        if found is None or not self.desk.is_timely(None, int(found[1]) * 1000):
            refuse("token")
        if (int(found[2]), int(found[3])) != (LIGHTER_ACCOUNT, LIGHTER_KEY_INDEX):
            refuse("token")

    # transactions

    def _send(self, ask: Ask) -> Answer:
        write = self._writes.get(ask.words["tx_type"]) or refuse("unsupported")
        transaction = _transaction(ask)
        self._check_rights()
        if transaction["AccountIndex"] != LIGHTER_ACCOUNT:
            refuse("account")
        if transaction["ApiKeyIndex"] != LIGHTER_KEY_INDEX:
            refuse("key")
        expires_ms = int(transaction["ExpiredAt"])
        if not self.desk.is_timely(expires_ms - _DAY_MS, expires_ms):
            refuse("expired")
        nonce = int(transaction["Nonce"])
        if nonce <= 0:
            refuse("nonce")
        self._check_signature(str(transaction["Sig"]))
        self.desk.account.last_nonce = max(self.desk.account.last_nonce, nonce)
        write(transaction)
        quota = {"ratelimit": "didn't use volume quota"}
        return pack(
            {
                "code": 200,
                "message": json.dumps(quota),
                "tx_hash": hashlib.sha256(ask.words["tx_info"].encode()).hexdigest(),
                "predicted_execution_time_ms": self.desk.now_ms() + 120,
            }
        )

    def _check_signature(self, text: str) -> None:
        try:
            raw = base64.b64decode(text, validate=True)
        except binascii.Error:
            refuse("signature")
        if len(raw) != _SIGNATURE_BYTES or not self.desk.is_fresh_signature(text):
            refuse("signature")

    def _market(self, number: int) -> Instrument:
        for one in self.desk.world.instruments("lighter"):
            if one.number == number:
                return one
        return refuse("unknown_market")

    def _place(self, transaction: Body) -> None:
        one = self._market(transaction["MarketIndex"])
        client_id = int(transaction["ClientOrderIndex"])
        if not 0 <= client_id < FIRST_ORDER:
            refuse("client_id")
        tif = _TIMES_IN_FORCE[transaction["TimeInForce"]]
        expiry_ms = int(transaction["OrderExpiry"])
        wish = Wish(
            symbol_raw=one.symbol_raw,
            side=-1 if transaction["IsAsk"] else 1,
            quantity=Decimal(transaction["BaseAmount"]).scaleb(-one.size_decimals),
            price=Decimal(transaction["Price"]).scaleb(-one.price_decimals),
            time_in_force=tif,
            is_reduce_only=bool(transaction["ReduceOnly"]),
            client_id=str(client_id) if client_id else "",
            expires_ms=expiry_ms if expiry_ms > 0 and tif != "IOC" else None,
            kind={0: "limit", 1: "market"}[transaction["Type"]],
        )
        self.desk.place(wish)

    def _cancel(self, transaction: Body) -> None:
        index = int(transaction["Index"])
        found = (
            self.desk.find(client_id=str(index))
            if index < FIRST_ORDER
            else self.desk.find(order_id=index - FIRST_ORDER)
        )
        # The reply proves nothing: a cancel of nothing is accepted like any other.
        if found is not None and found.state == OPEN:
            self.desk.cancel(found)

    def _cancel_all(self, transaction: Body) -> None:
        attributes = transaction.get("L2TxAttributes") or {}
        number = attributes.get("5")
        wanted = None if number is None else self._market(number).symbol_raw
        for order in self.desk.orders():
            if order.state == OPEN and wanted in {None, order.symbol_raw}:
                self.desk.cancel(order)

    def _set_leverage(self, transaction: Body) -> None:
        one = self._market(transaction["MarketIndex"])
        fraction = int(transaction["InitialMarginFraction"])
        self.desk.set_leverage(one, round(_ALL_FRACTION / fraction))
        mode = "isolated" if transaction["MarginMode"] else "cross"
        self.desk.account.margin_mode[one.symbol_raw] = mode

    # reads

    def _account(self, ask: Ask) -> object:
        if ask.query["value"] != str(LIGHTER_ACCOUNT):
            refuse("account")
        worth = self.desk.seen("positions")
        wallet = self.desk.seen("balance").wallet
        rows = {row.one.symbol_raw: row for row in worth.rows()}
        return {
            "total": 1,
            "accounts": [
                {
                    "code": 0,
                    "account_type": 0,
                    "index": LIGHTER_ACCOUNT,
                    "l1_address": "0x15",
                    "cancel_all_time": 0,
                    "total_order_count": len(self._open_orders()),
                    "total_isolated_order_count": 0,
                    "pending_order_count": 0,
                    "available_balance": money(self.desk.seen("balance").free()),
                    "status": 1,
                    "collateral": money(wallet),
                    "account_index": LIGHTER_ACCOUNT,
                    "positions": [
                        self._position(one, rows.get(one.symbol_raw))
                        for one in self._touched()
                    ],
                    "shares": [],
                    "cross_asset_value": money(worth.equity()),
                    "total_asset_value": money(worth.equity()),
                    "assets": [
                        {
                            "symbol": "USDC",
                            "asset_id": 3,
                            "balance": money(wallet),
                            "locked_balance": "0",
                        }
                    ],
                }
            ],
        }

    def _touched(self) -> list[Instrument]:
        """Return markets that were ever traded or set up; flat ones stay listed."""
        account = self.desk.account
        names = {one.symbol_raw for one in account.trades} | set(account.leverage)
        listed = self.desk.world.instruments("lighter")
        return [one for one in listed if one.symbol_raw in names]

    def _open_orders(self) -> list[Order]:
        return [one for one in self.desk.orders() if one.state == OPEN]

    def _position(self, one: Instrument, row: Row | None) -> Body:
        mode = self.desk.account.margin_mode.get(one.symbol_raw, "cross")
        leverage = self.desk.now().leverage_of(one)
        waiting = [
            order for order in self._open_orders() if order.symbol_raw == one.symbol_raw
        ]
        place: Body = {
            "market_id": one.number,
            "symbol": one.raw,
            "initial_margin_fraction": f"{Decimal(100) / leverage:.2f}",
            "open_order_count": len(waiting),
            "pending_order_count": 0,
            "position_tied_order_count": 0,
            "sign": 1,
            "position": "0",
            "avg_entry_price": "0",
            "position_value": "0",
            "unrealized_pnl": "0",
            "realized_pnl": "0",
            "liquidation_price": "0",
            "total_funding_paid_out": "0",
            "margin_mode": int(mode == "isolated"),
            "allocated_margin": "0",
        }
        return place if row is None else place | held_row(one, row.held, row)

    def _keys(self, ask: Ask) -> object:
        self._check_rights()
        if ask.query.get("account_index") != str(LIGHTER_ACCOUNT):
            refuse("account")
        return {
            "api_keys": [
                {
                    "account_index": LIGHTER_ACCOUNT,
                    "api_key_index": LIGHTER_KEY_INDEX,
                    "nonce": self.desk.account.last_nonce,
                    "public_key": "5a" * 40,
                }
            ]
        }

    def _limits(self) -> object:
        return {
            "max_llp_percentage": 100,
            "max_llp_amount": "0",
            "user_tier": "standard",
            "can_create_public_pool": False,
            "user_tier_name": "standard",
            "current_maker_fee_tick": 0,
            "current_taker_fee_tick": 0,
        }

    def _by_client_ids(self, ask: Ask) -> object:
        wanted = ask.query["client_order_indexes"].split(",")
        found = (self.desk.find(client_id=one) for one in wanted)
        return {"orders": [self._row(one) for one in found if one is not None]}

    def _chosen(self, ask: Ask, rows: list[Any]) -> list[Any]:
        number = whole_number(ask.query.get("market_id"), 255)
        if number is not None and number != 255:  # noqa: PLR2004 - the venue's word for all
            name = self._market(number).symbol_raw
            rows = [one for one in rows if one.symbol_raw == name]
        return list(reversed(rows))

    def _page(self, ask: Ask, name: str, rows: list[Body]) -> Body:
        """Return some rows under a name, and where the next ones begin."""
        limit = whole_number(ask.query.get("limit"), _MOST_ROWS) or _MOST_ROWS
        start = whole_number(ask.query.get("cursor"), 0) or 0
        end = start + min(limit, _MOST_ROWS)
        following = str(end) if end < len(rows) else ""
        return {"next_cursor": following, name: rows[start:end]}

    def _active(self, ask: Ask) -> object:
        rows = self._chosen(ask, self._open_orders())
        return self._page(ask, "orders", [self._row(one) for one in rows])

    def _inactive(self, ask: Ask) -> object:
        over = [one for one in self.desk.orders() if one.state != OPEN]
        rows = self._chosen(ask, over)
        return self._page(ask, "orders", [self._row(one) for one in rows])

    def _trades(self, ask: Ask) -> object:
        rows = self._chosen(ask, self.desk.trades())
        made = [trade_row(one, self._named(one.symbol_raw)) for one in rows]
        return self._page(ask, "trades", made)

    def _funding(self, ask: Ask) -> object:
        start_s = whole_number(ask.query.get("start_timestamp"), 0) or 0
        rows = [
            one for one in self.desk.account.payments if one.at_ms >= start_s * 1000
        ]
        made = [
            {
                "timestamp": paid.at_ms // 1000,
                "market_id": self._named(paid.symbol_raw).number,
                "funding_id": paid.id,
                "change": exact(paid.amount),
                "discount": "0",
                "rate": exact(paid.rate * 100),
                "position_size": exact(abs(paid.quantity)),
                "position_side": "long" if paid.quantity > 0 else "short",
            }
            for paid in self._chosen(ask, rows)
        ]
        return self._page(ask, "position_fundings", made)

    def _named(self, symbol_raw: str) -> Instrument:
        return self.desk.market(symbol_raw) or refuse("unknown_market")

    def _row(self, order: Order) -> Body:
        return order_row(order, self._named(order.symbol_raw))


def _transaction(ask: Ask) -> Body:
    try:
        found = json.loads(ask.words.get("tx_info", ""))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
