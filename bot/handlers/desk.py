"""Hold what every handler needs: the engine, the stored screens, time and chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.cards.look import Look

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bot.access import Caller
    from bot.callbacks import Tap
    from bot.cards.card import Reply
    from core.engine import Engine
    from core.model.units import MessageId, UserId
    from core.ports import CardStore, Clock, Ids


@dataclass(frozen=True, slots=True)
class Desk:
    """One per process; handlers keep no state of their own."""

    engine: Engine
    cards: CardStore
    clock: Clock
    ids: Ids

    def look(
        self, caller: Caller | None = None, *, reader: UserId | None = None
    ) -> Look:
        """Return how cards look now for this caller, with a fresh card id.

        Without a caller: for an owner who is told something, whose id is `reader`.
        """
        facts, engine = self.engine.facts, self.engine
        user_id = reader if caller is None else caller.user_id
        return Look(
            mode=facts.mode,
            is_sandbox=facts.is_sandbox,
            venues={rules.venue_id: rules for rules in facts.venues},
            now=self.clock.now(),
            card_id=self.ids.short(),
            rate_hours=engine.preferences.reader(user_id).rate_hours,
            can_trade=caller is None or caller.is_owner,
            viewer_name="" if caller is None else caller.name,
            user_id=None if caller is None else caller.user_id,
            size_usd=engine.effective().size_usd,
        )


class CommandHandler(Protocol):
    """Answer a typed command; `words` are what followed it."""

    def __call__(
        self, desk: Desk, caller: Caller, words: tuple[str, ...], message_id: MessageId
    ) -> Awaitable[Reply]:
        """Return the reply."""
        ...


class TapHandler(Protocol):
    """Answer a tap on a button of the message."""

    def __call__(
        self, desk: Desk, caller: Caller, tap: Tap, message_id: MessageId
    ) -> Awaitable[Reply]:
        """Return the reply."""
        ...
