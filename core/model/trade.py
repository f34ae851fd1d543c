"""Hold our pair from confirm to flat, and the only ways its state may change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from core.errors import IllegalStepError
from core.model.instrument import Instrument
from core.model.plan import Bounds
from core.model.units import (
    Base,
    ChatId,
    LegSide,
    MessageId,
    PlanId,
    TradeId,
    UserId,
)


class TradeState(StrEnum):
    """Where a pair is between confirm and flat."""

    CONFIRMED = "confirmed"
    PREFLIGHT = "preflight"
    LEG1 = "leg1"
    LEG2 = "leg2"
    BALANCE = "balance"
    UNWIND = "unwind"
    OPEN = "open"
    CLOSE1 = "close1"
    CLOSE2 = "close2"
    REBALANCE = "rebalance"
    CLOSED = "closed"
    ABORTED = "aborted"

    @property
    def is_terminal(self) -> bool:
        """Tell whether nothing is held any more."""
        return self in {TradeState.CLOSED, TradeState.ABORTED}


class TradeArrow(NamedTuple):
    """One allowed step; `row` is its stable id."""

    row: str
    source: TradeState
    target: TradeState
    when: str


_S = TradeState
TRADE_ARROWS: tuple[TradeArrow, ...] = (
    TradeArrow(
        "T02", _S.CONFIRMED, _S.PREFLIGHT, "picked up within 5 s, scopes active"
    ),
    TradeArrow("T03", _S.CONFIRMED, _S.ABORTED, "older, not active, or at start-up"),
    TradeArrow("T04", _S.PREFLIGHT, _S.LEG1, "all checks pass; entry intent of leg 1"),
    TradeArrow("T05", _S.PREFLIGHT, _S.ABORTED, "a check fails, too slow, or start-up"),
    TradeArrow("T06", _S.LEG1, _S.ABORTED, "leg 1 holds nothing"),
    TradeArrow("T07", _S.LEG1, _S.LEG2, "leg 1 holds, young, re-check passes"),
    TradeArrow("T08", _S.LEG1, _S.UNWIND, "leg 1 holds, too old or re-check fails"),
    TradeArrow("T09", _S.LEG2, _S.BALANCE, "leg-2 intent decided, whatever the fill"),
    TradeArrow("T10", _S.BALANCE, _S.OPEN, "both hold and are level"),
    TradeArrow("T11", _S.BALANCE, _S.BALANCE, "leg 2 short of leg 1: top-up intent"),
    TradeArrow("T12", _S.BALANCE, _S.BALANCE, "both hold, not level: trim the larger"),
    TradeArrow("T13", _S.BALANCE, _S.UNWIND, "one leg holds nothing, no top-up left"),
    TradeArrow("T14", _S.BALANCE, _S.ABORTED, "both hold nothing"),
    TradeArrow("T15", _S.UNWIND, _S.UNWIND, "something held: unwind intent"),
    TradeArrow("T16", _S.UNWIND, _S.ABORTED, "both hold nothing"),
    TradeArrow("T17", _S.OPEN, _S.REBALANCE, "two reads: not level, or a late fill"),
    TradeArrow("T18", _S.OPEN, _S.CLOSED, "two reads: both flat, closed by hand"),
    TradeArrow("T19", _S.OPEN, _S.CLOSE1, "close confirmed"),
    TradeArrow("T20", _S.CLOSE1, _S.CLOSE1, "level: close intent on leg 1"),
    TradeArrow("T21", _S.CLOSE1, _S.OPEN, "level, close cannot go on: stay hedged"),
    TradeArrow("T22", _S.CLOSE1, _S.CLOSE2, "leg 1 below leg 2: close intent on leg 2"),
    TradeArrow("T23", _S.CLOSE1, _S.REBALANCE, "leg 1 above leg 2"),
    TradeArrow("T24", _S.CLOSE1, _S.CLOSED, "both hold nothing"),
    TradeArrow("T25", _S.CLOSE2, _S.CLOSE1, "level, above target, round left"),
    TradeArrow("T26", _S.CLOSE2, _S.OPEN, "level, target reached or no round left"),
    TradeArrow("T27", _S.CLOSE2, _S.REBALANCE, "not level"),
    TradeArrow("T28", _S.CLOSE2, _S.CLOSED, "both hold nothing"),
    TradeArrow("T29", _S.REBALANCE, _S.REBALANCE, "not level: trim the larger"),
    TradeArrow("T30", _S.REBALANCE, _S.CLOSE1, "level, a close runs, round left"),
    TradeArrow("T31", _S.REBALANCE, _S.OPEN, "level, otherwise"),
    TradeArrow("T32", _S.REBALANCE, _S.CLOSED, "both hold nothing"),
    TradeArrow("T33", _S.ABORTED, _S.UNWIND, "late fill"),
    TradeArrow("T34", _S.CLOSED, _S.REBALANCE, "late fill"),
    TradeArrow("T35", _S.OPEN, _S.CONFIRMED, "addition confirmed"),
    TradeArrow("T36", _S.CONFIRMED, _S.OPEN, "addition: as T03; held as before"),
    TradeArrow("T37", _S.PREFLIGHT, _S.OPEN, "addition: as T05; held as before"),
    TradeArrow("T38", _S.LEG1, _S.OPEN, "addition: leg 1 added nothing"),
    TradeArrow("T39", _S.LEG1, _S.BALANCE, "addition: leg 1 added, re-check fails"),
    TradeArrow("T40", _S.BALANCE, _S.REBALANCE, "addition: a former part was lost"),
)
_BY_ROW = {arrow.row: arrow for arrow in TRADE_ARROWS}


@dataclass(frozen=True, slots=True)
class Residual:
    """What an owner keeps on one leg although the other one does not match it."""

    quantity_base: Decimal
    """Unsigned; more than this is not accepted."""
    by: UserId
    at: datetime
    is_all: bool
    """The other leg held nothing then: the pair ends, and the rest is the owner's."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A part that is being added to an open pair, by the terms of its own card.

    What the pair held before is never sold because of it: only orders of the addition
    say what may be taken back.
    """

    plan_id: PlanId
    quantity_base: Decimal
    """Confirmed base quantity per leg, beyond what is held."""
    spread_per_hour: Decimal
    """Quoted for this part, signed."""
    bounds: Bounds
    at: datetime
    """When it was confirmed."""
    orders_before: int
    """How many orders the pair had made by then: every later one belongs to this."""


@dataclass(frozen=True, slots=True)
class TradeLeg:
    """One leg of a trade and what it holds by our books."""

    instrument: Instrument
    side: LegSide
    taker_fee: Decimal
    held_base: Decimal = Decimal(0)
    """Unsigned; from fills, or from position evidence."""
    lost_base: Decimal = Decimal(0)
    """Closed by others (by hand, by the venue), seen in the live position."""
    entry_rate_per_hour: Decimal | None = None
    accepted: Residual | None = None
    """What of this leg an owner keeps unhedged; None: nothing."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A pair of ours, as stored."""

    trade_id: TradeId
    plan_id: PlanId
    base: Base
    first: TradeLeg
    """Executed first: the harder leg."""
    second: TradeLeg
    quantity_base: Decimal
    """Confirmed base quantity per leg; what is added counts once it is ordered."""
    leverage: Decimal
    spread_per_hour: Decimal
    """Quoted at entry, signed; of a pair that grew, the mean over its parts."""
    bounds: Bounds
    opened_by: UserId
    chat_id: ChatId
    message_id: MessageId | None
    """Message that shows the progress."""
    created_at: datetime
    state: TradeState = TradeState.CONFIRMED
    version: int = 0
    """Compare-and-set counter; 0 before the first commit."""
    needs_attention: bool = False
    attention: str | None = None
    leg1_filled_at: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    close_plan_id: PlanId | None = None
    close_target_base: Decimal | None = None
    """Remaining size per leg a running close aims at; None when none runs."""
    close_rounds: int = 0
    steps: int = 0
    """Attempts of the running series (trim, unwind, close round); picks the band."""
    series_at: datetime | None = None
    """When the running series began."""
    outcome: str | None = None
    """Plain reason of an abort or of a close that stopped."""
    adding: Addition | None = None
    """What is being added to the open pair; None when nothing is."""

    @property
    def wanted_base(self) -> Decimal:
        """Return the quantity per leg that the entry or addition under way builds."""
        return self.quantity_base if self.adding is None else self.adding.quantity_base

    @property
    def asked_at(self) -> datetime:
        """Return when the entry or addition under way was confirmed."""
        return self.created_at if self.adding is None else self.adding.at

    @property
    def entry_bounds(self) -> Bounds:
        """Return what the card of the entry or addition under way refuses."""
        return self.bounds if self.adding is None else self.adding.bounds

    @property
    def quoted_per_hour(self) -> Decimal:
        """Return the spread on the card of the entry or addition under way."""
        if self.adding is None:
            return self.spread_per_hour
        return self.adding.spread_per_hour

    @property
    def legs(self) -> tuple[TradeLeg, TradeLeg]:
        """Return both legs in the order of execution."""
        return (self.first, self.second)

    @property
    def long(self) -> TradeLeg:
        """Return the long leg."""
        return self.first if self.first.side is LegSide.LONG else self.second

    @property
    def short(self) -> TradeLeg:
        """Return the short leg."""
        return self.first if self.first.side is LegSide.SHORT else self.second

    @property
    def residual_base(self) -> Decimal:
        """Return net base over both legs: positive is long."""
        return sum((leg.side.sign * leg.held_base for leg in self.legs), Decimal(0))


def advance_trade(trade: Trade, row: str) -> Trade:
    """Return the trade after the step with this id, its version raised by one.

    Raises:
        IllegalStepError: the row does not start at the trade's state.
    """
    arrow = _BY_ROW.get(row)
    if arrow is None or arrow.source is not trade.state:
        subject = f"trade {trade.trade_id}"
        raise IllegalStepError(subject, trade.state, row)
    return replace(trade, state=arrow.target, version=trade.version + 1)
