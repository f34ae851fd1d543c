"""The same tokens' prices in two stablecoins in, what one coin costs in the other out.

Pure. A token at 100 USDT here and 99.5 USDC there is worth one and the same, so a USDT
costs 0.995 USDC. One token says little, for its venues differ by some basis points; the
middle of many says it to a few.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from core.model.stablecoin import UNMEASURED, USDT, Stablecoins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from core.model.market import FundingSnapshot

ENOUGH_TOKENS = 8
"""With fewer tokens in both coins the gap is not known."""


def measure(tokens: Iterable[Sequence[FundingSnapshot]]) -> Stablecoins:
    """Return the price of USDT in USDC from the mark prices of one scan.

    Args:
        tokens: for each token, what all venues show of it. USDC and USD count as one.
    """
    ratios = [ratio for shown in tokens if (ratio := _ratio(shown)) is not None]
    if len(ratios) < ENOUGH_TOKENS:
        return UNMEASURED if not ratios else Stablecoins(None, len(ratios))
    return Stablecoins(median(ratios), len(ratios))


def _ratio(shown: Sequence[FundingSnapshot]) -> Decimal | None:
    """Return a token's price in USDC over its price in USDT."""
    usdt: list[Decimal] = []
    usdc: list[Decimal] = []
    for each in shown:
        if each.mark_price is not None and each.mark_price > 0:
            prices = usdt if each.instrument.settle == USDT else usdc
            prices.append(each.mark_price)
    if not usdt or not usdc:
        return None
    return median(usdc) / median(usdt)
