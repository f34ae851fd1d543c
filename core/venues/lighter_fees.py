"""What a Lighter account says of its tier in, what its orders and executions cost out.

Fees depend on the account: the standard tier trades for nothing, plus and premium pay
(the venue's account types, 2026-11). They are whole numbers of millionths: 280 in an
execution of a premium account is its 0.0280 % (seen in public clients, 2026-09).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from core.venues.fields import number_at, value_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.venues.dialect import Row

_FREE: Final = "standard"
_TAKER_FEES: Final[Mapping[str, Decimal]] = MappingProxyType(
    # Without the discount for staked tokens, which only lowers them.
    {"plus": Decimal("0.00005"), "premium": Decimal("0.00028")}
)
_MILLIONTH: Final = Decimal("0.000001")
_ALL: Final = 1


@dataclass(frozen=True, slots=True)
class Tier:
    """How an account is charged."""

    names: tuple[str, ...]
    """What the venue calls the tier, lower case: a word, or a code beside a word."""
    taker_told: Decimal | None
    """The taker's fee as a fraction; None if the venue does not tell it."""

    @property
    def is_free(self) -> bool:
        """Tell whether executions cost nothing."""
        return _FREE in self.names and not self.taker_told

    def taker_fee(self, listed: Decimal) -> tuple[Decimal, str | None]:
        """Return what a taker pays, and what a person must know of that number.

        Args:
            listed: the fee in the market's list, which holds for the standard tier.
        """
        if self.taker_told is not None:
            return self.taker_told, None
        if self.is_free:
            return listed, None
        for name in self.names:
            if name in _TAKER_FEES:
                note = f"its {name} tier's, without the discount for staked tokens"
                return _TAKER_FEES[name], note
        shown = ", ".join(self.names) or "no name"
        note = f"the highest there is: the account's tier ({shown}) is not known here"
        return max(_TAKER_FEES.values()), note


def read_tier(answer: Row) -> Tier:
    """Return the tier in the answer about an account's limits."""
    words = (value_at(answer, name) for name in ("user_tier", "user_tier_name"))
    names = dict.fromkeys(
        word.lower() for word in words if isinstance(word, str) and word
    )
    told = number_at(answer, "current_taker_fee_tick")
    return Tier(tuple(names), None if told is None else _fraction(told))


def fee_of_fill(row: Row, tier: Tier | None, *, is_maker: bool) -> Decimal | None:
    """Return what an execution cost in USD, None if it is not told.

    A fee of zero is left out of the row, as is one that is unknown.
    """
    told = number_at(row, "maker_fee" if is_maker else "taker_fee")
    if not told:
        is_free = told is not None or (tier is not None and tier.is_free)
        return Decimal(0) if is_free else None
    rate = _fraction(told)
    size, price = number_at(row, "size"), number_at(row, "price")
    if rate is None or size is None or price is None:
        return None
    return size * price * rate


def _fraction(millionths: Decimal) -> Decimal | None:
    """Return a fee as a fraction, None for a number that cannot be one."""
    fraction = millionths * _MILLIONTH
    return fraction if 0 <= fraction < _ALL else None
