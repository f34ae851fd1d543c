"""Facts about a leg without its counterpart in, the words of the alarm out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.facts import base_of, items, moment, multiplier, number, quantity
from bot.cards.layout import folded, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.look import Look

    Facts = Mapping[str, str]


def not_hedged_words(facts: Facts, look: Look) -> Sequence[str]:
    """Say what is open, where, what was tried and what to do by hand."""
    base, exposure = base_of(facts), number(facts, "exposure_base")
    where = facts.get("do_venue")
    if exposure:
        side = "long" if exposure > 0 else "short"
        on = f" on {text(look.title(where))}" if where else ""
        what = f"NOT HEDGED: {side} {numbers.plain(abs(exposure))} {base}{on}"
    else:
        what = f"{base} needs you"
    about = number(facts, "exposure_usd")
    if "decide_by" in facts:
        return (f"🚨 {what} · {look.badge}", *_while_asking(facts, look))
    why, tries = look.sentence(facts.get("reason", "")), facts.get("tries", "0")
    return (
        f"🚨 {what} · {look.badge}",
        f"About {numbers.usd(abs(about))} · {text(facts.get('trade', ''))}"
        if about is not None
        else "",
        why + (f" Tried {text(tries)} times." if tries not in {"0", "1"} else ""),
        _by_hand(facts, look),
        (
            f"I try again every {text(facts.get('repeat_s', '60'))} s."
            f" New {base} entries are off."
        ),
        folded(facts.get("last_answer", "")),
    )


def _while_asking(facts: Facts, look: Look) -> Sequence[str]:
    """Say what stays open until an order of the other leg is decided."""
    about, until = number(facts, "exposure_usd"), moment(facts, "decide_by")
    venue = text(look.title(facts.get("asked_venue", "")))
    order = (
        f"{text(facts.get('asked_side', ''))} {quantity(facts, 'asked_quantity')}"
        f" {base_of(facts)}"
    )
    worth = "" if about is None else f"About {numbers.usd(abs(about))} · "
    when = "" if until is None else f" at the latest {numbers.moment(until, 'T')}"
    return (
        f"{worth}{text(facts.get('trade', ''))}",
        (
            f"{venue} has not said for a minute whether my order to {order} was filled."
            " I keep asking and never send it again."
        ),
        f"I decide{when}; then I level both legs by myself.",
        (
            f"Do now: look at {venue}. If the order was filled there, you are hedged:"
            " do nothing."
        ),
        f"If it was not and you cannot wait, {_how_by_hand(facts, look)}.",
    )


def _by_hand(facts: Facts, look: Look) -> str:
    return f"Do now: {_how_by_hand(facts, look)}." if "do_venue" in facts else ""


def _how_by_hand(facts: Facts, look: Look) -> str:
    venue = text(look.title(facts.get("do_venue", "")))
    side = text(facts.get("do_side", ""))
    symbol = text(facts.get("do_symbol", ""))
    amount = f"{quantity(facts, 'do_quantity')} {base_of(facts)} in {symbol}"
    told = number(facts, "do_quantity")
    legs = [leg for leg in items(facts) if leg.get("venue") == facts.get("do_venue")]
    unit = multiplier(legs[0]) if legs else 1
    if told is not None and unit != 1:
        # the venue's own form counts listed units, a thousandth of the token's
        listed = numbers.plain(told / unit)
        amount = f"{listed} {symbol} (= {numbers.plain(told)} {base_of(facts)})"
    return f"on {venue} {side} {amount}, reduce-only"
