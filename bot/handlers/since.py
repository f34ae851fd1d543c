"""Tell when a period of results begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards.pnl import LENGTHS, Period

if TYPE_CHECKING:
    from datetime import datetime

    from bot.handlers.desk import Desk


def since(desk: Desk, period: Period) -> datetime | None:
    """Return the moment, None for the beginning of everything."""
    now = desk.clock.now()
    if period is Period.TODAY:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    length = LENGTHS.get(period)
    return None if length is None else now - length
