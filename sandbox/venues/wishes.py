"""What is wanted of a desk, and how a scripted venue treats it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Wish:
    """An order as a dialect understood it."""

    symbol_raw: str
    side: int
    """1 buys, -1 sells."""
    quantity: Decimal
    price: Decimal | None
    time_in_force: str = "IOC"
    is_reduce_only: bool = False
    client_id: str = ""
    expires_ms: int | None = None
    kind: str = "limit"


@dataclass(slots=True)
class Script:
    """How the next order is treated, set by a fault and gone after one request."""

    refuse: str | None = None
    """A word of a dialect's code table, or a venue's own code."""
    refuse_later: str = ""
    """The request is accepted, the order is refused afterwards, for this reason."""
    share: Decimal | None = None
    """Part of the quantity that the book gives; above 1 the venue fills too much."""
    rests: bool = False
    """An IOC that stays in the book."""
    vanishes: bool = False
    """Accepted and never seen again."""
    ignores_expiry: bool = False
