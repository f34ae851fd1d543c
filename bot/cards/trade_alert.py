"""Facts about a trade in, its card out: progress, outcome, and what needs a person."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.callbacks import Verb
from bot.cards import numbers
from bot.cards.card import Card
from bot.cards.facts import (
    base_of,
    cost,
    gain,
    items,
    moment,
    multiplier,
    number,
    quantity,
)
from bot.cards.layout import folded, lines, rows_of, text
from bot.cards.legs import leg_table
from bot.cards.repair import kept_words, repair_buttons
from bot.cards.shown import QuoteRequest, ShownRow, pack_rows
from bot.cards.trouble import busy_state
from bot.cards.unhedged import not_hedged_words
from core.model.alert import AlertKind
from core.model.units import Base, TradeId, VenueId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.cards.card import Button
    from bot.cards.look import Look
    from core.model.alert import Alert

    Facts = Mapping[str, str]

_CENT = Decimal("0.01")
_STAGES = {
    "checking": "opening: last checks",
    "leg1": "opening",
    "leg2": "opening",
    "balancing": "leveling both legs",
    "unwinding": "going back to flat",
    "closing": "closing",
    "repairing": "being repaired",
}


def trade_card(look: Look, alert: Alert) -> Card:
    """Return the card of one alert about a trade."""
    facts = alert.facts
    words, *more = _WORDS[alert.kind](facts, look)
    return Card(
        html=lines(words, *more),
        kind="alert",
        card_id=look.card_id,
        rows=_buttons(alert.kind, facts, look),
        shown=_shown(alert.kind, facts),
        is_protected=alert.edits_message_id is not None,
        is_silent=alert.is_silent,
    )


def _tail(facts: Facts, look: Look) -> str:
    return f"{look.badge} · {text(facts.get('trade', ''))}"


# --- on the way -----------------------------------------------------------------------


def _progress(facts: Facts, look: Look) -> Sequence[str]:
    stage = facts.get("stage", "")
    doing = _STAGES.get(stage, stage)
    if "adding" in facts:
        doing = doing.replace("opening", "growing")
    return (
        f"{base_of(facts)} {text(doing)} · {_tail(facts, look)}",
        _rows(facts, look),
    )


def _rows(facts: Facts, look: Look) -> str:
    legs = items(facts)
    return numbers.table(_leg_row(leg, look) for leg in legs) if legs else ""


def _leg_row(leg: Facts, look: Look) -> str:
    """Return `1 short HL 12.1 @ 41.358     done`, without the price if too long."""
    side, code = leg.get("side", ""), look.code(leg.get("venue", ""))
    status = leg.get("status", "")[:8]
    head = f"{leg.get('leg', '')} {side:<5} {code}"
    held, price = number(leg, "held"), number(leg, "price")
    amount = held or number(leg, "quantity")
    listed = None if amount is None else amount / multiplier(leg)
    shown = "" if listed is None else numbers.quantity(listed, 9)
    at = f" @ {numbers.price(price)}" if held and price is not None else ""
    for middle in (f" {shown}{at}", f" {shown}", ""):
        room = numbers.MAX_CELLS - len(head) - len(middle) - 1
        if len(status) <= room:
            return f"{head}{middle} {status:>{room}}"
    return head


def _checking(facts: Facts, look: Look) -> Sequence[str]:
    venue = text(look.title(facts.get("venue", "")))
    until = moment(facts, "decide_by")
    return (
        f"{base_of(facts)}: checking an order · {_tail(facts, look)}",
        _rows(facts, look),
        (
            f"{venue} did not answer. I am checking whether the order went through."
            " Do not place it again yourself."
        ),
        f"Decision at the latest {numbers.moment(until, 'T')}." if until else "",
        folded(facts.get("cause", "")),
    )


# --- outcomes -------------------------------------------------------------------------


def _opened(facts: Facts, look: Look) -> Sequence[str]:
    held, planned = number(facts, "quantity"), number(facts, "planned")
    is_less = held is not None and planned is not None and held < planned
    how = "smaller than asked" if is_less else "both legs filled"
    asked = f"{quantity(facts, 'quantity')} of {quantity(facts, 'planned')}"
    became = "grew" if "held" in facts else "open"
    return (
        f"✅ {base_of(facts)} {became}, {how} · {_tail(facts, look)}",
        f"{asked} {base_of(facts)} on each leg: a book was too thin."
        if is_less
        else "",
        _grown(facts),
        _outcome_legs(facts, look),
        (f"Fees {cost(facts, 'fees_usd')} · {_gap(facts)} · {_delta(facts)}"),
        _expected(facts, look),
    )


def _grown(facts: Facts) -> str:
    """Say how large a pair is that was open before."""
    if "held" not in facts:
        return ""
    added, now = quantity(facts, "quantity"), quantity(facts, "held")
    return f"Added {added} {base_of(facts)} to each leg, {now} are open now"


def _gap(facts: Facts) -> str:
    """Say what the two prices differed by; less than a cent is none."""
    usd = number(facts, "price_gap_usd")
    if usd is not None and abs(usd) < _CENT:
        return "no price gap"
    return f"price gap {gain(facts, 'price_gap_usd')}"


def _outcome_legs(facts: Facts, look: Look) -> str:
    legs = {leg.get("side", ""): leg for leg in items(facts)}
    long, short = legs.get("long", {}), legs.get("short", {})
    return leg_table(
        [
            (
                "leg",
                f"long {look.code(long.get('venue', ''))}",
                f"short {look.code(short.get('venue', ''))}",
            ),
            ("qty", _listed_quantity(long), _listed_quantity(short)),
            (
                "avg",
                numbers.price(number(long, "price")),
                numbers.price(number(short, "price")),
            ),
            (
                "fee",
                numbers.usd_cell(number(long, "fee_usd")),
                numbers.usd_cell(number(short, "fee_usd")),
            ),
        ]
    )


def _listed_quantity(leg: Facts) -> str:
    held = number(leg, "held")
    if held is None:
        return numbers.UNKNOWN
    return numbers.quantity(held / multiplier(leg))


def _delta(facts: Facts) -> str:
    value = number(facts, "exposure_base")
    if value is None:
        return "delta unknown"
    return f"delta {numbers.true_minus(numbers.plain(value))} {base_of(facts)}"


def _expected(facts: Facts, look: Look) -> str:
    """Say what the quoted spread brings on what was filled, gross."""
    spread, held = number(facts, "spread_per_hour"), number(facts, "quantity")
    prices = [number(leg, "price_base") for leg in items(facts)]
    if spread is None or held is None or not prices or prices[0] is None:
        return ""
    hours = look.rate_hours
    earned = numbers.usd(spread * hours * held * prices[0], is_signed=True)
    return f"Funding about {earned} per {hours} h, gross"


def _not_opened(facts: Facts, look: Look) -> Sequence[str]:
    if "stays" in facts:
        return _not_added(facts, look)
    until, why = moment(facts, "pause_until"), facts.get("reason", "unknown")
    paid = number(facts, "cost_usd")
    was_ordered = facts.get("was_ordered") == "yes"
    if not was_ordered:
        said = "Nothing was ordered."
    else:
        said = kept_words(facts, number(facts, "kept"), look) or (
            f"Both legs are flat again, cost {numbers.usd(paid)}."
        )
    return (
        (f"{base_of(facts)} not opened: {look.reason(why)} · {_tail(facts, look)}"),
        _broken_bound(facts, look),
        said,
        f"This pair rests until {numbers.moment(until)}." if until else "",
    )


def _not_added(facts: Facts, look: Look) -> Sequence[str]:
    base, until = base_of(facts), moment(facts, "pause_until")
    paid, said = number(facts, "cost_usd"), "Nothing was ordered."
    if facts.get("was_ordered") == "yes":
        said = f"What one leg had got is undone, cost {numbers.usd(paid)}."
        said = said if paid != 0 else "Nothing was filled."
    why = look.reason(facts.get("reason", "unknown"))
    return (
        f"Nothing was added to {base}: {why} · {_tail(facts, look)}",
        _broken_bound(facts, look),
        said,
        f"{quantity(facts, 'stays')} {base} on each leg stay open, hedged.",
        f"This pair grows again after {numbers.moment(until)}." if until else "",
    )


def _broken_bound(facts: Facts, look: Look) -> str:
    """Say the old and the new value of what became worse than the card's bound."""
    was, now = number(facts, "was"), number(facts, "now")
    bound = facts.get("bound")
    if bound is None or was is None:
        return ""
    if bound == "spread":
        before, after = (numbers.rate(one, look.rate_hours) for one in (was, now))
        return f"Funding was {before}, now {after}."
    return f"Cost was {numbers.usd(was)}, now {numbers.usd(now)}."


