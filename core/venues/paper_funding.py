"""Work out a paper position's funding payments on the venue's own clock.

Settled rates are the truth and name the moments. Until a rate is published the last
announced one is booked as an estimate, and corrected once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.order import Payment
from core.venues.paper_state import Expected, StateChange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.model.market import FundingSnapshot, SettledRate
    from core.model.units import VenueId
    from core.venues.paper_state import PaperPosition, PaperState

ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)
FIRST_LOOK = timedelta(seconds=120)
LOOK_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FundingFacts:
    """What is known about one symbol's funding now."""

    venue_id: VenueId
    now: datetime
    settled: tuple[SettledRate, ...]
    announced: Expected | None
    """The coming payment by the latest rates."""
    booked: Mapping[datetime, Payment]
    """The symbol's payments so far, by moment."""


def whole_minute(moment: datetime) -> datetime:
    """Round to the minute: venues stamp a payment some milliseconds late."""
    shifted = moment + MINUTE / 2
    return shifted.replace(second=0, microsecond=0)


def announced(snapshot: FundingSnapshot | None, price_kind: str) -> Expected | None:
    """Return the coming payment as the latest rates show it."""
    if snapshot is None or snapshot.next_funding_at is None:
        return None
    price = snapshot.mark_price
    if price_kind == "oracle" and snapshot.index_price is not None:
        price = snapshot.index_price
    return Expected(
        pay_at=whole_minute(snapshot.next_funding_at),
        per_payment=snapshot.rate.per_payment,
        price=price,
    )


def remember(
    position: PaperPosition, coming: Expected | None, now: datetime
) -> PaperPosition:
    """Keep the announced payment with a position that was just traded.

    One whose moment has come and that is not booked yet is not written over.
    """
    kept, until = position.expected, position.funded_until
    if kept is not None and until is not None and until < kept.pay_at <= now:
        return position
    if coming is None or coming.pay_at <= now:
        return position
    return replace(position, expected=coming)


def is_watched(position: PaperPosition, booked: Mapping[datetime, Payment]) -> bool:
    """Tell whether payments of this symbol may still be due or wait for correction."""
    if position.quantity_base or any(each.is_estimated for each in booked.values()):
        return True
    return any(each.quantity_base for each in position.history)


def settle(
    position: PaperPosition, facts: FundingFacts
) -> tuple[PaperPosition, tuple[Payment, ...]]:
    """Return the position's new funding state and the payments to book.

    A payment that is already booked as final never comes again.
    """
    final, until = _final_payments(position, facts)
    position = replace(position, funded_until=until)
    done = {payment.pay_at for payment in final}
    estimates = [
        _payment(position, facts, each, is_estimated=True)
        for each in _passed(position, facts)
        if each.pay_at not in done and each.pay_at not in facts.booked
    ]
    paid = tuple(each for each in estimates if each.quantity_base)
    position = replace(position, expected=_coming(position, facts))
    return _without_old_history(position), (*final, *paid)


def next_look(
    position: PaperPosition, booked: Mapping[datetime, Payment], now: datetime
) -> datetime:
    """Return when the settled rates should be read again."""
    waiting = [each.pay_at for each in booked.values() if each.is_estimated]
    if waiting:
        first = min(waiting) + FIRST_LOOK
        return first if first > now else now + LOOK_AGAIN
    if position.expected is not None:
        return position.expected.pay_at + FIRST_LOOK
    return now + LOOK_AGAIN


def is_postponed(
    before: Expected | None, after: Expected | None, now: datetime
) -> bool:
    """Tell whether an announced payment gave way to a later one before its moment.

    Either the interval changed or the venue's clock is ahead of ours: worth a look.
    """
    if before is None or after is None:
        return False
    return now < before.pay_at < after.pay_at


def booking(
    state: PaperState, position: PaperPosition, payments: tuple[Payment, ...]
) -> StateChange:
    """Return what is written: payments and the difference they make to the wallet."""
    known = state.paid_in(position.symbol)
    added = ZERO
    for each in payments:
        earlier = known.get(each.pay_at)
        added += each.amount_usd - (ZERO if earlier is None else earlier.amount_usd)
    wallet = replace(state.wallet, funding_usd=state.wallet.funding_usd + added)
    return StateChange(wallet=wallet, positions=(position,), payments=payments)


def _final_payments(
    position: PaperPosition, facts: FundingFacts
) -> tuple[list[Payment], datetime | None]:
    until = position.funded_until
    payments: list[Payment] = []
    for rate in sorted(facts.settled, key=lambda each: each.pay_at):
        pay_at = whole_minute(rate.pay_at)
        if until is None or pay_at <= until:
            continue
        if _is_running(pay_at, facts):
            break
        price = _price_at(rate, pay_at, position, facts)
        due = Expected(pay_at, rate.per_payment, price)
        payment = _payment(position, facts, due, is_estimated=False)
        if payment.quantity_base and price is None:
            break
        payments += _withdrawn(facts, after=until, before=pay_at)
        if payment.quantity_base:
            payments.append(payment)
        until = pay_at
    return payments, until


def _is_running(pay_at: datetime, facts: FundingFacts) -> bool:
    """Tell whether a listed payment is the coming one, shown before its moment."""
    coming = facts.announced
    return pay_at > facts.now and coming is not None and pay_at >= coming.pay_at


def _withdrawn(
    facts: FundingFacts, *, after: datetime, before: datetime
) -> list[Payment]:
    """Take back estimates of payments that the venue never made."""
    return [
        replace(each, amount_usd=ZERO, per_payment=ZERO, is_estimated=False)
        for each in facts.booked.values()
        if each.is_estimated and after < each.pay_at < before
    ]


def _price_at(
    rate: SettledRate, pay_at: datetime, position: PaperPosition, facts: FundingFacts
) -> Decimal | None:
    """Return the payment's price: published, else the nearest one we saw."""
    booked = facts.booked.get(pay_at)
    if rate.price is not None:
        return rate.price
    if booked is not None:
        return booked.price
    if position.expected is not None and position.expected.pay_at == pay_at:
        return position.expected.price
    return None if facts.announced is None else facts.announced.price


def _passed(position: PaperPosition, facts: FundingFacts) -> list[Expected]:
    """Return announced payments whose moment has come and that are not final."""
    both = {each.pay_at: each for each in (position.expected, facts.announced) if each}
    since = position.funded_until
    return [
        each
        for each in both.values()
        if since is not None and since < each.pay_at <= facts.now and each.price
    ]


def _coming(position: PaperPosition, facts: FundingFacts) -> Expected | None:
    for each in (facts.announced, position.expected):
        if each is not None and each.pay_at > facts.now:
            return each
    return None


def _payment(
    position: PaperPosition, facts: FundingFacts, due: Expected, *, is_estimated: bool
) -> Payment:
    quantity = position.held_at(due.pay_at)
    price = due.price or ZERO
    return Payment(
        venue_id=facts.venue_id,
        symbol=position.symbol,
        pay_at=due.pay_at,
        amount_usd=-quantity * price * due.per_payment,
        per_payment=due.per_payment,
        quantity_base=quantity,
        price=due.price,
        is_estimated=is_estimated,
    )


def _without_old_history(position: PaperPosition) -> PaperPosition:
    """Forget changes that no payment to come can need."""
    until = position.funded_until
    if until is None:
        return position
    old = [each for each in position.history if each.at < until]
    recent = [each for each in position.history if each.at >= until]
    return replace(position, history=(*old[-1:], *recent))
