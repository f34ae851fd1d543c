"""Open pairs in, list card out; one pair in, its legs and its result by part."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import foreign, numbers
from bot.cards.card import Card, Style
from bot.cards.exits import ADD, HALF, wish_buttons, wish_lines
from bot.cards.layout import grid, lines, page_buttons, page_of, rows_of, text
from bot.cards.legs import leg_table, unit_words
from bot.cards.repair import STOPPED, accepted_words, repair_buttons
from bot.cards.runway import runway_line
from bot.cards.shown import ShownRow, pack_rows
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.order import Balance
    from core.model.position import LegValue, Portfolio, Position
    from core.model.trade import Trade, TradeLeg

PAGE_ROWS = 9
FAR, FAR_WORDS = Decimal(2), ">200%"
"""Liquidation is so far away that its distance says nothing."""


@dataclass(frozen=True, slots=True)
class PositionsView:
    """Which page, and whether its buttons close instead of opening a pair's card."""

    page: int = 0
    is_closing: bool = False


def positions_card(portfolio: Portfolio, look: Look, view: PositionsView) -> Card:
    """Return every open pair, one row each."""
    page_rows, page, count = page_of(portfolio.positions, view.page, PAGE_ROWS)
    start = page * PAGE_ROWS
    html = lines(
        _urgent(portfolio.positions, look),
        _list_head(portfolio, look, view),
        "Checking positions, ready in a few seconds" if portfolio.is_checking else "",
        _list_table(page_rows, start, look) if page_rows else "",
        _list_foot(portfolio, look) if page_rows else "",
        _free(portfolio.balances, look),
        foreign.section(portfolio.foreign, look),
    )
    return Card(
        html=html,
        kind="positions",
        card_id=look.card_id,
        rows=rows_of(
            *grid(foreign.buttons(portfolio.foreign, look), per_row=2),
            *_list_buttons((page_rows, start), look, (page, count), view),
        ),
        shown={
            **foreign.pack(portfolio.foreign),
            "page": str(page),
            "closing": "yes" if view.is_closing else "",
            "rows": pack_rows(
                ShownRow(base=one.trade.base, trade_id=one.trade.trade_id)
                for one in page_rows
            ),
        },
    )


def _urgent(positions: Sequence[Position], look: Look) -> str:
    """Name the pairs a person must look at, before everything else."""
    named = [text(one.trade.base) for one in positions if one.trade.needs_attention]
    return f"🚨 Needs you: {', '.join(named[:5])} · {look.badge}" if named else ""


def _list_head(portfolio: Portfolio, look: Look, view: PositionsView) -> str:
    count = len(portfolio.positions)
    if not count:
        return f"No open pairs · {look.badge}"
    if view.is_closing:
        return f"Which pair should be closed? · {look.badge}"
    pairs = "1 pair" if count == 1 else f"{count} pairs"
    total = _sum(one.total_usd for one in portfolio.positions)
    # an excess in one token does not hedge a shortage in another
    residuals = (one.residual_usd for one in portfolio.positions)
    delta = _sum(None if one is None else abs(one) for one in residuals)
    result = "Result unknown" if total is None else numbers.usd(total, is_signed=True)
    return f"{result} on {pairs} · delta {numbers.usd(delta)} · {look.badge}"


def _sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """Add up; one unknown part makes the sum unknown."""
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _list_table(page_rows: Sequence[Position], start: int, look: Look) -> str:
    head = f"#  {'TOKEN':<8} {'L>S':<5} {'now':>7} {'fund':>7}"
    body = (
        f"{number:<2} "
        f"{numbers.left(numbers.cut(one.trade.base), 8)} "
        f"{_codes(one.trade, look)} "
        f"{numbers.gain_cell(one.total_usd):>7} "
        f"{numbers.gain_cell(one.funding_usd):>7}"
        for number, one in enumerate(page_rows, start + 1)
    )
    return numbers.table([head, *body])


def _codes(trade: Trade, look: Look) -> str:
    long = look.code(trade.long.instrument.venue_id)
    return f"{long}>{look.code(trade.short.instrument.venue_id)}"


