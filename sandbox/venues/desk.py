"""One pretend venue's trading desk: wishes in, orders, fills and money out.

Time is taken from the clock at each visit: `settle` first books the funding that fell
due, fills what rests, liquidates, and lets delayed requests arrive at their moment.
A dialect calls `settle` before it reads or changes anything.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Final

from sandbox.venues.accounts import (
    ENDED,
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
from sandbox.venues.listings import LIVE
from sandbox.venues.matching import take
from sandbox.venues.rules import (
    RULES,
    least_notional,
    least_quantity,
    most_leverage,
    refuse,
)
from sandbox.venues.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.listings import Instrument
    from sandbox.venues.rules import Rules
    from sandbox.venues.world import World

PAST_KEPT: Final = 200
SIGNATURES_KEPT: Final = 500
_HYPERLIQUID_DECIMALS: Final = 6
_MARK_DIGITS: Final = {"binance": 8, "extended": 10}


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as a dialect understood it."""

    symbol_raw: str
    side: int
    """1 buys, -1 sells."""
    quantity: Decimal
    price: Decimal | None
    time_in_force: str = "IOC"
    is_reduce_only: bool = False
    client_id: str = ""
    expires_ms: int | None = None
    kind: str = "limit"


@dataclass(slots=True)
class Script:
    """How the next order is treated, set by a fault and gone after one request."""

    refuse: str | None = None
    """A word of a dialect's code table, or a venue's own code."""
    refuse_later: str = ""
    """The request is accepted, the order is refused afterwards, for this reason."""
    share: Decimal | None = None
    """Part of the quantity that the book gives; above 1 the venue fills too much."""
    rests: bool = False
    """An IOC that stays in the book."""
    vanishes: bool = False
    """Accepted and never seen again."""
    ignores_expiry: bool = False


@dataclass(slots=True)
class Late:
    """A request that arrives in the future."""

    at_ms: int
    run: Callable[[], object]
    script: Script


@dataclass(frozen=True, slots=True)
class Past:
    """Wallet and positions as they stood from a moment on."""

    since_ms: int
    wallet: Decimal
    holdings: dict[str, Holding]


