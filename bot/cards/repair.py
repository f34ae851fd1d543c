"""What an owner may say about a pair in trouble: buttons, a question, short answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card, Style
from bot.cards.layout import lines, rows_of, text
from bot.cards.shown import ShownRow, pack_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.position import Position
    from core.model.trade import Trade, TradeLeg

NOW, FIXED, STOP, ASK, KEEP = "now", "fixed", "stop", "ask", "keep"
SAYS = {
    NOW: "I try again now.",
    FIXED: "I look at both venues; I believe two equal readings, within a minute.",
    STOP: "Repairs are stopped. Nothing is sent until you tap Retry now.",
    KEEP: "Accepted. It is yours now; I do not repair it any more.",
}
IN_ORDER = "Nothing to repair: this pair does not need you now."
CHANGED = "Not accepted: the legs hold something else by now, or I am still checking."
NOTHING_KEPT = "The legs do not differ by my books, so there is nothing to accept."
STOPPED = "Repairs are stopped by an owner; Retry now starts them again."


def repair_buttons(look: Look) -> tuple[tuple[Button, ...], ...]:
    """Return the rows for a pair in trouble; none for viewers."""
    if not look.can_trade:
        return ()
    labels = (("Retry now", NOW), ("I fixed it", FIXED), ("Stop repairs", STOP))
    return (
        tuple(look.button(label, Verb.REPAIR, arg) for label, arg in labels),
        (look.button("Accept residual…", Verb.REPAIR, ASK),),
    )


def larger_leg(trade: Trade) -> TradeLeg | None:
    """Return the leg that holds too much; None if neither does or one was turned."""
    first, second = trade.legs
    if min(first.held_base, second.held_base) < 0:
        return None
    if first.held_base == second.held_base:
        return None
    return first if first.held_base > second.held_base else second


def accept_card(position: Position, leg: TradeLeg, look: Look) -> Card:
    """Ask whether an owner wants to keep what one leg holds too much."""
    trade = position.trade
    smaller = min(each.held_base for each in trade.legs)
    residual = leg.held_base - smaller
    amount = f"{numbers.plain(residual)} {numbers.cut(trade.base)}"
    venue = text(look.title(leg.instrument.venue_id))
    usd = position.residual_usd
    return Card(
        html=lines(
            f"Keep {text(amount)} {leg.side.value} on {venue} without a counterpart?"
            f" · {look.badge} · {text(trade.trade_id)}",
            "" if usd is None else f"About {numbers.usd(abs(usd))} at the price now.",
            "I stop repairing it. Its price is your risk from then on.",
            (
                "The pair stays open with it, and closing the pair sells it too."
                if smaller
                else f"The pair ends, and what is left on {venue} is yours to close."
            ),
            "Accepted is this size only: if it grows, I repair again.",
        ),
        kind="residual",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button(f"Accept {amount}"[:20], Verb.REPAIR, KEEP, Style.DANGER),
                look.button("✖ Keep repairing", Verb.POSITION, "0"),
            ]
        ),
        shown={
            "trade": trade.trade_id,
            "rows": pack_rows([ShownRow(base=trade.base, trade_id=trade.trade_id)]),
            "first": f"{trade.first.held_base:f}",
            "second": f"{trade.second.held_base:f}",
        },
        is_protected=True,
    )


def accepted_words(trade: Trade, look: Look) -> str:
    """Say what of a pair an owner keeps unhedged, who said so and when."""
    said = []
    for leg in trade.legs:
        kept = leg.accepted
        if kept is None:
            continue
        who = "you" if kept.by == look.user_id else "an owner"
        venue = text(look.title(leg.instrument.venue_id))
        said.append(
            f"⚠️ {numbers.plain(kept.quantity_base)} {text(trade.base)}"
            f" {leg.side.value} on {venue} without a counterpart, accepted by {who}"
            f" {numbers.duration_text(look.now - kept.at)} ago"
        )
    return "\n".join(said)


def kept_words(facts: Mapping[str, str], kept: Decimal | None, look: Look) -> str:
    """Say in the news of a pair's end what of it is its owner's now."""
    if kept is None:
        return ""
    venue = text(look.title(facts.get("kept_venue", "")))
    return (
        f"You keep {numbers.plain(kept)} {text(facts.get('base', ''))}"
        f" {text(facts.get('kept_side', ''))} on {venue}, as you accepted;"
        " I do not touch it any more."
    )
