"""A trade and its orders in; what legs hold and what a step may order out; pure.

*zero*: less than the leg's own lot, or what an owner keeps of it. *level*: the legs
differ by less than both lots, or by no more than an owner accepted, or, where nothing
may be added any more, by less than can be sold of the larger leg and at most a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.intent import IntentState, Purpose
from core.model.units import LegSide, OrderSide

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.model.intent import OrderIntent
    from core.model.trade import Trade, TradeLeg

ZERO = Decimal(0)
BANDS = (Decimal("0.0030"), Decimal("0.0100"), Decimal("0.0300"))
"""How far from the best opposite quote each reduce-only attempt of a series may go."""
LEVEL_SHARE = Decimal("0.1")
MAX_TOPUPS = 2
MAX_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Docket:
    """A trade with every order it ever made, in the order of creation."""

    trade: Trade
    intents: tuple[OrderIntent, ...]

    @property
    def unresolved(self) -> tuple[OrderIntent, ...]:
        """Return the orders whose outcome is not known."""
        return tuple(each for each in self.intents if not each.state.is_terminal)

    @property
    def was_filled(self) -> bool:
        """Tell whether anything was ever bought or sold."""
        return any((each.filled_base or ZERO) > 0 for each in self.intents)

    def of(self, leg: int, *purposes: Purpose) -> tuple[OrderIntent, ...]:
        """Return a leg's orders of these purposes (all without any)."""
        return tuple(
            each
            for each in self.intents
            if each.leg == leg and (not purposes or each.purpose in purposes)
        )

    def booked(self, leg: int) -> Decimal:
        """Return what a leg holds by its fills, less what others closed."""
        filled = sum(
            (
                (each.filled_base or ZERO) * (-1 if each.is_reduce_only else 1)
                for each in self.of(leg)
            ),
            ZERO,
        )
        return filled - self.trade.legs[leg - 1].lost_base

    @property
    def part(self) -> Docket:
        """Return the trade with the orders of the entry or addition under way alone."""
        adding = self.trade.adding
        if adding is None:
            return self
        return replace(self, intents=self.intents[adding.orders_before :])

    def added(self, leg: int) -> Decimal:
        """Return what the entry or addition under way put on a leg.

        Of an addition by its own fills: only so much may be taken back because of it.
        """
        if self.trade.adding is None:
            return self.booked(leg)
        return sum(
            (
                (each.filled_base or ZERO) * (-1 if each.is_reduce_only else 1)
                for each in self.part.of(leg)
            ),
            ZERO,
        )

    @property
    def kept(self) -> tuple[int, Decimal] | None:
        """Return the leg, and how much of it, that an owner keeps after the end."""
        for number, leg in enumerate(self.trade.legs, start=1):
            if leg.accepted is not None and leg.accepted.is_all and self.booked(number):
                return number, self.booked(number)
        return None

    def brought_up_to_date(self) -> Trade:
        """Return the trade with its legs holding what the fills say."""
        first, second = (
            replace(leg, held_base=self.booked(number))
            for number, leg in enumerate(self.trade.legs, start=1)
        )
        return replace(self.trade, first=first, second=second)


@dataclass(frozen=True, slots=True)
class Held:
    """What both legs hold, in the order of execution, as base units."""

    first: Decimal
    second: Decimal

    def of(self, leg: int) -> Decimal:
        """Return what one leg holds."""
        return self.first if leg == 1 else self.second

    @property
    def larger(self) -> int:
        """Return the number of the leg that holds more."""
        return 1 if self.first >= self.second else 2

    @property
    def difference(self) -> Decimal:
        """Return how much more the larger leg holds."""
        return abs(self.first - self.second)


def booked(docket: Docket) -> Held:
    """Return what both legs hold by our books."""
    return Held(docket.booked(1), docket.booked(2))


def in_leg_direction(leg: TradeLeg, signed: Decimal) -> Decimal:
    """Return a signed position as the leg counts it: below zero is the wrong way."""
    return signed * leg.side.sign


def is_zero(leg: TradeLeg, held: Decimal) -> bool:
    """Tell whether a leg holds less than its own lot, either way, or what is kept."""
    if abs(held) < leg.instrument.lot_base:
        return True
    kept = leg.accepted
    return kept is not None and kept.is_all and ZERO < held <= kept.quantity_base


def zeros(trade: Trade, held: Held) -> tuple[bool, bool]:
    """Tell for both legs whether they are zero."""
    return is_zero(trade.first, held.first), is_zero(trade.second, held.second)