@dataclass(slots=True)
class Desk:
    """One venue's account and what may be done with it."""

    venue: str
    world: World
    account: Account = field(default_factory=Account)
    script: Script = field(default_factory=Script)
    unique_ids: str = ""
    """Which client ids may not repeat; see `rules.Rules`."""
    lag_ms: dict[str, int] = field(default_factory=dict)
    """How old reads are, by view: orders, trades, positions, balance."""
    read_lag_ms: int = 0
    """The same for the one request that is answered now."""
    revision: int = 0
    """Grows with every change; the store compares it."""
    late: list[Late] = field(default_factory=list)
    past: deque[Past] = field(default_factory=lambda: deque(maxlen=PAST_KEPT))
    clocks: str = "pretend"
    """Which clocks a request's time stamp may agree with: pretend, real, either, any.

    Pretend time that jumps leaves the caller's own clock behind.
    """
    _at_ms: int | None = None

    def __post_init__(self) -> None:
        self.unique_ids = self.unique_ids or self.rules.unique_ids

    # time

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

    def is_timely(self, first_ms: int | None, last_ms: int | None) -> bool:
        """Return whether it is neither too early nor too late for a request."""
        real_ms = self.world.clock.real_ms()
        moments = {
            "pretend": (self.now_ms(),),
            "real": (real_ms,),
            "either": (self.now_ms(), real_ms),
        }.get(self.clocks)
        return (
            self.script.ignores_expiry
            or moments is None
            or any(
                (first_ms is None or first_ms <= now_ms)
                and (last_ms is None or now_ms <= last_ms)
                for now_ms in moments
            )
        )

    def is_fresh_signature(self, signature: str) -> bool:
        """Return whether a signature comes for the first time, and note it."""
        known = self.account.signatures
        if signature in known:
            return False
        known.append(signature)
        del known[:-SIGNATURES_KEPT]
        return True

    def settle(self) -> None:
        """Catch up with the clock."""
        if self._at_ms is not None:
            return
        now_ms = self.world.clock.now_ms()
        for one in sorted(self.late, key=lambda late: late.at_ms):
            if one.at_ms > now_ms:
                break
            self.late.remove(one)
            self._at_ms, self.script = one.at_ms, one.script
            try:
                self._catch_up()
                one.run()
            finally:
                self._at_ms, self.script = None, Script()
        self._catch_up()

    def _catch_up(self) -> None:
        now_ms = self.now_ms()
        since_ms = self.account.settled_ms
        self.account.settled_ms = max(now_ms, since_ms or 0)
        if since_ms is None:
            self._remember()
            return
        if now_ms > since_ms:
            for symbol_raw, holding in list(self.account.holdings.items()):
                self._pay_funding(symbol_raw, holding, since_ms + 1, now_ms)
        self._fill_resting()
        worth = self.now()
        if self.account.holdings and worth.equity() <= worth.maintenance():
            for symbol_raw in list(self.account.holdings):
                self.force(symbol_raw, cause="liquidation")

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

    # orders

    def place(self, wish: Wish) -> Order:
        """Take an order and match it.

        Raises:
            Refusal: it breaks a rule; nothing was changed except perhaps a record
                of the refused order on venues that keep one.
        """
        one = self.market(wish.symbol_raw)
        if one is None:
            refuse("unknown_market")
        self._check(one, wish)
        order = self.record(wish)
        if self.script.refuse_later:
            order.state, order.why = REFUSED, self.script.refuse_later
        elif self.script.vanishes:
            self.account.orders.remove(order)
        else:
            self._match(one, order)
        self.touch()
        return order

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

    def cancel(self, order: Order | None) -> Order:
        """End a resting order.

        Raises:
            Refusal: there is none, or it is over.
        """
        self._refuse_as_scripted()
        if order is None or order.state != OPEN:
            refuse("not_open")
        self._end(order, "cancelled")
        self.touch()
        return order

    def set_leverage(self, one: Instrument, leverage: int) -> None:
        """Change a market's leverage.

        Raises:
            Refusal: the market does not allow it, or margin does not suffice.
        """
        self._refuse_as_scripted()
        if not 1 <= leverage <= most_leverage(one):
            refuse("leverage")
        before = self.account.leverage.get(one.symbol_raw)
        self.account.leverage[one.symbol_raw] = leverage
        worth = self.now()
        if one.symbol_raw in worth.holdings and worth.equity() < worth.used():
            self.account.leverage.pop(one.symbol_raw)
            if before is not None:
                self.account.leverage[one.symbol_raw] = before
            refuse("margin")
        self.revision += 1

    def _refuse_as_scripted(self) -> None:
        if self.script.refuse is not None:
            refuse(self.script.refuse)

    def _check(self, one: Instrument, wish: Wish) -> None:
        self._refuse_as_scripted()
        checks: tuple[tuple[str, Callable[[], object]], ...] = (
            ("closed", lambda: one.status != LIVE),
            ("lot", lambda: not _fits(wish.quantity, one.size_decimals)),
            ("tick", lambda: not self._fits_tick(one, wish.price)),
            ("min_size", lambda: wish.quantity < least_quantity(one)),
            ("duplicate", lambda: self._is_repeated(wish.client_id)),
            ("reduce_only", lambda: wish.is_reduce_only and not self._open(wish)),
            ("too_large", lambda: self._reduces_too_much(wish)),
            ("min_notional", lambda: self._is_too_small(one, wish)),
            ("price_band", lambda: self._is_beyond_band(one, wish)),
            ("margin", lambda: self._lacks_margin(one, wish)),
        )
        for why, is_broken in checks:
            if is_broken():
                refuse(why)

    def _fits_tick(self, one: Instrument, price: Decimal | None) -> bool:
        if price is None:
            return True
        if price <= 0:
            return False
        decimals = one.price_decimals
        if self.venue == "hyperliquid":
            # Five significant digits and at most six decimals less those of the size.
            digits = max(0, 4 - price.adjusted())
            decimals = min(digits, _HYPERLIQUID_DECIMALS - one.size_decimals)
        return _fits(price, decimals)

    def _is_repeated(self, client_id: str) -> bool:
        if not client_id or self.unique_ids == "never":
            return False
        return any(
            one.client_id == client_id
            and (self.unique_ids == "always" or one.state == OPEN)
            for one in self.account.orders
        )

    def _open(self, wish: Wish) -> Decimal:
        """Return how much a reduce-only order may close."""
        held = self.account.holding(wish.symbol_raw).quantity
        return abs(held) if held * wish.side < 0 else ZERO

    def _reduces_too_much(self, wish: Wish) -> bool:
        return (
            wish.is_reduce_only
            and not self.rules.clamps_reduce_only
            and wish.quantity > self._open(wish)
        )

    def _is_too_small(self, one: Instrument, wish: Wish) -> bool:
        closes_all = wish.is_reduce_only and wish.quantity >= self._open(wish)
        if closes_all or (wish.is_reduce_only and self.rules.exempts_reduce_only):
            return False
        price = wish.price or self.now().mark(one)
        return wish.quantity * price < least_notional(one)

    def _is_beyond_band(self, one: Instrument, wish: Wish) -> bool:
        if wish.price is None:
            return False
        beyond = (wish.price / self.now().mark(one) - 1) * wish.side
        return beyond > self.rules.price_band

    def _lacks_margin(self, one: Instrument, wish: Wish) -> bool:
        held = self.account.holding(wish.symbol_raw).quantity
        closing = min(wish.quantity, abs(held)) if held * wish.side < 0 else ZERO
        adding = ZERO if wish.is_reduce_only else wish.quantity - closing
        if not adding:
            return False
        price = wish.price if wish.price and wish.side > 0 else self.now().mark(one)
        needed = (
            adding
            * price
            * (Decimal(1) / self.now().leverage_of(one) + self.rules.taker_fee)
        )
        return needed > self.now().free()

    # fills

    def _match(self, one: Instrument, order: Order) -> None:
        moment_ms = self.moment_ms()
        book = self.world.book(one, moment_ms)
        levels = book.asks if order.side > 0 else book.bids
        most, share = order.remaining, self.script.share
        if order.is_reduce_only:
            held = self.account.holding(order.symbol_raw).quantity
            most = min(most, abs(held))
        if share is not None:
            step = Decimal(1).scaleb(-one.size_decimals)
            most = order.quantity * share // step * step
        fills = take(levels, most, bound=order.price, side=order.side)
        got = sum((quantity for _, quantity in fills), ZERO)
        if self.script.rests or (order.time_in_force == "FOK" and got < most):
            fills, got = [], ZERO
        if order.time_in_force == "GTX" and fills:
            self._end(order, "post_only")
            return
        for price, quantity in fills:
            self._fill(order, price, quantity)
        if got:
            self.world.take(one, order.side, got, moment_ms)
        rests = order.time_in_force in {"GTC", "GTX"} or self.script.rests
        if order.state == OPEN and not rests:
            self._end(order, "no_match")

    def _fill_resting(self) -> None:
        now_ms = self.now_ms()
        for order in [one for one in self.account.orders if one.state == OPEN]:
            one = self.market(order.symbol_raw)
            if one is None or one.status != LIVE:
                self._end(order, "delisted")
            elif order.expires_ms is not None and now_ms >= order.expires_ms:
                self._end(order, "expired")
            elif order.time_in_force != "IOC":
                self._cross(one, order)

    def _cross(self, one: Instrument, order: Order) -> None:
        book = self.world.book(one, self.moment_ms())
        levels = book.asks if order.side > 0 else book.bids
        most = order.remaining
        if order.is_reduce_only:
            most = min(most, abs(self.account.holding(order.symbol_raw).quantity))
        fills = take(levels, most, bound=order.price, side=order.side)
        got = sum((quantity for _, quantity in fills), ZERO)
        if got and order.price is not None:
            self._fill(order, order.price, got, is_maker=True)
            self.touch()

    def _fill(
        self,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        *,
        is_maker: bool = False,
        cause: str = "trade",
    ) -> None:
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

    def _end(self, order: Order, why: str) -> None:
        order.state, order.why = ENDED, why
        order.updated_ms = self.now_ms()
        self.revision += 1

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
            symbol_raw, 1 if signed > 0 else -1, abs(signed), None, kind="market"
        )
        order = self.record(wish)
        price = self.now().mark(one) if price is None else price
        self._fill(order, price, abs(signed), cause=cause)
        if cause == "foreign" and symbol_raw in self.account.holdings:
            self.account.holdings[symbol_raw].foreign = True
        self.touch()

    def _pay_funding(
        self, symbol_raw: str, holding: Holding, start_ms: int, end_ms: int
    ) -> None:
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


def _fits(number: Decimal, decimals: int) -> bool:
    return number == round(number, decimals)