def _list_foot(portfolio: Portfolio, look: Look) -> str:
    age = numbers.duration_text(look.now - portfolio.valued_at)
    is_level = all(one.residual_base == 0 for one in portfolio.positions)
    level = "all hedged ✓" if is_level else "⚠️ not all level"
    return f"$ after fees paid so far · {age} old · {level}"


def _free(balances: Sequence[Balance], look: Look) -> str:
    """Name what is free on each venue; a venue that did not answer is named too."""
    if not balances:
        return ""
    known = {one.venue_id: one for one in balances}
    parts = [
        f"{look.code(venue)} {numbers.usd(known[venue].free_usd)}"
        if venue in known
        else f"{look.code(venue)} unknown"
        for venue in look.venues
    ]
    return "Free: " + " · ".join(parts)


def _list_buttons(
    shown: tuple[Sequence[Position], int],
    look: Look,
    pages: tuple[int, int],
    view: PositionsView,
) -> tuple[tuple[Button, ...], ...]:
    page_rows, start = shown
    verb, sign = (Verb.CLOSE, "❗ ") if view.is_closing else (Verb.POSITION, "")
    pairs = [
        look.button(
            f"{sign}{start + index + 1} {numbers.cut(one.trade.base)}", verb, str(index)
        )
        for index, one in enumerate(page_rows)
    ]
    close = look.button("Close…", Verb.SCREEN, "close")
    back = look.button("◀ Positions", Verb.SCREEN, "pos")
    top = look.button("📈 Top", Verb.SCREEN, "top")
    last = [look.button("🔄 Refresh", Verb.REFRESH)]
    every = []
    if view.is_closing:
        last += [back, top]
        if len(page_rows) > 1 or pages[1] > 1:
            every = [look.button("Close all…", Verb.SCREEN, "closeall")]
    else:
        can_close = look.can_trade and bool(page_rows)
        last += [look.button("P&L", Verb.SCREEN, "pnl"), close if can_close else top]
    return rows_of(*grid(pairs), page_buttons(look, *pages), every, last)


# --- one pair -------------------------------------------------------------------------


_STATES = {
    TradeState.CONFIRMED: "being checked",
    TradeState.PREFLIGHT: "being checked",
    TradeState.LEG1: "opening, leg 1",
    TradeState.LEG2: "opening, leg 2",
    TradeState.BALANCE: "leveling both legs",
    TradeState.UNWIND: "being unwound",
    TradeState.OPEN: "open",
    TradeState.CLOSE1: "closing, leg 1",
    TradeState.CLOSE2: "closing, leg 2",
    TradeState.REBALANCE: "being repaired",
    TradeState.CLOSED: "closed",
    TradeState.ABORTED: "not opened",
}


_GROWING = {
    TradeState.CONFIRMED: "growth being checked",
    TradeState.PREFLIGHT: "growth being checked",
    TradeState.LEG1: "growing, leg 1",
    TradeState.LEG2: "growing, leg 2",
}


def state_words(state: str, *, grows: bool = False) -> str:
    """Say where a pair is between confirm and flat, or on its way to be larger."""
    known = TradeState(state)
    return _GROWING.get(known, _STATES[known]) if grows else _STATES[known]


def doing_words(trade: Trade) -> str:
    """Say where this pair is, growing or not."""
    return state_words(trade.state, grows=trade.adding is not None)


def position_card(position: Position, look: Look) -> Card:
    """Return one pair valued now, its result split by part."""
    trade = position.trade
    html = lines(
        _position_head(position, look),
        f"🚨 {look.sentence(trade.attention or 'a person must look')}"
        if trade.needs_attention
        else "",
        STOPPED if position.is_repair_stopped else "",
        accepted_words(trade, look),
        _gone(position, look),
        wish_lines(position.wishes, look),
        _legs(position, look),
        text(unit_words((leg.instrument for leg in _sides(trade)), look)),
        f"Funding {numbers.usd(position.funding_usd, is_signed=True)}"
        f" · price {numbers.usd(position.price_usd, is_signed=True)}"
        f" · fees {_fees(position)} so far",
        _residual(position),
        _course(position, look),
        runway_line(position.runway, look),
        _outcome(trade, look),
        f"Valued {numbers.duration_text(look.now - position.valued_at)} ago",
    )
    return Card(
        html=html,
        kind="position",
        card_id=look.card_id,
        rows=_position_buttons(position, look),
        shown={
            "trade": trade.trade_id,
            "rows": pack_rows([ShownRow(base=trade.base, trade_id=trade.trade_id)]),
        },
    )


