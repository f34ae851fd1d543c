"""Show alerts in other ways than their own: many as one, or one as bare facts."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from bot.cards.card import Card

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from bot.cards.look import Look
    from core.model.alert import Alert

_LINES: Final = 20
_FACT: Final = 200
_BARE: Final = 3000


def missed_card(cards: Sequence[Card], away: timedelta) -> Card:
    """Return the first lines of the missed cards, oldest first."""
    minutes = max(1, int(away.total_seconds()) // 60)
    return _summary(f"Telegram was away for {minutes} min. Meanwhile:", cards)


def morning_card(cards: Sequence[Card], look: Look) -> Card:
    """Return what waited for the end of the quiet hours, oldest first."""
    count = len(cards)
    news = "1 message" if count == 1 else f"{count} messages"
    return _summary(f"Good morning, {news} waited · {look.badge}", cards, look)


def _summary(first: str, cards: Sequence[Card], look: Look | None = None) -> Card:
    badge = "" if look is None else f" · {look.badge}"
    lines = [first]
    lines += [_line(card, badge) for card in cards[:_LINES]]
    if len(cards) > _LINES:
        lines.append(f"and {len(cards) - _LINES} more.")
    lines.append("/top, /pos and /health show how things stand now.")
    return Card(html="\n".join(lines), kind="alert")


def _line(card: Card, badge: str) -> str:
    """Return a card's first line; the mode is said once above all of them."""
    said = card.html.splitlines()[0]
    return f"• {said.removesuffix(badge) if badge else said}"


def bare_card(look: Look, alert: Alert) -> Card:
    """Return an alert whose own card cannot be made: ugly, but not lost."""
    facts = (f"{key}: {value[:_FACT]}" for key, value in sorted(alert.facts.items()))
    lines = [f"{alert.kind.value.replace('_', ' ')} · {look.badge}", *facts]
    return Card(html=html.escape("\n".join(lines)[:_BARE]), kind="alert")
