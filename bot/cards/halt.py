"""What a halt stopped in, cards out: the halt, its end, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards.card import Card
from bot.cards.layout import lines, rows_of, text
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.control import Halted
    from core.model.trade import Trade

ONLY_PAUSE = "only"
"""Argument of the pause button that ends a halt."""
_MAX_NAMED = 5
_ENTERING = {TradeState.CONFIRMED, TradeState.PREFLIGHT, TradeState.LEG1}
_CLOSING = {TradeState.CLOSE1, TradeState.CLOSE2}


def halted_card(look: Look, met: Halted) -> Card:
    """Return the answer to a halt: what stopped, what stays, what still works."""
    first = "Everything is halted" if met.is_new else "Everything was halted already"
    named = [_moving(trade, look) for trade in met.moving[:_MAX_NAMED]]
    more = len(met.moving) - len(named)
    who = "you resume" if look.can_trade else "an owner resumes"
    return Card(
        html=lines(
            f"⛔ {first} · {look.badge}",
            "Stopped: entries, second legs, top-ups, repairs. Nothing is sent by itself"
            f" until {who}, restarts included.",
            *named,
            f"and {more} more" if more > 0 else "",
            _resting(met.resting),
            "Closing works, but nothing repairs a leg that does not fill."
            if look.can_trade
            else "The owners are told.",
        ),
        kind="halted",
        card_id=look.card_id,
        rows=rows_of(
            *halt_buttons(look), [look.button("Positions", Verb.SCREEN, "pos")]
        ),
    )


def _moving(trade: Trade, look: Look) -> str:
    venues = " and ".join(look.title(leg.instrument.venue_id) for leg in trade.legs)
    what = f"{text(trade.base)} on {text(venues)}"
    if trade.state in _CLOSING:
        return f"{what}: the close that was confirmed goes on."
    if trade.state in _ENTERING and trade.adding is not None:
        return (
            f"⚠️ {what} was growing: its second leg is not sent. If the first one"
            " filled, what it added stands alone; what was held before is hedged."
        )
    if trade.state in _ENTERING:
        return (
            f"⚠️ {what} was opening: its second leg is not sent. If the first one"
            " filled, it stands alone."
        )
    return f"⚠️ {what} was being made equal: one leg may stand alone now."


def _resting(count: int) -> str:
    if not count:
        return ""
    pairs = "1 open pair stays" if count == 1 else f"{count} open pairs stay"
    return f"{pairs} as it is." if count == 1 else f"{pairs} as they are."


def halt_buttons(look: Look) -> tuple[tuple[Button, ...], ...]:
    """Return the two ways out of a halt; viewers have none."""
    if not look.can_trade:
        return ()
    only = look.button("⏸ Only pause", Verb.PAUSE, ONLY_PAUSE)
    return rows_of([only, look.button("▶ Resume", Verb.RESUME)])


def only_paused_card(look: Look, *, was_halted: bool) -> Card:
    """Return the answer to "Only pause": repairs go on, entries stay off."""
    first = "The halt is over, entries stay paused"
    if not was_halted:
        first = "Nothing was halted; entries are paused"
    return Card(
        html=lines(
            f"{first} · {look.badge}",
            "Closing and repairs work again. Entries wait until you resume.",
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


def lifted_card(look: Look, *, still_off: Sequence[str] = ()) -> Card:
    """Return the answer to a resume that ended a halt."""
    off = (
        f"Entries are still off: {look.reason('; '.join(still_off))}"
        if still_off
        else ""
    )
    return Card(
        html=lines(
            f"The halt is over · {look.badge}",
            off or "Entries are on again.",
            "Repairs go on now: an unequal pair is made equal by itself.",
        ),
        kind="resumed",
        card_id=look.card_id,
        rows=rows_of(
            [
                look.button("⏸ Pause", Verb.PAUSE),
                look.button("Positions", Verb.SCREEN, "pos"),
                look.button("Health", Verb.SCREEN, "health"),
            ]
        ),
    )
