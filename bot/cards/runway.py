"""How long a pair lasts until a line, in words: at recent moves, or why not known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.facts import number
from bot.cards.layout import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.cards.look import Look
    from core.model.position import Runway

_DAY = timedelta(days=1)
_LONG = timedelta(days=365)
_NEEDED_H = 24


def runway_line(runway: Runway | None, look: Look) -> str:
    """Return the line of a position's card; empty while no distance is known."""
    if runway is None:
        return ""
    title, line = text(look.title(runway.venue_id)), numbers.share(runway.line)
    if runway.is_passed:
        return f"Runway: used up, {title} is within {line} of liquidation"
    if runway.lasts is None:
        return f"Runway {_not_known(runway.hours)}"
    other = "; the other leg's is not known" if runway.is_partly else ""
    return (
        f"Runway {lasting(runway.lasts)} at recent moves, until {title} is {line}"
        f" from liquidation{other}"
    )


def runway_words(facts: Mapping[str, str]) -> str:
    """Say in a warning how long the leg lasts until what comes next; empty if untold.

    The next line is the alarm, or the liquidation itself.
    """
    line, hours = number(facts, "runway_line"), facts.get("runway_hours")
    if line is None or hours is None:
        return ""
    lasts = number(facts, "runway_s")
    if lasts is None:
        return f"How long it lasts is {_not_known(int(hours))}."
    until = "that" if not line else f"{numbers.share(line)}"
    how = lasting(timedelta(seconds=int(lasts)))
    return f"At recent moves {how} until {until}."


def runway_cell(facts: Mapping[str, str]) -> str:
    """Return a runway as a table shows it, `-` while it is not known."""
    lasts = number(facts, "runway_s")
    if lasts is None:
        return numbers.UNKNOWN
    found = timedelta(seconds=int(lasts))
    if found > _LONG:
        return ">1y"
    days, hours = found // _DAY, found // timedelta(hours=1)
    mark = "?" if "runway_partly" in facts else ""
    return (f"{days}d" if days else f"{hours}h") + mark


def lasting(found: timedelta) -> str:
    """Return about how long, no finer than such a guess can be."""
    if found > _LONG:
        return "over a year"
    if found < _DAY:
        return f"about {max(1, found // timedelta(hours=1))} h"
    return f"about {found // _DAY} d"


def _not_known(hours: int) -> str:
    return f"not known yet: {hours} h of prices, {_NEEDED_H} h needed"
