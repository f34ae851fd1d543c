from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.order import Fill, Payment
from core.model.plan import Bounds
from core.model.trade import Trade, TradeLeg, TradeState
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
)
from core.positions import value_trade
from tests.fakes.objects import BINANCE, EXTENDED, instrument, snapshot
from tests.fakes.runtime import START

if TYPE_CHECKING:
    from core.model.units import (
        VenueId,
    )

NOW = START + timedelta(hours=2)


def _trade(long_held: str = "100", short_held: str = "100") -> Trade:
    def leg(venue: VenueId, side: LegSide, held: str) -> TradeLeg:
        return TradeLeg(
            instrument=instrument(venue=venue),
            side=side,
            taker_fee=Decimal("0.0005"),
            held_base=Decimal(held),
        )

    return Trade(
        trade_id=TradeId("7f2"),
        plan_id=PlanId("p1"),
        base=Base("APT"),
        first=leg(BINANCE, LegSide.SHORT, short_held),
        second=leg(EXTENDED, LegSide.LONG, long_held),
        quantity_base=Decimal(100),
        leverage=Decimal(3),
        spread_per_hour=Decimal("0.0001"),
        bounds=Bounds(None, None, Decimal("0.001"), Decimal("0.0015")),
        opened_by=UserId(1),
        chat_id=ChatId(1),
        message_id=None,
        created_at=START,
        state=TradeState.OPEN,
    )


def _fill(venue: VenueId, side: OrderSide, price: str, quantity: str = "100") -> Fill:
    return Fill(
        venue_id=venue,
        venue_trade_id=f"{venue}{side}{price}",
        symbol=instrument(venue=venue).symbol,
        side=side,
        quantity_base=Decimal(quantity),
        price=Decimal(price),
        fee_usd=Decimal("0.25"),
        at=START,
        client_order_id=None,
    )


def _paid(venue: VenueId, amount: str) -> Payment:
    return Payment(
        venue_id=venue,
        symbol=instrument(venue=venue).symbol,
        pay_at=START + timedelta(hours=1),
        amount_usd=Decimal(amount),
        per_payment=Decimal("0.0001"),
        quantity_base=Decimal(100),
        price=Decimal(5),
    )


ENTRY = [
    _fill(EXTENDED, OrderSide.BUY, "5.00"),
    _fill(BINANCE, OrderSide.SELL, "5.01"),
]
PAID = [_paid(EXTENDED, "-0.05"), _paid(BINANCE, "0.40")]


def test_a_leg_whose_executions_are_not_known_yet_has_no_result() -> None:
    """Held, but entry and fee unknown: the sum would be a made-up number."""
    fresh = {
        EXTENDED: snapshot(venue=EXTENDED, price="5.20"),
        BINANCE: snapshot(venue=BINANCE, price="5.22"),
    }

    position = value_trade(_trade(short_held="0"), [], [], fresh, NOW)

    assert (position.long.is_untold, position.short.is_untold) == (True, False)
    assert position.total_usd is None


def test_a_pair_is_valued_part_by_part() -> None:
    """Price 100*(5.20-5.00) - 100*(5.22-5.01) = -1, funding 0.35, fees 0.50."""
    fresh = {
        EXTENDED: snapshot(venue=EXTENDED, price="5.20"),
        BINANCE: snapshot(venue=BINANCE, price="5.22", per_hour="0.0001"),
    }

    position = value_trade(_trade(), ENTRY, PAID, fresh, NOW)

    assert (position.long.price_usd, position.short.price_usd) == (
        Decimal(20),
        Decimal(-21),
    )
    assert position.price_usd == Decimal("-1.00")
    assert position.funding_usd == Decimal("0.35")
    assert position.fees_usd == Decimal("0.50")
    assert position.total_usd == Decimal("-1.15")
    assert position.spread_per_hour == Decimal("0.00009")
    assert position.valued_at == NOW


def test_a_silent_venue_leaves_its_parts_unknown_and_the_rest_stands() -> None:
    """Funding and fees are facts; the price result of the pair is not known."""
    fresh = {BINANCE: snapshot(venue=BINANCE, price="5.22")}

    position = value_trade(_trade(), ENTRY, PAID, fresh, NOW)

    assert position.long.price_usd is None
    assert (position.price_usd, position.total_usd) == (None, None)
    assert (position.long.rate, position.long.next_funding_at) == (None, None)
    assert position.funding_usd == Decimal("0.35")
    assert position.long.entry_price == Decimal("5.00")


def test_a_venue_without_a_mark_price_leaves_the_price_result_unknown() -> None:
    """A rate alone values nothing."""
    fresh = {
        EXTENDED: snapshot(venue=EXTENDED, price=None),
        BINANCE: snapshot(venue=BINANCE, price="5.22"),
    }

    position = value_trade(_trade(), ENTRY, [], fresh, NOW)

    assert position.long.price_usd is None
    assert position.long.rate is not None


def test_an_unequal_pair_shows_its_residual_in_usd() -> None:
    """Long 123.0, short 122.5 at 91: 0.5 base, 45.5 USD."""
    trade = _trade(long_held="123.0", short_held="122.5")
    fresh = {EXTENDED: snapshot(venue=EXTENDED, price="91")}

    position = value_trade(trade, [], [], fresh, NOW)

    assert position.residual_base == Decimal("0.5")
    assert position.residual_usd == Decimal("45.5")


def test_an_ended_trade_needs_no_prices() -> None:
    """The result of a closed trade is a fact: 100*0.10 - 100*0.12 = -2."""
    trade = replace(_trade("0", "0"), state=TradeState.CLOSED)
    exits = [
        _fill(EXTENDED, OrderSide.SELL, "5.10"),
        _fill(BINANCE, OrderSide.BUY, "5.13"),
    ]

    position = value_trade(trade, ENTRY + exits, PAID, {}, NOW)

    assert position.price_usd == Decimal("-2.00")
    assert position.total_usd == Decimal("-2.00") + Decimal("0.35") - Decimal("1.00")
