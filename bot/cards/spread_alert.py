"""Facts of new spreads in, the words and buttons of their messages out.

The same facts with the moment a spread was gone turn the message into its epitaph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Style
from bot.cards.facts import items, moment, number
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.shown import ShownRow
from core.model.units import HOURS_PER_YEAR, Base, VenueId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from bot.cards.card import Button
    from bot.cards.look import Look

    Facts = Mapping[str, str]
    Parts = tuple[str, tuple[tuple[Button, ...], ...], list[ShownRow]]

_MAX_DIGEST = 9


def _pair_of(facts: Facts) -> ShownRow:
    return ShownRow(
        base=Base(facts.get("base", "?")),
        long=VenueId(facts.get("long", "")),
        short=VenueId(facts.get("short", "")),
        per_hour=number(facts, "spread_per_hour"),
    )


def _age(facts: Facts, look: Look) -> str:
    seen_at = moment(facts, "observed_at")
    if seen_at is None:
        return "age unknown"
    return f"data {numbers.duration_text(look.now - seen_at)} old"


def new_spread(facts: Facts, look: Look) -> Parts:
    """Return the words, buttons and pair of one spread; also once it is gone."""
    pair = _pair_of(facts)
    long, short = (text(look.title(facts.get(side, ""))) for side in ("long", "short"))
    gone = _gone_after(facts)
    html = lines(
        f"{_headline(pair, gone, look)} · {look.badge}",
        f"Long {long} {_side(facts, 'long_per_hour', look)},"
        f" short {short} {_side(facts, 'short_per_hour', look)}",
        " · ".join(part for part in (_worth(pair, look), _age(facts, look)) if part)
        if gone is None
        else "",
    )
    details = look.button("Details", Verb.TOKEN, "0")
    if not look.can_trade:
        return html, rows_of([details]), [pair]
    opens = look.button("Open…", Verb.OPEN, "0", Style.SUCCESS)
    return html, rows_of([opens, details], *_mutes(pair, look)), [pair]


def _headline(pair: ShownRow, gone: timedelta | None, look: Look) -> str:
    rate = numbers.rate(pair.per_hour, look.rate_hours)
    if gone is None:
        return f"📈 {text(pair.base)} {rate} gross in two scans"
    after = numbers.duration_text(gone)
    return f"⏹ {text(pair.base)} {rate} is gone after {after}"


def _gone_after(facts: Facts) -> timedelta | None:
    """Return how long a spread lasted from its message on; None while it stands."""
    told_at, gone_at = moment(facts, "told_at"), moment(facts, "gone_at")
    return None if told_at is None or gone_at is None else gone_at - told_at


def _mutes(pair: ShownRow, look: Look) -> tuple[list[Button], ...]:
    """Offer silence for the pair and for the token, for hours and for good."""
    name = numbers.cut(pair.base)
    token = [
        look.button(f"🔕 {name} 8 h", Verb.MUTE, "8h"),
        look.button(f"🚫 {name}", Verb.MUTE, "ever"),
    ]
    if pair.venues is None:
        return (token,)
    both = f"{look.code(pair.venues[0])}/{look.code(pair.venues[1])}"
    pairs = [
        look.button(f"🔕 {both} 8 h", Verb.MUTE, "p8h"),
        look.button(f"🚫 {both}", Verb.MUTE, "pever"),
    ]
    return token, pairs


def _side(facts: Facts, key: str, look: Look) -> str:
    return numbers.rate(number(facts, key), look.rate_hours, is_signed=True)


def _worth(pair: ShownRow, look: Look) -> str:
    if pair.per_hour is None or look.size_usd is None:
        return ""
    gain = pair.per_hour * look.rate_hours * look.size_usd
    size = numbers.whole_usd(look.size_usd)
    yearly = numbers.apr(pair.per_hour * HOURS_PER_YEAR)
    earned = numbers.usd(gain, is_signed=True)
    return f"{earned} per {look.rate_hours} h at {size} · {yearly} APR"


def digest(facts: Facts, look: Look) -> Parts:
    """Return the words, buttons and pairs of several spreads at once."""
    found = items(facts)
    lost = sum(_gone_after(one) is not None for one in found)
    pairs = [_pair_of(one) for one in found[:_MAX_DIGEST]]
    more = len(found) - len(pairs)
    head = f"#  {'TOKEN':<8} {'L>S':<5} {'/' + str(look.rate_hours) + 'h':>6}"
    body = (
        _digest_row(index, one, pair, look)
        for index, (one, pair) in enumerate(zip(found, pairs, strict=False), 1)
    )
    html = lines(
        f"📈 {text(facts.get('count', str(len(found))))} new spreads"
        + (f", {lost} gone" if lost else "")
        + f" · {look.badge}",
        numbers.table([head, *body]),
        f"{look.per} gross, each in two scans"
        + ("" if lost else f" · {_oldest(found, look)}"),
        f"and {more} more in /top" if more > 0 else "",
    )
    tokens = [
        look.button(f"{index} {numbers.cut(pair.base)}", Verb.TOKEN, str(index - 1))
        for index, pair in enumerate(pairs, 1)
    ]
    last = [
        look.button("📈 Top", Verb.SCREEN, "top"),
        look.button("🔔 Alerts", Verb.SCREEN, "alerts"),
    ]
    return html, rows_of(*grid(tokens), last if look.can_trade else last[:1]), pairs


def _digest_row(index: int, facts: Facts, pair: ShownRow, look: Look) -> str:
    venues = pair.venues or (VenueId("?"), VenueId("?"))
    rate, gone = numbers.rate_cell(pair.per_hour, look.rate_hours), _gone_after(facts)
    return (
        f"{index:<2} {numbers.left(numbers.cut(pair.base), 8)}"
        f" {look.code(venues[0])}>{look.code(venues[1])} {rate:>6}"
        + ("" if gone is None else f" gone {numbers.countdown(gone)}")
    )


def _oldest(found: Sequence[Facts], look: Look) -> str:
    known = [one for one in found if "observed_at" in one]
    if not known:
        return "age unknown"
    return _age(min(known, key=lambda one: one["observed_at"]), look)