def _sides(trade: Trade) -> tuple[TradeLeg, TradeLeg]:
    """Return the legs as the table shows them, the long one first."""
    return trade.long, trade.short


def _position_head(position: Position, look: Look) -> str:
    trade = position.trade
    if trade.closed_at is not None:
        said = ended_words(position, look)
        said = said[:1].lower() + said[1:]
        return f"{text(trade.base)} {said} · {look.badge} · {text(trade.trade_id)}"
    state = "" if trade.state is TradeState.OPEN else f" · {doing_words(trade)}"
    total = position.total_usd
    result = (
        "result unknown" if total is None else numbers.usd(total, is_signed=True)
    ) + " after fees so far"
    return f"{text(trade.base)} {result}{state} · {look.badge} · {text(trade.trade_id)}"


def _gone(position: Position, look: Look) -> str:
    """Warn of a contract that its venue does not list any more."""
    names = {leg.instrument.venue_id: leg.instrument for leg in position.trade.legs}
    return "\n".join(
        f"⚠️ {text(look.title(venue_id))} does not list"
        f" {text(names[venue_id].native_name)} any more"
        f" ({why.value.replace('_', ' ')}): close while it still trades"
        for venue_id, why in position.gone.items()
    )


def _legs(position: Position, look: Look) -> str:
    long, short = position.long, position.short
    return leg_table(
        [
            (
                "leg",
                f"long {look.code(long.leg.instrument.venue_id)}",
                f"short {look.code(short.leg.instrument.venue_id)}",
            ),
            ("qty", _quantity(long), _quantity(short)),
            ("size", _size(long), _size(short)),
            (
                "entry",
                _listed(long, long.entry_price),
                _listed(short, short.entry_price),
            ),
            ("now", _listed(long, long.mark_price), _listed(short, short.mark_price)),
            (
                "funding",
                numbers.usd_cell(long.funding_usd, is_signed=True),
                numbers.usd_cell(short.funding_usd, is_signed=True),
            ),
            (
                "price",
                numbers.usd_cell(long.price_usd, is_signed=True),
                numbers.usd_cell(short.price_usd, is_signed=True),
            ),
            (
                "fees",
                numbers.usd_cell(None if long.is_untold else -long.fees_usd),
                numbers.usd_cell(None if short.is_untold else -short.fees_usd),
            ),
            (look.per, _rate(long, look), _rate(short, look)),
            ("pays in", _due(long, look), _due(short, look)),
            *_liquidation(position),
        ]
    )


def _fees(position: Position) -> str:
    is_untold = position.long.is_untold or position.short.is_untold
    return numbers.usd(None if is_untold else -position.fees_usd)


def _quantity(value: LegValue) -> str:
    return numbers.quantity(value.leg.held_base / value.leg.instrument.multiplier)


def _size(value: LegValue) -> str:
    price = value.mark_price
    return numbers.usd_cell(None if price is None else value.leg.held_base * price)


def _listed(value: LegValue, price: Decimal | None) -> str:
    if price is None:
        return numbers.UNKNOWN
    return numbers.price(value.leg.instrument.listed_price(price))


def _rate(value: LegValue, look: Look) -> str:
    per_hour = None if value.rate is None else value.rate.per_hour
    return numbers.rate_cell(per_hour, look.rate_hours, is_signed=True)


def _due(value: LegValue, look: Look) -> str:
    due = value.next_funding_at
    return numbers.countdown(None if due is None else due - look.now)


def _liquidation(position: Position) -> list[tuple[str, str, str]]:
    """Return how far each leg is from liquidation, where a venue tells."""
    found = [
        position.distances.get(value.leg.instrument.venue_id)
        for value in (position.long, position.short)
    ]
    if not any(each is not None for each in found):
        return []
    long, short = (numbers.UNKNOWN if each is None else _far(each) for each in found)
    return [("liq", long, short)]


