"""The control plane of the trading accounts: JSON under /__control/accounts.

    GET   accounts           what is true about every account, decimals as text
    POST  accounts/balance   {"venue", "wallet"}      cash, by deposit or withdrawal
    POST  accounts/position  {"venue", "token", "quantity", "price"?}
                             somebody else trades on the account
    POST  accounts/force     {"venue", "token", "cause", "share": 1, "price"?}
                             cause: adl, liquidation or settlement of a position
    POST  accounts/delist    {"venue", "token"}       settles it and ends the market
    POST  accounts/lag       {"venue", "view", "ms"}  how old reads are; view: orders,
                             trades, positions, balance or "*"
    POST  accounts/ids       {"venue", "unique"}      open, always or never
    POST  accounts/clock     {"venue"?, "mode"}       pretend, real, either or any:
                             which clocks a request's time stamps may agree with
    POST  accounts/rights    {"venue", "may_trade"?, "may_withdraw"?, "is_known"?,
                             "is_bound_to_address"?, "expires_ms"?}   of the key
    POST  accounts/hedge     {"venue", "on"}          Binance's position mode
    POST  accounts/reset     {"venue"?}               fresh accounts, no lag

A token is the base asset (SOL); quantities are in the venue's listed units, positive is
long. Late requests and lags are not kept over a restart, everything else is.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from sandbox.control import PREFIX, Words, Wrong
from sandbox.venues.accounts import OPEN, ZERO, Account, as_json
from sandbox.venues.rules import Refusal
from sandbox.venues.world import UnknownMarketError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.reception import Reception
    from sandbox.venues.desk import Desk
    from sandbox.venues.statement import Row

_VIEWS: Final = frozenset({"*", "balance", "orders", "positions", "trades"})
_CAUSES: Final = frozenset({"adl", "liquidation", "settlement"})
_CLOCKS: Final = frozenset({"any", "either", "pretend", "real"})
_UNIQUE: Final = frozenset({"always", "never", "open"})
_RIGHTS: Final = ("may_trade", "may_withdraw", "is_known", "is_bound_to_address")
_DEAD: Final = {
    "binance": "SETTLING",
    "extended": "DISABLED",
    "hyperliquid": "delisted",
    "lighter": "inactive",
}


class AccountControl:
    """The true accounts, and the hands of others on them."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._world = reception.world

    # plain methods

    def accounts(self) -> dict[str, Any]:
        """Return what every venue really holds at this moment."""
        return {venue: _told(self.desk(venue)) for venue in self._reception.desks}

    def desk(self, venue: str) -> Desk:
        """Return a venue's desk, caught up with the clock."""
        desk = self._reception.desks[venue]
        desk.settle()
        return desk

    def set_wallet(self, venue: str, wallet: Decimal) -> None:
        """Deposit or withdraw until the cash is this."""
        desk = self.desk(venue)
        desk.account.deposited += wallet - desk.account.wallet
        desk.account.wallet = wallet
        desk.touch()

    def trade_by_hand(
        self, venue: str, token: str, quantity: Decimal, price: Decimal | None = None
    ) -> None:
        """Let somebody else trade on the account; a positive quantity buys."""
        one = self._world.find(token, venue)
        self.desk(venue).force(
            one.symbol_raw, cause="foreign", quantity=quantity, price=price
        )

    def force(
        self,
        venue: str,
        token: str,
        cause: str,
        *,
        share: Decimal = Decimal(1),
        price: Decimal | None = None,
    ) -> None:
        """Take a share of a position away: ADL, liquidation or settlement.

        Raises:
            Refusal: there is no such position.
        """
        one = self._world.find(token, venue)
        desk = self.desk(venue)
        held = desk.account.holding(one.symbol_raw).quantity
        step = Decimal(1).scaleb(-one.size_decimals)
        part = None if share >= 1 else -held * share // step * step
        desk.force(one.symbol_raw, cause=cause, quantity=part, price=price)

    def delist(self, venue: str, token: str) -> None:
        """Settle a position at the mark price and end the market."""
        one = self._world.find(token, venue)
        desk = self.desk(venue)
        for order in desk.account.orders:
            if order.symbol_raw == one.symbol_raw and order.state == OPEN:
                desk.cancel(order)
        if one.symbol_raw in desk.account.holdings:
            desk.force(one.symbol_raw, cause="settlement")
        self._world.set_status(token, venue, _DEAD[venue])

    def set_lag(self, venue: str, view: str, lag_ms: int) -> None:
        """Make reads old; 0 makes them fresh again."""
        self.desk(venue).lag_ms[view] = lag_ms

    def set_clocks(self, mode: str, venue: str | None = None) -> None:
        """Choose which clocks time stamps of requests are held against."""
        for name, desk in self._reception.desks.items():
            if venue in {None, name}:
                desk.clocks = mode

    def reset(self, venue: str | None = None) -> None:
        """Give out fresh accounts and forget lags and late requests."""
        for name, desk in self._reception.desks.items():
            if venue in {None, name}:
                desk.account = Account()
                desk.unique_ids = desk.rules.unique_ids
                desk.lag_ms.clear()
                desk.late.clear()
                desk.past.clear()
                desk.settle()
                desk.touch()

    # over HTTP

    def routes(self) -> list[web.RouteDef]:
        """Return everything under /__control/accounts."""
        posts: dict[str, Callable[[Words], None]] = {
            "balance": self._balance,
            "clock": self._clock,
            "delist": lambda words: self.delist(_venue(words), words.text("token")),
            "force": self._force,
            "hedge": self._hedge,
            "ids": self._ids,
            "lag": self._lag,
            "position": self._position,
            "reset": lambda words: self.reset(words.venue(optional=True)),
            "rights": self._rights,
        }
        here = f"{PREFIX}accounts"
        return [
            web.get(here, self._list),
            *(
                web.post(f"{here}/{name}", self._write(do))
                for name, do in posts.items()
            ),
        ]

    async def _list(self, _request: web.Request) -> web.Response:
        told = self.accounts()
        await self._save()
        return _json(told)

    async def _save(self) -> None:
        if self._reception.saved is not None:
            await self._reception.saved()

    def _write(
        self, do: Callable[[Words], None]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                do(Words(json.loads(await request.read())))
            except (Wrong, UnknownMarketError, Refusal, ValueError) as error:
                return _json({"error": str(error)}, 400)
            await self._save()
            return _json({"ok": True})

        return handle

    def _balance(self, words: Words) -> None:
        self.set_wallet(_venue(words), _decimal(words, "wallet"))

    def _position(self, words: Words) -> None:
        self.trade_by_hand(
            _venue(words),
            words.text("token"),
            _decimal(words, "quantity"),
            words.decimal("price") if "price" in words else None,
        )

    def _force(self, words: Words) -> None:
        self.force(
            _venue(words),
            words.text("token"),
            _one_of(words, "cause", _CAUSES),
            share=_decimal(words, "share") if "share" in words else Decimal(1),
            price=words.decimal("price") if "price" in words else None,
        )

    def _lag(self, words: Words) -> None:
        view = _one_of(words, "view", _VIEWS)
        self.set_lag(_venue(words), view, words.whole("ms"))

    def _ids(self, words: Words) -> None:
        self.desk(_venue(words)).unique_ids = _one_of(words, "unique", _UNIQUE)

    def _clock(self, words: Words) -> None:
        mode = _one_of(words, "mode", _CLOCKS)
        self.set_clocks(mode, words.venue(optional=True))

    def _rights(self, words: Words) -> None:
        desk = self.desk(_venue(words))
        for name in _RIGHTS:
            if name in words:
                setattr(desk.account.rights, name, words.any(name) is True)
        if "expires_ms" in words:
            given = words.any("expires_ms")
            desk.account.rights.expires_ms = None if given is None else int(given)
        desk.touch()

    def _hedge(self, words: Words) -> None:
        desk = self.desk(_venue(words))
        desk.account.is_hedge_mode = words.any("on") is True
        desk.touch()


def _venue(words: Words) -> str:
    venue = words.venue()
    if venue is None or venue == "*":
        message = "'venue' must be one venue"
        raise Wrong(message)
    return venue


def _decimal(words: Words, name: str) -> Decimal:
    value = words.decimal(name)
    if value is None:
        message = f"{name!r} must be a number"
        raise Wrong(message)
    return value


def _one_of(words: Words, name: str, known: frozenset[str]) -> str:
    value = words.text(name)
    if value not in known:
        message = f"{name!r} must be one of {', '.join(sorted(known))}"
        raise Wrong(message)
    return value


def _json(payload: object, status: int = 200) -> web.Response:
    text = json.dumps(payload, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json")


def _told(desk: Desk) -> dict[str, Any]:
    worth, account = desk.now(), desk.account
    fees = sum((one.fee for one in account.trades), ZERO)
    funding = sum((one.amount for one in account.payments), ZERO)
    profit = sum((one.profit for one in account.trades), ZERO)
    told = {
        "settle": "USDT" if desk.venue == "binance" else "USDC",
        "wallet": account.wallet,
        "equity": worth.equity(),
        "free": worth.free(),
        "used": worth.used(),
        "maintenance": worth.maintenance(),
        "deposited": account.deposited,
        "fees": fees,
        "funding": funding,
        "realized": profit,
        "positions": {row.one.symbol_raw: _position(row) for row in worth.rows()},
        "orders": [asdict(one) for one in account.orders],
        "trades": [asdict(one) for one in account.trades],
        "payments": [asdict(one) for one in account.payments],
        "leverage": dict(account.leverage),
        "margin_mode": dict(account.margin_mode),
        "is_hedge_mode": account.is_hedge_mode,
        "rights": asdict(account.rights),
        "unique_ids": desk.unique_ids,
        "lag_ms": dict(desk.lag_ms),
        "clocks": desk.clocks,
        "late_at_ms": [one.at_ms for one in desk.late],
    }
    plain: dict[str, Any] = as_json(told)
    return plain


def _position(row: Row) -> dict[str, Any]:
    held, price = row.held, row.liquidation_price
    return {
        "token": row.one.base,
        "multiplier": row.one.multiplier,
        "quantity": held.quantity,
        "entry_price": held.entry_price,
        "mark_price": row.mark,
        "notional": row.notional,
        "profit": row.profit,
        "funding": held.funding,
        "leverage": row.leverage,
        "liquidation_price": price,
        "is_foreign": held.foreign,
        "opened_ms": held.opened_ms,
    }
