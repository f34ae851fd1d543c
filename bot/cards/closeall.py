"""Open pairs in, the two steps of closing them all out; and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bot.callbacks import Verb
from bot.cards import numbers, trouble
from bot.cards.card import Card, Style
from bot.cards.layout import lines, rows_of, text
from bot.cards.position import doing_words
from bot.cards.shown import ShownRow, pack_rows
from core.model.control import GLOBAL_SCOPE, TradingState
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.control import Halt
    from core.model.position import LegValue, Position
    from core.model.units import Base

ASK: Final = "all"
"""Argument of the button that leads to the second step."""
SURE: Final = "sure"
"""Argument of the button that closes."""
CANCEL: Final = "no"
ANSWERS: Final = frozenset({ASK, SURE, CANCEL})
KIND: Final = "closeall"
SURE_KIND: Final = "closeall_sure"
BEGUN_KIND: Final = "closeall_begun"
RESTARTED: Final = "I restarted. Nothing was ordered, look again."
_REFUSED: Final = "plan_refused"
"""Begins like a confirm card's kind: the next refusal takes no buttons off this one."""
_ROWS: Final = 15
_NAMED: Final = 60
_LONGEST_LABEL: Final = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Which pairs would be closed, and which cannot be and why."""

    pairs: Sequence[Position]
    staying: Sequence[tuple[Position, str]]
    is_halted: bool = False

    @property
    def counted(self) -> str:
        """Return how many pairs would be closed."""
        return _count(len(self.pairs))


def choice_of(
    positions: Iterable[Position], halts: Sequence[Halt], look: Look
) -> Choice:
    """Sort pairs by whether a close of them could begin now."""
    sorted_out = [(each, _why_not(each, halts, look)) for each in positions]
    return Choice(
        pairs=tuple(each for each, why in sorted_out if not why),
        staying=tuple((each, why) for each, why in sorted_out if why),
        is_halted=any(
            halt.scope == GLOBAL_SCOPE and halt.state is TradingState.HALTED
            for halt in halts
        ),
    )


def _why_not(position: Position, halts: Sequence[Halt], look: Look) -> str:
    """Say why a pair cannot be closed now, as HTML; nothing if it can."""
    trade = position.trade
    if trade.needs_attention:
        return "needs you, its card has the buttons"
    if trade.state is not TradeState.OPEN:
        return doing_words(trade)
    for leg in trade.legs:
        venue_id, symbol = leg.instrument.venue_id, leg.instrument.symbol
        for halt in halts:
            is_here = halt.scope in {str(venue_id), f"{venue_id}:{symbol}"}
            if is_here and halt.state is TradingState.HALTED:
                title = text(look.title(venue_id))
                return f"{title} is halted, {look.reason(halt.reason)}"
    return ""


# --- what it is about -----------------------------------------------------------------


def _count(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"{pairs} pairs"


def _worth(value: LegValue) -> Decimal | None:
    price = value.mark_price
    return None if price is None else value.leg.held_base * price


def _per_leg(position: Position) -> Decimal | None:
    """Return the larger leg's notional, None without a fresh price of both."""
    long, short = _worth(position.long), _worth(position.short)
    return None if long is None or short is None else max(long, short)


def _in_all(pairs: Sequence[Position]) -> Decimal | None:
    """Return the notional per leg of all pairs; one unknown part makes it unknown."""
    total = Decimal(0)
    for each in pairs:
        found = _per_leg(each)
        if found is None:
            return None
        total += found
    return total


def _dollars(value: Decimal) -> str:
    """Return a notional by which people know their sizes: $1,500."""
    return numbers.whole_usd(value if value < 1 else value.quantize(Decimal(1)))


def _notional(choice: Choice) -> str:
    total = _in_all(choice.pairs)
    return "notional unknown" if total is None else f"{_dollars(total)} per leg in all"


def _fees_out(pairs: Sequence[Position]) -> str:
    """Say what the venues' fees would be, which needs no order book."""
    total = Decimal(0)
    for each in pairs:
        for value in (each.long, each.short):
            worth = _worth(value)
            if worth is None:
                return "Fees out unknown: a price is missing."
            total += worth * value.leg.taker_fee
    return f"Fees out about {numbers.usd(total)}; what the books take comes on top."


def _so_far(pairs: Sequence[Position]) -> str:
    known = [each.total_usd for each in pairs]
    if any(each is None for each in known):
        return "Result so far unknown"
    total = sum((each for each in known if each is not None), Decimal(0))
    return f"Result so far {numbers.usd(total, is_signed=True)} after fees paid"


def names_of(bases: Iterable[str]) -> str:
    """Return tokens as HTML, cut like in tables; of very many the rest is counted."""
    named = [text(numbers.cut(each)) for each in bases]
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _table(pairs: Sequence[Position], look: Look) -> str:
    head = f"#  {'TOKEN':<8} {'L>S':<5} {'per leg':>7} {'now':>7}"
    body = (
        f"{number:<2} {numbers.left(numbers.cut(one.trade.base), 8)} "
        f"{_codes(one, look)} {_cell(_per_leg(one)):>7} "
        f"{numbers.gain_cell(one.total_usd):>7}"
        for number, one in enumerate(pairs[:_ROWS], 1)
    )
    return numbers.table([head, *body])


def _cell(value: Decimal | None) -> str:
    if value is None:
        return numbers.UNKNOWN
    shown = _dollars(value)
    return shown if len(shown) <= 7 else f"${numbers.big(value)}"  # noqa: PLR2004 -- the column


def _codes(one: Position, look: Look) -> str:
    long, short = one.trade.long.instrument, one.trade.short.instrument
    return f"{look.code(long.venue_id)}>{look.code(short.venue_id)}"


