from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.liquidity import (
    PairBooks,
    depth_within,
    fill_price,
    fill_within,
    is_fresh,
    limit_price,
    pair_prices,
    worst_price,
)
from core.model.market import BookLevel
from core.model.units import OrderSide
from tests.fakes.markets import book, levels
from tests.fakes.objects import BINANCE, EXTENDED, instrument
from tests.fakes.runtime import START

ASKS = levels((("100.02", "0.4"), ("100.05", "0.6"), ("100.30", "5")))
BIDS = levels((("100.00", "0.7"), ("99.98", "0.3"), ("99.70", "5")))


def test_average_price_weighs_each_level_by_what_it_gives() -> None:
    """0.4 at 100.02 and 0.6 at 100.05 is the worked number of the plan card."""
    price = fill_price(ASKS, Decimal(1))

    assert price == Decimal("100.038")


def test_a_book_that_cannot_fill_has_no_price() -> None:
    """A price for a part would make a plan look cheaper than it is."""
    assert fill_price(ASKS, Decimal("6.1")) is None
    assert worst_price(ASKS, Decimal("6.1")) is None
    assert fill_price((), Decimal(1)) is None


def test_no_quantity_has_no_price() -> None:
    """Zero divided by zero must not reach a card."""
    assert fill_price(ASKS, Decimal(0)) is None


def test_worst_price_is_the_last_level_that_is_touched() -> None:
    """The limit of an order must reach that far and no further."""
    assert worst_price(ASKS, Decimal("0.4")) == Decimal("100.02")
    assert worst_price(ASKS, Decimal("0.5")) == Decimal("100.05")


def test_a_limit_cuts_a_purchase_off_above_it() -> None:
    """An IOC order takes what is inside its limit and leaves the rest."""
    filled, price = fill_within(ASKS, Decimal(3), Decimal("100.05"), OrderSide.BUY)

    assert (filled, price) == (Decimal("1.0"), Decimal("100.038"))


def test_a_limit_cuts_a_sale_off_below_it() -> None:
    """The same on the other side: 0.7 at 100.00 and 0.3 at 99.98."""
    filled, price = fill_within(BIDS, Decimal(3), Decimal("99.98"), OrderSide.SELL)

    assert (filled, price) == (Decimal("1.0"), Decimal("99.994"))


def test_nothing_filled_has_no_price() -> None:
    """An order outside the book is a zero fill, not a fill at zero."""
    filled, price = fill_within(ASKS, Decimal(1), Decimal(100), OrderSide.BUY)

    assert (filled, price) == (Decimal(0), None)


def test_depth_counts_what_lies_within_ten_basis_points() -> None:
    """100.02 * 1.001 = 100.12, so the level at 100.30 does not count."""
    assert depth_within(ASKS, Decimal("0.001"), OrderSide.BUY) == Decimal("1.0")
    assert depth_within(BIDS, Decimal("0.001"), OrderSide.SELL) == Decimal("1.0")
    assert depth_within((), Decimal("0.001"), OrderSide.BUY) == 0


@pytest.mark.parametrize(
    ("side", "expected"),
    [(OrderSide.BUY, "100.120"), (OrderSide.SELL, "99.900")],
)
def test_limit_is_rounded_into_the_bound(side: OrderSide, expected: str) -> None:
    """100.02 + 10 bp = 100.12002 becomes 100.120; 100.00 - 10 bp is 99.9 exactly."""
    asks, bids = (("100.02", "1"),), (("100.00", "1"),)
    order_book = book(instrument(), bids=bids, asks=asks)

    assert limit_price(order_book, side, Decimal("0.001")) == Decimal(expected)


def test_an_empty_side_has_no_limit() -> None:
    """There is nothing to measure a bound from."""
    order_book = book(instrument(), bids=(("100", "1"),), asks=())

    assert limit_price(order_book, OrderSide.BUY, Decimal("0.001")) is None


def test_a_book_is_fresh_for_three_seconds() -> None:
    """An order priced from an older book is a guess."""
    order_book = book(instrument(), bids=(("100", "1"),), asks=(("101", "1"),))

    assert is_fresh(order_book, START + timedelta(seconds=2.9))
    assert not is_fresh(order_book, START + timedelta(seconds=3))


def test_a_crossed_book_is_never_fresh() -> None:
    """Bids above asks mean the venue's data is broken."""
    crossed = book(instrument(), bids=(("101", "1"),), asks=(("100", "1"),))

    assert not is_fresh(crossed, START)


def _pair() -> PairBooks:
    long = book(
        instrument(venue=EXTENDED),
        bids=(("99.98", "1"),),
        asks=(("100.02", "0.4"), ("100.05", "0.6")),
    )
    short = book(
        instrument(venue=BINANCE),
        bids=(("100.00", "0.7"), ("99.98", "0.3")),
        asks=(("100.04", "1"),),
    )
    return PairBooks(long, short)


def test_a_pair_is_priced_in_and_out_from_both_books() -> None:
    """The four averages of the worked example; mids are 100.00 and 100.02."""
    prices = pair_prices(_pair(), Decimal(1))

    assert prices is not None
    assert (prices.long_in, prices.short_in) == (Decimal("100.038"), Decimal("99.994"))
    assert (prices.long_out, prices.short_out) == (Decimal("99.98"), Decimal("100.04"))
    assert prices.mid == Decimal("100.01")


def test_a_pair_that_one_book_cannot_fill_has_no_price() -> None:
    """Not tradable at that size, whatever the other three sides say."""
    assert pair_prices(_pair(), Decimal("1.1")) is None


_sizes = st.decimals("0.001", "1000", places=3)


@given(
    steps=st.lists(st.tuples(_sizes, _sizes), min_size=1, max_size=8),
    wanted=_sizes,
    limit=st.decimals("1", "9000", places=3),
)
def test_a_fill_is_never_worse_than_its_limit(
    steps: list[tuple[Decimal, Decimal]], wanted: Decimal, limit: Decimal
) -> None:
    """Whatever the book: not above the limit, not above the size, average in range."""
    price, rungs = Decimal(1), []
    for gap, size in steps:
        price += gap
        rungs.append(BookLevel(price, size))

    filled, average = fill_within(rungs, wanted, limit, OrderSide.BUY)

    assert filled <= wanted
    assert (average is None) == (filled == 0)
    if average is not None:
        assert rungs[0].price * (1 - Decimal("1e-20")) <= average
        assert average <= limit * (1 + Decimal("1e-20"))
