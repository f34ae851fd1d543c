"""What each pretend venue demands of an order and takes for it: data, no behavior.

Taker and maker fees are the base tiers of 2026; minimums agree with what the public
market lists of the sandbox show.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from sandbox.venues.listings import Instrument


class Refusal(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The venue does not do it; `why` is a word that each dialect has a code for."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def refuse(why: str) -> NoReturn:
    """Refuse with a word.

    Raises:
        Refusal: always.
    """
    raise Refusal(why)


@dataclass(frozen=True, slots=True)
class Rules:
    """One venue's conditions."""

    taker_fee: Decimal
    maker_fee: Decimal
    money_decimals: int
    """Fees and funding are rounded to this."""
    maintenance: Decimal
    """Share of notional below which positions are liquidated."""
    start_leverage: int
    unique_ids: str
    """Which client ids may not come again: among `open` orders, `always`, `never`."""
    clamps_reduce_only: bool
    """Whether too large a reduce-only order is cut to the position or refused."""
    exempts_reduce_only: bool
    """Whether a reduce-only order may be below the minimum notional."""
    price_band: Decimal
    """How far a limit may be beyond the mark price on the taking side."""


RULES: Final = {
    "binance": Rules(
        taker_fee=Decimal("0.0005"), maker_fee=Decimal("0.0002"), money_decimals=8,
        maintenance=Decimal("0.005"), start_leverage=20, unique_ids="open",
        clamps_reduce_only=True, exempts_reduce_only=True, price_band=Decimal("0.05"),
    ),
    "extended": Rules(
        taker_fee=Decimal("0.00025"), maker_fee=Decimal(0), money_decimals=6,
        maintenance=Decimal("0.0125"), start_leverage=10, unique_ids="always",
        clamps_reduce_only=False, exempts_reduce_only=False,
        price_band=Decimal("0.05"),
    ),
    "hyperliquid": Rules(
        taker_fee=Decimal("0.00045"), maker_fee=Decimal("0.00015"), money_decimals=6,
        maintenance=Decimal("0.0125"), start_leverage=10, unique_ids="never",
        clamps_reduce_only=True, exempts_reduce_only=False, price_band=Decimal("0.8"),
    ),
    "lighter": Rules(
        taker_fee=Decimal(0), maker_fee=Decimal(0), money_decimals=6,
        maintenance=Decimal("0.012"), start_leverage=20, unique_ids="always",
        clamps_reduce_only=True, exempts_reduce_only=False, price_band=Decimal("0.1"),
    ),
}  # fmt: skip


def most_leverage(one: Instrument) -> int:
    """Return the highest leverage of a market."""
    if one.venue == "binance":
        return 125 if one.base == "BTC" else 50
    if one.venue == "lighter":
        return 50
    if one.venue == "extended":
        return 50 if one.base == "BTC" else 10
    return 40 if one.base == "BTC" else 10


def least_quantity(one: Instrument) -> Decimal:
    """Return the smallest order in listed units."""
    step = Decimal(1).scaleb(-one.size_decimals)
    if one.venue == "extended":
        return 10 * step
    if one.venue == "lighter":
        fewest = max(1, round(5 / one.price * float(10**one.size_decimals)))
        return fewest * step
    return step


def least_notional(one: Instrument) -> Decimal:
    """Return the smallest value of an order in the settle currency, zero if none."""
    if one.venue == "binance":
        return Decimal({"BTC": 100, "ETH": 20}.get(one.base, 5))
    return Decimal(0) if one.venue == "extended" else Decimal(10)