def is_level(trade: Trade, held: Held, *, may_add: bool) -> bool:
    """Tell whether the legs hold the same, as far as their lots allow."""
    difference = held.difference
    if all(difference < leg.instrument.lot_base for leg in trade.legs):
        return True
    if difference <= accepted(trade, held.larger):
        return True
    if may_add:
        return False
    share = difference <= held.of(held.larger) * LEVEL_SHARE
    return share and difference < _unsellable(trade, held.larger)


def accepted(trade: Trade, leg: int) -> Decimal:
    """Return how much more than the other one a leg may hold by an owner's word."""
    kept = trade.legs[leg - 1].accepted
    return ZERO if kept is None else kept.quantity_base


def excess(trade: Trade, held: Held) -> Decimal | None:
    """Return what the larger leg holds too much; None if that cannot be accepted.

    None for legs that are level, and for a leg that was turned around: nobody can say
    what of it is the residual.
    """
    if min(held.first, held.second) < ZERO or all(zeros(trade, held)):
        return None
    is_hedged = not any(zeros(trade, held)) and is_level(trade, held, may_add=False)
    return None if is_hedged else held.difference


def _unsellable(trade: Trade, larger: int) -> Decimal:
    """Return what an excess of the larger leg must reach before it can be sold.

    Its own lot; or, where the venue takes no order as small as that, the least order,
    yet never more than the coarser lot of the two legs.
    """
    instrument = trade.legs[larger - 1].instrument
    least = instrument.min_quantity_base or ZERO
    coarser = max(leg.instrument.lot_base for leg in trade.legs)
    return max(instrument.lot_base, min(least, coarser))


def reduction(trade: Trade, held: Held, leg: int, by: Decimal) -> Decimal:
    """Return what to sell off a leg that should shrink by a quantity.

    Whole lots, rounded down, never more than it holds; less than a lot takes one lot.
    """
    instrument = trade.legs[leg - 1].instrument
    wanted = instrument.floor_quantity(min(by, held.of(leg)))
    if wanted > 0:
        return wanted
    return instrument.floor_quantity(min(instrument.lot_base, held.of(leg)))


def entering(leg: TradeLeg) -> OrderSide:
    """Return the order side that builds a leg."""
    return OrderSide.BUY if leg.side is LegSide.LONG else OrderSide.SELL


def leaving(leg: TradeLeg) -> OrderSide:
    """Return the order side that shrinks a leg."""
    return OrderSide.SELL if leg.side is LegSide.LONG else OrderSide.BUY


def last_of(intents: Iterable[OrderIntent]) -> OrderIntent | None:
    """Return the latest order, None without any."""
    found = None
    for each in intents:
        if found is None or each.created_at >= found.created_at:
            found = each
    return found


def cash_usd(intents: Iterable[OrderIntent]) -> Decimal | None:
    """Return what sales brought minus what purchases took, fees aside.

    None when a fill's price is not known. It is the price result only once flat.
    """
    total = ZERO
    for each in intents:
        if not each.filled_base:
            continue
        if each.average_price is None:
            return None
        total -= each.side.sign * each.filled_base * each.average_price
    return total


def fees_usd(intents: Iterable[OrderIntent]) -> Decimal | None:
    """Return the fees paid, None when one is not known."""
    total = ZERO
    for each in intents:
        if not each.filled_base:
            continue
        if each.fee_usd is None:
            return None
        total += each.fee_usd
    return total


def entry_price(docket: Docket, leg: int) -> Decimal | None:
    """Return the average entry price per base unit, None when not known."""
    quantity = paid = ZERO
    for each in docket.of(leg, Purpose.ENTRY, Purpose.TOPUP):
        if not each.filled_base:
            continue
        if each.average_price is None:
            return None
        quantity += each.filled_base
        paid += each.filled_base * each.average_price
    return paid / quantity if quantity else None


def status_of(docket: Docket, leg: int) -> str:
    """Return one word for a leg's latest order, as progress cards show it."""
    latest = last_of(docket.of(leg))
    if latest is None:
        return "waiting"
    if latest.state is IntentState.NONE:
        return "nothing" if latest.refusal_code is None else "refused"
    return {
        IntentState.PREPARED: "sending",
        IntentState.UNKNOWN: "asking",
        IntentState.FILLED: "done",
        IntentState.PARTIAL: "partial",
    }[latest.state]