def _staying(choice: Choice) -> str:
    rows = [
        f"{text(numbers.cut(each.trade.base))} stays: {why}"
        for each, why in choice.staying[:_ROWS]
    ]
    more = len(choice.staying) - len(rows)
    return lines(*rows, f"and {more} more stay" if more > 0 else "")


# --- the two steps --------------------------------------------------------------------


def first_card(choice: Choice, look: Look) -> Card:
    """Return what would be closed; nothing on it orders."""
    if not choice.pairs:
        return _nothing_card(choice, look)
    rest = choice.pairs[_ROWS:]
    ask = look.button(f"Close all {len(choice.pairs)}…", Verb.CLOSE, ASK)
    return Card(
        html=lines(
            f"Close all? {choice.counted}, {_notional(choice)} · {look.badge}",
            _table(choice.pairs, look),
            f"and {names_of(each.trade.base for each in rest)}" if rest else "",
            _so_far(choice.pairs),
            _fees_out(choice.pairs),
            _staying(choice),
            _halted(choice),
            "Nothing is ordered yet: the next step asks once more.",
        ),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of([ask, _cancel(look)]),
        shown=_shown(choice, look),
    )


def _nothing_card(choice: Choice, look: Look) -> Card:
    first = "No open pairs, nothing to close"
    if choice.staying:
        first = f"None of {_count(len(choice.staying))} can be closed now"
    return Card(
        html=lines(f"{first} · {look.badge}", _staying(choice)),
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(_ways(look)),
        shown=_shown(choice, look),
    )


def sure_card(choice: Choice, expires_at: datetime, look: Look) -> Card:
    """Return the second step; its button is not where the first one was."""
    ttl = numbers.duration_text(expires_at - look.now)
    sure = look.button(_sure_label(choice), Verb.CLOSE, SURE, Style.DANGER)
    return Card(
        html=lines(
            f"Really close {choice.counted}? {_notional(choice)} · {look.badge}",
            names_of(each.trade.base for each in choice.pairs),
            _staying(choice),
            "Each pair is closed by a close card of its own, priced now and confirmed"
            " at once by your tap. One that refuses stays hedged.",
            _halted(choice),
            f"Valid until {numbers.moment(expires_at, 'T')} ({ttl})",
        ),
        kind=SURE_KIND,
        card_id=look.card_id,
        # neither from above nor from below in the place of a button of the first step
        rows=rows_of([_cancel(look)], [sure], [_ways(look)[1]]),
        shown=_shown(choice, look),
        is_protected=True,
    )


def _halted(choice: Choice) -> str:
    if not choice.is_halted:
        return ""
    return "⚠️ Everything is halted. Closes that you confirm go out all the same."


def _sure_label(choice: Choice) -> str:
    """Name count and notional in what a narrow screen shows of a button."""
    count, total = len(choice.pairs), _in_all(choice.pairs)
    if total is None:
        return f"❗ Close {choice.counted}"
    label = f"❗ Close {count}, {_dollars(total)}"
    short = f"❗ Close {count}, ${numbers.big(total)}"
    return label if len(label) <= _LONGEST_LABEL else short


def _shown(choice: Choice, look: Look) -> dict[str, str]:
    return {
        "by": look.viewer_name,
        "rows": pack_rows(
            ShownRow(base=each.trade.base, trade_id=each.trade.trade_id)
            for each in choice.pairs
        ),
    }


def _cancel(look: Look) -> Button:
    return look.button("✖ Cancel", Verb.CLOSE, CANCEL)


def _ways(look: Look) -> tuple[Button, Button]:
    return (
        look.button("🔄 Refresh", Verb.REFRESH),
        look.button("◀ Positions", Verb.SCREEN, "pos"),
    )


def unanswered_card(ended_at: datetime, look: Look) -> Card:
    """Return what the second step turns into that nobody answered."""
    words = f"The question ended at {ended_at:%H:%M:%S} UTC. Nothing was ordered."
    return ended_card(words, look)


def ended_card(words: str, look: Look) -> Card:
    """Return what a step turns into that was not taken."""
    return Card(
        html=f"{text(words)} · {look.badge}",
        kind=KIND,
        card_id=look.card_id,
        rows=rows_of(_ways(look)),
    )


# --- what became of it ----------------------------------------------------------------


def beginning_words(count: int) -> str:
    """Say in a toast what a tap has begun."""
    return f"Closing {_count(count)}…"


def begun_card(
    begun: Sequence[Base],
    look: Look,
    *,
    refused: Sequence[Base] = (),
    skipped: Sequence[Base] = (),
    is_over: bool = True,
) -> Card:
    """Return how many closes are under way; each has a message of its own."""
    first = f"Closing {_count(len(begun))}" + ("" if is_over else "…")
    if not begun:
        first = "Nothing is being closed"
    if refused:
        first += f"; {len(refused)} refused: {names_of(refused)}"
    says = "Each pair has its own message."
    if refused:
        says += " One that refused is open and hedged as before; its message says why."
    return Card(
        html=lines(
            f"{first} · {look.badge}",
            names_of(begun),
            f"Closed before, skipped: {names_of(skipped)}" if skipped else "",
            says if begun or refused else "",
        ),
        kind=BEGUN_KIND,
        card_id=look.card_id,
        rows=rows_of(_ways(look)),
    )


def refused_card(base: Base, card: Card) -> Card:
    """Return a refusal that names its pair and keeps its buttons beside others'.

    The card of a pair that is busy or over names it already.
    """
    if card.kind != trouble.KIND:
        return card
    return replace(card, html=f"{text(base)} is not closed. {card.html}", kind=_REFUSED)