def _far(distance: Decimal) -> str:
    """Return how far the price may move; beyond the far end nobody counts."""
    return FAR_WORDS if distance > FAR else numbers.share(distance)


def _residual(position: Position) -> str:
    """Say how level the legs are, in dollars and in the token."""
    residual = numbers.plain(position.residual_base)
    shown = numbers.usd(position.residual_usd)
    return f"Delta {shown} ({residual} {text(position.trade.base)})"


def _course(position: Position, look: Look) -> str:
    trade = position.trade
    if trade.opened_at is None:
        return ""
    until = trade.closed_at or look.now
    entry = numbers.rate(trade.spread_per_hour, look.rate_hours, is_signed=True)
    held = numbers.duration_text(until - trade.opened_at)
    if trade.closed_at is not None:
        return f"Held {held} · entry {entry} gross"
    now = position.spread_per_hour
    shown = numbers.rate(now, look.rate_hours, is_signed=True)
    warning = " ⚠️ the pair pays" if now is not None and now < 0 else ""
    return f"Open {held} · now {shown}, entry {entry} gross{warning}"


def _outcome(trade: Trade, look: Look) -> str:
    """Say what happened last, or why the pair ended."""
    if not trade.outcome:
        return ""
    what = "Last change" if trade.state is TradeState.OPEN else "Reason"
    return f"{what}: {look.reason(trade.outcome)}"


def _position_buttons(position: Position, look: Look) -> tuple[tuple[Button, ...], ...]:
    trade = position.trade
    can_close = look.can_trade and trade.state is TradeState.OPEN
    name = numbers.cut(trade.base)
    close = look.button(f"Close {name}…", Verb.CLOSE, "0", Style.DANGER)
    half = look.button("Close half…", Verb.EXIT, HALF, Style.DANGER)
    payments = look.button("Payments", Verb.PNL, "pay")
    picture = look.button("📈 Picture", Verb.PNL, "png")
    return rows_of(
        *(repair_buttons(look) if trade.needs_attention else ()),
        [close, half] if can_close else [],
        [*wish_buttons(position.wishes, look), *_add_button(position, look)]
        if can_close
        else [],
        [payments, picture] if trade.opened_at is not None else [],
        [
            look.button("🔄 Refresh", Verb.REFRESH),
            look.button("◀ Positions", Verb.SCREEN, "pos"),
            look.button("📈 Top", Verb.SCREEN, "top"),
        ],
    )


def _add_button(position: Position, look: Look) -> list[Button]:
    """Offer to grow a pair that is in order."""
    if position.trade.needs_attention:
        return []
    return [look.button("➕ Add…", Verb.EXIT, ADD)]  # noqa: RUF001 -- a sign, not a sum


def ended_words(position: Position, look: Look) -> str:
    """Say in a toast what became of a pair that an old list still shows."""
    trade = position.trade
    total = numbers.usd(position.total_usd, is_signed=True)
    if trade.closed_at is None:
        return f"{trade.base}: {doing_words(trade)}"
    ago = numbers.duration_text(look.now - trade.closed_at)
    return f"Closed {ago} ago: {total}"


def progress_card(trade: Trade, look: Look) -> Card:
    """Return what replaces the confirm card the moment its button has won."""
    is_close = trade.state in {TradeState.CLOSE1, TradeState.CLOSE2}
    word = "closing" if is_close else "opening"
    if trade.adding is not None:
        word = "growing"
    body = [
        f"{number} {leg.side.value:<5} {look.code(leg.instrument.venue_id)}  waiting"
        for number, leg in enumerate(trade.legs, 1)
    ]
    return Card(
        html=lines(
            f"{text(trade.base)} {word}… · {look.badge} · {text(trade.trade_id)}",
            numbers.table(body),
        ),
        kind="progress",
        card_id=look.card_id,
        shown={
            "trade": trade.trade_id,
            "rows": pack_rows([ShownRow(base=trade.base, trade_id=trade.trade_id)]),
        },
        is_protected=True,
    )
