"""When two legs count as equal: lots, the least order a venue takes, and a tenth."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from core.execution.sizing import Held, is_level
from core.model.trade import TradeLeg
from core.model.units import LegSide
from tests.fakes.objects import BINANCE, HYPERLIQUID, instrument
from tests.unit.storage.samples import new_trade

if TYPE_CHECKING:
    from core.model.trade import Trade

FINE, COARSE = Decimal("0.001"), Decimal("0.1")


def a_trade(least: str | None, lots: tuple[Decimal, Decimal] = (FINE, COARSE)) -> Trade:
    """Return a pair; on its first leg's venue orders below `least` are not taken."""
    smallest = None if least is None else Decimal(least)
    first = replace(
        instrument("SOL", BINANCE), lot_base=lots[0], min_quantity_base=smallest
    )
    second = replace(instrument("SOL", HYPERLIQUID), lot_base=lots[1])
    return replace(
        new_trade(),
        first=TradeLeg(first, LegSide.LONG, Decimal(0)),
        second=TradeLeg(second, LegSide.SHORT, Decimal(0)),
    )


@pytest.mark.parametrize(
    ("least", "more", "is_even"),
    [
        (None, "0.0009", True),  # less than both lots
        (None, "0.001", False),  # one lot can be sold
        ("0.02", "0.019", True),  # 19 lots, and no order as small as that is taken
        ("0.02", "0.02", False),  # the least order
        ("0.5", "0.099", True),  # below the coarser lot
        ("0.5", "0.1", False),  # a lot of the other leg is too much to leave alone
    ],
)
def test_dust_that_no_order_can_sell_is_level(
    least: str | None, more: str, *, is_even: bool
) -> None:
    """Two and a few thousandths against two: repairs would be refused for ever."""
    held = Held(Decimal(2) + Decimal(more), Decimal(2))

    assert is_level(a_trade(least), held, may_add=False) is is_even


def test_dust_is_not_level_while_the_smaller_leg_may_still_grow() -> None:
    """A top-up on the other venue may be taken."""
    held = Held(Decimal("2.019"), Decimal(2))

    assert not is_level(a_trade("0.02"), held, may_add=True)


@pytest.mark.parametrize(
    ("held", "is_even"), [("0.19", True), ("0.2", True), ("0.15", False)]
)
def test_dust_above_a_tenth_of_the_leg_is_not_level(
    held: str, *, is_even: bool
) -> None:
    """0.019 of 0.19 is a tenth; of 0.15 it is more than an eighth of the position."""
    larger = Decimal(held)
    trade = a_trade("0.02")

    assert is_level(trade, Held(larger, larger - Decimal("0.019")), may_add=False) is (
        is_even
    )


def test_the_least_order_of_the_smaller_leg_says_nothing() -> None:
    """What is too much is sold where it is."""
    held = Held(Decimal(2), Decimal("2.019"))

    assert not is_level(a_trade("0.02", (FINE, FINE)), held, may_add=False)