def _closed(facts: Facts, look: Look) -> Sequence[str]:
    opened_at = moment(facts, "opened_at")
    held = numbers.duration_text(look.now - opened_at) if opened_at else ""
    total = number(facts, "total_usd")
    result = (
        "result not known yet" if total is None else numbers.usd(total, is_signed=True)
    )
    return (
        f"✅ {base_of(facts)} closed: {result} · {_tail(facts, look)}",
        (
            f"Funding {gain(facts, 'funding_usd')} · price {gain(facts, 'price_usd')}"
            f" · fees {cost(facts, 'fees_usd')}"
        ),
        f"Reason: {look.reason(facts['reason'])}" if facts.get("reason") else "",
        _taken_words(facts) if facts.get("by_hand") == "yes" else "",
        kept_words(facts, number(facts, "kept"), look),
        f"Held {held}" if held else "",
    )


def _taken_words(facts: Facts) -> str:
    words = "Not all of it was closed by me: a venue or a hand did the rest"
    is_known = "price_usd" in facts
    return f"{words}." if is_known else f"{words}, its price is not known yet."


def _stays_open(facts: Facts, look: Look) -> Sequence[str]:
    base, reason = base_of(facts), facts.get("reason", "unknown")
    if facts.get("was_closing") == "part":
        return (
            (
                f"✅ {base}: the part is closed, the rest is open and hedged"
                f" · {_tail(facts, look)}"
            ),
            _rows(facts, look),
            f"Left on each leg: {quantity(facts, 'remaining')} {base}",
        )
    return (
        f"{base} stays open, hedged · {_tail(facts, look)}",
        look.sentence(reason)
        if facts.get("was_closing") == "no"
        else f"The close stopped: {look.reason(reason)}",
        _rows(facts, look),
        f"Left on each leg: {quantity(facts, 'remaining')} {base}"
        + (f", closed now: {quantity(facts, 'closed')}" if "closed" in facts else ""),
    )


