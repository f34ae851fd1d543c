"""A halt that the bot itself set in, its news out: what, why, until when, what now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bot.cards import numbers
from bot.cards.facts import moment
from bot.cards.layout import lines, text
from core.model.control import GLOBAL_SCOPE, TradingState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.cards.look import Look

    Facts = Mapping[str, str]

_ADVICE = {
    "clock": "Do now: set this machine's clock, best by a time service.",
    "clock_step": (
        "Nothing to do: I compare the clock with the venues and read every position"
        " again first."
    ),
    "refused:banned": "Nothing to do: I ask again when its time is up.",
    "refused:key": (
        "Do now: look at the key on the venue: expired, deleted, bound to another"
        " address, or not allowed to trade. A new key goes into the settings, then"
        " restart."
    ),
    "refused:position_mode": (
        "Do now: set the account to one-way mode, one position per contract."
    ),
    "refused:reduce_only": (
        "Do now: look at the account's positions; something may have changed them."
    ),
    "trouble": "Nothing to do now; if it happens again, look at the venue's status.",
    "halt_file": "It goes on when the file is gone.",
    "daily_loss": "Look at /pnl; to allow more, change the setting and restart.",
    "check": "It is looked at again every hour.",
}
"""By the halt's key."""


class _Scope(NamedTuple):
    """What is stopped, in words."""

    what: str
    was: str
    works: str


def _scope_of(facts: Facts, look: Look) -> _Scope:
    """Say what a halt stops and what it leaves; a stopped venue closes nothing."""
    scope, is_halted = facts.get("scope", ""), _is_halted(facts)
    if scope == GLOBAL_SCOPE:
        if facts.get("key") == "halt_file":
            return _Scope(
                "Everything automatic is stopped",
                "everything automatic was stopped",
                "No entries, no second legs, no repairs. A close that you confirm"
                " works.",
            )
        if is_halted:
            return _Scope(
                "Everything is stopped",
                "everything was stopped",
                "No orders at all: no entries, no repairs, no closing. What must be"
                " closed now, close on the venues.",
            )
        return _Scope(
            "Entries are off", "entries were off", "Closing and repairs work."
        )
    venue, _, symbol = scope.partition(":")
    name = text(f"{look.title(venue)} {symbol.partition('/')[0]}".strip())
    if is_halted:
        return _Scope(
            f"{name} is stopped",
            f"{name} was stopped",
            f"No orders there: no entries, no repairs, no closing. A pair with a leg"
            f" on {name} stays as it is; what must be closed now, close on the venue."
            " Other venues work.",
        )
    return _Scope(
        f"Entries on {name} are off",
        f"entries on {name} were off",
        "Closing and repairs work there. Others work.",
    )


def _is_halted(facts: Facts) -> bool:
    return facts.get("state") == TradingState.HALTED.value


def halted_words(facts: Facts, look: Look) -> str:
    """Return the news of a halt."""
    scope, until = _scope_of(facts, look), moment(facts, "until")
    since = moment(facts, "since")
    when = "" if since is None else f"Since {numbers.moment(since)}"
    if until is not None:
        when += f", at least until {numbers.moment(until)}"
    else:
        when += ", until it is in order again"
    return lines(
        f"⛔ {scope.what} · {look.badge}",
        look.sentence(facts.get("reason", "")),
        f"{when}. I tell you when it is over." if since else "",
        _ADVICE.get(facts.get("key", ""), ""),
        scope.works,
    )


def over_words(facts: Facts, look: Look) -> str:
    """Return the news of a halt's end."""
    scope, since = _scope_of(facts, look), moment(facts, "since")
    lasted = (
        "" if since is None else f" after {numbers.duration_text(look.now - since)}"
    )
    return lines(
        f"✅ Over{lasted}: {scope.was} · {look.badge}",
        f"The reason was: {look.reason(facts.get('reason', ''))}",
        "Other reasons may still keep entries off: /health names them.",
    )
