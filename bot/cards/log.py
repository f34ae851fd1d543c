"""Lines of the audit trail in, what happened in plain words out, the latest first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.layout import lines, page_buttons, page_of, rows_of, text
from bot.cards.position import state_words
from bot.cards.preference_words import SAYS, stored_words
from core.model.exit import ExitRule
from core.model.preferences import Key
from core.model.units import TradeId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.cards.look import Look
    from core.model.control import Event
    from core.model.units import Base

USUAL, MOST = 30, 300
"""Lines that /log shows without and with a number."""
PAGE = 12
_LONGEST = 220
_PAIR = re.compile(r"\bpair (\w+)")


def log_card(
    events: Sequence[Event],
    look: Look,
    count: int,
    names: Mapping[TradeId, Base],
    page: int = 0,
) -> Card:
    """Return the latest lines.

    `count` is how many were asked for, `names` the token of each pair that is known.
    """
    shown, page, pages = page_of(events, page, PAGE)
    where = f" · {page + 1}/{pages}" if pages > 1 else ""
    return Card(
        html=lines(
            f"What happened, the latest first{where} · {look.badge}",
            *(_line(each, look, names) for each in shown),
            "" if events else "Nothing was written down yet.",
        ),
        kind="log",
        card_id=look.card_id,
        rows=rows_of(
            page_buttons(look, page, pages),
            [
                look.button("🔄 Refresh", Verb.REFRESH),
                look.button("Positions", Verb.SCREEN, "pos"),
                look.button("Health", Verb.SCREEN, "health"),
            ],
        ),
        shown={"count": str(count), "page": str(page)},
    )


def _line(event: Event, look: Look, names: Mapping[TradeId, Base]) -> str:
    said = _named(event_words(event, look), names)
    short = said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"
    when = f"{event.at:%d %b} {numbers.moment(event.at)}"
    return f"{when} {text(_who(event.who, look))}: {text(short)}"


def _named(said: str, names: Mapping[TradeId, Base]) -> str:
    """Say the token of a pair: nobody knows pairs by their ids."""
    pair = _PAIR.search(said)
    base = None if pair is None else names.get(TradeId(pair[1]))
    if pair is None or base is None or base in said:
        return said
    return said.replace(pair[0], f"{base} ({pair[1]})", 1)


def _who(who: str, look: Look) -> str:
    if who == f"user {look.user_id}":
        return "you"
    return "carrybot" if who in {"engine", "bot"} else who


def event_words(event: Event, look: Look) -> str:
    """Return what happened as plain text; what is not known is shown as it is."""
    for pattern, say in _WORDS:
        found = pattern.fullmatch(event.what)
        if found is not None:
            return say(found, event.detail, look)
    return _with_detail(event.what, event.detail, look)


def _with_detail(said: str, detail: str, look: Look) -> str:
    return f"{said}: {look.with_titles(detail)}" if detail else said


# --- words ----------------------------------------------------------------------------

Found = re.Match[str]


def _trade(found: Found, detail: str, look: Look) -> str:
    steps, _, rest = detail.partition(", ")
    old, _, new = steps.partition(" -> ")
    grows = rest.startswith("adding")
    try:
        state = state_words(new, grows=grows)
    except ValueError:
        return _with_detail(f"pair {found[1]}", detail, look)
    # a step that stays where it was is told by its order, or is a note
    said = f"pair {found[1]} {state}" if old != new or not rest else f"pair {found[1]}"
    order = rest.partition(", order ")[0]
    return _with_detail(said, order, look)


def _setting(found: Found, detail: str, look: Look) -> str:
    old, _, new = detail.partition(" -> ")
    try:
        key = Key(found[1])
    except ValueError:
        return f"setting {found[1]}: {old} → {new}"
    was, now = (stored_words(key, each, look) for each in (old, new))
    return f"{SAYS[key].label}: {was} → {now}"


def _scope(scope: str, look: Look) -> str:
    venue, _, symbol = scope.partition(":")
    if venue == "all":
        return "everywhere"
    token = symbol.partition("/")[0]
    return f"on {look.title(venue)}{f' for {token}' if token else ''}"


def _halt(found: Found, detail: str, look: Look) -> str:
    what = "everything stopped" if found[2] == "halted" else "entries off"
    return _with_detail(f"{what} {_scope(found[1], look)}", detail, look)


def _lift(found: Found, _detail: str, look: Look) -> str:
    return f"a stop lifted {_scope(found[1], look)}"


def _keys(found: Found, _detail: str, look: Look) -> str:
    return f"{look.title(found[1])} has keys"


def _fields(detail: str) -> dict[str, str]:
    """Return `trade=7f2 base=HYPE` as a mapping."""
    parts = (word.partition("=") for word in detail.split())
    return {name: value for name, _, value in parts if value}


def _claimed(found: Found, detail: str, _look: Look) -> str:
    given = _fields(detail)
    verbs = {
        "open": "entry into",
        "close": "close of",
        "adopt": "adoption of",
        "add": "addition to",
    }
    how = "confirmed the" if found[1] == "confirmed" else "standing word: "
    said = f"{how} {verbs[found[2]]} {given.get('base', '?')}".replace("  ", " ")
    return f"{said} (pair {given['trade']})" if "trade" in given else said


_RULES = {
    ExitRule.AFTER_PAYMENT.value: "after the next payment",
    ExitRule.BELOW.value: "below a net spread",
}


def _wish(found: Found, detail: str, _look: Look) -> str:
    trade = _fields(detail).get("trade", "?")
    rule = next((said for name, said in _RULES.items() if f" {name}" in detail), "")
    return f"{found[1]} a close of pair {trade} {rule}".rstrip()


def _mute(found: Found, detail: str, _look: Look) -> str:
    named, _, until = detail.partition(" until ")
    what = " ".join(named.removeprefix("mute:").split(":"))
    end = "" if until in {"", "None"} else f" until {until[:16].replace('T', ' ')} UTC"
    return f"{found[1]} {what}{end}"


def _entries(found: Found, detail: str, look: Look) -> str:
    return _with_detail(f"entries {found[1]}", detail, look)


_WORDS: tuple[tuple[re.Pattern[str], Callable[[Found, str, Look], str]], ...] = (
    (re.compile(r"trade (\S+) \S+"), _trade),
    (re.compile(r"setting (\S+)"), _setting),
    (re.compile(r"halt (\S+)(?: (reducing|halted))?"), _halt),
    (re.compile(r"lift (\S+)"), _lift),
    (re.compile(r"keys (\S+)"), _keys),
    (re.compile(r"(confirmed|standing word to) (open|close|adopt|add)"), _claimed),
    (re.compile(r"(asked for|took back) an exit"), _wish),
    (re.compile(r"(muted|unmuted)"), _mute),
    (re.compile(r"entries[ _](on|off)"), _entries),
)
