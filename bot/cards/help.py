"""Greeting, legend, command list, and answers to what was not understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards.card import Card
from bot.cards.layout import lines, rows_of, text
from core.model.control import TradingState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look

DESCRIPTIONS: Mapping[str, str] = {
    "top": "best funding spreads now",
    "matrix": "where each token trades, or one token",
    "why": "why a token is not offered: /why TOKEN",
    "open": "quote an entry: /open TOKEN USD",
    "pos": "open pairs, or one pair",
    "pnl": "what it earned: today, 7d, 30d or all",
    "add": "quote more of an open pair: /add HYPE 200",
    "close": "quote a close",
    "closeall": "close every pair; asks twice",
    "alerts": "what is pushed, from which spread",
    "settings": "sizes, filters, caps, messages, time zone",
    "log": "what happened lately, in plain words: /log 100",
    "cancel": "end a question of mine",
    "health": "venues, scans, state of everything",
    "pause": "entries off; closing always works",
    "resume": "entries on again, a halt lifted",
    "halt": "at once nothing automatic any more, repairs included",
    "help": "legend and commands",
    "start": "who you are and the state",
    "positions": "same as /pos",
}
"""What the command menu says; every command has a line."""


_ENTRIES = {
    TradingState.ACTIVE: "on",
    TradingState.REDUCING: "off, closing works",
    TradingState.HALTED: "off, everything automatic is halted",
}


def start_card(look: Look, state: TradingState) -> Card:
    """Return the greeting; it starts nothing."""
    role = "owner: you may look and trade" if look.can_trade else "viewer: look only"
    whose = "your" if look.can_trade else "an owner's"
    hello = f"Hello {text(look.viewer_name)}" if look.viewer_name else "Hello"
    return Card(
        html=lines(
            f"{hello}, {role} · {look.badge}",
            f"Entries are {_ENTRIES[state]}. Nothing starts by itself:"
            f" an order needs {whose} tap on a confirm card.",
        ),
        kind="start",
        card_id=look.card_id,
        rows=(
            (
                look.button("📈 Top", Verb.SCREEN, "top"),
                look.button("Positions", Verb.SCREEN, "pos"),
                look.button("Help", Verb.SCREEN, "help"),
            ),
        ),
    )


def help_card(look: Look, commands: Mapping[str, str]) -> Card:
    """Return the legend and the commands this person may use."""
    venues = " · ".join(f"{rules.code} {rules.title}" for rules in look.venues.values())
    listed = "\n".join(f"/{name} {what}" for name, what in commands.items())
    return Card(
        html=lines(
            f"carrybot · {look.badge}",
            "Long the venue that pays less funding, short the one that pays more,"
            " same quantity: the difference is yours, gross of fees.",
            f"<b>Rates</b> are {look.per}; + means longs pay shorts."
            " APR = rate × hours of a year, simple, gross.",  # noqa: RUF001
            "<b>L&gt;S</b> long venue &gt; short venue."
            " <b>?</b> unknown. <b>~</b> name cut.",
            f"<b>Venues</b> {text(venues)}",
            text(listed),
        ),
        kind="help",
        card_id=look.card_id,
        rows=rows_of(_screens(look)),
    )


def _screens(look: Look) -> list[Button]:
    return [
        look.button("📈 Top", Verb.SCREEN, "top"),
        look.button("▦ Matrix", Verb.SCREEN, "matrix"),
        look.button("Health", Verb.SCREEN, "health"),
    ]


def hint(look: Look, typed: str) -> Card:
    """Return a short answer to text that is no command."""
    shown = typed if len(typed) <= 40 else typed[:40] + "…"  # noqa: PLR2004
    what = f"“{text(shown)}” is not a command I know." if shown else "That is no text."
    return Card(
        html=lines(f"{what} · {look.badge}", "Try /top, /pos or /help."),
        kind="hint",
        card_id=look.card_id,
        rows=rows_of(_screens(look)),
    )


def unknown_command_card(look: Look) -> Card:
    """Return a short answer to a command that does not exist."""
    names = " ".join(f"/{name}" for name in DESCRIPTIONS if name != "positions")
    return Card(
        html=lines(
            f"I do not know this command. · {look.badge}", f"These work: {names}"
        ),
        kind="hint",
        card_id=look.card_id,
        rows=rows_of(_screens(look)),
    )


def paused_card(look: Look, *, is_new: bool, is_halted: bool = False) -> Card:
    """Return the answer to a pause."""
    first = "Entries are paused" if is_new else "Entries were paused already"
    works = "Closing and repairs work."
    if is_halted:
        works = "Everything else is still halted, repairs too."
    return Card(
        html=lines(
            f"{first} · {look.badge}",
            f"{works} It lasts until you resume, restarts included.",
        ),
        kind="paused",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("▶ Resume", Verb.RESUME),
                look.button("Positions", Verb.SCREEN, "pos"),
            ]
        ),
    )


def resumed_card(look: Look, *, is_new: bool, still_off: Sequence[str] = ()) -> Card:
    """Return the answer to a resume; `still_off` are the reasons that remain."""
    first = "Entries are on again" if is_new else "Entries were on already"
    if still_off:
        first = "Your pause is lifted" if is_new else "You had not paused entries"
    why = look.reason("; ".join(still_off))
    return Card(
        html=lines(
            f"{first} · {look.badge}",
            f"Entries are still off: {why}" if why else "",
        ),
        kind="resumed",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("⏸ Pause", Verb.PAUSE),
                look.button("📈 Top", Verb.SCREEN, "top"),
                look.button("Health", Verb.SCREEN, "health"),
            ]
        ),
    )


def again(command: str, words: tuple[str, ...]) -> dict[str, str]:
    """Return what a stored screen needs to run a command again."""
    return {"command": command, "words": " ".join(words)}
