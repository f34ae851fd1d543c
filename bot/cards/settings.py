"""Preferences in force in, the cards of /settings out.

Every value names where it comes from. A card stores its keys and values, so that a
button means what it showed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card, Style
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.preference_words import (
    SAYS,
    SECTIONS,
    chip,
    section_of,
    stored_words,
    value_words,
)
from core.model.preferences import Key, Kind, Source, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.control import Event
    from core.model.preferences import InForce, Value
    from core.model.units import UserId

KIND = "settings"
QUESTION = "question"
ANSWER_WITHIN = timedelta(minutes=2)
HISTORY = 12
_SHORT = 6
"""Labels so short stand five in a row on a phone."""
_MAX_TYPED = 40
SAVED = "Saved"
KEPT = "Nothing was changed"
RESET = "The host's value acts again"
NOTHING_ASKED = "Nothing is waiting for an answer."
_SOURCES = {Source.CHAT: "chat", Source.HOST: ".env", Source.DEFAULT: "default"}
_LEGEND = "chat: chosen here · .env: from the host · default: neither"


# --- all of it ------------------------------------------------------------------------


def settings_card(values: Mapping[Key, InForce], look: Look) -> Card:
    """Return what is not as delivered, and the ways to everything else."""
    changed = [
        _line(values[key], look)
        for section in SECTIONS.values()
        for key in section.keys
        if values[key].source is not Source.DEFAULT
    ]
    said = (
        "Not the default (chat: chosen here, .env: from the host):"
        if changed
        else "Everything is as delivered."
    )
    ways = [
        look.button(section.title, Verb.SET, f"s{code}")
        for code, section in SECTIONS.items()
    ]
    last = [
        look.button("🕘 Changes", Verb.SET, "history"),
        *([look.button("🔔 Alerts", Verb.SCREEN, "alerts")] if look.can_trade else []),
        look.button("📈 Top", Verb.SCREEN, "top"),
    ]
    return Card(
        html=lines(f"⚙ Settings · {look.badge}", _read_only(look), said, *changed),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(
            *grid([*ways, look.button("≡ All values", Verb.SET, "full")], 2), last
        ),
    )


def _read_only(look: Look) -> str:
    return "" if look.can_trade else "You see every value; owners change them."


def full_card(values: Mapping[Key, InForce], look: Look) -> Card:
    """Return every preference with its value and source: long, but all of it."""
    parts = [f"⚙ All settings · {look.badge}"]
    for section in SECTIONS.values():
        parts.append(f"<b>{text(section.title)}</b>")
        parts += [_line(values[key], look) for key in section.keys]
    return Card(
        html=lines(*parts, _LEGEND),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("◀ Settings", Verb.SET, "all")]),
    )


def section_card(code: str, values: Mapping[Key, InForce], look: Look) -> Card:
    """Return one group of preferences and a button for each."""
    section = SECTIONS[code]
    buttons = [
        look.button(SAYS[key].short, Verb.SET, f"k{index}")
        for index, key in enumerate(section.keys)
    ]
    return Card(
        html=lines(
            f"⚙ {text(section.title)} · {look.badge}",
            *(_line(values[key], look) for key in section.keys),
            _LEGEND,
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(*grid(buttons), [look.button("◀ Settings", Verb.SET, "all")]),
        shown={"keys": ",".join(section.keys)},
    )


def _line(one: InForce, look: Look) -> str:
    key = one.preference.key
    value = text(value_words(key, one.value, look))
    return f"{text(SAYS[key].label)}: {value} · {_SOURCES[one.source]}"


# --- one of them ----------------------------------------------------------------------


def key_card(one: InForce, look: Look) -> Card:
    """Return one preference, what it acts on, and the ways to change it."""
    key = one.preference.key
    says, offers = SAYS[key], _offers(one, look)
    chips = [
        look.button(f"{label} •" if value == one.value else label, Verb.SET, f"p{at}")
        for at, (label, value) in enumerate(offers)
    ]
    more = [look.button("✏ Other…", Verb.SET, "ask")] if _is_typed(one) else []
    if one.source is Source.CHAT:
        given = chip(key, one.given.value, look)
        more.append(look.button(f"↩ {numbers.cut(given, 12)}", Verb.SET, "reset"))
    back = look.button("◀ Back", Verb.SET, f"s{section_of(key)}")
    return Card(
        html=lines(
            f"{text(says.label)}: {text(value_words(key, one.value, look))}"
            f" · {look.badge}",
            text(says.about),
            _where_from(one, look),
            f"Typed: /settings {text(says.short.lower())} {text(says.example)}"
            if look.can_trade
            else _read_only(look),
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(*(_changes(chips, more) if look.can_trade else ()), [back]),
        shown={
            "key": key.value,
            "values": json.dumps([encode(value) for _, value in offers]),
        },
    )


def _changes(
    chips: Sequence[Button], more: Sequence[Button]
) -> tuple[tuple[Button, ...], ...]:
    """Return the rows that change the value; viewers have none."""
    return (*_chip_rows(chips), tuple(more))


def _is_typed(one: InForce) -> bool:
    return one.preference.kind not in {Kind.FLAG, Kind.DELIVERY, Kind.PERIOD}


def _chip_rows(chips: Sequence[Button]) -> tuple[tuple[Button, ...], ...]:
    longest = max((len(each.label) for each in chips), default=0)
    return grid(chips, 5 if longest <= _SHORT else 2)


def _where_from(one: InForce, look: Look) -> str:
    key, given = one.preference.key, one.given
    host = ".env" if given.is_named else "The default"
    theirs = f"{host} says {text(value_words(key, given.value, look))}."
    if one.source is not Source.CHAT:
        return f"From {'.env' if given.is_named else 'the default'}."
    when = "" if one.at is None else f" {numbers.moment(one.at)}"
    return f"Chosen in chat{_by(one.by, look)}{when}. {theirs}"


def _by(user_id: UserId | None, look: Look) -> str:
    if not user_id:
        return ""
    return " by you," if user_id == look.user_id else f" by user {user_id},"


def _offers(one: InForce, look: Look) -> list[tuple[str, Value]]:
    """Return what a tap may choose, with its label; never more than is allowed."""
    key, kind = one.preference.key, one.preference.kind
    if kind is Kind.VENUES:
        return _venue_offers(one, look)
    found = [each for each in SAYS[key].presets if _is_allowed(each, one)]
    if one.value not in found and not isinstance(one.value, tuple):
        larger = (at for at, each in enumerate(found) if _is_more(each, one.value))
        found.insert(next(larger, len(found)), one.value)
    return [(chip(key, each, look), each) for each in found]


def _is_more(value: Value, than: Value) -> bool:
    return isinstance(value, Decimal) and isinstance(than, Decimal) and value > than


def _is_allowed(value: Value, one: InForce) -> bool:
    return not (one.preference.is_cap and _is_more(value, one.given.value))


def _venue_offers(one: InForce, look: Look) -> list[tuple[str, Value]]:
    """Return for each venue the names with it switched."""
    chosen = one.value if isinstance(one.value, tuple) else ()
    known = one.given.value if isinstance(one.given.value, tuple) else ()
    found: list[tuple[str, Value]] = []
    for venue_id in known:
        is_on = venue_id in chosen
        wanted = tuple(each for each in known if (each in chosen) != (each == venue_id))
        found.append((f"{'✓ ' if is_on else ''}{look.title(venue_id)}", wanted))
    return found


# --- before and after a change --------------------------------------------------------


def risk_card(one: InForce, value: Value, look: Look) -> Card:
    """Return old and new of a change that lets more happen, to be confirmed."""
    key = one.preference.key
    old, new = (text(value_words(key, each, look)) for each in (one.value, value))
    return Card(
        html=lines(
            f"{text(SAYS[key].label)}: {old} → {new}? · {look.badge}",
            "This lets more happen than before. It acts from the next scan or tap.",
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("✅ Change it", Verb.SET, "yes", Style.DANGER),
                look.button("✖ Keep", Verb.SET, "no"),
            ]
        ),
        shown={"key": key.value, "old": encode(one.value), "new": encode(value)},
    )


def question_card(one: InForce, look: Look) -> Card:
    """Return the question that a reply answers."""
    key = one.preference.key
    says = SAYS[key]
    return Card(
        html=lines(
            f"{text(says.label)}: reply with a new value · {look.badge}",
            f"Now {text(value_words(key, one.value, look))}. For example:"
            f" {text(says.example)}",
            "Two minutes; /cancel ends this.",
        ),
        kind=QUESTION,
        card_id=look.card_id,
        shown={"key": key.value},
        asks=says.example,
    )


def view_only_card(one: InForce, look: Look) -> Card:
    """Return what is said to a viewer who types a new value."""
    key = one.preference.key
    return Card(
        html=lines(
            f"View only: an owner changes settings. {KEPT}. · {look.badge}",
            _line(one, look),
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("⚙ Settings", Verb.SET, "all")]),
        shown={"key": key.value},
    )


def late_card(key: Key, look: Look) -> Card:
    """Return what is said to an answer that came too late."""
    return Card(
        html=lines(
            f"That question ended after two minutes. {KEPT}. · {look.badge}",
            f"Typed at once: /settings {SAYS[key].short.lower()} {SAYS[key].example}",
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("⚙ Settings", Verb.SET, "all")]),
    )


def cancelled_card(look: Look, *, was_asked: bool) -> Card:
    """Return the answer to /cancel."""
    said = f"{KEPT}." if was_asked else NOTHING_ASKED
    return Card(
        html=f"{said} · {look.badge}",
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("⚙ Settings", Verb.SET, "all")]),
    )


def unknown_card(typed: str, look: Look) -> Card:
    """Return what is said to a name that is no setting."""
    shown = typed if len(typed) <= _MAX_TYPED else typed[:_MAX_TYPED] + "…"
    names = ", ".join(says.short.lower() for says in SAYS.values())
    return Card(
        html=lines(
            f"“{text(shown)}” is no setting. · {look.badge}", f"These are: {names}."
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("⚙ Settings", Verb.SET, "all")]),
    )


def history_card(events: Sequence[Event], prefix: str, look: Look) -> Card:
    """Return who changed what and when; `prefix` begins what each event says."""
    told = [_change(event, prefix, look) for event in events]
    return Card(
        html=lines(
            f"Changes of settings, the latest first · {look.badge}",
            *(told or ["Nobody has changed anything yet."]),
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([look.button("◀ Settings", Verb.SET, "all")]),
    )


def _change(event: Event, prefix: str, look: Look) -> str:
    name = event.what.removeprefix(prefix)
    old, _, new = event.detail.partition(" -> ")
    who = "you" if event.who == f"user {look.user_id}" else event.who
    moment = f"{event.at:%d %b} {numbers.moment(event.at)}"
    try:
        key = Key(name)
    except ValueError:
        return f"{moment} {text(who)}: {text(name)} {text(old)} → {text(new)}"
    was, now = (text(stored_words(key, each, look)) for each in (old, new))
    return f"{moment} {text(who)}: {text(SAYS[key].label)} {was} → {now}"
