"""A priced entry and what is held in; the cap of the host that it would break out.

Holdings count at the mark, or at what was paid where no mark is known. What cannot be
valued refuses the entry: unknown is not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution.sizing import ZERO, entry_price
from core.limits import Refusal
from core.model.intent import Purpose
from core.model.plan import AddPlan
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from decimal import Decimal

    from core.execution.sizing import Docket
    from core.execution.world import World
    from core.model.plan import OpenPlan
    from core.model.trade import Trade
    from core.model.units import Base, TradeId, VenueId

CODE = "cap"
_WITHIN = timedelta(hours=1)
_RECENT = 1000
"""More entries than this within an hour no host may allow."""
_NOT_BEGUN = {TradeState.CONFIRMED, TradeState.PREFLIGHT}


@dataclass(frozen=True, slots=True)
class Worth:
    """What one pair's legs are worth, in USD, in the order of execution."""

    base: Base
    venues: tuple[VenueId, VenueId]
    legs: tuple[Decimal, Decimal]

    @property
    def usd(self) -> Decimal:
        """Return the size of the pair: its larger leg."""
        return max(self.legs)

    def on(self, venue_id: VenueId) -> Decimal:
        """Return what the pair holds on a venue."""
        both = zip(self.venues, self.legs, strict=True)
        return sum((usd for venue, usd in both if venue == venue_id), ZERO)


async def trade_over_caps(
    world: World, docket: Docket, price: Decimal, others: Iterable[Trade]
) -> Refusal | None:
    """Return which cap a confirmed entry or addition would break, None if it fits.

    Args:
        world: the ports.
        docket: the entry, or the pair with what it holds already.
        price: what a base unit may cost at most.
        others: every other trade that is not ended.
    """
    trade = docket.trade
    one, two = ((docket.booked(n) + trade.wanted_base) * price for n in (1, 2))
    first, second = (leg.instrument.venue_id for leg in trade.legs)
    new = Worth(trade.base, (first, second), (one, two))
    itself = trade.trade_id if trade.adding is None else None
    return await over_caps(world, new, others, itself=itself)


async def plan_over_caps(world: World, body: OpenPlan | AddPlan) -> Refusal | None:
    """Return which cap an entry or addition that is only offered would break.

    An addition counts with what its pair holds already. None if it fits.
    """
    others = await world.trades.trades_in_progress()
    if isinstance(body, AddPlan):
        plan, held = body.part, body.held
        others = tuple(each for each in others if each.trade_id != body.trade_id)
    else:
        plan, held = body, (ZERO, ZERO)
    first, second = plan.first, plan.second
    quantity = max(first.quantity_base, second.quantity_base)
    # as dear as the first order may become, so that what is offered is not refused
    price = first.best_price * (1 + plan.bounds.max_slip_first)
    venues = first.instrument.venue_id, second.instrument.venue_id
    one, two = ((each + quantity) * price for each in held)
    most = world.limits.caps.max_trade_usd
    if isinstance(body, AddPlan) and body.notional_usd > most:
        return _above("each leg would be", body.notional_usd, most)
    new = Worth(plan.base, venues, (one, two))
    return await over_caps(world, new, others, itself=None)


async def over_caps(
    world: World, new: Worth, others: Iterable[Trade], *, itself: TradeId | None
) -> Refusal | None:
    """Return which cap a new pair would break, None if it fits."""
    refusal = await _too_often(world, itself)
    if refusal is not None:
        return refusal
    held = []
    for other in others:
        if other.state in _NOT_BEGUN and other.adding is None:
            continue
        worth = await _worth(world, other)
        if worth is None:
            why = f"the value of the open {other.base} pair cannot be told now"
            return Refusal(CODE, why)
        held.append(worth)
    return _judge(world, new, held)


async def _too_often(world: World, itself: TradeId | None) -> Refusal | None:
    most = world.limits.caps.max_entries_per_hour
    if most is None:
        return None
    since, entered = world.clock.now() - _WITHIN, 0
    for each in await world.trades.recent_trades(_RECENT):
        if each.trade_id == itself:
            continue
        entered += each.created_at > since and each.leg1_filled_at is not None
        if each.opened_at is not None and (each.closed_at or since) >= since:
            entered += await _additions(world, each.trade_id, since)
    if entered < most:
        return None
    return Refusal(CODE, f"{most} pairs were entered within an hour already")


async def _additions(world: World, trade_id: TradeId, since: datetime) -> int:
    """Count what was added to a pair lately: first legs after its own entry's."""
    return sum(
        1
        for order in await world.intents.intents_of(trade_id)
        if (order.leg, order.purpose) == (1, Purpose.ENTRY)
        and order.seq > 1
        and order.created_at > since
        and order.filled_base
    )


async def _worth(world: World, trade: Trade) -> Worth | None:
    first, second = await _value(world, trade, 1), await _value(world, trade, 2)
    if first is None or second is None:
        return None
    one, two = (leg.instrument.venue_id for leg in trade.legs)
    return Worth(trade.base, (one, two), (first, second))


async def _value(world: World, trade: Trade, number: int) -> Decimal | None:
    """Return what a leg is worth; one that is being entered counts in full."""
    leg = trade.legs[number - 1]
    quantity = leg.held_base
    if trade.opened_at is None:
        quantity = max(quantity, trade.quantity_base)
    elif trade.adding is not None:
        quantity += trade.adding.quantity_base
    if not quantity:
        return ZERO
    price = world.mark_price(leg.instrument)
    if price is None:
        price = await _paid(world, trade, number)
    return None if price is None else quantity * price


async def _paid(world: World, trade: Trade, number: int) -> Decimal | None:
    """Return what a leg cost per base unit, or what the other one did."""
    docket = await world.docket(trade.trade_id)
    if docket is None:
        return None
    return entry_price(docket, number) or entry_price(docket, 3 - number)


def _judge(world: World, new: Worth, held: list[Worth]) -> Refusal | None:
    caps, base = world.limits.caps, new.base
    token = sum((each.usd for each in held if each.base == base), new.usd)
    if caps.max_token_usd is not None and token > caps.max_token_usd:
        return _above(f"{base} would be", token, caps.max_token_usd)
    for venue_id in new.venues:
        venue = sum((each.on(venue_id) for each in held), new.on(venue_id))
        if caps.max_venue_usd is not None and venue > caps.max_venue_usd:
            what = f"{venue_id} would hold"
            return _above(what, venue, caps.max_venue_usd)
    total = sum((each.usd for each in held), new.usd)
    if caps.max_total_usd is not None and total > caps.max_total_usd:
        return _above("all pairs would be", total, caps.max_total_usd)
    return None


def _above(what: str, usd: Decimal, cap: Decimal) -> Refusal:
    return Refusal(CODE, f"{what} {usd:.2f} USD, above the cap of {cap:f}")
