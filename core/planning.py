"""Turn an opportunity and a size into a plan, or say in plain words why not.

Goes in: a pair, both books, what the venues promise and what money is free. Comes out:
the same base quantity on both legs in both venues' lots, the harder leg first, and the
bounds that are printed on the card and checked again at execution.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from core.economics import leg_result, sum_known
from core.errors import MarginError, NoPairError, SizeError, VenueDownError
from core.liquidity import (
    depth_of,
    depth_within,
    fill_price,
    fill_within,
    limit_price,
    opposite,
    pair_cost,
)
from core.model.plan import Bounds, ClosePlan, OpenPlan, PlanLeg
from core.model.units import LegSide, OrderSide
from core.model.venue import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.economics import PairCost
    from core.liquidity import PairBooks
    from core.model.instrument import Instrument
    from core.model.market import BookLevel, FundingSnapshot, OrderBook
    from core.model.opportunity import Opportunity
    from core.model.order import Balance, Fill, Payment
    from core.model.trade import Trade, TradeLeg
    from core.model.units import VenueId
    from core.model.venue import VenueRules

ZERO = Decimal(0)
MAX_SLIP_FIRST = Decimal("0.0010")
MAX_SLIP_SECOND = Decimal("0.0015")
"""Being hedged is worth 5 bp more than starting."""
MAX_SLIP_CLOSE = Decimal("0.03")
"""Widest band of the reduce-only ladder 30, 100, 300 bp."""
CLOSE_BOUNDS = Bounds(
    min_spread_per_hour=None,
    max_cost_usd=None,
    max_slip_first=MAX_SLIP_CLOSE,
    max_slip_second=MAX_SLIP_CLOSE,
)
SPREAD_KEPT = Decimal("0.6")
COST_ALLOWANCE = Decimal("0.0004")
MARGIN_RESERVE = Decimal("1.2")
MIN_LOTS = 5
MIN_NOTIONALS = 2
"""A half fill must still be large enough to be sold again."""
MAX_STEP_SHARE = Decimal("0.1")


def common_lot(first: Decimal, second: Decimal) -> Decimal:
    """Return the smallest quantity that is a whole number of both lots."""
    a, b = Fraction(first), Fraction(second)
    both = Fraction(lcm(a.numerator, b.numerator), gcd(a.denominator, b.denominator))
    return Decimal(both.numerator) / Decimal(both.denominator)


def plan_quantity(
    size_usd: Decimal, price: Decimal, first: Instrument, second: Instrument
) -> Decimal:
    """Return the base quantity both legs trade: at most the size, in both lots.

    Raises:
        SizeError: too small, too large, or the lots do not meet near this size.
    """
    step = common_lot(first.lot_base, second.lot_base)
    coarser = max(first.lot_base, second.lot_base)
    target = size_usd / price
    if step > coarser and step > target * MAX_STEP_SHARE:
        why = (
            f"the venues' lots ({first.lot_base:f} and {second.lot_base:f} "
            f"{first.base}) only meet every {step:f}, too coarse for this size"
        )
        raise SizeError(why)
    quantity = (target / step).to_integral_value(ROUND_DOWN) * step
    _check_minimum(quantity, price, (first, second))
    _check_maximum(quantity, price, (first, second))
    return quantity


def smallest_quantity(price: Decimal, legs: Sequence[Instrument]) -> Decimal:
    """Return the smallest base quantity that both venues take with room to trim."""
    needs = [MIN_LOTS * leg.lot_base for leg in legs]
    needs += [leg.min_quantity_base for leg in legs if leg.min_quantity_base]
    needs += [
        MIN_NOTIONALS * leg.min_notional_usd / price
        for leg in legs
        if leg.min_notional_usd
    ]
    return max(needs)


def _check_minimum(
    quantity: Decimal, price: Decimal, legs: tuple[Instrument, Instrument]
) -> None:
    smallest = smallest_quantity(price, legs)
    if quantity >= smallest:
        return
    why = (
        f"too small: {_money(quantity * price)} per leg is left in whole lots, "
        f"at least {_money(smallest * price)} is needed"
    )
    raise SizeError(why)


def _check_maximum(
    quantity: Decimal, price: Decimal, legs: tuple[Instrument, Instrument]
) -> None:
    for leg in legs:
        largest = leg.max_quantity_base
        if largest is not None and quantity > largest:
            why = (
                f"too large: {leg.venue_id} takes at most "
                f"{_money(largest * price)} of {leg.base} per order"
            )
            raise SizeError(why)


def _money(usd: Decimal) -> str:
    return f"${usd:,.2f}"


def leg_order(
    books: PairBooks, rules: Mapping[VenueId, VenueRules]
) -> tuple[LegSide, LegSide]:
    """Return the sides in the order of execution: the harder leg first.

    The first difference decides: a venue that acknowledges before it knows the outcome;
    the coarser lot; the thinner book inside the bound; else the long leg.
    """

    def hardness(side: LegSide) -> tuple[bool, Decimal, Decimal]:
        book, order_side = books.of(side), entry_side(side)
        reply = rules[book.instrument.venue_id].acknowledgement
        depth = depth_within(opposite(book, order_side), MAX_SLIP_FIRST, order_side)
        return reply is Acknowledgement.ASYNC, book.instrument.lot_base, -depth

    if hardness(LegSide.SHORT) > hardness(LegSide.LONG):
        return LegSide.SHORT, LegSide.LONG
    return LegSide.LONG, LegSide.SHORT


def entry_side(side: LegSide) -> OrderSide:
    """Return what an order does that opens a leg."""
    return OrderSide.BUY if side is LegSide.LONG else OrderSide.SELL


def exit_side(side: LegSide) -> OrderSide:
    """Return what an order does that closes a leg."""
    return OrderSide.SELL if side is LegSide.LONG else OrderSide.BUY


def margin_needed(
    notional_usd: Decimal, leverage: Decimal, taker_fee: Decimal
) -> Decimal:
    """Return the free margin an entry asks for: margin and its fee, times 1.2."""
    return (notional_usd / leverage + notional_usd * taker_fee) * MARGIN_RESERVE


# --- opening --------------------------------------------------------------------------


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
        NoPairError: a book is empty or crossed, or the short side does not pay more.
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


def allowed_leverage(leverage: Decimal, legs: Sequence[Instrument]) -> Decimal:
    """Return the wanted leverage, or the lowest limit of a venue if that is lower."""
    limits = [leg.max_leverage for leg in legs if leg.max_leverage is not None]
    return min([leverage, *limits])


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
    mids = [book.mid for book in (books.long, books.short) if book.mid is not None]
    return sum(mids, ZERO) / 2


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
            f"{_money(filled * best)} near the best price, "
            f"{_money(quantity_base * best)} is needed"
        )
        raise SizeError(why)
    return price


# --- closing --------------------------------------------------------------------------


def build_close_plan(
    trade: Trade,
    fills: Sequence[Fill],
    payments: Sequence[Payment],
    *,
    books: PairBooks,
    snapshots: Mapping[VenueId, FundingSnapshot],
    balances: Mapping[VenueId, Balance],
) -> ClosePlan:
    """Price closing both legs now; margin, edge and size never refuse a close.

    A book that holds less than a leg prices what it holds; the result is then not
    known (None), because such a close runs in rounds. Legs keep the trade's order.

    Raises:
        VenueDownError: a book is empty or crossed, so the pair stays hedged.
    """
    for book in (books.long, books.short):
        if not book.is_usable:
            why = "its order book is empty or crossed"
            raise VenueDownError(book.instrument.venue_id, why, None)
    quotes = [_CloseQuote(leg, books.of(leg.side)) for leg in trade.legs]
    results = [leg_result(leg, fills, payments) for leg in trade.legs]
    closing = sum((quote.fee_usd for quote in quotes), ZERO)
    fees = sum((result.fees_usd for result in results), closing)
    funding = sum((result.funding_usd for result in results), ZERO)
    pairs = zip(results, quotes, strict=True)
    prices = [result.price_usd(quote.full_price) for result, quote in pairs]
    price = sum_known(prices)
    first, second = (quote.plan_leg(snapshots, balances) for quote in quotes)
    return ClosePlan(
        trade_id=trade.trade_id,
        base=trade.base,
        first=first,
        second=second,
        expected_net_usd=None if price is None else funding + price - fees,
        funding_usd=funding,
        price_usd=price,
        fees_usd=fees,
        bounds=CLOSE_BOUNDS,
    )


@dataclass(frozen=True, slots=True)
class _CloseQuote:
    """What closing one leg would pay now."""

    leg: TradeLeg
    book: OrderBook

    @property
    def levels(self) -> tuple[BookLevel, ...]:
        """Return what the closing order takes from."""
        return opposite(self.book, exit_side(self.leg.side))

    @property
    def full_price(self) -> Decimal | None:
        """Return the average price of the whole leg, None if the book is too thin."""
        return fill_price(self.levels, self.leg.held_base)

    @property
    def price(self) -> Decimal:
        """Return the average price of what the book holds of the leg."""
        best = self.levels[0].price
        held = min(self.leg.held_base, depth_of(self.levels))
        return fill_price(self.levels, held) or best

    @property
    def fee_usd(self) -> Decimal:
        """Return the closing fee, positive is paid."""
        return self.leg.held_base * self.price * self.leg.taker_fee

    def plan_leg(
        self,
        snapshots: Mapping[VenueId, FundingSnapshot],
        balances: Mapping[VenueId, Balance],
    ) -> PlanLeg:
        """Return the leg as the card shows it."""
        venue_id = self.leg.instrument.venue_id
        snapshot, balance = snapshots.get(venue_id), balances.get(venue_id)
        return PlanLeg(
            instrument=self.leg.instrument,
            side=self.leg.side,
            order_side=exit_side(self.leg.side),
            quantity_base=self.leg.held_base,
            price=self.price,
            best_price=self.levels[0].price,
            rate=None if snapshot is None else snapshot.rate,
            next_funding_at=None if snapshot is None else snapshot.next_funding_at,
            taker_fee=self.leg.taker_fee,
            free_usd=None if balance is None else balance.free_usd,
            book_at=self.book.observed_at,
        )
