"""What payments brought, and wallets that moved without us: alerts about money."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.facts import items, moment, number
from bot.cards.layout import lines, rows_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.cards.card import Button
    from bot.cards.look import Look
    from bot.cards.shown import ShownRow

    Facts = Mapping[str, str]
    Parts = tuple[str, tuple[tuple[Button, ...], ...], list[ShownRow]]

MAX_PAIRS = 10
MAX_EARLIER = 23
"""An hourly venue pays so often before the last payment of a day."""


def funding(facts: Facts, look: Look) -> Parts:
    """Return one line for the moment and one row per pair that was paid."""
    by_pair: defaultdict[str, list[Facts]] = defaultdict(list)
    for one in items(facts):
        by_pair[one.get("base", "?")].append(one)
    at = moment(facts, "pay_at")
    total = numbers.usd(number(facts, "total_usd"), is_signed=True)
    when = f" at {numbers.moment(at)}" if at else ""
    head = f"{'TOKEN':<8} {'expected':>11} {'paid':>11}"
    rows = [_pair(base, found) for base, found in by_pair.items()]
    more = len(rows) - MAX_PAIRS
    html = lines(
        f"💰 {total} funding{when} · {look.badge}",
        numbers.table([head, *rows[:MAX_PAIRS]]) if rows else "",
        f"and {more} more in /pos" if more > 0 else "",
        *_earlier(facts),
        _since_midnight(facts),
    )
    return html, _buttons(look), []


def _earlier(facts: Facts) -> Iterator[str]:
    """Return a line for each settlement of the day before this one, newest first."""
    for one in items(facts, "earlier")[:MAX_EARLIER]:
        at, usd = moment(one, "at"), number(one, "usd")
        if at is not None:
            yield f"{numbers.moment(at)} {numbers.usd(usd, is_signed=True)}"


def _since_midnight(facts: Facts) -> str:
    """Return what the day brought so far; the message is edited by each payment."""
    day, count = moment(facts, "day"), facts.get("day_payments")
    if day is None or count is None:
        return ""
    total = numbers.usd(number(facts, "day_usd"), is_signed=True)
    payments = "1 payment" if count == "1" else f"{count} payments"
    return f"Since {numbers.moment(day)}: {total} in {payments}."


def _pair(base: str, found: list[Facts]) -> str:
    paid = sum((number(one, "amount") or Decimal(0) for one in found), Decimal(0))
    known = [number(one, "expected") for one in found]
    expected = None
    if all(each is not None for each in known):
        expected = sum((each for each in known if each is not None), Decimal(0))
    return (
        f"{numbers.left(numbers.cut(base), 8)}"
        f" {numbers.gain_cell(expected, 11):>11} {numbers.gain_cell(paid, 11):>11}"
    )


def books_differ(facts: Facts, look: Look) -> Parts:
    """Return by how much a venue's wallet moved that we did not book."""
    venue = text(look.title(facts.get("venue", "?")))
    off, since = number(facts, "off_usd"), moment(facts, "since")
    more = "more" if off is not None and off > 0 else "less"
    amount = numbers.usd(None if off is None else abs(off))
    html = lines(
        f"⚠️ {venue} holds {amount} {more} than I booked · {look.badge}",
        f"Compared with {numbers.moment(since)}, when both agreed." if since else "",
        "A transfer or a trade of your own there explains it. If there was none,"
        " compare that venue's own history with /pnl and its CSV.",
    )
    return html, _buttons(look), []


def _buttons(look: Look) -> tuple[tuple[Button, ...], ...]:
    return rows_of(
        [
            look.button("P&L", Verb.SCREEN, "pnl"),
            look.button("Positions", Verb.SCREEN, "pos"),
        ]
    )
