"""Tell what a position locks and how far its price may go; pure arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from core.model.units import LegSide


def margin_locked(
    notional_usd: Decimal,
    *,
    long_leverage: Decimal,
    short_leverage: Decimal,
    reserve: Decimal,
) -> Decimal:
    """Return what both legs lock, with a reserve as a fraction of the margin."""
    # (Q / leverage of the long + Q / leverage of the short) * (1 + reserve)
    margin = notional_usd / long_leverage + notional_usd / short_leverage
    return margin * (1 + reserve)


def liquidation_price(
    side: LegSide, entry_price: Decimal, leverage: Decimal, maintenance: Decimal
) -> Decimal:
    """Return where a leg alone on its margin is liquidated.

    `maintenance` is the margin that must stay, a fraction of notional.
    """
    # a long at e * (1 - 1/l) / (1 - m), a short at e * (1 + 1/l) / (1 + m)
    step = side.sign / leverage
    return entry_price * (1 - step) / (1 - side.sign * maintenance)


def liquidation_distance(liquidation: Decimal, mark_price: Decimal) -> Decimal:
    """Return how far the mark is from the liquidation, as a fraction of the mark."""
    return abs(liquidation - mark_price) / mark_price


def adverse_move(free_usd: Decimal, notional_usd: Decimal) -> Decimal:
    """Return the price move against a leg that its venue's free margin absorbs."""
    return free_usd / notional_usd
