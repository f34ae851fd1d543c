"""Describe one linear perpetual on one venue, and why others were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from enum import StrEnum

from core.model.trouble import Trouble
from core.model.units import Base, OrderSide, VenueId


@dataclass(frozen=True, slots=True)
class Instrument:
    """One live linear perpetual.

    Prices in the engine are quote per one base unit and quantities are base units, both
    after the multiplier; `listed_price` gives the number the venue itself shows.
    """

    venue_id: VenueId
    symbol: str
    """Unified ccxt symbol, e.g. 1000PEPE/USDT:USDT."""
    native_name: str
    """Name in the venue's own API, e.g. 1000PEPEUSDT, kPEPE."""
    base: Base
    multiplier: Decimal
    """Base units per listed unit: 1000 for 1000PEPE."""
    quote: str
    settle: str
    unit: Decimal
    """Listed units per unit of the wire's amount field (1 on base venues)."""
    lot_base: Decimal
    """Smallest quantity step, in base units."""
    price_tick: Decimal
    """Smallest price step of the listed price."""
    price_digits: int | None = None
    """Most significant digits a listed price may have (Hyperliquid: 5)."""
    min_quantity_base: Decimal | None = None
    max_quantity_base: Decimal | None = None
    min_notional_usd: Decimal | None = None
    max_leverage: Decimal | None = None
    maintenance_margin: Decimal | None = None
    """Margin a position must keep, as a fraction of notional; never told too low."""

    def listed_price(self, price: Decimal) -> Decimal:
        """Return the price per listed unit for a price per base unit."""
        return price * self.multiplier

    def base_price(self, listed: Decimal) -> Decimal:
        """Return the price per base unit for a price per listed unit."""
        return listed / self.multiplier

    def wire_amount(self, quantity_base: Decimal) -> Decimal:
        """Return the amount an order of this base quantity carries on the wire."""
        return quantity_base / (self.multiplier * self.unit)

    def floor_quantity(self, quantity_base: Decimal) -> Decimal:
        """Round a base quantity down to the lot."""
        lots = (quantity_base / self.lot_base).to_integral_value(ROUND_DOWN)
        return lots * self.lot_base

    def same_contract(self, other: Instrument) -> bool:
        """Tell whether both are one contract of one venue, read at any time."""
        return (self.venue_id, self.symbol) == (other.venue_id, other.symbol)

    def round_limit(self, price: Decimal, side: OrderSide) -> Decimal:
        """Round a price per base unit to one the venue takes, within the bound.

        A purchase rounds down, a sale rounds up.
        """
        listed = self.listed_price(price)
        step = self._step_at(listed)
        rounding = ROUND_DOWN if side is OrderSide.BUY else ROUND_UP
        return self.base_price((listed / step).to_integral_value(rounding) * step)

    def _step_at(self, listed: Decimal) -> Decimal:
        if self.price_digits is None or listed <= 0:
            return self.price_tick
        digits_step = Decimal(1).scaleb(listed.adjusted() - self.price_digits + 1)
        return max(self.price_tick, min(digits_step, Decimal(1)))


class AbsenceReason(StrEnum):
    """Why a venue's contract is not an instrument of ours."""

    NOT_LISTED = "not_listed"
    DELISTED = "delisted"
    SETTLING = "settling"
    PRE_MARKET = "pre_market"
    DATED = "dated"
    NON_CRYPTO = "non_crypto"
    NOT_LINEAR = "not_linear"
    OTHER_QUOTE = "other_quote"
    INACTIVE = "inactive"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One contract that stays out of the availability cache, and why."""

    venue_id: VenueId
    native_name: str
    base: Base | None
    reason: AbsenceReason
    detail: str = ""


class TokenStatus(StrEnum):
    """Sign in front of a token in the matrix."""

    OK = "ok"
    SINGLE = "single"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Where one token trades."""

    base: Base
    instruments: Mapping[VenueId, Instrument]
    absences: Mapping[VenueId, AbsenceReason]
    """Reason for each venue that has no usable instrument."""

    @property
    def status(self) -> TokenStatus:
        """Return ok for two or more venues, single for one, none for no venue."""
        listed = len(self.instruments)
        if listed == 0:
            return TokenStatus.NONE
        return TokenStatus.SINGLE if listed == 1 else TokenStatus.OK

    @property
    def pairs(self) -> int:
        """Return how many venue pairs are possible: n(n-1)/2."""
        listed = len(self.instruments)
        return listed * (listed - 1) // 2


@dataclass(frozen=True, slots=True)
class Availability:
    """Which token trades on which venue, as last read."""

    built_at: datetime
    rows: Mapping[Base, TokenRow]
    left_out: tuple[LeftOut, ...]
    read_at: Mapping[VenueId, datetime]
    """When each venue's list was last read; a venue that never answered is missing."""
    troubles: tuple[Trouble, ...] = ()

    def on_venue(self, venue_id: VenueId) -> Mapping[str, Instrument]:
        """Return a venue's instruments by symbol."""
        found = (row.instruments.get(venue_id) for row in self.rows.values())
        return {each.symbol: each for each in found if each is not None}
