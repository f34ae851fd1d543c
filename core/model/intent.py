"""Hold one order we mean to send, and the only ways its state may change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from core.errors import IllegalStepError
from core.model.units import (
    ClientOrderId,
    IntentId,
    OrderSide,
    TradeId,
    VenueId,
)


class Purpose(StrEnum):
    """Why an order is sent."""

    ENTRY = "entry"
    TOPUP = "topup"
    TRIM = "trim"
    UNWIND = "unwind"
    CLOSE = "close"

    @property
    def is_reduce_only(self) -> bool:
        """Tell whether such an order may only shrink a position."""
        return self not in {Purpose.ENTRY, Purpose.TOPUP}


class IntentState(StrEnum):
    """What is known of one order."""

    PREPARED = "prepared"
    UNKNOWN = "unknown"
    FILLED = "filled"
    PARTIAL = "partial"
    NONE = "none"

    @property
    def is_terminal(self) -> bool:
        """Tell whether the outcome is decided."""
        return self not in {IntentState.PREPARED, IntentState.UNKNOWN}


class IntentEvent(StrEnum):
    """What may happen to an intent."""

    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    ALL = "all"
    SOME = "some"
    NOTHING = "nothing"
    ALL_HELD = "all_held"
    """No record, but the position moved by the whole quantity."""
    SOME_HELD = "some_held"
    NOT_FOUND = "not_found"


class IntentArrow(NamedTuple):
    """One allowed step."""

    row: str
    source: IntentState
    event: IntentEvent
    target: IntentState


INTENT_ARROWS: tuple[IntentArrow, ...] = tuple(
    IntentArrow(row, source, event, target)
    for row, source, event, target in (
        ("N03", IntentState.PREPARED, IntentEvent.NOT_SENT, IntentState.NONE),
        ("N04", IntentState.PREPARED, IntentEvent.REJECTED, IntentState.NONE),
        ("N05", IntentState.PREPARED, IntentEvent.ALL, IntentState.FILLED),
        ("N06", IntentState.PREPARED, IntentEvent.SOME, IntentState.PARTIAL),
        ("N07", IntentState.PREPARED, IntentEvent.NOTHING, IntentState.NONE),
        ("N08", IntentState.PREPARED, IntentEvent.UNCERTAIN, IntentState.UNKNOWN),
        ("N09", IntentState.UNKNOWN, IntentEvent.ALL, IntentState.FILLED),
        ("N10", IntentState.UNKNOWN, IntentEvent.SOME, IntentState.PARTIAL),
        ("N11", IntentState.UNKNOWN, IntentEvent.NOTHING, IntentState.NONE),
        ("N12", IntentState.UNKNOWN, IntentEvent.ALL_HELD, IntentState.FILLED),
        ("N13", IntentState.UNKNOWN, IntentEvent.SOME_HELD, IntentState.PARTIAL),
        ("N14", IntentState.UNKNOWN, IntentEvent.NOT_FOUND, IntentState.NONE),
        ("N15", IntentState.UNKNOWN, IntentEvent.UNCERTAIN, IntentState.UNKNOWN),
        ("N16", IntentState.NONE, IntentEvent.SOME, IntentState.PARTIAL),
        ("N17", IntentState.NONE, IntentEvent.ALL, IntentState.FILLED),
        ("N18", IntentState.PARTIAL, IntentEvent.ALL, IntentState.FILLED),
    )
)
_BY_STEP = {(arrow.source, arrow.event): arrow for arrow in INTENT_ARROWS}


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order as written down before the first byte leaves."""

    intent_id: IntentId
    trade_id: TradeId
    leg: int
    """1 or 2 in the order of execution."""
    purpose: Purpose
    seq: int
    """Advances only when the leg's previous intent is terminal."""
    venue_id: VenueId
    symbol: str
    side: OrderSide
    quantity_base: Decimal
    limit_price: Decimal
    """Worst price per base unit."""
    is_reduce_only: bool
    client_order_id: ClientOrderId
    created_at: datetime
    send_by: datetime
    fence_at: datetime
    baseline_base: Decimal | None
    """Signed position of the venue before the order; None if it was not read."""
    state: IntentState = IntentState.PREPARED
    filled_base: Decimal | None = None
    average_price: Decimal | None = None
    fee_usd: Decimal | None = None
    venue_order_id: str | None = None
    evidence: str | None = None
    """What decided the state: reply, order, trades, position, fence, local."""
    refusal: str | None = None
    """Plain reason of a refusal, short."""
    refusal_code: str | None = None
    """Our word for it: not_sent, gate, late, rate_limit, margin, min_notional …"""


def can_advance(intent: OrderIntent, event: IntentEvent) -> bool:
    """Tell whether an arrow leads on from here."""
    return (intent.state, event) in _BY_STEP


def advance(
    intent: OrderIntent, event: IntentEvent, *, filled_base: Decimal | None = None
) -> OrderIntent:
    """Return the intent after an event.

    Raises:
        IllegalStepError: no arrow leads there, or a known fill would shrink; nothing is
            changed.
    """
    arrow = _BY_STEP.get((intent.state, event))
    known = intent.filled_base
    is_lower = known is not None and (filled_base is None or filled_base < known)
    if arrow is None or is_lower:
        subject = f"intent {intent.intent_id}"
        raise IllegalStepError(subject, intent.state, event)
    return replace(intent, state=arrow.target, filled_base=filled_base)
