"""Find the base quantity that both venues can trade, or say why there is none."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from core.errors import SizeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.model.instrument import Instrument

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
        f"too small: {money(quantity * price)} per leg is left in whole lots, "
        f"at least {money(smallest * price)} is needed"
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
                f"{money(largest * price)} of {leg.base} per order"
            )
            raise SizeError(why)


def money(usd: Decimal) -> str:
    """Return USD as a refusal writes it."""
    return f"${usd:,.2f}"
