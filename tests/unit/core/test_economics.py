from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.economics import (
    PairPrices,
    entry_basis,
    exit_basis,
    fee_fraction,
    funding_usd,
    leg_result,
    round_trip_cost,
    sum_known,
)
from core.model.holding import Holding
from core.model.order import Fill, Payment
from core.model.trade import TradeLeg
from core.model.units import LegSide, OrderSide
from tests.fakes.objects import BINANCE, EXTENDED, instrument
from tests.fakes.runtime import START

PRICES = PairPrices(
    long_in=Decimal("100.038"),
    long_out=Decimal("99.98"),
    short_in=Decimal("99.994"),
    short_out=Decimal("100.04"),
    mid=Decimal("100.01"),
)


def _fill(side: OrderSide, quantity: str, price: str, fee: str | None = "0") -> Fill:
    return Fill(
        venue_id=BINANCE,
        venue_trade_id=f"{side}{quantity}{price}",
        symbol="APT/USDT:USDT",
        side=side,
        quantity_base=Decimal(quantity),
        price=Decimal(price),
        fee_usd=None if fee is None else Decimal(fee),
        at=START,
        client_order_id=None,
    )


def _payment(amount: str, hours: int = 0) -> Payment:
    return Payment(
        venue_id=BINANCE,
        symbol="APT/USDT:USDT",
        pay_at=START + timedelta(hours=hours),
        amount_usd=Decimal(amount),
        per_payment=Decimal("0.0006"),
        quantity_base=Decimal(-1),
        price=Decimal(100),
    )


def _leg(side: LegSide = LegSide.SHORT, held: str = "0") -> TradeLeg:
    return TradeLeg(
        instrument=instrument(venue=BINANCE),
        side=side,
        taker_fee=Decimal("0.0005"),
        held_base=Decimal(held),
    )


@pytest.mark.parametrize(
    ("side", "rate", "expected"),
    [(LegSide.SHORT, "0.0006", "6.00"), (LegSide.LONG, "0.00002", "-0.20")],
)
def test_a_positive_rate_is_paid_by_the_long(
    side: LegSide, rate: str, expected: str
) -> None:
    """10,000 USD short at 0.06 % receives 6.00, long at 0.002 % pays 0.20."""
    assert funding_usd(side, Decimal(rate), Decimal(10_000)) == Decimal(expected)


def test_four_taker_fees_of_binance_and_extended_are_15_basis_points() -> None:
    """2 * 0.05 % + 2 * 0.025 % = 0.15 % of one leg."""
    fees = fee_fraction(Decimal("0.00025"), Decimal("0.0005"))

    assert fees == Decimal("0.0015")


def test_basis_of_the_worked_example() -> None:
    """In 0.044 and out 0.060 on a mid of 100.01: 0.0440 % and 0.0600 %."""
    assert entry_basis(PRICES) == Decimal("0.044") / Decimal("100.01")
    assert round(entry_basis(PRICES), 6) == Decimal("0.000440")
    assert round(exit_basis(PRICES), 6) == Decimal("0.000600")


def test_a_price_gap_between_venues_cancels_over_the_round_trip() -> None:
    """Moving one whole venue by 1 USD changes in and out by opposite amounts."""
    moved = PairPrices(
        long_in=PRICES.long_in + 1,
        long_out=PRICES.long_out + 1,
        short_in=PRICES.short_in,
        short_out=PRICES.short_out,
        mid=PRICES.mid,
    )
    no_fee = {"long_fee": Decimal(0), "short_fee": Decimal(0)}

    before = round_trip_cost(PRICES, Decimal(1), **no_fee)
    after = round_trip_cost(moved, Decimal(1), **no_fee)

    assert before.basis_usd == after.basis_usd == Decimal("0.104")


def test_round_trip_of_ten_thousand_costs_fifteen_in_fees() -> None:
    """100 units at 100 on four sides: 0.15 % of 10,000 USD, and no basis."""
    hundred = Decimal(100)
    flat = PairPrices(hundred, hundred, hundred, hundred, hundred)

    cost = round_trip_cost(
        flat, hundred, long_fee=Decimal("0.00025"), short_fee=Decimal("0.0005")
    )

    assert (cost.fees_usd, cost.basis_usd) == (Decimal("15.00"), Decimal(0))
    assert cost.total_usd == Decimal("15.00")


def test_results_of_the_worked_btc_pair_add_up() -> None:
    """Price +2.00, fees 13.73, funding 21.25: 9.52 USD (rounded per row)."""
    extended = TradeLeg(
        instrument=instrument(venue=EXTENDED),
        side=LegSide.LONG,
        taker_fee=Decimal("0.00025"),
    )
    buy = _fill(OrderSide.BUY, "0.1", "91050", None)
    sell = _fill(OrderSide.SELL, "0.1", "92000", None)
    moved = [_at(buy), _at(sell)]
    short = [
        _fill(OrderSide.SELL, "0.1", "91090", None),
        _fill(OrderSide.BUY, "0.1", "92020", None),
    ]
    paid = [_payment("22.40"), _at_payment(_payment("-1.15"))]

    long_leg = leg_result(extended, moved + short, paid)
    short_leg = leg_result(_leg(), moved + short, paid)

    assert long_leg.price_usd(None) == Decimal("95.00")
    assert short_leg.price_usd(None) == Decimal("-93.00")
    assert long_leg.fees_usd == Decimal("4.57625")
    assert short_leg.fees_usd == Decimal("9.1555")
    assert (long_leg.funding_usd, short_leg.funding_usd) == (
        Decimal("-1.15"),
        Decimal("22.40"),
    )


