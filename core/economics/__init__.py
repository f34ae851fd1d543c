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
from core.economics.payments import funding_usd
from core.economics.results import LegResult, leg_result, sum_known

__all__ = [
    "LegResult",
    "PairCost",
    "PairPrices",
    "entry_basis",
    "exit_basis",
    "fee_fraction",
    "funding_usd",
    "leg_result",
    "round_trip_cost",
    "sum_known",
]
