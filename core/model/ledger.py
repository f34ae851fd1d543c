"""Hold what trades brought by part, and what the venues' own books say beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from core.model.order import Fill, Payment
from core.model.trade import Trade
from core.model.units import Base, TradeId, VenueId

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Parts:
    """A result in USD by where it came from."""

    funding_usd: Decimal = _ZERO
    """Received minus paid."""
    price_usd: Decimal = _ZERO
    """Price result of what was sold again, before fees."""
    fees_usd: Decimal = _ZERO
    """Positive is paid."""

    @property
    def net_usd(self) -> Decimal:
        """Return funding plus price minus fees."""
        return self.funding_usd + self.price_usd - self.fees_usd

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            self.funding_usd + other.funding_usd,
            self.price_usd + other.price_usd,
            self.fees_usd + other.fees_usd,
        )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One trade with everything booked for it, oldest first."""

    trade: Trade
    fills: tuple[Fill, ...]
    payments: tuple[Payment, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One execution or one payment, and what it brought."""

    at: datetime
    venue_id: VenueId
    trade: Trade
    parts: Parts
    fill: Fill | None = None
    payment: Payment | None = None
    has_guessed_fee: bool = False
    """The venue has not told the fee yet: the taker rate stands in for it."""


@dataclass(frozen=True, slots=True)
class ExpectedPayment:
    """What one payment would bring by the rate shown shortly before it."""

    venue_id: VenueId
    symbol: str
    pay_at: datetime
    per_payment: Decimal
    """Rate as a fraction of notional."""
    amount_usd: Decimal
    """Positive is received."""
    noted_at: datetime
    trade_id: TradeId


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment, and what it was expected to bring."""

    payment: Payment
    expected_usd: Decimal | None
    """None: no fresh rate was seen shortly before it."""


@dataclass(frozen=True, slots=True)
class WalletMark:
    """One venue's wallet beside our books at one moment."""

    venue_id: VenueId
    at: datetime
    wallet_usd: Decimal
    """Equity without what open positions gained or lost."""
    booked_usd: Decimal
    """Funding plus realised price minus fees of all our trades there so far."""


@dataclass(frozen=True, slots=True)
class Residual:
    """By how much a venue's wallet moved that our books do not explain."""

    venue_id: VenueId
    since: datetime
    amount_usd: Decimal
    """Above zero: the venue has more than we booked (a deposit, for one)."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was booked in a period, and what open positions are worth now."""

    booked: Parts = Parts()
    open_usd: Decimal | None = _ZERO
    """Price result of what is open at both marks; None without a mark."""

    @property
    def total_usd(self) -> Decimal | None:
        """Return everything, None when the open part is unknown."""
        return None if self.open_usd is None else self.booked.net_usd + self.open_usd

    def __add__(self, other: Result) -> Result:
        known = self.open_usd is not None and other.open_usd is not None
        together = (
            self.open_usd + other.open_usd
            if known and self.open_usd is not None and other.open_usd is not None
            else None
        )
        return Result(self.booked + other.booked, together)


@dataclass(frozen=True, slots=True)
class PnlReport:
    """The result of a period by part, and by everything one may ask for."""

    since: datetime | None
    """None: from the beginning."""
    until: datetime
    total: Result
    trades: Mapping[TradeId, Result]
    tokens: Mapping[Base, Result]
    venues: Mapping[VenueId, Result]
    days: Mapping[date, Parts]
    """By day of the reader's zone, oldest first; what is open has no day."""
    bases: Mapping[TradeId, Base]
    open_trades: int = 0
    guessed_fees: int = 0
    """Executions whose fee the venue has not told yet."""
    residuals: tuple[Residual, ...] = ()
    """Venues that were asked and answered."""
    silent: tuple[VenueId, ...] = field(default=())
    """Venues whose wallet could not be read or compared."""