# --- what needs a person --------------------------------------------------------------


def _leg_lost(facts: Facts, look: Look) -> Sequence[str]:
    base, side = base_of(facts), text(facts.get("side", ""))
    venue = text(look.title(facts.get("venue", "")))
    other = text(look.title(facts.get("other_venue", "")))
    return (
        (
            f"🚨 LEG LOST: {quantity(facts, 'lost')} {base} {side} on {venue} is gone"
            f" · {_tail(facts, look)}"
        ),
        f"No order of mine did it. Left there: {quantity(facts, 'remaining')} {base}.",
        f"I send nothing to {other}: your rule is to be asked. See the next message."
        if facts.get("follows") == "no"
        else f"I bring the leg on {other} down to the same size.",
    )


def _restarted(facts: Facts, look: Look) -> Sequence[str]:
    counts = [
        f"{facts[key]} {words}"
        for key, words in (
            ("fine", "fine"),
            ("repaired", "repaired"),
            ("checking", "being checked"),
            ("attention", "need you"),
            ("not_started", "not started"),
        )
        if facts.get(key, "0") != "0"
    ]
    named = [
        f"{one.get('base', '?')}: {_state(one.get('was'))} → {_state(one.get('now'))}"
        + (f" ({one['note']})" if one.get("note") else "")
        for one in items(facts)[:10]
    ]
    since = moment(facts, "entries_since")
    entries = facts.get("entries", "active")
    off = f"Entries are off: {look.reason(facts.get('entries_reason', entries))}"
    return (
        f"I restarted. Pairs: {text(' · '.join(counts) or 'none open')} · {look.badge}",
        look.reason("\n".join(named)),
        "Entries are on."
        if entries == "active"
        else off + (f", since {numbers.moment(since)}" if since else ""),
    )


