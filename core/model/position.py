"""Hold an open trade valued at one moment; computed, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from core.model.exit import Timers
from core.model.instrument import AbsenceReason
from core.model.order import Balance
from core.model.trade import Trade, TradeLeg
from core.model.units import FundingRate, VenueId


@dataclass(frozen=True, slots=True)
class LegValue:
    """One leg valued now."""

    leg: TradeLeg
    entry_price: Decimal | None
    """Average of our own fills, per base unit."""
    mark_price: Decimal | None
    """None when the venue shows no fresh price."""
    funding_usd: Decimal
    """Received minus paid so far."""
    fees_usd: Decimal
    """Paid so far, positive."""
    price_usd: Decimal | None
    """Realised and open price result of this leg; None without a mark or entry."""
    rate: FundingRate | None
    """Current rate; None when unknown or stale."""
    next_funding_at: datetime | None

    @property
    def is_untold(self) -> bool:
        """Tell whether the leg holds something whose executions are not known yet."""
        return self.leg.held_base != 0 and self.entry_price is None


@dataclass(frozen=True, slots=True)
class Runway:
    """How long a pair's nearer leg lasts at recent moves until a line is reached."""

    venue_id: VenueId
    """Of the leg nearest to liquidation."""
    line: Decimal
    """Distance to liquidation at which somebody is warned, a fraction of the mark."""
    lasts: timedelta | None
    """None while the usual move is not known, or once the line is passed."""
    hours: int
    """Of prices that are known of the last days."""
    is_passed: bool = False
    is_partly: bool = False
    """The other leg's distance is not known and may be nearer."""


@dataclass(frozen=True, slots=True)
class Position:
    """A trade valued now, profit split by part."""

    trade: Trade
    long: LegValue
    short: LegValue
    valued_at: datetime
    gone: Mapping[VenueId, AbsenceReason] = field(default_factory=dict)
    """Venues that do not list a leg's contract any more, and why."""
    wishes: Timers = field(default_factory=dict)
    """What a person asked of this pair, by rule."""
    distances: Mapping[VenueId, Decimal | None] = field(default_factory=dict)
    """To liquidation by the venue's own price, a fraction of the mark; None unknown."""
    runway: Runway | None = None
    """None while no venue tells a liquidation price."""
    is_repair_stopped: bool = False
    """An owner stopped the repairs of this pair."""

    @property
    def funding_usd(self) -> Decimal:
        """Return funding received minus paid on both legs."""
        return self.long.funding_usd + self.short.funding_usd

    @property
    def fees_usd(self) -> Decimal:
        """Return fees paid so far, positive."""
        return self.long.fees_usd + self.short.fees_usd

    @property
    def price_usd(self) -> Decimal | None:
        """Return the price result of both legs, None if one cannot be valued."""
        if self.long.price_usd is None or self.short.price_usd is None:
            return None
        return self.long.price_usd + self.short.price_usd

    @property
    def total_usd(self) -> Decimal | None:
        """Return funding plus price minus fees paid so far."""
        if self.price_usd is None:
            return None
        return self.funding_usd + self.price_usd - self.fees_usd

    @property
    def residual_base(self) -> Decimal:
        """Return net base: positive is long."""
        return self.trade.residual_base

    @property
    def residual_usd(self) -> Decimal | None:
        """Return the residual at the mark price, None without one."""
        mark = self.long.mark_price or self.short.mark_price
        return None if mark is None else self.residual_base * mark

    @property
    def spread_per_hour(self) -> Decimal | None:
        """Return short rate minus long rate now; negative: the pair pays."""
        if self.long.rate is None or self.short.rate is None:
            return None
        return self.short.rate.per_hour - self.long.rate.per_hour


@dataclass(frozen=True, slots=True)
class ForeignPosition:
    """A position on a venue of ours that no pair of ours explains."""

    venue_id: VenueId
    symbol: str
    name: str
    """Token, or the venue's name for a contract that is not listed here."""
    quantity_base: Decimal
    """Signed: positive is long."""
    entry_price: Decimal | None = None
    """The venue's average, per base unit."""
    is_ignored: bool = False
    """A person said so, for this quantity."""


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All open positions and the venues' balances."""

    positions: tuple[Position, ...]
    balances: tuple[Balance, ...]
    valued_at: datetime
    is_checking: bool = False
    """True while start-up reconciliation runs."""
    foreign: tuple[ForeignPosition, ...] = ()
    """What the venues hold that is not ours; never touched."""
