"""List the errors of each venue that prove something about an order.

A code is listed only if ccxt 4.5.90 maps it to a class of refusals too; tests send each
one through the real client. What is missing here is looked up, which costs time and
never an order. Numbers and meanings: each venue's documentation of 2026, and the tables
of ccxt 4.5.90.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from core.venues.outcomes import RefusalTable

BINANCE: Final = RefusalTable(
    definitive=MappingProxyType(
        {
            "-1022": "key",
            "-1100": "malformed",
            "-1101": "malformed",
            "-1102": "malformed",
            "-1106": "malformed",
            "-1111": "lot",
            "-1115": "malformed",
            "-1116": "malformed",
            "-1117": "malformed",
            "-1121": "unknown_symbol",
            "-2014": "key",
            "-2015": "key",
            "-2018": "margin",
            "-2019": "margin",
            "-2022": "reduce_only",
            "-2027": "max_position",
            "-2028": "margin",
            "-4002": "price_band",
            "-4003": "min_quantity",
            "-4004": "min_quantity",
            "-4005": "max_quantity",
            "-4013": "price_band",
            "-4014": "tick",
            "-4015": "malformed",
            "-4016": "price_band",
            "-4023": "lot",
            "-4024": "price_band",
            "-4028": "leverage",
            "-4061": "position_mode",
            "-4118": "reduce_only",
            "-4131": "price_band",
            "-4140": "market_closed",
            "-4141": "market_closed",
            "-4144": "unknown_symbol",
            "-4164": "min_notional",
            "-4192": "key",
            "-4400": "reduce_only",
            "-4401": "reduce_only",
            "-4402": "key",
        }
    ),
    duplicate=frozenset({"-4116"}),
    rate=frozenset({"-1003", "-1015"}),
    clock=frozenset({"-1021", "-5028"}),
)

HYPERLIQUID: Final = RefusalTable(
    definitive=MappingProxyType(
        {
            "Price must be divisible by tick size.": "tick",
            "Order must have minimum value of $10": "min_notional",
            "Insufficient margin to place order.": "margin",
            "Reduce only order would increase position.": "reduce_only",
            "Order could not immediately match against any resting orders.": "no_match",
            "Order has invalid size": "lot",
            "Order has zero size.": "min_quantity",
            "Order price cannot be more than 80% away from the reference price": (
                "price_band"
            ),
            "User or API Wallet ": "key",
        }
    ),
    duplicate=frozenset(),
    rate=frozenset({"Too many cumulative requests sent"}),
    is_sentence=True,
)

LIGHTER: Final = RefusalTable(
    definitive=MappingProxyType(
        {
            "21601": "market_closed",
            "21602": "unknown_symbol",
            "21605": "market_closed",
            "21701": "lot",
            "21702": "tick",
            "21703": "malformed",
            "21704": "malformed",
            "21705": "malformed",
            "21706": "min_notional",
            "21710": "malformed",
            "21711": "expired",
            "21717": "max_orders",
            "21718": "max_orders",
            "21719": "max_orders",
            "21720": "max_orders",
            "21727": "malformed",
            "21732": "reduce_only",
            "21733": "price_band",
            "21734": "price_band",
            "21738": "reduce_only",
            "21739": "margin",
            "21740": "reduce_only",
        }
    ),
    duplicate=frozenset({"21728"}),
    rate=frozenset({"23000", "23001", "23002", "23003"}),
)

EXTENDED: Final = RefusalTable(
    definitive=MappingProxyType(
        {
            "1000": "unknown_symbol",
            "1001": "unknown_symbol",
            "1002": "market_closed",
            "1004": "key",
            "1008": "key",
            "1009": "key",
            "1011": "market_closed",
            "1012": "market_closed",
            "1014": "market_closed",
            "1100": "key",
            "1101": "key",
            "1102": "key",
            "1120": "min_quantity",
            "1121": "lot",
            "1122": "max_quantity",
            "1123": "lot",
            "1124": "tick",
            "1125": "tick",
            "1126": "max_orders",
            "1127": "max_position",
            "1128": "fee",
            "1130": "malformed",
            "1132": "malformed",
            "1133": "malformed",
            "1135": "expired",
            "1136": "reduce_only",
            "1137": "reduce_only",
            "1138": "reduce_only",
            "1139": "malformed",
            "1140": "margin",
            "1141": "price_band",
            "1145": "market_closed",
            "1147": "margin",
        }
    ),
    duplicate=frozenset({"1134"}),
    rate=frozenset(),
)
