"""The steps into a state of rest, each with the message that tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from core.economics import leg_result, sum_known
from core.execution import facts, income
from core.execution.sizing import ZERO, Docket, cash_usd, fees_usd
from core.limits import next_cooldown, pair_of
from core.model.alert import AlertKind
from core.model.trade import TradeState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from core.execution.preflight import Refused
    from core.execution.world import World
    from core.model.control import Cooldown
    from core.model.trade import Trade


PART_CLOSED = "the part you asked for is closed"
MISSES_ALLOWED = 3
MISSES_WITHIN = timedelta(hours=1)
RECENT = 20


async def not_opened(
    world: World, docket: Docket, row: str, refused: Refused
) -> Docket:
    """End an entry that holds nothing, with its reason and what it cost."""
    docket = await world.enriched(docket) if docket.was_filled else docket
    is_incident = docket.was_filled or await _is_third_miss(world, docket)
    cooldown = await pause_after(world, docket.trade) if is_incident else None
    more = {
        **facts.known(
            reason=refused.reason,
            code=refused.code,
            cost_usd=await _whole_cost(world, docket),
            was_ordered="yes" if docket.intents else "no",
            new_quote="yes" if refused.is_market else None,
            pause_until=None if cooldown is None else cooldown.until.isoformat(),
        ),
        **facts.kept_facts(docket),
        **refused.more,
    }
    ended = replace(docket.trade, outcome=refused.reason, closed_at=world.clock.now())
    if docket.was_filled:
        await world.limits.note_unwind(docket.trade.second.instrument.venue_id)
    return await came_to_nothing(world, docket, row, ended, more, cooldown)


async def came_to_nothing(
    world: World,
    docket: Docket,
    row: str,
    changed: Trade,
    more: Mapping[str, str],
    cooldown: Cooldown | None,
) -> Docket:
    """Write and tell that an entry or an addition came to nothing."""
    is_news = not world.is_watched(docket.trade)
    tell = world.result(AlertKind.NOT_OPENED, more, is_news=is_news)
    return await world.settle_down(
        docket, row, changed=changed, tell=(tell,), cooldown=cooldown
    )


async def _is_third_miss(world: World, docket: Docket) -> bool:
    """Tell whether the pair's first leg was ordered for nothing three times in 1 h."""
    if not docket.intents:
        return False
    since, missed = world.clock.now() - MISSES_WITHIN, 1
    for other in await world.trades.recent_trades(RECENT):
        is_same = other.base == docket.trade.base and pair_of(other) == pair_of(
            docket.trade
        )
        if is_same and other.state is TradeState.ABORTED and other.created_at > since:
            orders = await world.intents.intents_of(other.trade_id)
            missed += bool(orders) and not Docket(other, orders).was_filled
    return missed >= MISSES_ALLOWED


async def pause_after(world: World, trade: Trade) -> Cooldown:
    """Return how long a pair rests after an entry that was undone."""
    previous = await world.limits.cooldown(trade.base, pair_of(trade))
    return next_cooldown(previous, trade, world.clock.now())


def cost_of(docket: Docket) -> Decimal | None:
    """Return what orders that left nothing behind cost, positive is paid."""
    if docket.kept is not None:
        return None
    cash, fees = cash_usd(docket.intents), fees_usd(docket.intents)
    return None if cash is None or fees is None else fees - cash


async def _whole_cost(world: World, docket: Docket) -> Decimal | None:
    """Return what an entry that ended flat cost, what others took of it included."""
    if docket.kept is not None:
        return None
    cash, fees = await _came_to(world, docket)
    return None if cash is None or fees is None else fees - cash


async def _came_to(
    world: World, docket: Docket
) -> tuple[Decimal | None, Decimal | None]:
    """Return the price result and the fees of a trade that holds nothing any more.

    What others took of a leg counts with the prices that its venue tells; None while
    it has not told them.
    """
    if not any(leg.lost_base for leg in docket.trade.legs):
        return cash_usd(docket.intents), fees_usd(docket.intents)
    fills = await world.trades.fills_of(docket.trade.trade_id)
    legs = docket.brought_up_to_date().legs
    cash = sum_known(leg_result(leg, fills, ()).price_usd(None) for leg in legs)
    return cash, sum_known(fill.fee_usd for fill in fills)


async def opened(world: World, docket: Docket) -> Docket:
    """Enter OPEN from BALANCE; the pair's earlier failures are forgotten (T10)."""
    docket = await world.enriched(docket)
    trade = docket.trade
    fees, gap = fees_usd(docket.intents), cash_usd(docket.intents)
    is_exact = docket.brought_up_to_date().residual_base == 0
    more = facts.known(
        quantity=min(docket.booked(1), docket.booked(2)),
        planned=trade.quantity_base,
        fees_usd=fees,
        price_gap_usd=gap if is_exact else None,
        spread_per_hour=trade.spread_per_hour,
    )
    after = await world.settle_down(
        docket,
        "T10",
        changed=replace(trade, opened_at=world.clock.now(), outcome=None),
        tell=(world.result(AlertKind.OPENED, more),),
    )
    await world.halts.clear_cooldown(trade.base, pair_of(trade))
    return after


async def closed(world: World, docket: Docket, row: str, reason: str) -> Docket:
    """Enter CLOSED with what the whole trade came to (T18, T24, T28, T32)."""
    docket = await world.enriched(docket)
    trade = docket.trade
    await income.book_payments(world, (trade,))
    payments = await world.trades.payments_of(trade.trade_id)
    funding = sum((paid.amount_usd for paid in payments), ZERO)
    is_ours = all(not leg.lost_base for leg in trade.legs)
    cash, fees = await _came_to(world, docket)
    if docket.kept is not None:
        cash = None
    total = None if cash is None or fees is None else cash + funding - fees
    more = facts.known(
        reason=reason,
        price_usd=cash,
        funding_usd=funding,
        fees_usd=fees,
        total_usd=total,
        opened_at=None if trade.opened_at is None else trade.opened_at.isoformat(),
        by_hand="no" if is_ours else "yes",
    ) | facts.kept_facts(docket)
    is_news = not world.is_watched(trade)
    tell = world.result(AlertKind.CLOSED, more, is_news=is_news)
    ended = replace(
        trade,
        outcome=reason,
        closed_at=world.clock.now(),
        close_target_base=None,
    )
    return await world.settle_down(docket, row, changed=ended, tell=(tell,))


def _was_closing(trade: Trade, reason: str) -> str:
    if trade.close_target_base is None:
        return "no"
    return "part" if reason == PART_CLOSED else "yes"


async def stays_open(world: World, docket: Docket, row: str, reason: str) -> Docket:
    """Go back to OPEN, hedged, and say why the close stopped (T21, T26, T31)."""
    docket = await world.enriched(docket)
    remaining = min(docket.booked(1), docket.booked(2))
    is_news = not world.is_watched(docket.trade)
    more = facts.known(
        reason=reason,
        remaining=remaining,
        was_closing=_was_closing(docket.trade, reason),
    )
    tell = world.result(AlertKind.STAYS_OPEN, more, is_news=is_news)
    rested = replace(
        docket.trade,
        outcome=reason,
        close_target_base=None,
        close_rounds=0,
        opened_at=docket.trade.opened_at or world.clock.now(),
    )
    return await world.settle_down(docket, row, changed=rested, tell=(tell,))
