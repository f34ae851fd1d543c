"""A pair, both books and a size in; quantity, prices, cost and expected net out. Pure.

Ranking and confirm card come from these functions, so what is ranked is what is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from core.economics import (
    LegFunding,
    break_even_payment,
    entry_basis,
    exit_basis,
    liquidation_distance,
    liquidation_price,
    margin_locked,
    round_trip_cost,
    slower,
    smooth_break_even,
)
from core.errors import NoPairError, SizeError
from core.liquidity import fill_within, limit_price, opposite, pair_prices
from core.model.estimate import BreakEven, LegEstimate, NetEstimate, Outlook
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
    from datetime import datetime, timedelta

    from core.economics import PairCost, PairPrices
    from core.liquidity import PairBooks
    from core.model.estimate import TakerFee
    from core.model.instrument import Instrument
    from core.model.market import FundingSnapshot, OrderBook
    from core.model.opportunity import Opportunity
    from core.model.units import OrderSide, VenueId
    from core.model.venue import VenueRules

ZERO = Decimal(0)
RESERVE = Decimal("0.2")
"""Kept free beside the margin of both legs, as a fraction of it."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """What the venues of a pair promise and charge."""

    rules: Mapping[VenueId, VenueRules]
    fees: Mapping[VenueId, TakerFee]
    """Of this pair's contracts."""

    def fee_of(self, book: OrderBook) -> TakerFee:
        """Return what a taker pays on one leg."""
        return self.fees[book.instrument.venue_id]


@dataclass(frozen=True, slots=True)
class PricedLeg:
    """What one leg's entry order would pay now."""

    side: LegSide
    order_side: OrderSide
    book: OrderBook
    price: Decimal
    """Average price per base unit, all of it inside the order's bound."""
    best_price: Decimal


@dataclass(frozen=True, slots=True)
class PricedPair:
    """A pair at a size that both venues and both books take."""

    opportunity: Opportunity
    quantity_base: Decimal
    first: PricedLeg
    """Executed first: the harder one."""
    second: PricedLeg
    prices: PairPrices
    cost: PairCost
    tariff: Tariff

    @property
    def notional_usd(self) -> Decimal:
        """Return one leg's value at the average of both mids."""
        return self.quantity_base * self.prices.mid

    @property
    def long(self) -> PricedLeg:
        """Return the leg that buys."""
        return self.first if self.first.side is LegSide.LONG else self.second

    @property
    def short(self) -> PricedLeg:
        """Return the leg that sells."""
        return self.first if self.first.side is LegSide.SHORT else self.second


def price_pair(
    opportunity: Opportunity,
    books: PairBooks,
    tariff: Tariff,
    size_usd: Decimal,
    *,
    first: LegSide | None = None,
) -> PricedPair:
    """Price the way in and out of a pair from both books.

    `first` is the leg that an open pair executes first; None takes the harder one.

    Raises:
        NoPairError: a book is empty or crossed, the prices disagree, or the short side
            does not pay more.
        SizeError: the size does not fit the lots, the limits or the books.
    """
    _check_books(opportunity, books)
    price = max(books.long.asks[0].price, books.short.bids[0].price)
    quantity = plan_quantity(
        size_usd, price, books.long.instrument, books.short.instrument
    )
    first_side = first or leg_order(books, tariff.rules)[0]
    one = _leg(books, first_side, quantity, MAX_SLIP_FIRST)
    two = _leg(books, first_side.other, quantity, MAX_SLIP_SECOND)
    prices = pair_prices(books, quantity)
    if prices is None:
        why = "too large: the books could not take this size back again"
        raise SizeError(why)
    cost = round_trip_cost(
        prices,
        quantity,
        long_fee=tariff.fee_of(books.long).rate,
        short_fee=tariff.fee_of(books.short).rate,
    )
    return PricedPair(opportunity, quantity, one, two, prices, cost, tariff)


def _check_books(opportunity: Opportunity, books: PairBooks) -> None:
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


def _leg(
    books: PairBooks, side: LegSide, quantity_base: Decimal, slip: Decimal
) -> PricedLeg:
    """Price one leg, or refuse a book that is too thin inside the bound."""
    book, order_side = books.of(side), entry_side(side)
    levels = opposite(book, order_side)
    limit = limit_price(book, order_side, slip)
    filled, price = ZERO, None
    if limit is not None:
        filled, price = fill_within(levels, quantity_base, limit, order_side)
    best = levels[0].price
    if price is None or filled < quantity_base:
        why = (
            f"too large: the order book of {book.instrument.venue_id} holds "
            f"{money(filled * best)} near the best price, "
            f"{money(quantity_base * best)} is needed"
        )
        raise SizeError(why)
    return PricedLeg(side, order_side, book, price, best)


