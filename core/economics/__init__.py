"""Turn rates, books, fees and fills into costs and results; pure arithmetic.

Signs: a cost is positive when we pay it, a result is positive when we receive it.
"""

from core.economics.costs import (
    PairCost,
    PairPrices,
    entry_basis,
    exit_basis,
    fee_fraction,
    round_trip_cost,
)
from core.economics.expectation import blended_net_usd
from core.economics.margin import (
    adverse_move,
    liquidation_distance,
    liquidation_price,
    margin_locked,
)
from core.economics.payments import (
    LegFunding,
    break_even_payment,
    expected_net,
    first_payment,
    funding_usd,
    payments_within,
    slower,
    smooth_break_even,
)
from core.economics.results import LegResult, leg_result, sum_known

__all__ = [
    "LegFunding",
    "LegResult",
    "PairCost",
    "PairPrices",
    "adverse_move",
    "blended_net_usd",
    "break_even_payment",
    "entry_basis",
    "exit_basis",
    "expected_net",
    "fee_fraction",
    "first_payment",
    "funding_usd",
    "leg_result",
    "liquidation_distance",
    "liquidation_price",
    "margin_locked",
    "payments_within",
    "round_trip_cost",
    "slower",
    "smooth_break_even",
    "sum_known",
]
