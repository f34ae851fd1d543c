"""A rule that says a pair should be left, and what a person asks of one pair."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card, Style
from bot.cards.facts import moment, number
from bot.cards.layout import grid, lines, rows_of, text
from bot.cards.runway import runway_words
from bot.cards.shown import ShownRow, pack_rows
from core.model.exit import ExitAction, ExitRule
from core.model.units import Base, TradeId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.exit import Timers
    from core.model.position import Position

    Facts = Mapping[str, str]
    Parts = tuple[str, tuple[tuple[Button, ...], ...], list[ShownRow]]

AFTER_PAYMENT, STOP, OFF, HALF, ADD = "pay", "stop", "off", "half", "add"
SHARES = (Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))
"""Levels offered for one pair, as parts of its spread at entry."""


# --- the alert ------------------------------------------------------------------------


def exit_alert(facts: Facts, look: Look) -> Parts:
    """Return what a rule found, with a button that quotes the close if it wants one."""
    rule = ExitRule(facts.get("rule", ExitRule.HOLD.value))
    base, action = facts.get("base", "?"), facts.get("action", "")
    is_alarm = rule is ExitRule.LIQUIDATION and facts.get("band") == "critical"
    sign = "🚨" if is_alarm else "⚠️"
    closes = action == ExitAction.CLOSE.value and _acts(rule, facts)
    html = lines(
        f"{sign} {text(base)} {_SAYS[rule](facts, look)} · {look.badge}"
        f" · {text(facts.get('trade', '?'))}",
        runway_words(facts),
        _transfer(facts, look),
        _closing(rule) if closes else "",
    )
    row = ShownRow(
        base=Base(base), trade_id=TradeId(facts["trade"]) if "trade" in facts else None
    )
    close = look.button(f"Close {numbers.cut(base)}…", Verb.CLOSE, "0", Style.DANGER)
    wants_button = action == ExitAction.BUTTON.value and look.can_trade
    buttons = [look.button("Position", Verb.POSITION, "0")]
    return html, rows_of([close, *buttons] if wants_button else buttons), [row]


def _closing(rule: ExitRule) -> str:
    """Say when a rule that closes by itself does so."""
    if rule is ExitRule.VENUE:
        return "I close it as soon as both venues are in order again; not before."
    return "I close it now: both venues must answer, and nothing may be halted."


def _acts(rule: ExitRule, facts: Facts) -> bool:
    return rule is not ExitRule.LIQUIDATION or facts.get("band") == "critical"


def _profit(facts: Facts, look: Look) -> str:
    del look
    result = numbers.usd(number(facts, "result_usd"), is_signed=True)
    share = numbers.share(number(facts, "share") or Decimal(0))
    return f"would end at {result}, {share} of its size, after all fees"


def _spread(facts: Facts, look: Look) -> str:
    now = numbers.rate(
        number(facts, "spread_per_hour"), look.rate_hours, is_signed=True
    )
    stop = numbers.rate(number(facts, "stop_per_hour"), look.rate_hours, is_signed=True)
    times = text(facts.get("payments", "?"))
    return f"{now} net spread, below {stop} at {times} settlements in a row"


def _liquidation(facts: Facts, look: Look) -> str:
    venue = text(look.title(facts.get("venue", "?")))
    distance = numbers.share(number(facts, "distance") or Decimal(0))
    return f"leg on {venue} is {distance} away from liquidation"


def _gap(facts: Facts, look: Look) -> str:
    del look
    gap = numbers.share(number(facts, "gap") or Decimal(0))
    return f"prices of the two legs are {gap} apart"


def _delisted(facts: Facts, look: Look) -> str:
    venue = text(look.title(facts.get("venue", "?")))
    return f"leaves {venue}'s list: close while it still trades"


def _venue(facts: Facts, look: Look) -> str:
    lasted = numbers.duration_text(timedelta(seconds=int(facts.get("lasted_s", "0"))))
    venue, how = facts.get("venue", "?"), facts.get("how", "is in trouble")
    return f"held on a venue in trouble for {lasted}: {look.reason(f'{venue} {how}')}"


def _hold(facts: Facts, look: Look) -> str:
    del look
    held = number(facts, "held_s")
    hours = 0 if held is None else int(held // 3600)
    return f"is open for {hours} h, longer than planned"


def _below(facts: Facts, look: Look) -> str:
    now = numbers.rate(
        number(facts, "spread_per_hour"), look.rate_hours, is_signed=True
    )
    level = numbers.rate(
        number(facts, "stop_per_hour"), look.rate_hours, is_signed=True
    )
    return f"{now} net spread, below your {level}"


def _after_payment(facts: Facts, look: Look) -> str:
    del look
    at = moment(facts, "paid_at")
    when = f" of {numbers.moment(at)}" if at else ""
    return f"the payment{when} you wanted to wait for is due"


_SAYS: Mapping[ExitRule, Callable[[Facts, Look], str]] = {
    ExitRule.PROFIT: _profit,
    ExitRule.SPREAD: _spread,
    ExitRule.LIQUIDATION: _liquidation,
    ExitRule.GAP: _gap,
    ExitRule.DELISTED: _delisted,
    ExitRule.VENUE: _venue,
    ExitRule.HOLD: _hold,
    ExitRule.BELOW: _below,
    ExitRule.AFTER_PAYMENT: _after_payment,
}


def _transfer(facts: Facts, look: Look) -> str:
    amount = number(facts, "move_usd")
    if amount is None:
        return ""
    source, target = (
        text(look.title(facts.get(key, "?"))) for key in ("move_from", "move_to")
    )
    restores = numbers.share(number(facts, "move_restores") or Decimal(0))
    return (
        f"Moving about {numbers.whole_usd(amount)} from {source} to {target} restores"
        f" {restores}. I never transfer."
    )


# --- one pair's own rules -------------------------------------------------------------


def wish_buttons(wishes: Timers, look: Look) -> list[Button]:
    """Return the buttons of a position card that ask something of this pair."""
    after = "Keep after pay" if ExitRule.AFTER_PAYMENT in wishes else "After next pay"
    stop = "Stop •" if ExitRule.BELOW in wishes else "Stop…"
    return [
        look.button(after, Verb.EXIT, AFTER_PAYMENT),
        look.button(stop, Verb.EXIT, STOP),
    ]


def wish_lines(wishes: Timers, look: Look) -> str:
    """Say what was asked of this pair."""
    said = []
    after = wishes.get(ExitRule.AFTER_PAYMENT)
    if after is not None and after.mark is not None:
        said.append(f"Closes after the payment of {numbers.moment(after.mark)}.")
    below = wishes.get(ExitRule.BELOW)
    if below is not None and below.level is not None:
        level = numbers.rate(below.level, look.rate_hours, is_signed=True)
        said.append(f"Closes when the net spread stays below {level}.")
    venue = wishes.get(ExitRule.VENUE)
    if venue is not None and venue.since is not None:
        title = text(look.title(venue.about))
        said.append(
            f"Closes once both venues are in order: {title} is in trouble since"
            f" {numbers.moment(venue.since)}."
        )
    return " ".join(said)


def levels_of(position: Position) -> tuple[Decimal, ...]:
    """Return the levels that are offered for one pair, per hour."""
    return tuple(position.trade.spread_per_hour * share for share in SHARES)


def stop_card(position: Position, wishes: Timers, look: Look) -> Card:
    """Return the levels below which one pair closes by itself."""
    trade = position.trade
    chosen = wishes.get(ExitRule.BELOW)
    level = None if chosen is None else chosen.level
    chips = [
        look.button(
            _chip(each, look, is_chosen=each == level), Verb.EXIT, f"lvl-{index}"
        )
        for index, each in enumerate(levels_of(position))
    ]
    now = numbers.rate(position.spread_per_hour, look.rate_hours, is_signed=True)
    entry = numbers.rate(trade.spread_per_hour, look.rate_hours, is_signed=True)
    return Card(
        html=lines(
            f"Close {text(trade.base)} by itself below which net spread?"
            f" · {look.badge} · {text(trade.trade_id)}",
            f"Now {now}, at entry {entry}. It must stay below for a minute, with both"
            " venues answering; otherwise nothing is closed and you are told.",
            wish_lines(wishes, look),
        ),
        kind="stop",
        card_id=look.card_id,
        rows=rows_of(
            *grid(chips, per_row=2),
            [look.button("No stop", Verb.EXIT, OFF)] if level is not None else [],
            [look.button("◀ Pair", Verb.POSITION, "0")],
        ),
        shown={
            "trade": trade.trade_id,
            "rows": pack_rows([ShownRow(base=trade.base, trade_id=trade.trade_id)]),
        },
    )


def _chip(level: Decimal, look: Look, *, is_chosen: bool) -> str:
    shown = numbers.rate(level, look.rate_hours, is_signed=True)
    return f"{shown}{' •' if is_chosen else ''}"
