"""Say what is wrong with what a person typed, and what to type instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards.trouble import Words, words_card

if TYPE_CHECKING:
    from bot.cards.card import Card
    from bot.cards.look import Look

_MAX_TYPED = 40


def hint_card(
    first: str, look: Look, then: str = "", helps: tuple[str, ...] = ("top",)
) -> Card:
    """Return what is wrong with what a person typed, and what to do."""
    return words_card(Words(first, then, helps=helps), look)


def too_many_words(look: Look, command: str, example: str) -> Card:
    """Return what is said to a command with more words than it takes."""
    first = f"That is more than {command} takes."
    return hint_card(first, look, f"For example: {example}")


def bad_close(look: Look) -> Card:
    """Return what is said to a close that cannot be read."""
    first = "/close takes a pair and, if you like, how much of it in percent."
    return hint_card(first, look, "For example: /close HYPE 50%")


def unknown_period(look: Look) -> Card:
    """Return what is said to a period that /pnl does not know."""
    first = "/pnl takes today, 7d, 30d or all."
    return hint_card(first, look, "For example: /pnl 30d")


def bad_count(look: Look, most: int) -> Card:
    """Return what is said to a number of lines that /log cannot show."""
    first = f"/log takes how many lines to look back, 1 to {most}."
    return hint_card(first, look, "For example: /log 100")


def bad_amount(look: Look, word: str, example: str = "/open HYPE 500") -> Card:
    """Return what is said to a size that is none."""
    first = f"“{_short(word)}” is not an amount in dollars per leg."
    return hint_card(first, look, f"For example: {example}")


def bad_alert(look: Look, typed: str) -> Card:
    """Return what is said to an alert setting that is none."""
    return hint_card(
        f"“{_short(typed)}” is no alert setting.",
        look,
        f"A number in %/{look.rate_hours}h (/alerts 0.03), on, silent, off,"
        " mute TOKEN, unmute TOKEN.",
        helps=("alerts", "top"),
    )


def _short(typed: str) -> str:
    return typed if len(typed) <= _MAX_TYPED else typed[: _MAX_TYPED - 1] + "…"
