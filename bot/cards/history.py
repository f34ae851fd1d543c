"""A spread's past in, one line of words out; and which pairs are steady or a spike."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.cards import numbers
from core.model.history import WINDOW
from core.model.units import Base, VenueId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.look import Look
    from core.model.history import SpreadStats
    from core.model.opportunity import Opportunity

    Pasts = Mapping["PairKey", SpreadStats]

STEADY = "steady"
"""The word that narrows the ranking to steady pairs."""
STEADY_SHARE = Decimal("0.8")
STEADY_HOURS = 72
"""Less than three days of one sign prove nothing."""
THIN_HOURS = 24
"""Of so little only its length is told."""
_NEARLY_WHOLE = timedelta(hours=12)
_HOUR = timedelta(hours=1)

PairKey = tuple[Base, VenueId, VenueId]
"""Token, long venue, short venue."""


def pair_key(pair: Opportunity) -> PairKey:
    """Return what names a pair and its direction."""
    return pair.base, pair.long.instrument.venue_id, pair.short.instrument.venue_id


def is_steady(stats: SpreadStats | None) -> bool:
    """Tell whether a spread kept its sign for most of the last week."""
    if stats is None or stats.hours < STEADY_HOURS or stats.now_per_hour <= 0:
        return False
    return stats.same_sign_share >= STEADY_SHARE


def past_line(stats: SpreadStats | None, look: Look) -> str:
    """Return how a pair's spread has been, such as `Positive 92% of 7 d · …`."""
    if stats is None:
        return "No history of this pair yet"
    if stats.hours < THIN_HOURS:
        return f"Thin history: {stats.hours} h known"
    parts = [
        f"{_sign(stats)} {_share(stats)}% of {_known(stats)}",
        f"average {numbers.rate(stats.mean_per_hour, look.rate_hours, is_signed=True)}",
        "" if stats.is_thin else _half_life(stats),
        _spike(stats),
        f"thin history: {stats.samples} h own, the rest settled payments"
        if stats.is_thin
        else "",
    ]
    return " · ".join(part for part in parts if part)


def spike_line(page: Sequence[Opportunity], first: int, pasts: Pasts) -> str:
    """Name the rows whose spread stands far above its own past, by their numbers."""
    found = [
        str(number)
        for number, pair in enumerate(page, first)
        if (stats := pasts.get(pair_key(pair))) is not None and stats.is_spike
    ]
    if not found:
        return ""
    return f"⚡ {', '.join(found)} look{'s' if len(found) == 1 else ''} like a spike"


def _sign(stats: SpreadStats) -> str:
    if stats.now_per_hour == 0:
        return "Zero"
    return "Positive" if stats.now_per_hour > 0 else "Negative"


def _share(stats: SpreadStats) -> int:
    """Return whole percents rounded down: 99.6 % is not always."""
    return int(stats.same_sign_share * 100)


def _known(stats: SpreadStats) -> str:
    known = stats.hours * _HOUR
    if known > WINDOW - _NEARLY_WHOLE:
        return f"{WINDOW.days} d"
    return f"{stats.hours} h known"


def _half_life(stats: SpreadStats) -> str:
    if stats.half_life is None or stats.half_life < _HOUR:
        return "half-life below 1 h"
    return f"half-life {stats.half_life / _HOUR:.0f} h"


def _spike(stats: SpreadStats) -> str:
    if stats.is_spike is None:
        return ""
    return "⚡ looks like a spike" if stats.is_spike else "no spike"
