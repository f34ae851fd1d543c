"""Hold what a card knows besides its subject: mode, venues, moment, who looks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bot.callbacks import Tap
from bot.cards.card import Button, Style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from bot.callbacks import Verb
    from core.model.units import Mode, UserId, VenueId
    from core.model.venue import VenueRules

BADGES = {"paper": "🧪 PAPER", "live": "🔴 LIVE"}
SANDBOX = "🏖 SANDBOX"
"""Live orders to pretend venues: neither a simulation inside nor real money."""


@dataclass(frozen=True, slots=True)
class Look:
    """One rendering: everything in it is given, so cards stay pure."""

    mode: Mode
    venues: Mapping[VenueId, VenueRules]
    now: datetime
    card_id: str
    """Id in the buttons of the card being made."""
    rate_hours: int = 8
    """Period of every rate on screen."""
    can_trade: bool = True
    """False for viewers: no button that trades or changes anything."""
    viewer_name: str = ""
    """Who looks, by first name."""
    user_id: UserId | None = None
    """Who looks; None for messages to every owner."""
    is_sandbox: bool = False
    """Every venue is a pretend one."""
    size_usd: Decimal | None = None
    """The usual notional per leg, for dollars beside rates."""

    @property
    def badge(self) -> str:
        """Return the mode as every first line carries it."""
        if self.is_sandbox and self.mode.value == "live":
            return SANDBOX
        return BADGES[self.mode.value]

    @property
    def per(self) -> str:
        """Return the unit of rates, such as %/8h."""
        return f"%/{self.rate_hours}h"

    def code(self, venue_id: VenueId | str) -> str:
        """Return a venue's two letters for tables."""
        for known, rules in self.venues.items():
            if known == venue_id:
                return rules.code
        return venue_id[:2].upper()

    def title(self, venue_id: VenueId | str) -> str:
        """Return a venue's name for sentences."""
        for known, rules in self.venues.items():
            if known == venue_id:
                return rules.title
        return venue_id.capitalize()

    def with_titles(self, words: str) -> str:
        """Return words with venues by name instead of by their id."""
        for venue_id, rules in self.venues.items():
            words = re.sub(rf"\b{re.escape(venue_id)}\b", rules.title, words)
        return words

    def reason(self, words: str) -> str:
        """Return a reason of the engine's, which says venues by id, as HTML."""
        return escape(self.with_titles(words), quote=False)

    def sentence(self, words: str) -> str:
        """Return a reason as a line of its own: a capital first, a full stop last."""
        named = self.with_titles(words).strip()
        ended = named if named.endswith((".", "!", "?")) else f"{named}."
        return escape(named[:1].upper() + ended[1:], quote=False) if named else ""

    def button(
        self, label: str, verb: Verb, arg: str = "", style: Style = Style.PLAIN
    ) -> Button:
        """Return a button of the card being made."""
        return Button(label, Tap(verb, self.card_id, arg), style)
