"""What a day came to: the result by part, open pairs, what was opened and left."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.facts import cost, gain, items, moment, number
from bot.cards.layout import lines, rows_of, text
from bot.cards.runway import runway_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from bot.cards.shown import ShownRow

    Facts = Mapping[str, str]
    Parts = tuple[str, tuple[tuple[Button, ...], ...], list[ShownRow]]

MAX_PAIRS = 12
_FAR = Decimal("0.99")
MAX_REASON = 80
_HOUR = 3600
_ENTRIES = {"active": "on", "reducing": "off, closing works", "halted": "halted"}


def daily(facts: Facts, look: Look) -> Parts:
    """Return the report of one day."""
    found = items(facts)
    pairs = [each for each in found if each.get("what") == "open"]
    html = lines(
        _head(facts, look),
        _parts(facts),
        *_open(pairs, look),
        *(_event(each, look) for each in found if each.get("what") in _EVENTS),
        _health(facts, look),
        _missed(facts, look),
    )
    buttons = [
        look.button("P&L", Verb.SCREEN, "pnl"),
        look.button("Positions", Verb.SCREEN, "pos"),
        look.button("Health", Verb.SCREEN, "health"),
    ]
    return html, rows_of(buttons), []


def _head(facts: Facts, look: Look) -> str:
    since, until = moment(facts, "since"), moment(facts, "until")
    period = ""
    if since is not None and until is not None:
        period = f" in {round((until - since).total_seconds() / _HOUR)} h"
    open_ = text(facts.get("open", "?"))
    return f"🗓 {gain(facts, 'net_usd')} booked{period} · {open_} open · {look.badge}"


def _parts(facts: Facts) -> str:
    values = [
        ("funding", gain(facts, "funding_usd")),
        ("price, closed", gain(facts, "price_usd")),
        ("fees", cost(facts, "fees_usd")),
        ("net booked", gain(facts, "net_usd")),
    ]
    if facts.get("open", "0") != "0":
        values.append(("price, open now", gain(facts, "open_usd")))
    rows = (f"{name:<16}{numbers.ascii_minus(value):>12}" for name, value in values)
    return numbers.table(rows)


# --- open pairs -----------------------------------------------------------------------


def _open(pairs: Sequence[Facts], look: Look) -> Iterable[str]:
    if not pairs:
        return
    head = f"{'OPEN':<8} {'L>S':<5} {'result':>6} {'liq':>5} {'lasts':>5}"
    rows = [_pair(each, look) for each in pairs[:MAX_PAIRS]]
    yield numbers.table([head, *rows])
    one_leg = " · ? = of one leg, the other venue does not say"
    yield (
        "liq = price move to liquidation · lasts = at recent moves, until the warning"
        + (one_leg if any("?" in each for each in rows) else "")
    )
    if len(pairs) > MAX_PAIRS:
        yield f"and {len(pairs) - MAX_PAIRS} more in /pos"
    troubled = [text(each.get("base", "?")) for each in pairs if "attention" in each]
    if troubled:
        yield f"⚠️ Not in order: {', '.join(troubled[:MAX_PAIRS])}; see /pos"


def _pair(one: Facts, look: Look) -> str:
    distance = number(one, "distance")
    far = numbers.UNKNOWN
    if distance is not None:
        # the other leg may be nearer: its venue does not say
        percent = f">{_FAR:.0%}" if distance > _FAR else f"{int(distance * 100)}%"
        far = percent + ("?" if "partly" in one else "")
    result = numbers.gain_cell(number(one, "total_usd"), 6)
    name = numbers.left(numbers.cut(one.get("base", "?")), 8)
    return f"{name} {_sides(one, look):<5} {result:>6} {far:>5} {runway_cell(one):>5}"


def _sides(one: Facts, look: Look) -> str:
    return f"{look.code(one.get('long', '?'))}>{look.code(one.get('short', '?'))}"


# --- what happened --------------------------------------------------------------------

_EVENTS = {"opened": "Opened", "closed": "Closed", "not_opened": "Not opened"}


def _event(one: Facts, look: Look) -> str:
    at = moment(one, "at")
    when = "" if at is None else f" {numbers.moment(at)}"
    result = f" {gain(one, 'total_usd')}" if one.get("what") == "closed" else ""
    reason = one.get("reason", "").strip()
    if len(reason) > MAX_REASON:
        reason = reason[: MAX_REASON - 1] + "…"
    why = f": {look.reason(reason)}" if reason else ""
    name = f"{text(one.get('base', '?'))} {text(_sides(one, look))}"
    return f"{_EVENTS[one['what']]} {name}{result}{when}{why}"


def _health(facts: Facts, look: Look) -> str:
    entries = _ENTRIES.get(facts.get("entries", ""), "unknown")
    fine, count = text(facts.get("fine", "?")), text(facts.get("venues", "?"))
    silent = [text(look.title(each)) for each in facts.get("silent", "").split()]
    said = f"; silent: {', '.join(silent)}" if silent else ""
    return f"{fine} of {count} venues fine{said} · entries {entries}"


def _missed(facts: Facts, look: Look) -> str:
    per_hour = number(facts, "missed_per_hour")
    if per_hour is None:
        return ""
    sides = {"long": facts["missed_long"], "short": facts["missed_short"]}
    name = f"{text(facts.get('missed_base', '?'))} {text(_sides(sides, look))}"
    net, hours = number(facts, "missed_net_usd"), facts.get("missed_hold_h", "?")
    worth = ""
    if net is not None:
        worth = f", {numbers.usd(net, is_signed=True)} net in {text(hours)} h"
    return (
        f"Best now that you do not hold: {name},"
        f" {numbers.rate(per_hour, look.rate_hours)} gross{worth}"
    )
