"""Price closing both legs of a trade; money, size and edge never refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from core.economics import leg_result, sum_known
from core.errors import VenueDownError
from core.liquidity import depth_of, fill_price, opposite
from core.model.plan import Bounds, ClosePlan, PlanLeg
from core.planning.legs import exit_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
