"""One venue account's books: orders, fills, cash and funding in, statements out.

The present is what the venue knows; a reader may be shown an older state.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from sandbox.venues.accounts import (
    FILLED,
    OPEN,
    REFUSED,
    ZERO,
    Account,
    FundingPaid,
    Holding,
    Order,
    Trade,
)
from sandbox.venues.rules import RULES, refuse
from sandbox.venues.statement import Statement
from sandbox.venues.wishes import Wish

if TYPE_CHECKING:
    from sandbox.venues.listings import Instrument
    from sandbox.venues.rules import Rules
    from sandbox.venues.world import World

PAST_KEPT: Final = 200
_MARK_DIGITS: Final = {"binance": 8, "extended": 10}


@dataclass(frozen=True, slots=True)
class Past:
    """Wallet and positions as they stood from a moment on."""

    since_ms: int
    wallet: Decimal
    holdings: dict[str, Holding]


@dataclass(slots=True)
class Ledger:
    """One venue's account and everything that is booked on it."""

    venue: str
    world: World
    account: Account = field(default_factory=Account)
    lag_ms: dict[str, int] = field(default_factory=dict)
    """How old reads are, by view: orders, trades, positions, balance."""
    read_lag_ms: int = 0
    """The same for the one request that is answered now."""
    revision: int = 0
    """Grows with every change; the store compares it."""
    past: deque[Past] = field(default_factory=lambda: deque(maxlen=PAST_KEPT))
    _at_ms: int | None = None

    @property
    def rules(self) -> Rules:
        """Return the venue's conditions."""
        return RULES[self.venue]

    def now_ms(self) -> int:
        """Return the moment that things happen at, in the past for a late request."""
        return self.world.clock.now_ms() if self._at_ms is None else self._at_ms

    def moment_ms(self) -> int:
        """Return the whole second that prices are computed for."""
        return self.now_ms() // 1000 * 1000

    # look

    def market(self, symbol_raw: str) -> Instrument | None:
        """Return the market called so by the venue."""
        return self.world.by_symbol(self.venue, symbol_raw)

    def now(self) -> Statement:
        """Return what the account is worth, as the venue itself knows it."""
        account = self.account
        return self._statement(account.wallet, account.holdings)

    def seen(self, view: str) -> Statement:
        """Return the same as a reader sees it, old if a lag is scripted.

        Args:
            view: `positions` or `balance`.
        """
        lag_ms = self.lag(view)
        if not lag_ms or not self.past:
            return self.now()
        until_ms = self.now_ms() - lag_ms
        old = [one for one in self.past if one.since_ms <= until_ms]
        then = old[-1] if old else self.past[0]
        return self._statement(then.wallet, then.holdings)

    def _statement(self, wallet: Decimal, holdings: dict[str, Holding]) -> Statement:
        return Statement(
            self.venue, self.world, self.moment_ms(), self.account, wallet, holdings
        )

    def lag(self, view: str) -> int:
        """Return how old this view is now, in milliseconds."""
        return self.read_lag_ms or self.lag_ms.get(view, self.lag_ms.get("*", 0))

    def orders(self) -> list[Order]:
        """Return the orders that can be seen already, oldest first."""
        until_ms = self.now_ms() - self.lag("orders")
        return [one for one in self.account.orders if one.created_ms <= until_ms]

    def find(
        self, *, order_id: int | None = None, client_id: str | None = None
    ) -> Order | None:
        """Return the newest visible order with one of the ids."""
        found = self.account.order_by(order_id=order_id, client_id=client_id)
        if found is None or found.created_ms > self.now_ms() - self.lag("orders"):
            return None
        return found

    def trades(self) -> list[Trade]:
        """Return the fills that can be seen already, oldest first."""
        until_ms = self.now_ms() - self.lag("trades")
        return [one for one in self.account.trades if one.at_ms <= until_ms]

    def money(self, amount: Decimal) -> Decimal:
        """Round to what the venue books."""
        step = Decimal(1).scaleb(-self.rules.money_decimals)
        return amount.quantize(step, ROUND_HALF_EVEN)

    # book

    def record(self, wish: Wish, *, refused: str = "") -> Order:
        """Write an order down, by default as open, else as refused at once."""
        order = Order(
            id=self.account.number(),
            client_id=wish.client_id,
            symbol_raw=wish.symbol_raw,
            side=wish.side,
            quantity=wish.quantity,
            price=wish.price,
            kind=wish.kind,
            time_in_force=wish.time_in_force,
            is_reduce_only=wish.is_reduce_only,
            created_ms=self.now_ms(),
            updated_ms=self.now_ms(),
            expires_ms=wish.expires_ms,
            state=REFUSED if refused else OPEN,
            why=refused,
        )
        self.account.orders.append(order)
        self.revision += 1
        return order

    def fill(
        self,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        *,
        is_maker: bool = False,
        cause: str = "trade",
    ) -> None:
        """Book a fill of an order: position, cash, fee and trade.

        Args:
            order: what is filled.
            price: of the fill.
            quantity: in listed units.
            is_maker: whether the order was resting.
            cause: as in `Trade.cause`; only a trade pays a fee.
        """
        rate = self.rules.maker_fee if is_maker else self.rules.taker_fee
        fee = ZERO if cause != "trade" else self.money(price * quantity * rate)
        holding = self.account.holdings.setdefault(
            order.symbol_raw, Holding(opened_ms=self.now_ms())
        )
        start = holding.quantity
        profit = holding.trade(order.side * quantity, price)
        if not holding.quantity:
            del self.account.holdings[order.symbol_raw]
        self.account.wallet += profit - fee
        order.filled += quantity
        order.cost += price * quantity
        order.fee += fee
        order.updated_ms = self.now_ms()
        if order.remaining <= 0:
            order.state = FILLED
        self.account.trades.append(
            Trade(
                id=self.account.number(),
                order_id=order.id,
                client_id=order.client_id,
                symbol_raw=order.symbol_raw,
                side=order.side,
                price=price,
                quantity=quantity,
                fee=fee,
                profit=profit,
                start=start,
                is_maker=is_maker,
                at_ms=self.now_ms(),
                cause=cause,
            )
        )

    # by others

    def force(
        self,
        symbol_raw: str,
        *,
        cause: str,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
    ) -> None:
        """Trade without being asked: ADL, liquidation, settlement, a foreign hand.

        Args:
            symbol_raw: the market.
            cause: as in `Trade.cause`.
            quantity: positive buys; None closes the position.
            price: None takes the mark price.

        Raises:
            Refusal: no such market, or nothing to close.
        """
        one = self.market(symbol_raw)
        held = self.account.holding(symbol_raw).quantity
        signed = -held if quantity is None else quantity
        if one is None or not signed:
            refuse("not_open")
        wish = Wish(
            symbol_raw,
            1 if signed > 0 else -1,
            abs(signed),
            None,
            client_id=self._foreign_id(cause),
            kind="market",
        )
        order = self.record(wish)
        price = self.now().mark(one) if price is None else price
        self.fill(order, price, abs(signed), cause=cause)
        if cause == "foreign" and symbol_raw in self.account.holdings:
            self.account.holdings[symbol_raw].foreign = True
        self.touch()

    def _foreign_id(self, cause: str) -> str:
        """Return the client id of an order that nobody here sent.

        Binance names them so in its documentation of 2026; Extended names every order,
        the others leave it out.
        """
        number = self.account.next_id
        if self.venue == "binance":
            return {
                "adl": "adl_autoclose",
                "foreign": f"web_{number}",
                "liquidation": f"autoclose-{number}",
            }.get(cause, f"settlement_autoclose-{number}")
        return f"{cause}-{number}" if self.venue == "extended" else ""

    def pay_funding(
        self, symbol_raw: str, holding: Holding, start_ms: int, end_ms: int
    ) -> None:
        """Book what a position paid and received, both ends included."""
        one = self.market(symbol_raw)
        if one is None:
            return
        digits = _MARK_DIGITS.get(self.venue, one.price_decimals)
        for payment in self.world.payments(one, start_ms, end_ms):
            mark = Decimal(f"{payment.mark_price:.{digits}f}")
            amount = self.money(-holding.quantity * mark * payment.rate)
            self.account.wallet += amount
            holding.funding += amount
            self.account.payments.append(
                FundingPaid(
                    id=self.account.number(),
                    symbol_raw=symbol_raw,
                    at_ms=payment.at_ms,
                    amount=amount,
                    rate=payment.rate,
                    quantity=holding.quantity,
                    mark_price=mark,
                )
            )
            self.touch()

    def touch(self) -> None:
        """Note that money or positions changed."""
        self.revision += 1
        self._remember()

    def _remember(self) -> None:
        account = self.account
        self.past.append(
            Past(self.now_ms(), account.wallet, deepcopy(account.holdings))
        )
