"""Read order books at a size: what an order would pay, and how much fits in a bound.

Levels always run from the best price outwards, as in `OrderBook`. Nothing here waits or
reads; a book that cannot fill a size gives None, never a price from somewhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.economics import PairPrices
from core.model.units import LegSide, OrderSide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from core.model.market import BookLevel, OrderBook

ZERO = Decimal(0)
MAX_BOOK_AGE = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class PairBooks:
    """The order books of the long leg's and the short leg's venue."""

    long: OrderBook
    short: OrderBook

    def of(self, side: LegSide) -> OrderBook:
        """Return one leg's book."""
        return self.long if side is LegSide.LONG else self.short


def is_fresh(book: OrderBook, now: datetime) -> bool:
    """Tell whether a book is usable and younger than 3 s."""
    return book.is_usable and now - book.observed_at < MAX_BOOK_AGE


def opposite(book: OrderBook, side: OrderSide) -> tuple[BookLevel, ...]:
    """Return the levels an order of this side takes from."""
    return book.asks if side is OrderSide.BUY else book.bids


def slip_limit(best: Decimal, side: OrderSide, slip: Decimal) -> Decimal:
    """Return the worst price a fraction away from the best opposite quote."""
    return best * (1 + side.sign * slip)


def is_within(price: Decimal, limit: Decimal, side: OrderSide) -> bool:
    """Tell whether a price is not worse than a limit."""
    return price <= limit if side is OrderSide.BUY else price >= limit


def fill_price(levels: Sequence[BookLevel], quantity_base: Decimal) -> Decimal | None:
    """Return the average price of a quantity, None when the book cannot fill it."""
    if quantity_base <= 0:
        return None
    filled, paid = _sums(_taken(levels, quantity_base))
    return paid / filled if filled == quantity_base else None


def worst_price(levels: Sequence[BookLevel], quantity_base: Decimal) -> Decimal | None:
    """Return the last price a quantity reaches, None when the book cannot fill it."""
    if quantity_base <= 0:
        return None
    taken = tuple(_taken(levels, quantity_base))
    filled, _ = _sums(taken)
    return taken[-1][0] if filled == quantity_base else None


def fill_within(
    levels: Sequence[BookLevel],
    quantity_base: Decimal,
    limit: Decimal,
    side: OrderSide,
) -> tuple[Decimal, Decimal | None]:
    """Return how much a limit order takes at once, and its average price.

    Zero filled has no price: None.
    """
    allowed = [level for level in levels if is_within(level.price, limit, side)]
    filled, paid = _sums(_taken(allowed, quantity_base))
    return filled, (paid / filled if filled else None)


def depth_of(levels: Sequence[BookLevel]) -> Decimal:
    """Return the base quantity of all levels."""
    return sum((level.quantity_base for level in levels), ZERO)


def depth_within(
    levels: Sequence[BookLevel], slip: Decimal, side: OrderSide
) -> Decimal:
    """Return the base quantity within a fraction of the best price."""
    if not levels:
        return ZERO
    limit = slip_limit(levels[0].price, side, slip)
    return depth_of([each for each in levels if is_within(each.price, limit, side)])


def pair_prices(books: PairBooks, quantity_base: Decimal) -> PairPrices | None:
    """Return what both legs pay in and out at a size.

    The way out is today's books mirrored. None when one of the four sides cannot fill
    the quantity or a book is empty or crossed.
    """
    long_mid, short_mid = books.long.mid, books.short.mid
    long_in = fill_price(books.long.asks, quantity_base)
    long_out = fill_price(books.long.bids, quantity_base)
    short_in = fill_price(books.short.bids, quantity_base)
    short_out = fill_price(books.short.asks, quantity_base)
    if long_mid is None or short_mid is None or long_in is None or short_in is None:
        return None
    if long_out is None or short_out is None:
        return None
    return PairPrices(
        long_in=long_in,
        long_out=long_out,
        short_in=short_in,
        short_out=short_out,
        mid=(long_mid + short_mid) / 2,
    )


def limit_price(book: OrderBook, side: OrderSide, slip: Decimal) -> Decimal | None:
    """Return the rounded limit of an order, None when its side of the book is empty.

    Rounding never leaves the bound.
    """
    levels = opposite(book, side)
    if not levels:
        return None
    limit = slip_limit(levels[0].price, side, slip)
    return book.instrument.round_limit(limit, side)


def _taken(
    levels: Sequence[BookLevel], quantity_base: Decimal
) -> Iterator[tuple[Decimal, Decimal]]:
    left = quantity_base
    for level in levels:
        if left <= 0:
            return
        part = min(level.quantity_base, left)
        left -= part
        yield level.price, part


def _sums(taken: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    filled = paid = ZERO
    for price, part in taken:
        filled += part
        paid += price * part
    return filled, paid