def _state(state: str | None) -> str:
    return "?" if state is None else busy_state(state)


# --- buttons --------------------------------------------------------------------------


def _shown(kind: AlertKind, facts: Facts) -> dict[str, str]:
    trade = facts.get("trade")
    shown = {
        "rows": pack_rows(
            [ShownRow(Base(facts.get("base", "")), trade_id=TradeId(trade))]
            if trade
            else []
        )
    }
    if trade:
        shown["trade"] = trade
    if kind is AlertKind.NOT_OPENED:
        shown |= _same_quote(facts).pack()
    return shown


def _same_quote(facts: Facts) -> QuoteRequest:
    if "stays" in facts:
        return QuoteRequest(trade_id=TradeId(facts.get("trade", "")), adds=True)
    long, short = facts.get("long_venue"), facts.get("short_venue")
    pair = (VenueId(long), VenueId(short)) if long and short else None
    return QuoteRequest(token=facts.get("base"), venues=pair)


def _buttons(
    kind: AlertKind, facts: Facts, look: Look
) -> tuple[tuple[Button, ...], ...]:
    if kind in {AlertKind.PROGRESS, AlertKind.CHECKING_ORDER}:
        return ()
    top = look.button("📈 Top", Verb.SCREEN, "top")
    all_pairs = look.button("Positions", Verb.SCREEN, "pos")
    pair = look.button("Position", Verb.POSITION, "0")
    if kind is AlertKind.NOT_OPENED:
        quote = look.button("🔄 New quote", Verb.REQUOTE)
        is_asked = facts.get("new_quote") == "yes" and look.can_trade
        first = pair if "stays" in facts else top
        return rows_of([*([quote] if is_asked else []), first, all_pairs])
    if kind is AlertKind.OPENED:
        return rows_of([pair, look.button("🔔 Alerts", Verb.SCREEN, "alerts"), top])
    if kind is AlertKind.STAYS_OPEN and look.can_trade:
        close = look.button("Close…", Verb.CLOSE, "0")
        return rows_of([pair, close, top])
    if kind is AlertKind.RESTARTED:
        return rows_of([all_pairs, look.button("Health", Verb.SCREEN, "health")])
    is_stuck = kind is AlertKind.NOT_HEDGED and "decide_by" not in facts
    return rows_of(
        *(repair_buttons(look) if is_stuck else ()),
        [pair, all_pairs, look.button("Health", Verb.SCREEN, "health")],
    )


_WORDS: Mapping[AlertKind, Callable[[Facts, Look], Sequence[str]]] = {
    AlertKind.PROGRESS: _progress,
    AlertKind.CHECKING_ORDER: _checking,
    AlertKind.OPENED: _opened,
    AlertKind.NOT_OPENED: _not_opened,
    AlertKind.CLOSED: _closed,
    AlertKind.STAYS_OPEN: _stays_open,
    AlertKind.NOT_HEDGED: not_hedged_words,
    AlertKind.LEG_LOST: _leg_lost,
    AlertKind.RESTARTED: _restarted,
}
TRADE_KINDS = frozenset(_WORDS)
