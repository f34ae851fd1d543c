"""Hold what must be written together or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.model.alert import Alert
from core.model.control import Cooldown, Event
from core.model.intent import OrderIntent
from core.model.order import Fill, Payment
from core.model.trade import Trade
from core.model.units import ChatId, MessageId, UserId


@dataclass(frozen=True, slots=True)
class Commit:
    """One step of a trade."""

    trade: Trade
    """New value; its version is the stored one plus one."""
    event: Event
    intents: tuple[OrderIntent, ...] = ()
    """New or changed intents, by intent id."""
    fills: tuple[Fill, ...] = ()
    payments: tuple[Payment, ...] = ()
    alerts: tuple[Alert, ...] = ()
    cooldown: Cooldown | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One tap on a confirm button, and the trade it starts or moves."""

    nonce_hash: str
    user_id: UserId
    chat_id: ChatId
    message_id: MessageId
    now: datetime
    trade: Trade
    """A new trade (version 1) for an opening; the trade in CLOSE1 for a close."""
    event: Event
    alerts: tuple[Alert, ...] = ()
    intents: tuple[OrderIntent, ...] = ()
    """What an adopted pair holds already, as decided orders."""
    fills: tuple[Fill, ...] = ()
