"""Facts of any alert in, its card out; words and buttons are made when it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import foreign, numbers, proof, spread_alert
from bot.cards.card import Card
from bot.cards.daily import daily
from bot.cards.disk import disk_words
from bot.cards.exits import exit_alert
from bot.cards.facts import moment
from bot.cards.halt import halt_buttons
from bot.cards.layout import folded, lines, rows_of, text
from bot.cards.money_alert import books_differ, funding
from bot.cards.shown import ShownRow, pack_rows
from bot.cards.stopped import halted_words, over_words
from bot.cards.trade_alert import TRADE_KINDS, trade_card
from core.model.alert import AlertKind, AlertLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.alert import Alert

    Facts = Mapping[str, str]

CAUSE = "cause"
"""Where a stored card keeps which condition its Seen button is about."""
SEEN = "👁 Seen"
SEEN_TOAST = "Seen. I will not tell it again."
OVER_TOAST = "This is over already."


def alert_card(look: Look, alert: Alert, seen: str = "") -> Card:
    """Return the card of an alert; every kind has one.

    A critical one says that it repeats until somebody presses Seen; `seen` is the HTML
    that names who did.
    """
    card = _card(look, alert)
    if alert.level is not AlertLevel.CRITICAL:
        return card
    shown = {**card.shown, CAUSE: alert.condition}
    html = lines(card.html, *_repeating(alert, look, seen))
    button = look.button(SEEN, Verb.SEEN)
    rows = card.rows if seen or not look.can_trade else (*card.rows, (button,))
    return replace(card, html=html, rows=rows, shown=shown)


def _repeating(alert: Alert, look: Look, seen: str) -> tuple[str, ...]:
    if seen:
        return (seen,)
    began_at = moment(alert.facts, "began_at")
    if began_at is None:
        return ("I tell it again until you press Seen.",)
    since = numbers.duration_text(look.now - began_at)
    return (
        f"Told since {numbers.moment(began_at)} ({since}), again until you press Seen.",
    )


def seen_words(name: str, at: datetime | None) -> str:
    """Return as HTML who saw an alarm and when; the condition itself goes on."""
    when = "" if at is None else f" at {numbers.moment(at)}"
    who = text(name) or "another owner"
    return f"👁 Seen by {who}{when}: no more repeats. It is not over by that."


def _card(look: Look, alert: Alert) -> Card:
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
    AlertKind.NEW_SPREAD: spread_alert.new_spread,
    AlertKind.SPREAD_DIGEST: spread_alert.digest,
    AlertKind.VENUE_DOWN: _venue_down,
    AlertKind.VENUE_BACK: _venue_back,
    AlertKind.STRANGER: _stranger,
    AlertKind.PAUSED: _paused,
    AlertKind.FOREIGN_POSITION: _foreign,
    AlertKind.HALTED: _stopped,
    AlertKind.HALT_OVER: _over,
    AlertKind.EXIT: exit_alert,
    AlertKind.FUNDING: funding,
    AlertKind.BOOKS_DIFFER: books_differ,
    AlertKind.UNITS_SUSPECT: proof.units_suspect,
    AlertKind.UNITS_PROVEN: proof.units_proven,
    AlertKind.PRICES_APART: proof.prices_apart,
    AlertKind.STABLECOIN_GAP: proof.stablecoin_gap,
    AlertKind.DAILY: daily,
    AlertKind.DISK: _disk,
}
