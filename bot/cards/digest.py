"""Put what could not be delivered for a while into one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.cards.card import Card

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

_LINES: Final = 20


def missed_card(cards: Sequence[Card], away: timedelta) -> Card:
    """Return the first lines of the missed cards, oldest first."""
    minutes = max(1, int(away.total_seconds()) // 60)
    lines = [f"Telegram was away for {minutes} min. Meanwhile:"]
    lines += [f"• {card.html.splitlines()[0]}" for card in cards[:_LINES]]
    if len(cards) > _LINES:
        lines.append(f"and {len(cards) - _LINES} more.")
    lines.append("/top, /pos and /health show how things stand now.")
    return Card(html="\n".join(lines), kind="alert")
