"""What an account is worth: cash and positions of one moment in, margin figures out."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.venues.accounts import OPEN, ZERO
from sandbox.venues.rules import RULES, most_leverage

if TYPE_CHECKING:
    from sandbox.venues.accounts import Account, Holding
    from sandbox.venues.listings import Instrument
    from sandbox.venues.world import World


@dataclass(frozen=True, slots=True)
class Statement:
    """Cash and positions, perhaps of some time ago, valued at present marks."""

    venue: str
    world: World
    moment_ms: int
    account: Account
    """For leverage and resting orders."""
    wallet: Decimal
    holdings: dict[str, Holding]
    _marks: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)
    """Each figure of each position asks for every other one's mark."""

    def market(self, symbol_raw: str) -> Instrument | None:
        """Return the market called so by the venue."""
        return self.world.by_symbol(self.venue, symbol_raw)

    def mark(self, one: Instrument) -> Decimal:
        """Return the mark price as the venue shows it."""
        known = self._marks.get(one.key)
        if known is None:
            known = Decimal(self.world.shown_mark(one, self.moment_ms))
            self._marks[one.key] = known
        return known

    def leverage_of(self, one: Instrument) -> int:
        """Return the leverage in force for a market."""
        most = min(RULES[self.venue].start_leverage, most_leverage(one))
        return self.account.leverage.get(one.symbol_raw, most)

    def rows(self) -> list[Row]:
        """Return each position that is not flat, with its market."""
        listed = ((self.market(name), held) for name, held in self.holdings.items())
        return [Row(one, held, self) for one, held in listed if one is not None]

    def row(self, one: Instrument) -> Row | None:
        """Return the position of a market, None while flat."""
        held = self.holdings.get(one.symbol_raw)
        return None if held is None else Row(one, held, self)

    def unrealized(self) -> Decimal:
        """Return the profit of all positions at mark prices."""
        return sum((row.profit for row in self.rows()), ZERO)

    def equity(self) -> Decimal:
        """Return cash and unrealized profit."""
        return self.wallet + self.unrealized()

    def position_margin(self) -> Decimal:
        """Return the margin bound by positions."""
        return sum((row.margin for row in self.rows()), ZERO)

    def order_margin(self) -> Decimal:
        """Return the margin bound by resting orders."""
        bound = ZERO
        for order in self.account.orders:
            if order.state != OPEN or order.is_reduce_only:
                continue
            one = self.market(order.symbol_raw)
            if one is not None:
                price = order.price or self.mark(one)
                bound += order.remaining * price / self.leverage_of(one)
        return bound

    def used(self) -> Decimal:
        """Return the margin that is bound."""
        return self.position_margin() + self.order_margin()

    def free(self) -> Decimal:
        """Return what a new position may bind, never below zero."""
        return max(ZERO, self.equity() - self.used())

    def maintenance(self) -> Decimal:
        """Return the equity below which everything is liquidated."""
        return sum((row.maintenance for row in self.rows()), ZERO)


@dataclass(frozen=True, slots=True)
class Row:
    """One position and what it is worth."""

    one: Instrument
    held: Holding
    statement: Statement

    @property
    def mark(self) -> Decimal:
        """Return the mark price."""
        return self.statement.mark(self.one)

    @property
    def notional(self) -> Decimal:
        """Return the size at the mark price, never below zero."""
        return abs(self.held.quantity) * self.mark

    @property
    def profit(self) -> Decimal:
        """Return the unrealized profit."""
        return self.held.quantity * self.mark - self.held.cost

    @property
    def leverage(self) -> int:
        """Return the leverage of the market."""
        return self.statement.leverage_of(self.one)

    @property
    def margin(self) -> Decimal:
        """Return the margin that the position binds."""
        return self.notional / self.leverage

    @property
    def maintenance(self) -> Decimal:
        """Return the margin that it must keep."""
        return self.notional * RULES[self.one.venue].maintenance

    @property
    def liquidation_price(self) -> Decimal | None:
        """Return the mark that ends a cross position, None if none can."""
        statement = self.statement
        others = statement.equity() - self.profit
        others -= statement.maintenance() - self.maintenance
        kept = RULES[self.one.venue].maintenance * abs(self.held.quantity)
        # others + quantity * price - cost = kept * price
        price = (self.held.cost - others) / (self.held.quantity - kept)
        return price if price > 0 else None
