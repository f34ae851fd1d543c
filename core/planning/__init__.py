"""Turn an opportunity and a size into a plan, or say in plain words why not.

Goes in: a pair, both books, what the venues promise and what money is free. Comes out:
the same base quantity on both legs in both venues' lots, the harder leg first, and the
bounds that are printed on the card and checked again at execution.
"""

from core.planning.adding import distances_after
from core.planning.closing import build_close_plan
from core.planning.legs import (
    MAX_SLIP_FIRST,
    MAX_SLIP_SECOND,
    entry_side,
    exit_side,
    leg_order,
)
from core.planning.opening import (
    build_open_plan,
    check_margin,
    entry_bounds,
    largest_notional,
    margin_needed,
)
from core.planning.pricing import (
    Holding,
    PricedPair,
    Tariff,
    allowed_leverage,
    estimate_net,
    price_pair,
)
from core.planning.quantity import (
    MIN_NOTIONALS,
    common_lot,
    plan_quantity,
    smallest_quantity,
)
from core.planning.room import room_of

__all__ = [
    "MAX_SLIP_FIRST",
    "MAX_SLIP_SECOND",
    "MIN_NOTIONALS",
    "Holding",
    "PricedPair",
    "Tariff",
    "allowed_leverage",
    "build_close_plan",
    "build_open_plan",
    "check_margin",
    "common_lot",
    "distances_after",
    "entry_bounds",
    "entry_side",
    "estimate_net",
    "exit_side",
    "largest_notional",
    "leg_order",
    "margin_needed",
    "plan_quantity",
    "price_pair",
    "room_of",
    "smallest_quantity",
]
