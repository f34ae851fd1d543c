"""How much of a pair fits into what its venues have free: marks, lines and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot.cards import net, numbers
from bot.cards.history import PairKey, pair_key
from bot.cards.layout import text
from core.model.room import Room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from bot.cards.look import Look
    from core.model.opportunity import Opportunity

Rooms = Mapping[PairKey, Room]
"""By pair; one that is missing is not known."""
SHORT = "$"
"""Sign of a row whose size does not fit."""
NAMED = 2
"""Rows of which the line below the table says how much fits."""


def short_of(one: Opportunity, rooms: Rooms) -> Room | None:
    """Return the room of a pair whose size does not fit, None if it may."""
    found = rooms.get(pair_key(one))
    return None if found is None or found.fits else found


def mark(one: Opportunity, rooms: Rooms) -> str:
    """Return the sign of a row; what the scan has against it comes first."""
    known = net.mark(one)
    return SHORT if known == " " and short_of(one, rooms) is not None else known


def room_lines(
    rows: Sequence[Opportunity], first: int, rooms: Rooms, look: Look
) -> str:
    """Say below a list which rows do not fit, and how much of the first ones does."""
    short = [
        (number, one, found)
        for number, one in enumerate(rows, first)
        if (found := short_of(one, rooms)) is not None
    ]
    if not short:
        return ""
    named = "; ".join(
        f"{number} {text(numbers.cut(one.base))} {_fits(found)}, {_free(found, look)}"
        for number, one, found in short[:NAMED]
    )
    more = len(short) - NAMED
    rest = f"; {more} more" if more > 0 else ""
    return f"$ = too little free: {named}{rest}"


def pair_lines(pairs: Sequence[Opportunity], rooms: Rooms, look: Look) -> str:
    """Say on a token's card which pairs do not fit at the usual size, and why."""
    found = [(one, room) for one in pairs if (room := short_of(one, rooms)) is not None]
    return "\n".join(
        f"{look.code(one.long.instrument.venue_id)}>"
        f"{look.code(one.short.instrument.venue_id)} {_fits(room)}{_of(room)}:"
        f" {_free(room, look)}, as read"
        f" {numbers.duration_text(look.now - room.read_at)} ago"
        for one, room in found
    )


def entry_size(one: Opportunity, rooms: Rooms) -> Decimal | None:
    """Return the size a button offers instead of the usual one; None is the usual."""
    found = short_of(one, rooms)
    return None if found is None else found.most_usd


def can_enter(one: Opportunity, rooms: Rooms) -> bool:
    """Tell whether any size of a pair may fit: only then it has a button."""
    found = rooms.get(pair_key(one))
    return found is None or found.can_enter


def size_label(one: Opportunity, rooms: Rooms) -> str:
    """Return what a button adds to its pair when it offers a smaller size."""
    size = entry_size(one, rooms)
    return "" if size is None else f" {numbers.whole_usd(size)}"


def _fits(found: Room) -> str:
    if not found.can_enter:
        return f"not at all, {numbers.usd(found.least_usd)} is the least"
    return f"up to {numbers.whole_usd(found.most_usd)}"


def _of(found: Room) -> str:
    return f" of {numbers.whole_usd(found.size_usd)}" if found.can_enter else ""


def _free(found: Room, look: Look) -> str:
    free, needed = numbers.usd(found.free_usd), numbers.usd(found.needed_usd)
    return f"{text(look.title(found.venue_id))} has {free} free, {needed} needed"
