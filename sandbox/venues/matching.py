"""How an order meets the book: levels, a bound and a quantity in, fills out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def take(
    levels: Iterable[tuple[str, str]],
    quantity: Decimal,
    *,
    bound: Decimal | None,
    side: int,
) -> list[tuple[Decimal, Decimal]]:
    """Return price and quantity of each fill, best price first.

    Args:
        levels: the opposite side, best first, as wire text.
        quantity: how much is wanted.
        bound: worst price that is taken; None takes any.
        side: 1 buys, -1 sells.
    """
    fills: list[tuple[Decimal, Decimal]] = []
    for price_text, size_text in levels:
        price = Decimal(price_text)
        if quantity <= 0 or (bound is not None and (price - bound) * side > 0):
            break
        part = min(quantity, Decimal(size_text))
        if part > 0:
            fills.append((price, part))
            quantity -= part
    return fills


def without(
    side: Sequence[tuple[str, str]], taken: Decimal
) -> tuple[tuple[str, str], ...]:
    """Return the levels that are left after a quantity was taken from the best."""
    left: list[tuple[str, str]] = []
    for price, size in side:
        rest = Decimal(size) - taken
        taken = max(Decimal(0), -rest)
        if rest > 0:
            left.append((price, f"{rest:f}"))
    return tuple(left)
