"""Tell how far each leg is from liquidation, and which transfer would restore it. Pure.

The venue's own liquidation price counts; where it shows none, nothing is claimed. The
bot never transfers: it only says how much, from where and to where.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from core.economics import liquidation_distance
from core.model.position import Runway

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.model.history import PriceMoves
    from core.model.order import VenuePosition
    from core.model.position import LegValue, Position
    from core.model.units import VenueId

TENS = Decimal(10)
LONGEST_DAYS = Decimal(3650)


@dataclass(frozen=True, slots=True)
class LegMargin:
    """How one leg stands with its venue."""

    venue_id: VenueId
    notional_usd: Decimal | None
    """At the mark; None without one."""
    liquidation_price: Decimal | None
    """Per base unit, as the venue tells it; None is unknown, not safe."""
    distance: Decimal | None
    """Fraction of the mark price between it and the liquidation price."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money a person might move between two venues."""

    amount_usd: Decimal
    source: VenueId
    target: VenueId
    restores: Decimal
    """Distance the endangered leg would have again, a fraction."""


def leg_margins(
    position: Position, seen: Mapping[tuple[VenueId, str], VenuePosition]
) -> tuple[LegMargin, LegMargin]:
    """Return the long and the short leg's margin."""
    return _margin(position.long, seen), _margin(position.short, seen)


def _margin(
    value: LegValue, seen: Mapping[tuple[VenueId, str], VenuePosition]
) -> LegMargin:
    instrument, mark = value.leg.instrument, value.mark_price
    held = seen.get((instrument.venue_id, instrument.symbol))
    price = None if held is None else held.liquidation_price
    is_known = price is not None and mark is not None and price > 0
    return LegMargin(
        venue_id=instrument.venue_id,
        notional_usd=None if mark is None else value.leg.held_base * mark,
        liquidation_price=price,
        distance=liquidation_distance(price, mark)
        if is_known and price is not None and mark is not None
        else None,
    )


def nearest(margins: Sequence[LegMargin]) -> LegMargin | None:
    """Return the leg nearest to liquidation; None if none of them is known."""
    known = [each for each in margins if each.distance is not None]
    return min(known, key=lambda each: each.distance or Decimal(0), default=None)


def restoring_transfer(
    margins: Sequence[LegMargin], wanted: Decimal
) -> Transfer | None:
    """Return what to move to the endangered leg so that its distance is as wanted.

    A move of one per cent costs one per cent of the leg's value, so that much more
    margin buys it. From the other leg's venue, which gained what this one lost.
    """
    worst = nearest(margins)
    if worst is None or worst.distance is None or worst.notional_usd is None:
        return None
    other = next((each for each in margins if each.venue_id != worst.venue_id), None)
    if other is None or worst.distance >= wanted:
        return None
    missing = (wanted - worst.distance) * worst.notional_usd
    amount = (missing / TENS).to_integral_value(ROUND_UP) * TENS
    return Transfer(amount, other.venue_id, worst.venue_id, wanted)


def pair_runway(
    margins: Sequence[LegMargin],
    line: Decimal,
    moves: Mapping[VenueId, PriceMoves],
) -> Runway | None:
    """Return how long the leg nearest to liquidation lasts until a line.

    None while no leg's distance is known.
    """
    worst = nearest(margins)
    if worst is None or worst.distance is None:
        return None
    found = moves.get(worst.venue_id)
    daily = None if found is None else found.daily
    return Runway(
        venue_id=worst.venue_id,
        line=line,
        lasts=runway(worst.distance, line, daily),
        hours=0 if found is None else found.hours,
        is_passed=worst.distance <= line,
        is_partly=any(each.distance is None for each in margins),
    )


def transfer_facts(found: Transfer | None) -> dict[str, str]:
    """Return a transfer as a message suggests it; empty without one."""
    if found is None:
        return {}
    return {
        "move_usd": f"{found.amount_usd:f}",
        "move_from": found.source,
        "move_to": found.target,
        "move_restores": f"{found.restores:f}",
    }


def runway_facts(found: Runway | None) -> dict[str, str]:
    """Return a runway as a message about it carries it; empty without one."""
    if found is None:
        return {}
    facts = {"runway_line": f"{found.line:f}", "runway_hours": str(found.hours)}
    if found.is_partly:
        facts["runway_partly"] = "yes"
    if found.lasts is not None:
        facts["runway_s"] = str(int(found.lasts.total_seconds()))
    return facts


def runway(
    distance: Decimal, warn_at: Decimal, daily_move: Decimal | None
) -> timedelta | None:
    """Return how long until the warning line at a usual day's moves.

    A price wanders with the square root of time: twice as far takes four times as long.
    None when the usual move is not known or the line is passed already. Ten years are
    the most that is ever said.
    """
    if daily_move is None or distance <= warn_at:
        return None
    if daily_move <= 0:
        return timedelta(days=float(LONGEST_DAYS))
    days = ((distance - warn_at) / daily_move) ** 2
    return timedelta(days=float(min(days, LONGEST_DAYS)))
