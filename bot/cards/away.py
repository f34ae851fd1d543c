"""Say what the passing of time ended, and ask about what was typed meanwhile."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from bot.callbacks import Verb
from bot.cards.card import Card

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.cards.look import Look

KIND: Final = "away"
DO: Final = "now"
IGNORE: Final = "no"
ANSWERS: Final = frozenset({DO, IGNORE})
ANSWERED: Final = "Already answered"
_LONGEST: Final = 60


def away_card(look: Look, text: str, age: timedelta) -> Card:
    """Return the question; `text` is the command as typed, without its slash."""
    shown = html.escape(_cut(text))
    minutes = int(age.total_seconds()) // 60
    return Card(
        html=f"You sent /{shown} {minutes} min ago while I was away. · {look.badge}\n"
        "Nothing was done.",
        rows=(
            (
                look.button("Do it now", Verb.RETRY, DO),
                look.button("Ignore", Verb.RETRY, IGNORE),
            ),
        ),
        kind=KIND,
        card_id=look.card_id,
        shown={"text": text[:500]},
    )


def answered_card(look: Look, text: str, *, is_done: bool) -> Card:
    """Return what the question turns into; it can be answered once."""
    shown = html.escape(_cut(text))
    says = "is being done now" if is_done else "was ignored"
    return Card(
        html=f"/{shown} {says}. · {look.badge}", kind=KIND, card_id=look.card_id
    )


def lapsed_words(expired_at: datetime) -> str:
    """Say when a quote ended that nobody answered."""
    return f"Quote expired at {expired_at:%H:%M:%S} UTC"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "~"
