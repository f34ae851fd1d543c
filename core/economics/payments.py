"""Tell by the clock which funding payments a hold catches; pure arithmetic.

Signs: funding is positive when we receive it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from core.model.units import LegSide


def funding_usd(side: LegSide, per_payment: Decimal, notional_usd: Decimal) -> Decimal:
    """Return what one payment brings a leg: longs pay a positive rate."""
    return -side.sign * per_payment * notional_usd
