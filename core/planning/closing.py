"""Price closing both legs of a trade; money, size and edge never refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from core.economics import leg_result, sum_known
from core.errors import SizeError, VenueDownError
from core.liquidity import depth_of, fill_price, opposite
from core.model.plan import WHOLE, Bounds, ClosePlan, PlanLeg
from core.planning.legs import exit_side
from core.planning.quantity import common_lot, money, smallest_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.economics import LegResult
    from core.liquidity import PairBooks
    from core.model.market import BookLevel, FundingSnapshot, OrderBook
    from core.model.order import Balance, Fill, Payment
    from core.model.trade import Trade, TradeLeg
    from core.model.units import VenueId

ZERO = Decimal(0)
MAX_SLIP_CLOSE = Decimal("0.03")
"""Widest band of the reduce-only ladder 30, 100, 300 bp."""
CLOSE_BOUNDS = Bounds(
    min_spread_per_hour=None,
    max_cost_usd=None,
    max_slip_first=MAX_SLIP_CLOSE,
    max_slip_second=MAX_SLIP_CLOSE,
)


def build_close_plan(  # noqa: PLR0913 - a close is priced from that much
    trade: Trade,
    fills: Sequence[Fill],
    payments: Sequence[Payment],
    *,
    books: PairBooks,
    snapshots: Mapping[VenueId, FundingSnapshot],
    balances: Mapping[VenueId, Balance],
    share: Decimal = WHOLE,
) -> ClosePlan:
    """Price closing both legs now; margin and edge never refuse a close.

    A book that holds less than a leg prices what it holds; the result is then not
    known (None), because such a close runs in rounds. Legs keep the trade's order.

    A share below one closes that part, in whole lots of both legs.

    Raises:
        VenueDownError: a book is empty or crossed, so the pair stays hedged.
        SizeError: the part, or what would stay open, is too small to be traded.
    """
    for book in (books.long, books.short):
        if not book.is_usable:
            why = "its order book is empty or crossed"
            raise VenueDownError(book.instrument.venue_id, why, None)
    part = None if share >= WHOLE else _part(trade, books, share)
    if part is not None:
        quotes = [_CloseQuote(leg, books.of(leg.side), part) for leg in trade.legs]
        results = [leg_result(leg, fills, payments) for leg in trade.legs]
        legs = [quote.plan_leg(snapshots, balances) for quote in quotes]
        return _partial(trade, quotes, results, legs)
    quotes = [_CloseQuote(leg, books.of(leg.side), leg.held_base) for leg in trade.legs]
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


def _part(trade: Trade, books: PairBooks, share: Decimal) -> Decimal:
    """Return the quantity that a share closes on each leg."""
    first, second = trade.legs
    step = common_lot(first.instrument.lot_base, second.instrument.lot_base)
    held = min(first.held_base, second.held_base)
    part = (held * share / step).to_integral_value(ROUND_DOWN) * step
    legs = first.instrument, second.instrument
    price = books.long.bids[0].price
    least = smallest_quantity(price, legs)
    if part < least or held - part < least:
        what = "the part" if part < least else "what would stay open"
        why = (
            f"too small: {what} is below {money(least * price)} per leg, which both"
            " venues need; close all of it instead"
        )
        raise SizeError(why)
    return part


def _partial(
    trade: Trade,
    quotes: Sequence[_CloseQuote],
    results: Sequence[LegResult],
    legs: Sequence[PlanLeg],
) -> ClosePlan:
    fees = sum((quote.fee_usd for quote in quotes), ZERO)
    pairs = zip(results, quotes, strict=True)
    price = sum_known([quote.result_usd(result) for result, quote in pairs])
    return ClosePlan(
        trade_id=trade.trade_id,
        base=trade.base,
        first=legs[0],
        second=legs[1],
        expected_net_usd=None if price is None else price - fees,
        funding_usd=sum((result.funding_usd for result in results), ZERO),
        price_usd=price,
        fees_usd=fees,
        bounds=CLOSE_BOUNDS,
        remaining_base=min(leg.held_base for leg in trade.legs) - legs[0].quantity_base,
    )


@dataclass(frozen=True, slots=True)
class _CloseQuote:
    """What closing one leg, or a part of it, would pay now."""

    leg: TradeLeg
    book: OrderBook
    quantity_base: Decimal

    @property
    def levels(self) -> tuple[BookLevel, ...]:
        """Return what the closing order takes from."""
        return opposite(self.book, exit_side(self.leg.side))

    @property
    def full_price(self) -> Decimal | None:
        """Return the average price of all of it, None if the book is too thin."""
        return fill_price(self.levels, self.quantity_base)

    @property
    def price(self) -> Decimal:
        """Return the average price of what the book holds of it."""
        best = self.levels[0].price
        held = min(self.quantity_base, depth_of(self.levels))
        return fill_price(self.levels, held) or best

    @property
    def fee_usd(self) -> Decimal:
        """Return the closing fee, positive is paid."""
        return self.quantity_base * self.price * self.leg.taker_fee

    def result_usd(self, result: LegResult) -> Decimal | None:
        """Return the price result of a part, None without entry or full price."""
        entry, out = result.entry_price, self.full_price
        if entry is None or out is None or not result.is_explained:
            return None
        return self.leg.side.sign * (out - entry) * self.quantity_base

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
            quantity_base=self.quantity_base,
            price=self.price,
            best_price=self.levels[0].price,
            rate=None if snapshot is None else snapshot.rate,
            next_funding_at=None if snapshot is None else snapshot.next_funding_at,
            taker_fee=self.leg.taker_fee,
            free_usd=None if balance is None else balance.free_usd,
            book_at=self.book.observed_at,
        )
