"""Read an alert's facts: texts in, numbers and moments out; what is missing is None."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.layout import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def number(facts: Mapping[str, str], key: str) -> Decimal | None:
    """Return a number, None if it is missing or none."""
    try:
        value = Decimal(facts[key])
    except (KeyError, InvalidOperation):
        return None
    return value if value.is_finite() else None


def moment(facts: Mapping[str, str], key: str) -> datetime | None:
    """Return a moment, None if it is missing or none."""
    try:
        return datetime.fromisoformat(facts[key])
    except (KeyError, ValueError):
        return None


def items(facts: Mapping[str, str], key: str = "items") -> Sequence[Mapping[str, str]]:
    """Return the list that travels under a key."""
    try:
        found = json.loads(facts.get(key, "[]"))
    except ValueError:
        return ()
    return [one for one in found if isinstance(one, dict)]


def quantity(facts: Mapping[str, str], key: str) -> str:
    """Return a base quantity in words; `an unknown quantity` if it is missing."""
    value = number(facts, key)
    return "an unknown quantity" if value is None else numbers.plain(value)


def gain(facts: Mapping[str, str], key: str) -> str:
    """Return money with its sign; positive is received."""
    return numbers.usd(number(facts, key), is_signed=True)


def cost(facts: Mapping[str, str], key: str) -> str:
    """Return money that was paid as a negative amount."""
    value = number(facts, key)
    return numbers.usd(None if value is None else -value, is_signed=True)


def multiplier(leg: Mapping[str, str]) -> Decimal | int:
    """Return base units per listed unit, told outright or by a fill's two prices."""
    told = number(leg, "multiplier")
    if told:
        return told
    listed, base = number(leg, "price"), number(leg, "price_base")
    if not listed or not base:
        return 1
    return max(1, round(listed / base))


def base_of(facts: Mapping[str, str]) -> str:
    """Return the token as HTML."""
    return text(facts.get("base", "?"))
