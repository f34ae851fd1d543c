"""Price an entry from both books, or say in plain words why it cannot be offered."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from core.errors import MarginError, NoPairError, SizeError, VenueDownError
from core.liquidity import fill_within, limit_price, opposite, pair_cost
from core.model.plan import Bounds, OpenPlan, PlanLeg
from core.model.units import LegSide
from core.opportunities import prices_agree
from core.planning.legs import (
    MAX_SLIP_FIRST,
    MAX_SLIP_SECOND,
    entry_side,
    leg_order,
)
from core.planning.quantity import money, plan_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.economics import PairCost
    from core.liquidity import PairBooks
    from core.model.instrument import Instrument
    from core.model.market import OrderBook
    from core.model.opportunity import Opportunity
    from core.model.order import Balance
    from core.model.units import OrderSide, VenueId
    from core.model.venue import VenueRules

ZERO = Decimal(0)
SPREAD_KEPT = Decimal("0.6")
COST_ALLOWANCE = Decimal("0.0004")
MARGIN_RESERVE = Decimal("1.2")


def build_open_plan(
    opportunity: Opportunity,
    books: PairBooks,
    *,
    rules: Mapping[VenueId, VenueRules],
    balances: Mapping[VenueId, Balance],
    size_usd: Decimal,
    leverage: Decimal,
) -> OpenPlan:
    """Price an entry from both books, which were read just now.

    The leverage is lowered to what both venues allow for the instrument.

    Raises:
        NoPairError: a book is empty or crossed, the prices disagree, or the short side
            does not pay more.
        SizeError: the size does not fit the lots, the limits or the books.
        MarginError: a venue has too little free margin.
        VenueDownError: a venue's balance is not known.
    """
    mid = _checked_mid(opportunity, books)
    price = max(books.long.asks[0].price, books.short.bids[0].price)
    instruments = books.long.instrument, books.short.instrument
    quantity = plan_quantity(size_usd, price, *instruments)
    draft = _Draft(opportunity, books, quantity, rules, balances)
    first_side, second_side = leg_order(books, rules)
    first = draft.leg(first_side, MAX_SLIP_FIRST)
    second = draft.leg(second_side, MAX_SLIP_SECOND)
    cost = draft.cost()
    allowed = allowed_leverage(leverage, instruments)
    for leg in (first, second):
        check_margin(leg, allowed)
    return OpenPlan(
        base=opportunity.base,
        first=first,
        second=second,
        size_usd=size_usd,
        leverage=allowed,
        spread_per_hour=opportunity.spread_per_hour,
        fees_usd=cost.fees_usd,
        basis_usd=cost.basis_usd,
        bounds=entry_bounds(
            opportunity.spread_per_hour, cost.total_usd, quantity * mid
        ),
        has_unknown_volume=opportunity.has_unknown_volume,
    )


def entry_bounds(
    spread_per_hour: Decimal, cost_usd: Decimal, notional_usd: Decimal
) -> Bounds:
    """Return what the world may become between the card and the order."""
    return Bounds(
        min_spread_per_hour=spread_per_hour * SPREAD_KEPT,
        max_cost_usd=cost_usd + notional_usd * COST_ALLOWANCE,
        max_slip_first=MAX_SLIP_FIRST,
        max_slip_second=MAX_SLIP_SECOND,
    )


def margin_needed(
    notional_usd: Decimal, leverage: Decimal, taker_fee: Decimal
) -> Decimal:
    """Return the free margin an entry asks for: margin and its fee, times 1.2."""
    return (notional_usd / leverage + notional_usd * taker_fee) * MARGIN_RESERVE


def allowed_leverage(leverage: Decimal, legs: Sequence[Instrument]) -> Decimal:
    """Return the wanted leverage, or the lowest limit of a venue if that is lower.

    Always whole: venues take no other, and what the card promises must be what is set.
    """
    limits = [leg.max_leverage for leg in legs if leg.max_leverage is not None]
    return max(min([leverage, *limits]).to_integral_value(ROUND_DOWN), Decimal(1))


def check_margin(leg: PlanLeg, leverage: Decimal) -> None:
    """Refuse a leg that its venue's free margin cannot carry.

    Raises:
        MarginError: too little is free.
        VenueDownError: the free margin is not known.
    """
    venue_id = leg.instrument.venue_id
    if leg.free_usd is None:
        raise VenueDownError(venue_id, "the free balance is not known", None)
    needed = margin_needed(leg.notional_usd, leverage, leg.taker_fee)
    if leg.free_usd < needed:
        raise MarginError(venue_id, leg.free_usd, needed)


def _checked_mid(opportunity: Opportunity, books: PairBooks) -> Decimal:
    if opportunity.spread_per_hour <= 0:
        why = "the short side does not pay more than the long side"
        raise NoPairError(opportunity.base, why)
    for book in (books.long, books.short):
        if not book.is_usable:
            why = f"the order book of {book.instrument.venue_id} is empty or crossed"
            raise NoPairError(opportunity.base, why)
    long_mid, short_mid = (book.mid or ZERO for book in (books.long, books.short))
    if not prices_agree(long_mid, short_mid):
        why = f"the venues' prices disagree: {long_mid:f} and {short_mid:f}"
        raise NoPairError(opportunity.base, why)
    return (long_mid + short_mid) / 2


@dataclass(frozen=True, slots=True)
class _Draft:
    """An entry whose quantity is known and whose legs are not priced yet."""

    opportunity: Opportunity
    books: PairBooks
    quantity_base: Decimal
    rules: Mapping[VenueId, VenueRules]
    balances: Mapping[VenueId, Balance]

    def leg(self, side: LegSide, slip: Decimal) -> PlanLeg:
        """Price one leg, or refuse a book that is too thin inside the bound."""
        book, order_side = self.books.of(side), entry_side(side)
        is_long = side is LegSide.LONG
        snapshot = self.opportunity.long if is_long else self.opportunity.short
        balance = self.balances.get(book.instrument.venue_id)
        return PlanLeg(
            instrument=book.instrument,
            side=side,
            order_side=order_side,
            quantity_base=self.quantity_base,
            price=_price_inside(book, order_side, self.quantity_base, slip),
            best_price=opposite(book, order_side)[0].price,
            rate=snapshot.rate,
            next_funding_at=snapshot.next_funding_at,
            taker_fee=self.rules[book.instrument.venue_id].taker_fee,
            free_usd=None if balance is None else balance.free_usd,
            book_at=book.observed_at,
        )

    def cost(self) -> PairCost:
        """Return the round trip's cost, or refuse books that cannot fill it."""
        books = self.books
        cost = pair_cost(
            books,
            self.quantity_base,
            long_fee=self.rules[books.long.instrument.venue_id].taker_fee,
            short_fee=self.rules[books.short.instrument.venue_id].taker_fee,
        )
        if cost is None:
            why = "too large: the books could not take this size back again"
            raise SizeError(why)
        return cost


def _price_inside(
    book: OrderBook, side: OrderSide, quantity_base: Decimal, slip: Decimal
) -> Decimal:
    """Return the average price, all of it inside the limit the order will carry."""
    levels = opposite(book, side)
    limit = limit_price(book, side, slip)
    filled, price = ZERO, None
    if limit is not None:
        filled, price = fill_within(levels, quantity_base, limit, side)
    if price is None or filled < quantity_base:
        best = levels[0].price
        why = (
            f"too large: the order book of {book.instrument.venue_id} holds "
            f"{money(filled * best)} near the best price, "
            f"{money(quantity_base * best)} is needed"
        )
        raise SizeError(why)
    return price
