"""One pretend venue's trading desk: wishes in, orders, fills and money out.

Time is taken from the clock at each visit: `settle` first books the funding that fell
due, fills what rests, liquidates, and lets delayed requests arrive at their moment.
A dialect calls `settle` before it reads or changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sandbox.venues.accounts import ENDED, OPEN, REFUSED, ZERO
from sandbox.venues.checks import check
from sandbox.venues.ledger import Ledger
from sandbox.venues.listings import LIVE
from sandbox.venues.matching import take
from sandbox.venues.rules import most_leverage, refuse
from sandbox.venues.wishes import Script

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import Order
    from sandbox.venues.listings import Instrument
    from sandbox.venues.wishes import Wish

SIGNATURES_KEPT: Final = 500


@dataclass(slots=True)
class Late:
    """A request that arrives in the future."""

    at_ms: int
    run: Callable[[], object]
    script: Script


@dataclass(slots=True)
class Desk(Ledger):
    """One venue's account and what may be done with it."""

    script: Script = field(default_factory=Script)
    unique_ids: str = ""
    """Which client ids may not repeat; see `rules.Rules`."""
    late: list[Late] = field(default_factory=list)
    clocks: str = "pretend"
    """Which clocks a request's time stamp may agree with: pretend, real, either, any.

    Pretend time that jumps leaves the caller's own clock behind.
    """

    def __post_init__(self) -> None:
        self.unique_ids = self.unique_ids or self.rules.unique_ids

    # time

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
                self.pay_funding(symbol_raw, holding, since_ms + 1, now_ms)
        self._fill_resting()
        worth = self.now()
        if self.account.holdings and worth.equity() <= worth.maintenance():
            for symbol_raw in list(self.account.holdings):
                self.force(symbol_raw, cause="liquidation")

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
        self.refuse_as_scripted()
        check(self.now(), one, wish, unique_ids=self.unique_ids)
        order = self.record(wish)
        if self.script.refuse_later:
            order.state, order.why = REFUSED, self.script.refuse_later
        elif self.script.vanishes:
            self.account.orders.remove(order)
        else:
            self._match(one, order)
        self.touch()
        return order

    def cancel(self, order: Order | None) -> Order:
        """End a resting order.

        Raises:
            Refusal: there is none, or it is over.
        """
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

    def refuse_as_scripted(self) -> None:
        """Refuse if a fault says so.

        Raises:
            Refusal: with the scripted word.
        """
        if self.script.refuse is not None:
            refuse(self.script.refuse)

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
            self.fill(order, price, quantity)
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
            self.fill(order, order.price, got, is_maker=True)
            self.touch()

    def _end(self, order: Order, why: str) -> None:
        order.state, order.why = ENDED, why
        order.updated_ms = self.now_ms()
        self.revision += 1
