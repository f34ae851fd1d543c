"""Order books: a middle price and a depth in, twenty levels a side out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

LEVELS: Final = 20
_DEEP_USD: Final = 50_000_000.0
_THIN_USD: Final = 200_000.0


@dataclass(frozen=True, slots=True)
class Depth:
    """How much rests on one side and how far it is spread out."""

    half_spread: float
    """Best price to the middle, as a fraction."""
    width: float
    """Last level to the middle, as a fraction."""
    side_usd: float


@dataclass(frozen=True, slots=True)
class Book:
    """Price and size as wire text, best first; two empty sides are possible."""

    bids: tuple[tuple[str, str], ...]
    asks: tuple[tuple[str, str], ...]


def depth_for(volume_usd: float) -> Depth:
    """Return a depth that fits a day volume; normally 500 dollars fill in 10 bp."""
    if volume_usd < _THIN_USD:
        return Depth(half_spread=0.0012, width=0.0120, side_usd=4_000)
    if volume_usd < _DEEP_USD:
        return Depth(half_spread=0.00015, width=0.0026, side_usd=30_000)
    return Depth(half_spread=0.00004, width=0.0018, side_usd=400_000)


def scaled(units: int, decimals: int) -> str:
    """Write a whole number of smallest units as a plain decimal.

    >>> scaled(9101005, 2)
    '91010.05'
    """
    if decimals == 0:
        return str(units)
    digits = str(units).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def best_prices(middle: float, decimals: int, half_spread: float) -> tuple[int, int]:
    """Return best bid and best ask in ticks, never crossed or equal."""
    scale = 10**decimals
    bid = max(1, math.floor(middle * (1 - half_spread) * scale))
    return bid, max(bid + 1, math.ceil(middle * (1 + half_spread) * scale))


def build_book(
    middle: float,
    depth: Depth,
    *,
    decimals: tuple[int, int],
    chance: random.Random,
) -> Book:
    """Return a book around the middle price.

    Args:
        middle: price the two sides stand around.
        depth: how much, how wide.
        decimals: of price and of size.
        chance: makes sizes uneven; the same state gives the same book.
    """
    best_bid, best_ask = best_prices(middle, decimals[0], depth.half_spread)
    return Book(
        bids=_side(best_bid, -1, middle, depth, decimals, chance),
        asks=_side(best_ask, 1, middle, depth, decimals, chance),
    )


def _side(
    best: int,
    direction: int,
    middle: float,
    depth: Depth,
    decimals: tuple[int, int],
    chance: random.Random,
) -> tuple[tuple[str, str], ...]:
    price_decimals, size_decimals = decimals
    span = (depth.width - depth.half_spread) * middle * 10**price_decimals
    weights = [
        (1 + 0.15 * level) * (0.7 + 0.6 * chance.random()) for level in range(LEVELS)
    ]
    usd_per_weight = depth.side_usd / sum(weights)
    levels: list[tuple[str, str]] = []
    previous = best - direction
    for level, weight in enumerate(weights):
        wanted = best + direction * round(span * (level / (LEVELS - 1)) ** 1.5)
        ticks = max(wanted * direction, (previous + direction) * direction) * direction
        if ticks < 1:
            break
        previous = ticks
        units = max(1, int(weight * usd_per_weight / middle * 10**size_decimals))
        levels.append((scaled(ticks, price_decimals), scaled(units, size_decimals)))
    return tuple(levels)
