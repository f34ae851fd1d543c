"""Hold what a person confirms: opening or closing, sizes, bounds, expiry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.estimate import NetEstimate
from core.model.instrument import Instrument
from core.model.units import (
    Base,
    ChatId,
    FundingRate,
    LegSide,
    MessageId,
    OrderSide,
    PlanId,
    TradeId,
    UserId,
)

WHOLE = Decimal(1)
"""Share of a pair that a close takes unless a part is asked for."""


class PlanState(StrEnum):
    """Life of a confirm card."""

    DRAFT = "draft"
    """Stored, its message is not out yet."""
    ISSUED = "issued"
    USED = "used"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    VOID = "void"
    """Made worthless by a new quote, a send error or a restart."""


@dataclass(frozen=True, slots=True)
class PlanLeg:
    """One leg as quoted; the first of a plan is executed first (the harder one)."""

    instrument: Instrument
    side: LegSide
    order_side: OrderSide
    quantity_base: Decimal
    price: Decimal
    """Average price per base unit that this size pays in the book now."""
    best_price: Decimal
    """Best opposite quote per base unit."""
    rate: FundingRate | None
    """Known for an opening; None on a close whose venue shows no fresh rate."""
    next_funding_at: datetime | None
    taker_fee: Decimal
    free_usd: Decimal | None
    """Free margin of the venue before the trade."""
    book_at: datetime
    rate_at: datetime | None = None
    """When the rate was seen."""

    @property
    def notional_usd(self) -> Decimal:
        """Return quantity times price."""
        return self.quantity_base * self.price


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the card printed under "Refuses": checked again at execution."""

    min_spread_per_hour: Decimal | None
    """None for a close."""
    max_cost_usd: Decimal | None
    """Entry and exit fees plus both basis costs of the whole pair; None for a close."""
    max_slip_first: Decimal
    """Fraction from the best opposite quote, first leg."""
    max_slip_second: Decimal


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """An entry a person may confirm."""

    base: Base
    first: PlanLeg
    second: PlanLeg
    size_usd: Decimal
    """Asked notional per leg; the quantities are what the lots allow of it."""
    leverage: Decimal
    spread_per_hour: Decimal
    fees_usd: Decimal
    """Four taker fees at the quoted prices; positive is paid."""
    basis_usd: Decimal
    """Entry plus mirrored exit basis from the books at this size; positive is paid."""
    bounds: Bounds
    has_unknown_volume: bool = False
    estimate: NetEstimate | None = None
    """What the usual hold, and a shorter and a longer one, are expected to bring."""
    refusal: str | None = None
    """Why it pays only gross, in plain words; None if it earns enough."""
    usdt_in_usdc: Decimal | None = None
    """Price of a USDT when it was quoted; None if it was not known."""
    above_half_of_usd: Decimal | None = None
    """Cap that this takes more than half of; set once a person is asked again."""

    @property
    def long(self) -> PlanLeg:
        """Return the leg that buys."""
        return self.first if self.first.side is LegSide.LONG else self.second

    @property
    def short(self) -> PlanLeg:
        """Return the leg that sells."""
        return self.first if self.first.side is LegSide.SHORT else self.second

    @property
    def cost_usd(self) -> Decimal:
        """Return fees plus basis for the way in and out."""
        return self.fees_usd + self.basis_usd

    @property
    def notional_usd(self) -> Decimal:
        """Return what the larger leg is worth at the quoted prices."""
        return max(self.first.notional_usd, self.second.notional_usd)


@dataclass(frozen=True, slots=True)
class ClosePlan:
    """A close a person may confirm."""

    trade_id: TradeId
    base: Base
    first: PlanLeg
    second: PlanLeg
    expected_net_usd: Decimal | None
    """Funding, price and fees of the whole trade if it closed at the quoted prices."""
    funding_usd: Decimal
    price_usd: Decimal | None
    fees_usd: Decimal
    bounds: Bounds
    remaining_base: Decimal = Decimal(0)
    """What stays open on each leg; money above is then of the closed part alone, but
    for the funding, which is the whole pair's."""


@dataclass(frozen=True, slots=True)
class AddPlan:
    """A part that a person may add to an open pair."""

    trade_id: TradeId
    part: OpenPlan
    """What is added, priced as an entry of its own; legs in the pair's order."""
    held: tuple[Decimal, Decimal]
    """Base units that the legs hold before, in the same order."""
    distances: tuple[Decimal | None, Decimal | None]
    """How far each mark may move afterwards until the grown leg is liquidated."""

    @property
    def base(self) -> Base:
        """Return the pair's token."""
        return self.part.base

    @property
    def notional_usd(self) -> Decimal:
        """Return what the larger leg is worth afterwards, at the quoted prices."""
        legs = zip(self.held, (self.part.first, self.part.second), strict=True)
        return max((held + leg.quantity_base) * leg.price for held, leg in legs)


@dataclass(frozen=True, slots=True)
class AdoptedLeg:
    """A position that is not ours yet, as it was read."""

    instrument: Instrument
    side: LegSide
    quantity_base: Decimal
    """Unsigned."""
    entry_price: Decimal
    """The venue's average, per base unit."""
    taker_fee: Decimal
    rate_per_hour: Decimal


@dataclass(frozen=True, slots=True)
class AdoptPlan:
    """Two opposite positions of one token that a person may make a pair of ours."""

    base: Base
    first: AdoptedLeg
    """The harder leg: closed first."""
    second: AdoptedLeg
    adopted_leverage: Decimal
    """By our settings; what the venues hold it at is theirs."""

    @property
    def legs(self) -> tuple[AdoptedLeg, AdoptedLeg]:
        """Return both legs in the order of execution."""
        return (self.first, self.second)

    @property
    def long(self) -> AdoptedLeg:
        """Return the long leg."""
        return self.first if self.first.side is LegSide.LONG else self.second

    @property
    def short(self) -> AdoptedLeg:
        """Return the short leg."""
        return self.first if self.first.side is LegSide.SHORT else self.second

    @property
    def spread_per_hour(self) -> Decimal:
        """Return short rate minus long rate."""
        return self.short.rate_per_hour - self.long.rate_per_hour


PlanBody = OpenPlan | ClosePlan | AdoptPlan | AddPlan


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan with who may confirm it, where, and until when."""

    plan_id: PlanId
    nonce_hash: str
    """Hex SHA-256 of the nonce; the nonce itself is never stored."""
    user_id: UserId
    chat_id: ChatId
    message_id: MessageId | None
    body: PlanBody
    quoted_at: datetime
    expires_at: datetime
    state: PlanState
    trade_id: TradeId | None = None
    """Trade that used the plan."""
