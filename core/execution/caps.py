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
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

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
    world: World, trade: Trade, price: Decimal, others: Iterable[Trade]
) -> Refusal | None:
    """Return which cap a confirmed entry would break, None if it fits.

    Args:
        world: the ports.
        trade: the entry.
        price: what a base unit may cost at most.
        others: every other trade that is not ended.
    """
    notional = trade.quantity_base * price
    first, second = (leg.instrument.venue_id for leg in trade.legs)
    new = Worth(trade.base, (first, second), (notional, notional))
    return await over_caps(world, new, others, itself=trade.trade_id)


async def plan_over_caps(world: World, plan: OpenPlan) -> Refusal | None:
    """Return which cap an entry would break that is only offered, None if it fits."""
    first, second = plan.first, plan.second
    quantity = max(first.quantity_base, second.quantity_base)
    # as dear as the first order may become, so that what is offered is not refused
    price = first.best_price * (1 + plan.bounds.max_slip_first)
    venues = first.instrument.venue_id, second.instrument.venue_id
    new = Worth(plan.base, venues, (quantity * price, quantity * price))
    others = await world.trades.trades_in_progress()
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
        if other.state in _NOT_BEGUN:
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
    since = world.clock.now() - _WITHIN
    entered = [
        each
        for each in await world.trades.recent_trades(_RECENT)
        if each.trade_id != itself
        and each.created_at > since
        and each.leg1_filled_at is not None
    ]
    if len(entered) < most:
        return None
    return Refusal(CODE, f"{most} pairs were entered within an hour already")


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
