"""Facts of any alert in, its card out; words and buttons are made when it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import foreign, numbers, proof
from bot.cards.card import Card, Style
from bot.cards.disk import disk_words
from bot.cards.facts import items, moment, number
from bot.cards.halt import halt_buttons
from bot.cards.layout import folded, grid, lines, rows_of, text
from bot.cards.money_alert import books_differ, funding
from bot.cards.shown import ShownRow, pack_rows
from bot.cards.stopped import halted_words, over_words
from bot.cards.trade_alert import TRADE_KINDS, trade_card
from core.model.alert import AlertKind
from core.model.units import HOURS_PER_YEAR, Base, VenueId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.alert import Alert

    Facts = Mapping[str, str]

_MAX_DIGEST = 9


def alert_card(look: Look, alert: Alert) -> Card:
    """Return the card of an alert; every kind has one."""
    if alert.kind in TRADE_KINDS:
        return trade_card(look, alert)
    words, rows, pairs = _OTHERS[alert.kind](alert.facts, look)
    return Card(
        html=words,
        kind="alert",
        card_id=look.card_id,
        rows=rows,
        shown={
            "rows": pack_rows(pairs),
            **(
                foreign.alert_shown(alert.facts)
                if alert.kind is AlertKind.FOREIGN_POSITION
                else {}
            ),
        },
        is_silent=alert.is_silent,
    )


Parts = tuple[str, tuple[tuple["Button", ...], ...], list[ShownRow]]


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


def _new_spread(facts: Facts, look: Look) -> Parts:
    pair = _pair_of(facts)
    long, short = (text(look.title(facts.get(side, ""))) for side in ("long", "short"))
    html = lines(
        f"📈 {text(pair.base)} {numbers.rate(pair.per_hour, look.rate_hours)}"
        f" gross in two scans · {look.badge}",
        f"Long {long} {_side(facts, 'long_per_hour', look)},"
        f" short {short} {_side(facts, 'short_per_hour', look)}",
        " · ".join(part for part in (_worth(pair, look), _age(facts, look)) if part),
    )
    buttons = [
        look.button("Open…", Verb.OPEN, "0", Style.SUCCESS),
        look.button("Details", Verb.TOKEN, "0"),
    ]
    mutes = [
        look.button("🔕 8 h", Verb.MUTE, "8h"),
        look.button("🚫 Token", Verb.MUTE, "ever"),
    ]
    if not look.can_trade:
        return html, rows_of(buttons[1:]), [pair]
    return html, rows_of(buttons, mutes), [pair]


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


def _digest(facts: Facts, look: Look) -> Parts:
    found = items(facts)
    pairs = [_pair_of(one) for one in found[:_MAX_DIGEST]]
    more = len(found) - len(pairs)
    head = f"#  {'TOKEN':<8} {'L>S':<5} {'/' + str(look.rate_hours) + 'h':>6}"
    body = (_digest_row(index, pair, look) for index, pair in enumerate(pairs, 1))
    html = lines(
        f"📈 {text(facts.get('count', str(len(found))))} new spreads · {look.badge}",
        numbers.table([head, *body]),
        f"{look.per} gross, each in two scans · {_oldest(found, look)}",
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


def _digest_row(index: int, pair: ShownRow, look: Look) -> str:
    venues = pair.venues or (VenueId("?"), VenueId("?"))
    rate = numbers.rate_cell(pair.per_hour, look.rate_hours)
    return (
        f"{index:<2} {numbers.left(numbers.cut(pair.base), 8)}"
        f" {look.code(venues[0])}>{look.code(venues[1])} {rate:>6}"
    )


def _oldest(found: Sequence[Facts], look: Look) -> str:
    known = [one for one in found if "observed_at" in one]
    if not known:
        return "age unknown"
    return _age(min(known, key=lambda one: one["observed_at"]), look)


def _venue_down(facts: Facts, look: Look) -> Parts:
    venue = text(look.title(facts.get("venue", "?")))
    since = moment(facts, "since")
    how_long = f" since {numbers.moment(since)}" if since else ""
    html = lines(
        f"⚠️ {venue} does not answer{how_long} · {look.badge}",
        "Its pairs are left out; an open pair stays hedged. Others work.",
        folded(facts.get("detail", "")),
    )
    return html, _state_buttons(look), []


def _venue_back(facts: Facts, look: Look) -> Parts:
    venue = text(look.title(facts.get("venue", "?")))
    since = moment(facts, "since")
    gone = f" after {numbers.duration_text(look.now - since)}" if since else ""
    return f"{venue} answers again{gone} · {look.badge}", _state_buttons(look), []


def _stranger(facts: Facts, look: Look) -> Parts:
    who = text(facts.get("user_id", "?"))
    html = lines(
        f"A stranger (user id {who}) tried to use this bot. · {look.badge}",
        "They got no answer. You hear of strangers at most once an hour.",
    )
    return html, _state_buttons(look), []


def _paused(facts: Facts, look: Look) -> Parts:
    if "halted_by" in facts:
        return _halted(facts, look)
    why = look.reason(facts.get("reason", "unknown"))
    html = lines(
        f"⚠️ Entries are paused: {why} · {look.badge}",
        text(facts.get("advice", "")),
        "Closing works.",
    )
    resume = [look.button("▶ Resume", Verb.RESUME)] if look.can_trade else []
    return html, rows_of([*resume, look.button("Health", Verb.SCREEN, "health")]), []


def _halted(facts: Facts, look: Look) -> Parts:
    html = lines(
        f"⚠️ Everything is halted by {text(facts['halted_by'])} · {look.badge}",
        "No entries, no second legs, no repairs. A close that you confirm works.",
    )
    return html, halt_buttons(look), []


def _stopped(facts: Facts, look: Look) -> Parts:
    return halted_words(facts, look), _state_buttons(look), []


def _over(facts: Facts, look: Look) -> Parts:
    return over_words(facts, look), _state_buttons(look), []


def _disk(facts: Facts, look: Look) -> Parts:
    is_lost = facts.get("state") == "lost"
    rows = halt_buttons(look) if is_lost else _state_buttons(look)
    return disk_words(facts, look), rows, []


def _foreign(facts: Facts, look: Look) -> Parts:
    can_ignore = look.can_trade and foreign.alert_shown(facts)
    adopt = look.button("Adopt…", Verb.FOREIGN, f"{foreign.ADOPT}0")
    ignore = look.button("Ignore", Verb.FOREIGN, "0")
    rest = look.button("Positions", Verb.SCREEN, "pos")
    row = [adopt, ignore, rest] if can_ignore else [rest]
    return foreign.alert_words(facts, look), rows_of(row), []


def _state_buttons(look: Look) -> tuple[tuple[Button, ...], ...]:
    return rows_of(
        [
            look.button("Health", Verb.SCREEN, "health"),
            look.button("Positions", Verb.SCREEN, "pos"),
        ]
    )


_OTHERS: Mapping[AlertKind, Callable[[Facts, Look], Parts]] = {
    AlertKind.NEW_SPREAD: _new_spread,
    AlertKind.SPREAD_DIGEST: _digest,
    AlertKind.VENUE_DOWN: _venue_down,
    AlertKind.VENUE_BACK: _venue_back,
    AlertKind.STRANGER: _stranger,
    AlertKind.PAUSED: _paused,
    AlertKind.FOREIGN_POSITION: _foreign,
    AlertKind.HALTED: _stopped,
    AlertKind.HALT_OVER: _over,
    AlertKind.FUNDING: funding,
    AlertKind.BOOKS_DIFFER: books_differ,
    AlertKind.UNITS_SUSPECT: proof.units_suspect,
    AlertKind.UNITS_PROVEN: proof.units_proven,
    AlertKind.PRICES_APART: proof.prices_apart,
    AlertKind.STABLECOIN_GAP: proof.stablecoin_gap,
    AlertKind.DISK: _disk,
}
