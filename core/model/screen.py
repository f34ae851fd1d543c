"""Hold what one sent card showed, so that its buttons mean what was on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.model.units import ChatId, MessageId, UserId


@dataclass(frozen=True, slots=True)
class Screen:
    """One card as sent."""

    card_id: str
    """8 base-32 characters; the id in the card's buttons."""
    kind: str
    chat_id: ChatId
    user_id: UserId
    message_id: MessageId | None
    shown: Mapping[str, str]
    """What the card showed, as texts: page, token, venues, spread …"""
    created_at: datetime
