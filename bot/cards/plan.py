"""Plan in, confirm card out, for opening and for closing; and what ends such a card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.callbacks import Tap, Verb
from bot.cards import net, numbers
from bot.cards.adopt import adopt_card
from bot.cards.card import Button, Card, Style
from bot.cards.exits import HALF
from bot.cards.history import past_line
from bot.cards.layout import lines, rows_of, text
from bot.cards.legs import leg_table, unit_words
from bot.cards.proof import gap_text
from bot.cards.sizes import (
    liquidation_row,
    part_of,
    quantity_of,
    quantity_rows,
    worths,
)
from core.model.plan import AddPlan, AdoptPlan, ClosePlan, OpenPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from bot.cards.look import Look
    from bot.cards.shown import QuoteRequest
    from core.model.history import SpreadStats
    from core.model.plan import PlanBody, PlanLeg
    from core.model.units import Nonce, PlanId

MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """A quote as the confirm card shows it."""

    plan_id: PlanId
    nonce: Nonce
    body: PlanBody
    quoted_at: datetime
    expires_at: datetime
    request: QuoteRequest
    """What to ask again for a new quote."""
    sizes_usd: Sequence[Decimal] = ()
    """Presets for another size."""
    passed_over: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """What "Enter best" skipped, and why."""
    note: str = ""
    """What changed since the person looked."""
    past: SpreadStats | None = None
    """How the spread has been."""


def plan_card(offer: Offer, look: Look) -> Card:
    """Return the card whose first button carries the nonce."""
    body = offer.body
    if isinstance(body, AdoptPlan):
        keys = offer.plan_id, offer.nonce
        return adopt_card(body, keys, offer.expires_at, look)
    cancel = Button("✖ Cancel", Tap(Verb.CANCEL, offer.nonce))
    confirm = Tap(Verb.CONFIRM, offer.nonce)
    again = [look.button("🔄 New quote", Verb.REQUOTE)]
    if isinstance(body, ClosePlan):
        html = _close_text(offer, body, look)
        said = "❗ Close part" if body.remaining_base else "❗ Close both"
        yes = Button(said, confirm, Style.DANGER)
        rows = rows_of([yes, cancel], _part_buttons(body, look), again)
    else:
        html = _open_text(offer, body, look)
        yes = Button(_open_button(body), confirm, Style.SUCCESS)
        rows = rows_of([yes, cancel], _size_buttons(offer, body, look), again)
        if part_of(body).above_half_of_usd is not None:
            # a hasty second tap where the first button was must not open it
            rows = rows_of([cancel], [yes])
    return Card(
        html=html,
        kind="plan",
        card_id=look.card_id,
        rows=rows,
        shown={
            **offer.request.pack(),
            "base": body.base,
            "plan": offer.plan_id,
            "by": look.viewer_name,
        },
        is_protected=True,
    )


def _large(body: OpenPlan | AddPlan) -> str:
    cap = part_of(body).above_half_of_usd
    if cap is None:
        return ""
    said = "The pair would be" if isinstance(body, AddPlan) else "That is"
    return (
        f"⚠️ {said} more than half of the cap of {numbers.whole_usd(cap)}."
        " Nothing was ordered yet: confirm once more."
    )


def _open_button(body: OpenPlan | AddPlan) -> str:
    part = part_of(body)
    word = "✅ Add" if isinstance(body, AddPlan) else "✅ Open"
    if part.above_half_of_usd is not None:
        word = "❗ Yes,"
    return f"{word} {numbers.whole_usd(part.size_usd)} × 2"  # noqa: RUF001 -- two legs, people read it as times


def _part_buttons(body: ClosePlan, look: Look) -> Sequence[Button]:
    """Offer the half on the card that closes the whole."""
    if body.remaining_base:
        return []
    return [look.button("Close half", Verb.EXIT, HALF)]


def _size_buttons(
    offer: Offer, body: OpenPlan | AddPlan, look: Look
) -> Sequence[Button]:
    chosen = part_of(body).size_usd
    return [
        look.button(
            numbers.whole_usd(size) + (" •" if size == chosen else ""),
            Verb.SIZE,
            numbers.plain(size),
        )
        for size in offer.sizes_usd
    ]


# --- opening --------------------------------------------------------------------------


def _open_text(offer: Offer, given: OpenPlan | AddPlan, look: Look) -> str:
    body = part_of(given)
    size = numbers.whole_usd(body.size_usd)
    head = f"⚡ Open {text(body.base)}? {size} per leg · {look.badge}"
    if isinstance(given, AddPlan):
        head = f"➕ Add to {text(body.base)}? {size} per leg · {look.badge}"  # noqa: RUF001 -- the button's sign
    return lines(
        head,
        _large(given),
        text(offer.note),
        _open_legs(given, look),
        f"⚠️ Pays only gross: {look.reason(body.refusal)}" if body.refusal else "",
        net.result_lines(body.estimate),
        _funding(body, look),
        _cost(body),
        net.time_lines(body.estimate, look),
        past_line(offer.past, look),
        _units(body, look),
        "⚠️ 24 h volume of one side is unknown" if body.has_unknown_volume else "",
        _open_bounds(body, look),
        _validity(offer, body, look),
        _passed_over(offer, look),
    )


def _open_legs(given: OpenPlan | AddPlan, look: Look) -> str:
    body = part_of(given)
    long, short = body.long, body.short
    return leg_table(
        [
            ("leg", f"long {_code(long, look)}", f"short {_code(short, look)}"),
            *quantity_rows(given),
            ("price", _price(long), _price(short)),
            ("value", *worths(given)),
            ("leverage", _leverage(body), _leverage(body)),
            (look.per, _rate(long, look), _rate(short, look)),
            ("pays in", _due_each(long, look), _due_each(short, look)),
            liquidation_row(given),
            ("free then", _free_then(long, body), _free_then(short, body)),
            ("data age", _ages(long, look), _ages(short, look)),
        ]
    )


def _code(leg: PlanLeg, look: Look) -> str:
    return look.code(leg.instrument.venue_id)


def _price(leg: PlanLeg) -> str:
    return numbers.price(leg.instrument.listed_price(leg.price))


def _leverage(body: OpenPlan) -> str:
    return f"{numbers.plain(body.leverage)}x"


def _rate(leg: PlanLeg, look: Look) -> str:
    per_hour = None if leg.rate is None else leg.rate.per_hour
    return numbers.rate_cell(per_hour, look.rate_hours, is_signed=True)


def _due(leg: PlanLeg, look: Look) -> str:
    if leg.next_funding_at is None:
        return numbers.UNKNOWN
    return numbers.countdown(leg.next_funding_at - look.now)


def _due_each(leg: PlanLeg, look: Look) -> str:
    """Return when the next payment comes and how often: 12m /1h."""
    every = numbers.hours_cell(leg.rate)
    return f"{_due(leg, look)} /{every}h"


def _ages(leg: PlanLeg, look: Look) -> str:
    """Return the ages of the rate and of the book, as they are now."""
    rate_at = leg.rate_at
    rate = None if rate_at is None else look.now - rate_at
    return f"{numbers.countdown(rate)}, {numbers.countdown(look.now - leg.book_at)}"


def _free_then(leg: PlanLeg, body: OpenPlan) -> str:
    """Free margin left after the entry and its fee; never a guess."""
    if leg.free_usd is None:
        return numbers.UNKNOWN
    used = leg.notional_usd / body.leverage + leg.notional_usd * leg.taker_fee
    return numbers.usd_cell(leg.free_usd - used)


def _funding(body: OpenPlan, look: Look) -> str:
    spread, hours = body.spread_per_hour, look.rate_hours
    gain = numbers.usd(spread * hours * body.long.notional_usd, is_signed=True)
    yearly = numbers.apr(spread * 8760)
    shown = numbers.rate(spread, hours, is_signed=True)
    return f"Funding {shown} · {yearly} APR · {gain} per {hours} h, gross"


def _cost(body: OpenPlan) -> str:
    if body.estimate is not None:
        return net.cost_line(body.estimate)
    total = numbers.usd(-body.cost_usd, is_signed=True)
    fees, book = numbers.usd(body.fees_usd), numbers.usd(body.basis_usd)
    return f"Cost {total} in+out (fees {fees}, book {book})"


def _units(body: OpenPlan, look: Look) -> str:
    """Say what one listed unit holds, and which currencies count as dollars."""
    names = unit_words((body.long.instrument, body.short.instrument), look)
    return lines(text(names), text(_settled(body, look)))


def _settled(body: OpenPlan, look: Look) -> str:
    """Name the currencies that stand behind the dollars of the card."""
    legs = (body.long, body.short)
    settles = {leg.instrument.settle for leg in legs}
    if len(settles) == 1:
        return f"Settled in {settles.pop()}, counted as $"
    both = " and ".join(
        f"{leg.instrument.settle} on {_code(leg, look)}" for leg in legs
    )
    usdt = body.usdt_in_usdc
    gap = "their gap is not known" if usdt is None else gap_text(usdt - 1)
    return f"Settled in {both}, both counted as $ · {gap}"


def _open_bounds(body: OpenPlan, look: Look) -> str:
    bounds = body.bounds
    parts = []
    if bounds.min_spread_per_hour is not None:
        least = numbers.rate(bounds.min_spread_per_hour, look.rate_hours)
        parts.append(f"funding &lt; {least}")
    if bounds.max_cost_usd is not None:
        parts.append(f"cost &gt; {numbers.usd(bounds.max_cost_usd)}")
    return "Refuses: " + ", ".join([*parts, _slips(body, look)])


def _slips(body: OpenPlan | ClosePlan, look: Look) -> str:
    first = numbers.share(body.bounds.max_slip_first)
    second = numbers.share(body.bounds.max_slip_second)
    return (
        f"slip &gt; {first} {_code(body.first, look)} /"
        f" {second} {_code(body.second, look)}"
    )


def _validity(offer: Offer, body: OpenPlan | ClosePlan, look: Look) -> str:
    ttl = numbers.duration_text(offer.expires_at - offer.quoted_at)
    book_at = min(body.first.book_at, body.second.book_at)
    age = numbers.duration_text(look.now - book_at)
    until = numbers.moment(offer.expires_at, "T")
    ages = f"books {age} old"
    if isinstance(body, OpenPlan):
        ages = "data age: rate, book"
    return f"Valid until {until} ({ttl}) · {ages}"


def _passed_over(offer: Offer, look: Look) -> str:
    if not offer.passed_over:
        return ""
    named = [
        f"{name}: {look.with_titles(why)}"
        for name, why in offer.passed_over[:MAX_NAMED]
    ]
    more = len(offer.passed_over) - len(named)
    if more > 0:
        named.append(f"and {more} more")
    return "Passed over:\n" + text("\n".join(named))


# --- closing --------------------------------------------------------------------------


def _close_text(offer: Offer, body: ClosePlan, look: Look) -> str:
    return lines(
        _close_head(body, look),
        text(offer.note),
        _close_legs(body, look),
        f"Funding {numbers.usd(body.funding_usd, is_signed=True)}"
        f" · price {numbers.usd(body.price_usd, is_signed=True)}"
        f" · fees {numbers.usd(-body.fees_usd)}",
        _next_payment(body, look),
        f"Refuses: {_slips(body, look)}",
        _validity(offer, body, look),
    )


def _close_head(body: ClosePlan, look: Look) -> str:
    if body.remaining_base:
        return _part_head(body, look)
    if body.expected_net_usd is None:
        end = "The end result cannot be valued now"
    else:
        end = f"You would end near {numbers.usd(body.expected_net_usd, is_signed=True)}"
    return f"Close {text(body.base)}? {end} · {look.badge}"


def _part_head(body: ClosePlan, look: Look) -> str:
    """Say what a close of a part brings about, and what stays."""
    if body.expected_net_usd is None:
        end = "what this part brings cannot be valued now"
    else:
        gain = numbers.usd(body.expected_net_usd, is_signed=True)
        end = f"this part ends at {gain} before funding"
    stays = f"{numbers.quantity(body.remaining_base)} {text(body.base)}"
    return (
        f"Close a part of {text(body.base)}? {stays} stay open on each leg, {end}"
        f" · {look.badge}"
    )


def _close_legs(body: ClosePlan, look: Look) -> str:
    one, two = body.first, body.second
    return leg_table(
        [
            (
                "leg",
                f"{one.order_side.value} {_code(one, look)}",
                f"{two.order_side.value} {_code(two, look)}",
            ),
            ("qty", quantity_of(one), quantity_of(two)),
            ("price", _price(one), _price(two)),
            (
                "value",
                numbers.usd_cell(one.notional_usd),
                numbers.usd_cell(two.notional_usd),
            ),
            ("pays in", _due(one, look), _due(two, look)),
        ]
    )


def _next_payment(body: ClosePlan, look: Look) -> str:
    """Say what waiting for the next payment would bring, if that is known."""
    dated = [
        (leg.next_funding_at, leg)
        for leg in (body.first, body.second)
        if leg.next_funding_at is not None
    ]
    if not dated:
        return ""
    due, leg = min(dated, key=lambda one: one[0])
    wait = numbers.duration_text(due - look.now)
    if leg.rate is None:
        return f"Next payment: {_code(leg, look)} in {wait}, amount unknown"
    # Funding to us is minus side times rate times value.
    amount = -leg.side.sign * leg.rate.per_payment * leg.notional_usd
    gain = numbers.usd(amount, is_signed=True)
    return f"Next payment: {_code(leg, look)} in {wait}, about {gain} if you wait"


# --- what ends the card ---------------------------------------------------------------


def ended_card(words: str, request: QuoteRequest | None, look: Look) -> Card:
    """Return a confirm card that is over, with the way to a new one."""
    is_close = request is not None and request.trade_id is not None
    back = ("Positions", "pos") if is_close else ("📈 Top", "top")
    can_quote = look.can_trade and request is not None
    new = [look.button("🔄 New quote", Verb.REQUOTE)] if can_quote else []
    return Card(
        html=f"{text(words)} · {look.badge}",
        kind="ended",
        card_id=look.card_id,
        rows=rows_of([*new, look.button(back[0], Verb.SCREEN, back[1])]),
        shown={} if request is None else request.pack(),
        is_protected=True,
    )


def expired_words(expired_at: datetime, look: Look) -> str:
    """Say since when a quote is over."""
    ago = numbers.duration_text(look.now - expired_at)
    return f"Quote expired {ago} ago"


def size_choices(default_usd: Decimal) -> tuple[Decimal, ...]:
    """Return half, once and twice the usual size."""
    return (default_usd / 2, default_usd, default_usd * 2)


def moved_words(base: str, was: Decimal, now: Decimal, look: Look) -> str:
    """Say how a spread changed since the person saw it; empty if it reads the same."""
    before = numbers.rate(was, look.rate_hours)
    after = numbers.rate(now, look.rate_hours)
    if before == after:
        return ""
    return f"{base} was {before.split('%')[0]}, now {after}"