def _at(fill: Fill) -> Fill:
    return Fill(
        venue_id=EXTENDED,
        venue_trade_id=fill.venue_trade_id,
        symbol="APT/USDC:USDC",
        side=fill.side,
        quantity_base=fill.quantity_base,
        price=fill.price,
        fee_usd=fill.fee_usd,
        at=fill.at,
        client_order_id=None,
    )


def _at_payment(payment: Payment) -> Payment:
    return Payment(
        venue_id=EXTENDED,
        symbol="APT/USDC:USDC",
        pay_at=payment.pay_at,
        amount_usd=payment.amount_usd,
        per_payment=payment.per_payment,
        quantity_base=payment.quantity_base,
        price=payment.price,
    )


def test_a_fee_that_is_not_told_yet_counts_at_the_taker_rate() -> None:
    """Unknown is not free: 10 at 100 and 0.05 % is 0.50 until the venue tells."""
    untold = leg_result(_leg(), [_fill(OrderSide.SELL, "10", "100", None)], [])
    told = leg_result(_leg(), [_fill(OrderSide.SELL, "10", "100", "0.42")], [])

    assert (untold.fees_usd, told.fees_usd) == (Decimal("0.50"), Decimal("0.42"))


def test_an_open_leg_without_a_price_has_no_result() -> None:
    """No fresh mark means unknown, not zero."""
    result = leg_result(_leg(held="1"), [_fill(OrderSide.SELL, "1", "100")], [])

    assert result.price_usd(None) is None
    assert result.price_usd(Decimal(90)) == Decimal(10)


def test_a_leg_whose_executions_are_missing_has_no_price_result() -> None:
    """Half of it was closed by somebody else at a price nobody told us."""
    result = leg_result(_leg(held="0.5"), [_fill(OrderSide.SELL, "1", "100")], [])

    assert result.price_usd(Decimal(90)) is None
    assert result.entry_price == Decimal(100)


def test_entry_price_averages_only_what_opened_the_leg() -> None:
    """1 at 100 and 3 at 104 is 103; buying one back does not change that."""
    fills = [
        _fill(OrderSide.SELL, "1", "100"),
        _fill(OrderSide.SELL, "3", "104"),
        _fill(OrderSide.BUY, "1", "50"),
    ]

    assert leg_result(_leg(held="3"), fills, []).entry_price == Decimal(103)
    assert leg_result(_leg(), [], []).entry_price is None


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    """A total that leaves a part out would be a lie."""
    assert sum_known([Decimal(1), Decimal(2)]) == Decimal(3)
    assert sum_known([Decimal(1), None]) is None


# --- holdings -------------------------------------------------------------------------


def test_reducing_releases_cost_in_proportion() -> None:
    """2 bought for 200 in all, 1 sold at 130: 30 earned, 1 left that cost 100."""
    holding = (
        Holding()
        .after(OrderSide.BUY, Decimal(1), Decimal(90))
        .after(OrderSide.BUY, Decimal(1), Decimal(110))
        .after(OrderSide.SELL, Decimal(1), Decimal(130))
    )

    assert (holding.quantity_base, holding.realised_usd) == (Decimal(1), Decimal(30))
    assert holding.entry_price == Decimal(100)


def test_a_short_earns_when_it_is_bought_back_cheaper() -> None:
    """Sold 2 at 100, bought back at 95: +10."""
    short = Holding().after(OrderSide.SELL, Decimal(2), Decimal(100))
    flat = short.after(OrderSide.BUY, Decimal(2), Decimal(95))

    assert short.open_result(Decimal(95)) == Decimal(10)
    assert flat == Holding(realised_usd=Decimal(10))
    assert flat.entry_price is None


def test_trading_through_zero_closes_and_opens() -> None:
    """Long 1 from 100, sell 3 at 110: +10, then short 2 from 110."""
    holding = (
        Holding()
        .after(OrderSide.BUY, Decimal(1), Decimal(100))
        .after(OrderSide.SELL, Decimal(3), Decimal(110))
    )

    assert (holding.quantity_base, holding.realised_usd) == (Decimal(-2), Decimal(10))
    assert holding.entry_price == Decimal(110)


_prices = st.decimals("0.01", "10000", places=2)
_orders = st.lists(
    st.tuples(st.sampled_from(OrderSide), st.decimals("0.1", "50", places=1), _prices),
    max_size=12,
)


@given(orders=_orders, mark=_prices)
def test_realised_plus_open_result_is_what_cash_and_stock_say(
    orders: list[tuple[OrderSide, Decimal, Decimal]], mark: Decimal
) -> None:
    """However it was traded: result = cash received - cash paid + stock at mark."""
    holding, cash, stock = Holding(), Decimal(0), Decimal(0)
    for side, quantity, price in orders:
        holding = holding.after(side, quantity, price)
        cash -= side.sign * quantity * price
        stock += side.sign * quantity

    result = holding.realised_usd + holding.open_result(mark)

    assert holding.quantity_base == stock
    assert abs(result - (cash + stock * mark)) < Decimal("1e-15")
