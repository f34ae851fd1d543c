"""Hold what a pair would bring at one size over a planned hold, part by part.

Signs: a cost and a fee are positive when we pay them; funding and a net are positive
when we receive them. Fractions are of one leg's notional.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.units import HOURS_PER_YEAR, VenueId, hours_of


class FeeSource(StrEnum):
    """Who says what a taker pays."""

    ACCOUNT = "account"
    """The venue, for our own account."""
    CATALOG = "catalog"
    """The venue's published base tier."""
    MIXED = "mixed"
    """One leg from the account, the other from the catalog."""


@dataclass(frozen=True, slots=True)
class TakerFee:
    """What an order that takes pays, and who says so."""

    rate: Decimal
    """Fraction of notional."""
    source: FeeSource


@dataclass(frozen=True, slots=True)
class LegEstimate:
    """One leg's part of an estimate."""

    venue_id: VenueId
    entry_price: Decimal
    """Average price per base unit that this size pays in the book."""
    exit_price: Decimal
    """The same for the way out, from today's book."""
    fee: TakerFee
    fees_usd: Decimal
    """In and out; positive is paid."""
    payments: int | None
    """Funding payments inside the hold; None where funding accrues continuously."""
    funding_usd: Decimal
    """Of those payments; positive is received."""
    book_at: datetime
    liquidation_distance: Decimal | None = None
    """Fraction the price may move against the leg; None when it cannot be told."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """When the cost of the way in and out is earned."""

    smooth: timedelta | None
    """Cost over hourly spread; None if the spread never earns it."""
    payments: int | None
    """Payments of the slower leg by then, counted by the payment clock."""
    after: timedelta | None
    """From the entry to the payment that first covers the cost."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a hold of another length would bring."""

    hold: timedelta
    net_usd: Decimal


@dataclass(frozen=True, slots=True)
class NetEstimate:
    """What one pair is expected to bring at one size over one hold."""

    priced_at: datetime
    """Moment from which the hold counts."""
    hold: timedelta
    size_usd: Decimal
    """Asked notional per leg."""
    quantity_base: Decimal
    """What both venues' lots allow of it."""
    notional_usd: Decimal
    """Quantity times the average of both mids."""
    long: LegEstimate
    short: LegEstimate
    entry_basis_usd: Decimal
    exit_basis_usd: Decimal
    margin_usd: Decimal
    """Locked on both venues, reserve included."""
    break_even: BreakEven
    blended_net_usd: Decimal | None = None
    """Net if the spread returns towards its own mean; None without a history."""
    outlooks: tuple[Outlook, ...] = ()
    """Other holds, where they were asked for."""

    @property
    def fees_usd(self) -> Decimal:
        """Return four taker fees."""
        return self.long.fees_usd + self.short.fees_usd

    @property
    def basis_usd(self) -> Decimal:
        """Return the basis cost of the way in and out."""
        return self.entry_basis_usd + self.exit_basis_usd

    @property
    def cost_usd(self) -> Decimal:
        """Return fees plus basis."""
        return self.fees_usd + self.basis_usd

    @property
    def cost(self) -> Decimal:
        """Return the whole cost as a fraction of one leg."""
        return self.cost_usd / self.notional_usd

    @property
    def funding_usd(self) -> Decimal:
        """Return what the payments inside the hold bring."""
        return self.long.funding_usd + self.short.funding_usd

    @property
    def net_usd(self) -> Decimal:
        """Return funding minus cost."""
        return self.funding_usd - self.cost_usd

    @property
    def net(self) -> Decimal:
        """Return the net as a fraction of one leg."""
        return self.net_usd / self.notional_usd

    @property
    def net_apr(self) -> Decimal:
        """Return the simple yearly fraction if such holds followed one another."""
        return self.net / hours_of(self.hold) * HOURS_PER_YEAR

    @property
    def return_on_margin(self) -> Decimal:
        """Return the net over the margin locked, for the hold."""
        return self.net_usd / self.margin_usd

    @property
    def fee_source(self) -> FeeSource:
        """Return who says what both legs pay."""
        one, other = self.long.fee.source, self.short.fee.source
        return one if one is other else FeeSource.MIXED
