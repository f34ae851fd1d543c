"""Steps from a confirmed plan to the second leg's answer: CONFIRMED to LEG2.

The first leg is ordered after every check passed; the second only when the first is
known to be filled, young, and its own check passes. Otherwise the first is unwound.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.execution.adding import let_go
from core.execution.preflight import Refused, check_entry, check_second, of_limits
from core.execution.sizing import is_zero, last_of
from core.execution.world import GO

if TYPE_CHECKING:
    from core.execution.sizing import Docket
    from core.execution.world import World
    from core.model.trade import Trade
    from core.orders.desk import Draft

PICK_UP_WITHIN = timedelta(seconds=5)
PREFLIGHT_WITHIN = timedelta(seconds=10)
"""From the confirm: 5 s to be picked up, 5 s to check."""
LEG1_MAX_AGE = timedelta(seconds=120)
RESTARTED = "I was restarted before anything was ordered"


async def confirmed(world: World, docket: Docket, *, at_start: bool) -> timedelta:
    """Take the trade up, or let it go when it waited too long (T02, T03)."""
    trade = docket.trade
    refused = None
    if at_start:
        refused = Refused("restarted", RESTARTED, is_market=True)
    elif world.clock.now() - trade.asked_at > PICK_UP_WITHIN:
        why = "another entry was still running"
        refused = Refused("busy", why, is_market=True)
    else:
        refusal = await world.limits.entry_refusal(trade, ())
        refused = None if refusal is None else of_limits(refusal)
    if refused is not None:
        await let_go(world, docket, "T03", refused)
    else:
        await world.move(docket, "T02", tell=world.follow(docket, "checking"))
    return GO


async def preflight(world: World, docket: Docket, *, at_start: bool) -> timedelta:
    """Check everything and send the first leg, or let the trade go (T04, T05)."""
    age = world.clock.now() - docket.trade.asked_at
    checked: Draft | Refused
    if at_start:
        why = f"{RESTARTED}; {_leverage_in_doubt(docket.trade)}"
        checked = Refused("restarted", why, is_market=True)
    elif age > PREFLIGHT_WITHIN:
        checked = Refused("slow", "the checks took too long", is_market=True)
    else:
        checked = await check_entry(world, docket)
    if isinstance(checked, Refused):
        await let_go(world, docket, "T05", checked)
    else:
        await world.move(
            docket,
            "T04",
            changed=replace(_in_force(docket.trade), series_at=world.clock.now()),
            draft=checked,
            tell=world.follow(docket, "leg1"),
        )
    return GO


def _in_force(trade: Trade) -> Trade:
    """Count an addition's quantity as confirmed from its first order on."""
    if trade.adding is None:
        return trade
    return replace(
        trade, quantity_base=trade.quantity_base + trade.adding.quantity_base
    )


def _leverage_in_doubt(trade: Trade) -> str:
    """Say what the checks may have changed at the venues before they were cut off."""
    one, two = (leg.instrument.venue_id for leg in trade.legs)
    leverage = int(trade.leverage)
    return f"the leverage on {one} and {two} may be set to {leverage}x already"


async def leg1(world: World, docket: Docket) -> timedelta:
    """Follow a filled first leg with the second, or take it back (T06 to T08)."""
    trade, now = docket.trade, world.clock.now()
    order = last_of(docket.part.of(1))
    if is_zero(trade.first, docket.added(1)):
        await let_go(world, docket, "T06", _nothing_bought(docket.part))
        return GO
    checked: Draft | Refused
    if order is not None and now - order.created_at > LEG1_MAX_AGE:
        checked = Refused("late", "the first leg's answer took too long")
    else:
        checked = await check_second(world, docket)
    known = replace(trade, leg1_filled_at=now, series_at=now)
    if isinstance(checked, Refused):
        why = f"the second leg was not sent: {checked.reason}"
        is_entry = trade.adding is None
        await world.move(
            docket,
            "T08" if is_entry else "T39",
            changed=replace(known, outcome=why, steps=0),
            tell=world.follow(docket, "unwinding" if is_entry else "balancing"),
        )
    else:
        await world.move(
            docket,
            "T07",
            changed=known,
            draft=checked,
            tell=world.follow(docket, "leg2"),
        )
    return GO


def _nothing_bought(docket: Docket) -> Refused:
    order = last_of(docket.of(1))
    venue_id = docket.trade.first.instrument.venue_id
    if order is not None and order.refusal is not None and order.refusal_code:
        why = f"{venue_id} refused: {order.refusal}"
        return Refused(order.refusal_code, why)
    if order is not None and order.evidence == "fence":
        return Refused("lost", f"the order never reached {venue_id}")
    why = f"the price on {venue_id} moved away, nothing was filled"
    return Refused("no_fill", why, is_market=True)


async def leg2(world: World, docket: Docket) -> timedelta:
    """Go on to balancing once the second leg's outcome is known (T09)."""
    now = world.clock.now()
    fresh = replace(docket.trade, steps=0, series_at=now)
    await world.move(docket, "T09", changed=fresh)
    return GO
