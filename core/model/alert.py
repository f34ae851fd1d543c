"""Hold something a person must hear, as facts; words and buttons come later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.units import Base, ChatId, MessageId, TradeId


class AlertLevel(StrEnum):
    """Importance; also the order in which the outbox sends."""

    CRITICAL = "critical"
    TRADE = "trade"
    OPPORTUNITY = "opportunity"
    INFO = "info"


class AlertKind(StrEnum):
    """What happened; each kind has one card."""

    PROGRESS = "progress"
    """A trade's state changed: edits the message of the confirm card."""
    CHECKING_ORDER = "checking_order"
    OPENED = "opened"
    NOT_OPENED = "not_opened"
    CLOSED = "closed"
    STAYS_OPEN = "stays_open"
    NOT_HEDGED = "not_hedged"
    LEG_LOST = "leg_lost"
    NEW_SPREAD = "new_spread"
    SPREAD_DIGEST = "spread_digest"
    VENUE_DOWN = "venue_down"
    VENUE_BACK = "venue_back"
    STRANGER = "stranger"
    RESTARTED = "restarted"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Alert:
    """Facts for one message, written with the change that caused it."""

    kind: AlertKind
    level: AlertLevel
    dedupe_key: str
    """An alert with the key of a stored one is not stored again."""
    facts: Mapping[str, str]
    """Decimals and moments as text; a list travels as JSON text in `items`."""
    created_at: datetime
    trade_id: TradeId | None = None
    base: Base | None = None
    chat_id: ChatId | None = None
    """None sends to every owner."""
    edits_message_id: MessageId | None = None
    """Message that shows the result instead of a new one."""
    is_silent: bool = False
    expires_at: datetime | None = None
    """Late news is wrong news: dropped after this moment."""


class OutboxState(StrEnum):
    """Life of a stored message."""

    PENDING = "pending"
    SENT = "sent"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One alert for one chat on its way."""

    item_id: int
    chat_id: ChatId
    alert: Alert
    attempts: int
    next_at: datetime
