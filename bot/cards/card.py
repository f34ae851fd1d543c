"""Hold one screen as HTML and buttons, ready to send or to edit in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.callbacks import Tap
from bot.cards.shown import ClosingAll


class Style(StrEnum):
    """Colour of a button; its meaning never depends on it."""

    PLAIN = ""
    SUCCESS = "success"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """One inline button."""

    label: str
    tap: Tap
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that hangs on a message."""

    name: str
    content: bytes
    is_picture: bool = False
    """A PNG that the chat shows; anything else is there to be saved."""


@dataclass(frozen=True, slots=True)
class Card:
    """One message."""

    html: str
    rows: tuple[tuple[Button, ...], ...] = ()
    kind: str = "plain"
    """Screen family: top, matrix, token, plan, positions, position, health …"""
    card_id: str | None = None
    """Id in its buttons; None for a card without stored screen."""
    shown: Mapping[str, str] = field(default_factory=dict)
    """What is stored of the screen, so that its buttons mean what it showed."""
    is_protected: bool = False
    """Confirm cards cannot be forwarded."""
    is_silent: bool = False
    asks: str = ""
    """What stands in the empty field of a question; it is answered by a reply."""
    attachment: Attachment | None = None
    """Makes the text its caption; such a message is always new and has no buttons."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one command or tap leads to."""

    card: Card | None = None
    """Sent anew for a command, edited in place for a tap (unless `is_new`)."""
    toast: str = ""
    """Shown above the chat after a tap, at most 200 characters."""
    is_new: bool = False
    """Send a new message although a button was tapped."""
    plan_id: str | None = None
    """Drafted plan to bind to the message once it is out."""
    lapses_at: datetime | None = None
    """When the question on the card is over unless another card took its place."""
    closing: ClosingAll | None = None
    """Pairs whose closes begin once the card is out, each in its own message."""