# --- expected net ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Holding:
    """How a pair would be held."""

    entry: datetime
    hold: timedelta
    size_usd: Decimal
    leverage: Decimal
    others: Sequence[timedelta] = ()
    """Further holds to look at."""


def estimate_net(priced: PricedPair, holding: Holding) -> NetEstimate:
    """Return what a priced pair is expected to bring by the payment clock.

    Raises:
        NoPairError: a venue does not say when it pays next.
    """
    pair = priced.opportunity
    legs = tuple(
        _funding(pair, side, priced.tariff) for side in (LegSide.LONG, LegSide.SHORT)
    )
    long, short = legs
    notional, entry = priced.notional_usd, holding.entry
    share = priced.cost.total_usd / notional
    after = break_even_payment(long, short, cost=share, entry=entry)
    counted = None if after is None else slower(long, short).payments(entry, after)
    leverage = allowed_leverage(
        holding.leverage, [one.book.instrument for one in (priced.long, priced.short)]
    )

    def brings(hold: timedelta) -> Decimal:
        return notional * (long.brings(entry, hold) + short.brings(entry, hold))

    return NetEstimate(
        priced_at=entry,
        hold=holding.hold,
        size_usd=holding.size_usd,
        quantity_base=priced.quantity_base,
        notional_usd=notional,
        long=_leg_estimate(priced, long, holding, leverage),
        short=_leg_estimate(priced, short, holding, leverage),
        entry_basis_usd=entry_basis(priced.prices) * notional,
        exit_basis_usd=exit_basis(priced.prices) * notional,
        margin_usd=margin_locked(
            notional, long_leverage=leverage, short_leverage=leverage, reserve=RESERVE
        ),
        break_even=BreakEven(
            smooth_break_even(share, pair.spread_per_hour), counted, after
        ),
        outlooks=tuple(
            Outlook(hold, brings(hold) - priced.cost.total_usd)
            for hold in holding.others
        ),
    )


def _funding(pair: Opportunity, side: LegSide, tariff: Tariff) -> LegFunding:
    snapshot = pair.long if side is LegSide.LONG else pair.short
    venue_id = snapshot.instrument.venue_id
    if snapshot.next_funding_at is None:
        raise NoPairError(pair.base, f"{venue_id} does not say when it pays next")
    accrues = tariff.rules[venue_id].accrues
    return LegFunding(side, snapshot.rate, snapshot.next_funding_at, accrues=accrues)


def _leg_estimate(
    priced: PricedPair, funding: LegFunding, holding: Holding, leverage: Decimal
) -> LegEstimate:
    is_long = funding.side is LegSide.LONG
    leg, prices = priced.long if is_long else priced.short, priced.prices
    into = prices.long_in if is_long else prices.short_in
    out = prices.long_out if is_long else prices.short_out
    pair, fee = priced.opportunity, priced.tariff.fee_of(leg.book)
    return LegEstimate(
        venue_id=leg.book.instrument.venue_id,
        entry_price=into,
        exit_price=out,
        fee=fee,
        fees_usd=priced.quantity_base * (into + out) * fee.rate,
        payments=funding.payments(holding.entry, holding.hold),
        funding_usd=priced.notional_usd * funding.brings(holding.entry, holding.hold),
        book_at=leg.book.observed_at,
        liquidation_distance=distance_of(
            pair.long if is_long else pair.short, funding.side, into, leverage
        ),
    )


def distance_of(
    snapshot: FundingSnapshot, side: LegSide, entry_price: Decimal, leverage: Decimal
) -> Decimal | None:
    """Return how far the mark may move until a leg is liquidated, None if unknown."""
    kept, mark = snapshot.instrument.maintenance_margin, snapshot.mark_price
    if kept is None or mark is None:
        return None
    liquidated = liquidation_price(side, entry_price, leverage, kept)
    return liquidation_distance(liquidated, mark)


def allowed_leverage(leverage: Decimal, legs: Sequence[Instrument]) -> Decimal:
    """Return the wanted leverage, or the lowest limit of a venue if that is lower.

    Always whole: venues take no other, and what the card promises must be what is set.
    """
    limits = [leg.max_leverage for leg in legs if leg.max_leverage is not None]
    return max(min([leverage, *limits]).to_integral_value(ROUND_DOWN), Decimal(1))
