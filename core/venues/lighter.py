"""Read from Lighter what ccxt 4.5.90 does not: bad rows set aside, past payments."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from core.venues.client import Tolerant, name_of

if TYPE_CHECKING:
    from core.venues.client import Row

_LIST: Final = "order_book_details"
_DECIMALS: Final = ("size_decimals", "price_decimals")
_MOST_DECIMALS: Final = 18
_PER_CENT: Final = Decimal("0.01")


class Lighter(Tolerant):
    """ccxt's class with a list that survives a bad row."""

    publicGetFundings: Any  # noqa: N815 - ccxt makes this method from its table of paths
    milliseconds: Any
    market: Any

    async def fetch(self, *args: object, **options: object) -> object:
        """Send one request; rows of the market list that ccxt would trip over go."""
        answer = await super().fetch(*args, **options)
        if isinstance(answer, dict) and isinstance(answer.get(_LIST), list):
            rows = answer[_LIST]
            broken = [row for row in rows if not _is_readable(row)]
            if broken:
                answer[_LIST] = [row for row in rows if row not in broken]
            self.broken_markets = tuple(name_of(row) for row in broken)
        return answer

    async def fetch_funding_rate_history(
        self, symbol: str, since: int, limit: int
    ) -> list[Row]:
        """Read past payments in ccxt's form.

        The venue writes percent per hour, a magnitude, and in `direction` which side
        it names; that `long` means "longs paid" is taken from its use there and was
        never confirmed by a booked payment.
        """
        answer = await self.publicGetFundings(
            {
                "market_id": self.market(symbol)["id"],
                "resolution": "1h",
                "start_timestamp": since // 1000,
                "end_timestamp": self.milliseconds() // 1000,
                "count_back": limit,
            }
        )
        return [_payment(row) for row in answer["fundings"]]


def _is_readable(row: object) -> bool:
    return (
        isinstance(row, Mapping)
        and isinstance(row.get("symbol"), str)
        and row.get("market_id") is not None
        and all(_is_count(row.get(key)) for key in _DECIMALS)
    )


def _is_count(value: object) -> bool:
    text = str(value)
    return text.isdecimal() and int(text) <= _MOST_DECIMALS


def _payment(row: Row) -> Row:
    rate = Decimal(str(row["rate"])) * _PER_CENT
    is_short = row["direction"] == "short"
    return {
        "fundingRate": -rate if is_short else rate,
        "timestamp": int(row["timestamp"]) * 1000,
        "info": row,
    }
