"""Say which venues stand behind a screen, how old it is, and who was left out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.cards.numbers import duration_text

if TYPE_CHECKING:
    from bot.cards.look import Look
    from core.model.opportunity import ScanResult, VenueStatus


def venue_line(result: ScanResult, look: Look, stale_after: timedelta) -> str:
    """Return the line under every list of rates."""
    age = max(look.now - result.at, timedelta(0))
    silent = [one for one in result.venues if not one.is_ok]
    fine = len(result.venues) - len(silent)
    parts = [
        f"{fine} of {len(result.venues)} venues",
        f"⚠️ {duration_text(age)} old" if age > stale_after else _old(age),
        *(_silence(one, age, stale_after, look) for one in silent),
    ]
    return " · ".join(parts)


def _old(age: timedelta) -> str:
    return f"{duration_text(age)} old"


def _silence(
    venue: VenueStatus, since_scan: timedelta, stale_after: timedelta, look: Look
) -> str:
    code = look.code(venue.venue_id)
    if venue.paused_until is not None:
        return f"⏸ {code} paused, left out"
    if venue.age is None:
        return f"⚠️ {code} silent, left out"
    age = venue.age + since_scan
    if age > stale_after or not venue.rates:
        return f"⚠️ {code} silent {duration_text(age)}, left out"
    return f"⚠️ {code} silent, its rates are {duration_text(age)} old"
