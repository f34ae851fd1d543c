"""Positions that are not ours in, a section and buttons out; a tap on one in again."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.facts import number
from bot.cards.layout import lines, text
from core.model.units import VenueId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.position import ForeignPosition

MOST = 5
"""Named on one card; the rest is counted."""
IGNORED = "I say no more of it until its quantity changes."
CHANGED = "It is gone or has another size by now."
ADOPT = "a"
"""Begins the argument of a button that adopts; the row's number follows."""
ADOPTED = "Adopted. I watch it from now on."


class Named(NamedTuple):
    """What a button needs to mean the position that was shown."""

    venue_id: VenueId
    symbol: str
    quantity_base: Decimal


def told(found: Iterable[ForeignPosition]) -> list[ForeignPosition]:
    """Return those that nobody ignores."""
    return [each for each in found if not each.is_ignored]


def section(found: Sequence[ForeignPosition], look: Look) -> str:
    """Return the part of the positions card about what is not ours."""
    shown, hidden = told(found), len(found) - len(told(found))
    rows = [
        f"{text(look.title(one.venue_id))}: {_held(one.quantity_base)} {text(one.name)}"
        for one in shown[:MOST]
    ]
    more = len(shown) - len(rows)
    return lines(
        "⚠️ Not mine, I do not touch it:" if rows else "",
        *rows,
        f"and {more} more" if more > 0 else "",
        f"{hidden} ignored by you, not shown" if hidden else "",
    )


def _held(quantity: Decimal) -> str:
    side = "long" if quantity > 0 else "short"
    return f"{side} {numbers.plain(abs(quantity))}"


def buttons(found: Sequence[ForeignPosition], look: Look) -> list[Button]:
    """Return Adopt and Ignore for each one that is named; none for viewers."""
    if not look.can_trade:
        return []
    rows = []
    for index, one in enumerate(told(found)[:MOST]):
        name = f"{look.code(one.venue_id)} {numbers.cut(one.name)}"
        rows += [
            look.button(f"Adopt {name}…", Verb.FOREIGN, f"{ADOPT}{index}"),
            look.button(f"Ignore {name}", Verb.FOREIGN, str(index)),
        ]
    return rows


def pack(found: Sequence[ForeignPosition]) -> dict[str, str]:
    """Return what a card stores of the positions its buttons mean."""
    named = told(found)[:MOST]
    rows = [[one.venue_id, one.symbol, f"{one.quantity_base:f}"] for one in named]
    return {"foreign": json.dumps(rows)} if rows else {}


def unpack(shown: Mapping[str, str]) -> list[Named]:
    """Return the positions a stored card named, in the order of its buttons."""
    return [
        Named(VenueId(venue_id), symbol, Decimal(quantity))
        for venue_id, symbol, quantity in json.loads(shown.get("foreign", "[]"))
    ]


def alert_words(facts: Mapping[str, str], look: Look) -> str:
    """Return the news of a position that is not ours."""
    venue, name = text(look.title(facts.get("venue", "?"))), text(facts.get("name", ""))
    quantity = number(facts, "quantity")
    held = "an unknown quantity" if quantity is None else _held(quantity)
    return lines(
        f"⚠️ {venue} shows a {name} position that is not mine: {held} · {look.badge}",
        "I do not touch it. I open nothing on that contract while it is there.",
    )


def alert_shown(facts: Mapping[str, str]) -> dict[str, str]:
    """Return what the alert's card stores for its Ignore button."""
    venue, symbol = facts.get("venue"), facts.get("symbol")
    quantity = number(facts, "quantity")
    if venue is None or symbol is None or quantity is None:
        return {}
    return {"foreign": json.dumps([[venue, symbol, f"{quantity:f}"]])}
