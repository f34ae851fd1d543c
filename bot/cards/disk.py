"""A disk in trouble in, what a person must know and do out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.layout import folded, lines, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.cards.look import Look
    from core.model.trade import Trade, TradeLeg

_MOST_PAIRS = 12


def dead_disk_card(look: Look, detail: str, trades: Sequence[Trade] | None) -> Card:
    """Return what is said when nothing can be written; None: not even read."""
    html = lines(
        f"🆘 I cannot write to disk, so I send no orders. · {look.badge}",
        *_held(look, trades),
        "To close, do it on both venues."
        " Free disk space; if I do not say that I can write again, restart me.",
        folded(detail),
    )
    return Card(html=html, kind="alert")


def _held(look: Look, trades: Sequence[Trade] | None) -> Sequence[str]:
    if trades is None:
        return ["I cannot read what is open either: look at every venue."]
    if not trades:
        return ["No pair is open."]
    said = [f"Open: {_pair(look, trade)}." for trade in trades[:_MOST_PAIRS]]
    more = len(trades) - len(said)
    return [*said, f"And {more} more." if more > 0 else ""]


def _pair(look: Look, trade: Trade) -> str:
    legs = ", ".join(_leg(look, trade, leg) for leg in trade.legs)
    return f"{legs} ({'not hedged' if trade.residual_base else 'hedged'})"


def _leg(look: Look, trade: Trade, leg: TradeLeg) -> str:
    instrument = leg.instrument
    listed = leg.held_base / instrument.multiplier
    where = f"{look.title(instrument.venue_id)} ({instrument.native_name}"
    if instrument.multiplier != 1:
        where += f": {numbers.plain(listed)}"
    return text(
        f"{leg.side.value} {numbers.plain(leg.held_base)} {trade.base} on {where})"
    )


def disk_words(facts: Mapping[str, str], look: Look) -> str:
    """Return the words of an alert about the disk."""
    why = look.reason(facts.get("reason", "unknown"))
    match facts.get("state"):
        case "back":
            return f"Entries are on again: {why} · {look.badge}"
        case "works":
            return lines(f"Disk: {why} · {look.badge}", "Look at your positions once.")
        case "lost":
            return lines(
                f"🆘 Everything is halted: {why} · {look.badge}",
                "I know none of the pairs in it. Look at your positions on the venues;"
                " put a backup back, or resume without.",
                folded(facts.get("file", "")),
            )
        case _:
            return lines(
                f"⚠️ Entries are off: {why} · {look.badge}",
                "Closing works. Free disk space: at 200 MB entries come back by"
                " themselves.",
            )
